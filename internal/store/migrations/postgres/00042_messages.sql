-- What the person and the company write to each other about a request. See 00001
-- for times.
-- +goose Up
CREATE TABLE request_threads (
	tenant    text COLLATE "C" NOT NULL,
	request   text COLLATE "C" NOT NULL,
	asked     bigint NOT NULL, -- the last message of the person; 0 for none
	settled   bigint NOT NULL, -- the last of the person's that waits for no answer
	seen      bigint NOT NULL, -- the last of the company's that the person says to have read
	address   bytea, -- where the person is told of answers, under the key messages/<request>; NULL where it is not known
	destroyed bigint NOT NULL, -- when the key was
	PRIMARY KEY (tenant, request),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

CREATE INDEX request_threads_unanswered ON request_threads (tenant, request) WHERE asked > settled AND destroyed = 0;

-- Who wrote when stays.
CREATE TABLE request_messages (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	n       bigint NOT NULL, -- from 1, without gaps
	side    text COLLATE "C" NOT NULL, -- person, company
	once    text COLLATE "C" NOT NULL, -- digest of the key that it was sent under
	at      bigint NOT NULL,
	PRIMARY KEY (tenant, request, n),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

CREATE UNIQUE INDEX request_messages_by_key ON request_messages (tenant, request, once);

-- The texts, sealed under the key messages/<request>; they go with it.
CREATE TABLE request_texts (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	n       bigint NOT NULL,
	sealed  bytea NOT NULL,
	PRIMARY KEY (tenant, request, n),
	FOREIGN KEY (tenant, request, n) REFERENCES request_messages (tenant, request, n)
);

-- That a person has written is an event, too.
DROP INDEX audit_leaves_of_requests;
CREATE INDEX audit_leaves_of_requests ON audit_leaves (tenant, seq, act, at, object)
	WHERE act IN ('message.receive', 'request.approve', 'request.complete', 'request.deny', 'request.fail', 'request.finalise', 'request.overdue', 'request.submit', 'request.verify', 'request.vouch', 'task.wait');

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON request_messages FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON request_messages FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
