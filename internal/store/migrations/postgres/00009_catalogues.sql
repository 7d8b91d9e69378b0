-- Catalogues of connected databases: see 00001 for times.
-- +goose Up
-- What a database said of itself; plans are made from the highest version. One
-- that was read again and had not changed keeps its version.
CREATE TABLE catalogues (
	tenant     text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL,
	version    bigint           NOT NULL,
	digest     text COLLATE "C" NOT NULL, -- SHA-256 of content, in hex
	content    bytea            NOT NULL, -- JSON: names and types, nothing of anybody
	read       bigint           NOT NULL, -- when it was last seen to be so
	PRIMARY KEY (tenant, connection, version)
);
