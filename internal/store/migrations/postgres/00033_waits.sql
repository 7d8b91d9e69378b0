-- What connected systems were asked in a request and answer later, and what those
-- have posted that call back. All of it goes with the working data of the
-- request. See 00001 for times.
-- +goose Up
ALTER TABLE requests ADD COLUMN again bigint NOT NULL DEFAULT 0; -- when one that waits for systems goes on; 0: it has not waited

CREATE TABLE request_waits (
	tenant   text COLLATE "C" NOT NULL,
	request  text COLLATE "C" NOT NULL,
	question text COLLATE "C" NOT NULL, -- a digest under the key of the request
	address  text COLLATE "C" NOT NULL,
	action   text COLLATE "C" NOT NULL,
	round    bigint NOT NULL,
	sealed   bytea NOT NULL,
	PRIMARY KEY (tenant, request, question),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

CREATE TABLE request_replies (
	tenant   text COLLATE "C" NOT NULL,
	request  text COLLATE "C" NOT NULL,
	question text COLLATE "C" NOT NULL,
	number   bigint NOT NULL, -- of the answer to it
	at       bigint NOT NULL,
	taken    bigint NOT NULL, -- 1: whoever carries the request out has it
	sealed   bytea NOT NULL,
	PRIMARY KEY (tenant, request, question, number),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);
