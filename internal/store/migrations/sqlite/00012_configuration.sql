-- What a company holds, how it is reached and what requests may touch, as it
-- was applied. See 00001 for times.
-- +goose Up
CREATE TABLE configurations (
	tenant  TEXT    NOT NULL,
	version INTEGER NOT NULL,
	content TEXT    NOT NULL, -- hex HMAC of the files, with the tenant's key
	sealed  BLOB    NOT NULL, -- the files, under the tenant's key
	applied INTEGER NOT NULL,
	PRIMARY KEY (tenant, version)
) STRICT;
