-- The plan of a request is long, and its row is read and written all the time.
-- +goose Up
CREATE TABLE request_plans (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	plan    bytea NOT NULL, -- JSON, without values
	PRIMARY KEY (tenant, request),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

INSERT INTO request_plans (tenant, request, plan) SELECT tenant, id, plan FROM requests;
ALTER TABLE requests DROP COLUMN plan;
