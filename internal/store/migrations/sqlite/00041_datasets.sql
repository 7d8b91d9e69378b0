-- Datasets that were described elsewhere than in a configuration directory. See
-- 00001 for times.
-- +goose Up
CREATE TABLE datasets (
	tenant     TEXT    NOT NULL,
	key        TEXT    NOT NULL,
	connection TEXT    NOT NULL, -- key of the one that serves it
	version    INTEGER NOT NULL, -- of the inventory when it was changed last
	sealed     BLOB    NOT NULL, -- its description, as YAML, under the tenant's keys
	created    INTEGER NOT NULL,
	ordinal    INTEGER NOT NULL, -- in the order in which they were made
	PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
