-- What became of the webhooks of its policy in a request, and which acts are
-- events. See 00001 for times.
-- +goose Up
CREATE TABLE request_webhooks (
	tenant  TEXT NOT NULL,
	request TEXT NOT NULL,
	webhook TEXT NOT NULL, -- its key in the policy
	status  TEXT NOT NULL, -- called, answered, halted, error, given_up
	calls   INTEGER NOT NULL, -- all with one id
	message TEXT NOT NULL,
	derived TEXT NOT NULL, -- types of identities, separated by spaces
	called  INTEGER NOT NULL, -- last
	ended   INTEGER NOT NULL, -- 0: no answer was recorded
	PRIMARY KEY (tenant, request, webhook),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

-- The acts that are events of requests. Whoever reads events names just these.
CREATE INDEX audit_leaves_of_requests ON audit_leaves (tenant, seq, act, at, object)
	WHERE act IN ('request.approve', 'request.complete', 'request.deny', 'request.fail', 'request.finalise', 'request.overdue', 'request.submit', 'request.verify', 'request.vouch', 'task.wait');
