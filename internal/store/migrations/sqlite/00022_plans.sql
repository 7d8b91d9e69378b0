-- The plan of a request is long, and its row is read and written all the time.
-- +goose Up
CREATE TABLE request_plans (
	tenant  TEXT NOT NULL,
	request TEXT NOT NULL,
	plan    BLOB NOT NULL, -- JSON, without values
	PRIMARY KEY (tenant, request),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

INSERT INTO request_plans (tenant, request, plan) SELECT tenant, id, plan FROM requests;
ALTER TABLE requests DROP COLUMN plan;
