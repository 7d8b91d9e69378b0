-- Systems of the company, connections, and which belongs to which. See 00001 for
-- times.
-- +goose Up
CREATE TABLE systems (
	tenant      text COLLATE "C" NOT NULL,
	key         text COLLATE "C" NOT NULL,
	name        text COLLATE "C" NOT NULL,
	description text COLLATE "C" NOT NULL,
	uses        text COLLATE "C" NOT NULL, -- data uses, separated by spaces
	managed     bigint NOT NULL, -- 1: by the configuration directory, and changed nowhere else
	created     bigint NOT NULL,
	ordinal     bigint NOT NULL, -- in the order in which they were made
	PRIMARY KEY (tenant, key)
);

-- All connections. What those of the configuration directory say is there.
CREATE TABLE connections (
	tenant  text COLLATE "C" NOT NULL,
	key     text COLLATE "C" NOT NULL,
	name    text COLLATE "C" NOT NULL,
	type    text COLLATE "C" NOT NULL,
	managed bigint NOT NULL,
	version bigint NOT NULL, -- of the inventory when it was changed last
	sealed  bytea    NOT NULL, -- what it says, as YAML, under the tenant's keys; empty when managed
	created bigint NOT NULL,
	ordinal bigint NOT NULL,
	PRIMARY KEY (tenant, key)
);

-- A connection belongs to one system at most. The system may be gone.
CREATE TABLE connection_links (
	tenant     text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL,
	system     text COLLATE "C" NOT NULL,
	managed    bigint NOT NULL,
	created    bigint NOT NULL,
	PRIMARY KEY (tenant, connection)
);

CREATE INDEX connection_links_by_system ON connection_links (tenant, system);

-- How often systems, connections and links were changed other than by a
-- configuration directory, for those who keep them in memory.
CREATE TABLE inventory_versions (
	tenant  text COLLATE "C" NOT NULL PRIMARY KEY,
	version bigint NOT NULL
);
