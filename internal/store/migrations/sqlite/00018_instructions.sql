-- What third parties are told to erase, one row for each request and dataset
-- that cannot be reached, and what they answer. What they are told in detail is
-- in the letter and the papers of the request. See 00001 for times.
-- +goose Up
CREATE TABLE instructions (
	tenant     TEXT NOT NULL,
	request    TEXT NOT NULL,
	dataset    TEXT NOT NULL,
	connection TEXT NOT NULL, -- its key
	letter     TEXT NOT NULL, -- the id of the last one
	attempt    INTEGER NOT NULL, -- counts the letters
	state      TEXT NOT NULL, -- posted, sent, given_up
	due        INTEGER NOT NULL,
	sent       INTEGER NOT NULL, -- 0 while it is not
	answer     TEXT NOT NULL, -- '', done, refused, question
	question   BLOB, -- under the key instructions/<request>/<dataset>
	answered   INTEGER NOT NULL,
	reminders  INTEGER NOT NULL,
	PRIMARY KEY (tenant, request, dataset),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

CREATE INDEX instructions_unanswered ON instructions (tenant, sent) WHERE state = 'sent' AND answer = '';
