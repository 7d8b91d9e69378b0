-- Systems of the company, connections, and which belongs to which. See 00001 for
-- times.
-- +goose Up
CREATE TABLE systems (
	tenant      TEXT    NOT NULL,
	key         TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	description TEXT    NOT NULL,
	uses        TEXT    NOT NULL, -- data uses, separated by spaces
	managed     INTEGER NOT NULL, -- 1: by the configuration directory, and changed nowhere else
	created     INTEGER NOT NULL,
	ordinal     INTEGER NOT NULL, -- in the order in which they were made
	PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

-- All connections. What those of the configuration directory say is there.
CREATE TABLE connections (
	tenant  TEXT    NOT NULL,
	key     TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	type    TEXT    NOT NULL,
	managed INTEGER NOT NULL,
	version INTEGER NOT NULL, -- of the inventory when it was changed last
	sealed  BLOB    NOT NULL, -- what it says, as YAML, under the tenant's keys; empty when managed
	created INTEGER NOT NULL,
	ordinal INTEGER NOT NULL,
	PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

-- A connection belongs to one system at most. The system may be gone.
CREATE TABLE connection_links (
	tenant     TEXT    NOT NULL,
	connection TEXT    NOT NULL,
	system     TEXT    NOT NULL,
	managed    INTEGER NOT NULL,
	created    INTEGER NOT NULL,
	PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;

CREATE INDEX connection_links_by_system ON connection_links (tenant, system);

-- How often systems, connections and links were changed other than by a
-- configuration directory, for those who keep them in memory.
CREATE TABLE inventory_versions (
	tenant  TEXT    NOT NULL PRIMARY KEY,
	version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
