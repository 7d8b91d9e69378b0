-- Permission tables in databases of the company, and how far each is kept. See
-- 00001 for times.
-- +goose Up
CREATE TABLE permission_tables (
	tenant      TEXT    NOT NULL,
	connection  TEXT    NOT NULL, -- key
	keeper      TEXT    NOT NULL, -- by which the table tells that it is ours
	shape       TEXT    NOT NULL, -- what it was filled by
	seq         INTEGER NOT NULL, -- all records before this one are in it
	stamp       INTEGER NOT NULL, -- the rules that all rows were judged by, or newer ones
	judged      INTEGER NOT NULL, -- the time at which they were, or a later one
	walking     INTEGER NOT NULL, -- 1: all people are being gone through
	walk        TEXT    NOT NULL, -- the last one
	stale       INTEGER NOT NULL, -- 1: some rows may be wrong until the walk is over
	walked      INTEGER NOT NULL, -- when the last walk was over
	wanted      INTEGER NOT NULL, -- walks that were asked for
	begun       INTEGER NOT NULL, -- of those
	holds       INTEGER NOT NULL, -- 1: there are rows in it
	as_of       INTEGER NOT NULL, -- when all was right last
	checked     INTEGER NOT NULL, -- when it was worked on last
	mended      INTEGER NOT NULL, -- people whose rows somebody else had changed
	failing     INTEGER NOT NULL, -- tries in a row that failed
	quiet       INTEGER NOT NULL, -- until then there is none
	trouble     TEXT    NOT NULL, -- why the last one failed
	lease_owner TEXT    NOT NULL, -- '' when nobody holds it
	lease_until INTEGER NOT NULL,
	fence       INTEGER NOT NULL,
	PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;

-- Who became known by one more identity without saying anything new, so that no
-- record tells of it.
CREATE TABLE permission_links (
	tenant     TEXT    NOT NULL,
	connection TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	at         INTEGER NOT NULL,
	PRIMARY KEY (tenant, connection, subject)
) STRICT, WITHOUT ROWID;
