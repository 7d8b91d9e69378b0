-- What became of the webhooks of its policy in a request, and which acts are
-- events. See 00001 for times.
-- +goose Up
CREATE TABLE request_webhooks (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	webhook text COLLATE "C" NOT NULL, -- its key in the policy
	status  text COLLATE "C" NOT NULL, -- called, answered, halted, error, given_up
	calls   bigint NOT NULL, -- all with one id
	message text COLLATE "C" NOT NULL,
	derived text COLLATE "C" NOT NULL, -- types of identities, separated by spaces
	called  bigint NOT NULL, -- last
	ended   bigint NOT NULL, -- 0: no answer was recorded
	PRIMARY KEY (tenant, request, webhook),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

-- The acts that are events of requests. Whoever reads events names just these.
CREATE INDEX audit_leaves_of_requests ON audit_leaves (tenant, seq, act, at, object)
	WHERE act IN ('request.approve', 'request.complete', 'request.deny', 'request.fail', 'request.finalise', 'request.overdue', 'request.submit', 'request.verify', 'request.vouch', 'task.wait');
