-- By when requests are answered, and how they are found. See 00001 for times.
-- +goose Up
ALTER TABLE requests ADD COLUMN overdue bigint NOT NULL DEFAULT 0; -- when it was seen that the answer is late; 0: it was not

-- Times in which the clock of a request stands still.
CREATE TABLE request_pauses (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	n       bigint NOT NULL, -- in their order, from 1
	ground  text COLLATE "C" NOT NULL,
	began   bigint NOT NULL,
	ended   bigint NOT NULL, -- 0 while it lasts
	PRIMARY KEY (tenant, request, n),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

-- Those that may still become late.
CREATE INDEX requests_to_be_late ON requests (tenant, due) WHERE due > 0 AND ended = 0 AND overdue = 0;
CREATE INDEX request_identities_by_digest ON request_identities (tenant, type, digest);
CREATE INDEX letters_by_state ON letters (tenant, state);
