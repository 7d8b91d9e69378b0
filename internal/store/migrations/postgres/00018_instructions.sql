-- What third parties are told to erase, one row for each request and dataset
-- that cannot be reached, and what they answer. What they are told in detail is
-- in the letter and the papers of the request. See 00001 for times.
-- +goose Up
CREATE TABLE instructions (
	tenant     text COLLATE "C" NOT NULL,
	request    text COLLATE "C" NOT NULL,
	dataset    text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL, -- its key
	letter     text COLLATE "C" NOT NULL, -- the id of the last one
	attempt    bigint NOT NULL, -- counts the letters
	state      text COLLATE "C" NOT NULL, -- posted, sent, given_up
	due        bigint NOT NULL,
	sent       bigint NOT NULL, -- 0 while it is not
	answer     text COLLATE "C" NOT NULL, -- '', done, refused, question
	question   bytea, -- under the key instructions/<request>/<dataset>
	answered   bigint NOT NULL,
	reminders  bigint NOT NULL,
	PRIMARY KEY (tenant, request, dataset),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

CREATE INDEX instructions_unanswered ON instructions (tenant, sent) WHERE state = 'sent' AND answer = '';
