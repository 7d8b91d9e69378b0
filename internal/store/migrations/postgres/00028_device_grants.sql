-- Grants that rest on what devices said, and when the last of those ends. See
-- 00001 for times.
-- +goose Up
CREATE TABLE device_grants (
	tenant  text COLLATE "C" NOT NULL,
	subject text COLLATE "C" NOT NULL,
	purpose text COLLATE "C" NOT NULL,
	seq     bigint NOT NULL, -- of the record of the grant; when another stands, this row means nothing
	ends    bigint NOT NULL,
	PRIMARY KEY (tenant, subject, purpose)
);

CREATE INDEX device_grants_by_end ON device_grants (tenant, ends);
