-- Which requests operators like to look at.
-- +goose Up
CREATE TABLE request_views (
	tenant   TEXT NOT NULL,
	operator TEXT NOT NULL, -- whose view it is
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	filter   BLOB NOT NULL, -- JSON; never an identity
	PRIMARY KEY (tenant, operator, id),
	UNIQUE (tenant, operator, name),
	FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT, WITHOUT ROWID;
