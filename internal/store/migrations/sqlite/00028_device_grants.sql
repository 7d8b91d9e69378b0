-- Grants that rest on what devices said, and when the last of those ends. See
-- 00001 for times.
-- +goose Up
CREATE TABLE device_grants (
	tenant  TEXT    NOT NULL,
	subject TEXT    NOT NULL,
	purpose TEXT    NOT NULL,
	seq     INTEGER NOT NULL, -- of the record of the grant; when another stands, this row means nothing
	ends    INTEGER NOT NULL,
	PRIMARY KEY (tenant, subject, purpose)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_grants_by_end ON device_grants (tenant, ends);
