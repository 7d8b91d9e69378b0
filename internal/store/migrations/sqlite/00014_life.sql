-- What a request goes through around its execution: who asked and how, by when
-- it must be answered, what it waits for, what is sent, and the tokens that let
-- people without an account in. See 00001 for times.
-- +goose Up
ALTER TABLE requests ADD COLUMN source TEXT NOT NULL DEFAULT ''; -- how it came in
ALTER TABLE requests ADD COLUMN language TEXT NOT NULL DEFAULT ''; -- of letters to the person
ALTER TABLE requests ADD COLUMN place TEXT NOT NULL DEFAULT ''; -- where the person is: "DE", "US-CA"
ALTER TABLE requests ADD COLUMN law TEXT NOT NULL DEFAULT ''; -- key of the law that its time runs under
ALTER TABLE requests ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN due INTEGER NOT NULL DEFAULT 0; -- 0 while nothing is due
ALTER TABLE requests ADD COLUMN extended INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN verified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN duplicate_of TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN parked TEXT NOT NULL DEFAULT ''; -- JSON: where it has stopped, and what is needed
ALTER TABLE request_identities ADD COLUMN origin TEXT NOT NULL DEFAULT ''; -- '' vouched for, 'claimed', 'proven', 'derived'

CREATE INDEX requests_by_due ON requests (tenant, due) WHERE due > 0;

-- What else a request works with, sealed under its key, until it ends: custom
-- fields, answers of colleagues, instructions to third parties.
CREATE TABLE request_papers (
	tenant  TEXT NOT NULL,
	request TEXT NOT NULL,
	kind    TEXT NOT NULL,
	name    TEXT NOT NULL,
	sealed  BLOB NOT NULL,
	PRIMARY KEY (tenant, request, kind, name),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

-- Letters to be sent, and what became of them.
CREATE TABLE letters (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	request  TEXT NOT NULL, -- '' where it is about none
	kind     TEXT NOT NULL,
	language TEXT NOT NULL,
	state    TEXT NOT NULL, -- waiting, sending, sent, failed
	attempt  INTEGER NOT NULL, -- the number of the last one
	due      INTEGER NOT NULL, -- not before
	message  TEXT NOT NULL, -- why it was not sent, or that it may have been sent twice
	sealed   BLOB, -- under the key letter/<id>; NULL once that is destroyed
	created  INTEGER NOT NULL,
	ended    INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;

CREATE INDEX letters_by_due ON letters (tenant, due) WHERE ended = 0;
CREATE INDEX letters_by_request ON letters (tenant, request, id);

-- Tokens that let one person do one thing: follow a request, fetch a package,
-- answer a task, resume what was halted, acknowledge instructions.
CREATE TABLE passes (
	tenant  TEXT NOT NULL,
	id      TEXT NOT NULL,
	kind    TEXT NOT NULL,
	object  TEXT NOT NULL, -- "request/<id>", ...
	digest  BLOB NOT NULL, -- SHA-256 of the token
	uses    INTEGER NOT NULL, -- left; negative: any number
	expires INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- A token is shown before its tenant is known.
CREATE INDEX passes_by_id ON passes (id);
CREATE INDEX passes_by_object ON passes (tenant, object);
