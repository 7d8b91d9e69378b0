-- Datasets that were described elsewhere than in a configuration directory. See
-- 00001 for times.
-- +goose Up
CREATE TABLE datasets (
	tenant     text COLLATE "C" NOT NULL,
	key        text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL, -- key of the one that serves it
	version    bigint NOT NULL, -- of the inventory when it was changed last
	sealed     bytea  NOT NULL, -- its description, as YAML, under the tenant's keys
	created    bigint NOT NULL,
	ordinal    bigint NOT NULL, -- in the order in which they were made
	PRIMARY KEY (tenant, key)
);
