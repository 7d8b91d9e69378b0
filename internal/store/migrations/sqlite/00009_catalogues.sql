-- Catalogues of connected databases: see 00001 for times.
-- +goose Up
-- What a database said of itself; plans are made from the highest version. One
-- that was read again and had not changed keeps its version.
CREATE TABLE catalogues (
	tenant     TEXT    NOT NULL,
	connection TEXT    NOT NULL,
	version    INTEGER NOT NULL,
	digest     TEXT    NOT NULL, -- SHA-256 of content, in hex
	content    BLOB    NOT NULL, -- JSON: names and types, nothing of anybody
	read       INTEGER NOT NULL, -- when it was last seen to be so
	PRIMARY KEY (tenant, connection, version)
) STRICT, WITHOUT ROWID;
