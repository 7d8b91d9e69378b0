-- What connected systems were asked in a request and answer later, and what those
-- have posted that call back. All of it goes with the working data of the
-- request. See 00001 for times.
-- +goose Up
ALTER TABLE requests ADD COLUMN again INTEGER NOT NULL DEFAULT 0; -- when one that waits for systems goes on; 0: it has not waited

CREATE TABLE request_waits (
	tenant   TEXT NOT NULL,
	request  TEXT NOT NULL,
	question TEXT NOT NULL, -- a digest under the key of the request
	address  TEXT NOT NULL,
	action   TEXT NOT NULL,
	round    INTEGER NOT NULL,
	sealed   BLOB NOT NULL,
	PRIMARY KEY (tenant, request, question),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

CREATE TABLE request_replies (
	tenant   TEXT NOT NULL,
	request  TEXT NOT NULL,
	question TEXT NOT NULL,
	number   INTEGER NOT NULL, -- of the answer to it
	at       INTEGER NOT NULL,
	taken    INTEGER NOT NULL, -- 1: whoever carries the request out has it
	sealed   BLOB NOT NULL,
	PRIMARY KEY (tenant, request, question, number),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;
