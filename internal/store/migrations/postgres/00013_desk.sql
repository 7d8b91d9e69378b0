-- Requests that come in over HTTP and are carried out by the server.
-- +goose Up
ALTER TABLE requests ADD COLUMN author text COLLATE "C" NOT NULL DEFAULT ''; -- key or operator; '' for the command line
ALTER TABLE requests ADD COLUMN idempotency text COLLATE "C" NOT NULL DEFAULT ''; -- digest of the key that it was submitted under
ALTER TABLE requests ADD COLUMN retry_only text COLLATE "C" NOT NULL DEFAULT ''; -- the one collection that a retry is for

CREATE UNIQUE INDEX requests_by_idempotency ON requests (tenant, idempotency) WHERE idempotency <> '';
