-- What a request goes through around its execution: who asked and how, by when
-- it must be answered, what it waits for, what is sent, and the tokens that let
-- people without an account in. See 00001 for times.
-- +goose Up
ALTER TABLE requests ADD COLUMN source text COLLATE "C" NOT NULL DEFAULT ''; -- how it came in
ALTER TABLE requests ADD COLUMN language text COLLATE "C" NOT NULL DEFAULT ''; -- of letters to the person
ALTER TABLE requests ADD COLUMN place text COLLATE "C" NOT NULL DEFAULT ''; -- where the person is: "DE", "US-CA"
ALTER TABLE requests ADD COLUMN law text COLLATE "C" NOT NULL DEFAULT ''; -- key of the law that its time runs under
ALTER TABLE requests ADD COLUMN received bigint NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN due bigint NOT NULL DEFAULT 0; -- 0 while nothing is due
ALTER TABLE requests ADD COLUMN extended bigint NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN verified bigint NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN duplicate_of text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN parked text COLLATE "C" NOT NULL DEFAULT ''; -- JSON: where it has stopped, and what is needed
ALTER TABLE request_identities ADD COLUMN origin text COLLATE "C" NOT NULL DEFAULT ''; -- '' vouched for, 'claimed', 'proven', 'derived'

CREATE INDEX requests_by_due ON requests (tenant, due) WHERE due > 0;

-- What else a request works with, sealed under its key, until it ends: custom
-- fields, answers of colleagues, instructions to third parties.
CREATE TABLE request_papers (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	kind    text COLLATE "C" NOT NULL,
	name    text COLLATE "C" NOT NULL,
	sealed  bytea NOT NULL,
	PRIMARY KEY (tenant, request, kind, name),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

-- Letters to be sent, and what became of them.
CREATE TABLE letters (
	tenant   text COLLATE "C" NOT NULL,
	id       text COLLATE "C" NOT NULL,
	request  text COLLATE "C" NOT NULL, -- '' where it is about none
	kind     text COLLATE "C" NOT NULL,
	language text COLLATE "C" NOT NULL,
	state    text COLLATE "C" NOT NULL, -- waiting, sending, sent, failed
	attempt  bigint NOT NULL, -- the number of the last one
	due      bigint NOT NULL, -- not before
	message  text COLLATE "C" NOT NULL, -- why it was not sent, or that it may have been sent twice
	sealed   bytea, -- under the key letter/<id>; NULL once that is destroyed
	created  bigint NOT NULL,
	ended    bigint NOT NULL,
	PRIMARY KEY (tenant, id)
);

CREATE INDEX letters_by_due ON letters (tenant, due) WHERE ended = 0;
CREATE INDEX letters_by_request ON letters (tenant, request, id);

-- Tokens that let one person do one thing: follow a request, fetch a package,
-- answer a task, resume what was halted, acknowledge instructions.
CREATE TABLE passes (
	tenant  text COLLATE "C" NOT NULL,
	id      text COLLATE "C" NOT NULL,
	kind    text COLLATE "C" NOT NULL,
	object  text COLLATE "C" NOT NULL, -- "request/<id>", ...
	digest  bytea NOT NULL, -- SHA-256 of the token
	uses    bigint NOT NULL, -- left; negative: any number
	expires bigint NOT NULL,
	PRIMARY KEY (tenant, id)
);

-- A token is shown before its tenant is known.
CREATE INDEX passes_by_id ON passes (id);
CREATE INDEX passes_by_object ON passes (tenant, object);
