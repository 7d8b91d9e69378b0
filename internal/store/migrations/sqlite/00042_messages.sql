-- What the person and the company write to each other about a request. See 00001
-- for times.
-- +goose Up
CREATE TABLE request_threads (
	tenant    TEXT NOT NULL,
	request   TEXT NOT NULL,
	asked     INTEGER NOT NULL, -- the last message of the person; 0 for none
	settled   INTEGER NOT NULL, -- the last of the person's that waits for no answer
	seen      INTEGER NOT NULL, -- the last of the company's that the person says to have read
	address   BLOB, -- where the person is told of answers, under the key messages/<request>; NULL where it is not known
	destroyed INTEGER NOT NULL, -- when the key was
	PRIMARY KEY (tenant, request),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

CREATE INDEX request_threads_unanswered ON request_threads (tenant, request) WHERE asked > settled AND destroyed = 0;

-- Who wrote when stays.
CREATE TABLE request_messages (
	tenant  TEXT NOT NULL,
	request TEXT NOT NULL,
	n       INTEGER NOT NULL, -- from 1, without gaps
	side    TEXT NOT NULL, -- person, company
	once    TEXT NOT NULL, -- digest of the key that it was sent under
	at      INTEGER NOT NULL,
	PRIMARY KEY (tenant, request, n),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

CREATE UNIQUE INDEX request_messages_by_key ON request_messages (tenant, request, once);

-- The texts, sealed under the key messages/<request>; they go with it.
CREATE TABLE request_texts (
	tenant  TEXT NOT NULL,
	request TEXT NOT NULL,
	n       INTEGER NOT NULL,
	sealed  BLOB NOT NULL,
	PRIMARY KEY (tenant, request, n),
	FOREIGN KEY (tenant, request, n) REFERENCES request_messages (tenant, request, n)
) STRICT;

-- That a person has written is an event, too.
DROP INDEX audit_leaves_of_requests;
CREATE INDEX audit_leaves_of_requests ON audit_leaves (tenant, seq, act, at, object)
	WHERE act IN ('message.receive', 'request.approve', 'request.complete', 'request.deny', 'request.fail', 'request.finalise', 'request.overdue', 'request.submit', 'request.verify', 'request.vouch', 'task.wait');

-- +goose StatementBegin
CREATE TRIGGER request_messages_update BEFORE UPDATE ON request_messages
BEGIN SELECT RAISE(ABORT, 'request_messages is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER request_messages_delete BEFORE DELETE ON request_messages
BEGIN SELECT RAISE(ABORT, 'request_messages is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER request_messages_replace BEFORE INSERT ON request_messages
WHEN EXISTS (SELECT 1 FROM request_messages WHERE tenant = NEW.tenant AND request = NEW.request AND n = NEW.n)
BEGIN SELECT RAISE(ABORT, 'request_messages is append-only'); END;
-- +goose StatementEnd
