-- Rounds of a request, legal holds, and more in the execution log. See 00001
-- for times.
-- +goose Up
-- What is found in the databases after the first round is read and erased in
-- another one.
ALTER TABLE requests ADD COLUMN round bigint NOT NULL DEFAULT 1;

ALTER TABLE request_progress ADD COLUMN round bigint NOT NULL DEFAULT 1;
ALTER TABLE request_progress DROP CONSTRAINT request_progress_pkey;
ALTER TABLE request_progress ADD PRIMARY KEY (tenant, request, round, address, action);

ALTER TABLE request_chunks ADD COLUMN round bigint NOT NULL DEFAULT 1;
ALTER TABLE request_chunks DROP CONSTRAINT request_chunks_pkey;
ALTER TABLE request_chunks ADD PRIMARY KEY (tenant, request, address, round, n);

-- Collections that an operator has taken out of a request.
CREATE TABLE request_skips (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL,
	reason  text COLLATE "C" NOT NULL,
	at      bigint           NOT NULL,
	PRIMARY KEY (tenant, request, address),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

ALTER TABLE request_log ADD COLUMN round bigint NOT NULL DEFAULT 1;
ALTER TABLE request_log ADD COLUMN rows_read bigint NOT NULL DEFAULT 0;
ALTER TABLE request_log ADD COLUMN rows_masked bigint NOT NULL DEFAULT 0;
ALTER TABLE request_log ADD COLUMN fields text COLLATE "C" NOT NULL DEFAULT '[]'; -- JSON
ALTER TABLE request_log ADD COLUMN started bigint NOT NULL DEFAULT 0; -- of the attempt

-- What must not be erased for now. A target is "dataset", "dataset:collection",
-- or the type of an identity, a space and its digest (HMAC with the tenant's key).
CREATE TABLE holds (
	tenant text COLLATE "C" NOT NULL,
	id     text COLLATE "C" NOT NULL,
	target text COLLATE "C" NOT NULL,
	ground text COLLATE "C" NOT NULL,
	sealed bytea            NOT NULL, -- who placed it, under the tenant's keys
	placed bigint           NOT NULL,
	until  bigint           NOT NULL, -- 0: no end
	lifted bigint           NOT NULL,
	PRIMARY KEY (tenant, id)
);

CREATE INDEX holds_by_target ON holds (tenant, target) WHERE lifted = 0;
