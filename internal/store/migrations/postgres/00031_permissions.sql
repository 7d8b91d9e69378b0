-- Permission tables in databases of the company, and how far each is kept. See
-- 00001 for times.
-- +goose Up
CREATE TABLE permission_tables (
	tenant      text COLLATE "C" NOT NULL,
	connection  text COLLATE "C" NOT NULL, -- key
	keeper      text COLLATE "C" NOT NULL, -- by which the table tells that it is ours
	shape       text COLLATE "C" NOT NULL, -- what it was filled by
	seq         bigint NOT NULL, -- all records before this one are in it
	stamp       bigint NOT NULL, -- the rules that all rows were judged by, or newer ones
	judged      bigint NOT NULL, -- the time at which they were, or a later one
	walking     bigint NOT NULL, -- 1: all people are being gone through
	walk        text COLLATE "C" NOT NULL, -- the last one
	stale       bigint NOT NULL, -- 1: some rows may be wrong until the walk is over
	walked      bigint NOT NULL, -- when the last walk was over
	wanted      bigint NOT NULL, -- walks that were asked for
	begun       bigint NOT NULL, -- of those
	holds       bigint NOT NULL, -- 1: there are rows in it
	as_of       bigint NOT NULL, -- when all was right last
	checked     bigint NOT NULL, -- when it was worked on last
	mended      bigint NOT NULL, -- people whose rows somebody else had changed
	failing     bigint NOT NULL, -- tries in a row that failed
	quiet       bigint NOT NULL, -- until then there is none
	trouble     text COLLATE "C" NOT NULL, -- why the last one failed
	lease_owner text COLLATE "C" NOT NULL, -- '' when nobody holds it
	lease_until bigint NOT NULL,
	fence       bigint NOT NULL,
	PRIMARY KEY (tenant, connection)
);

-- Who became known by one more identity without saying anything new, so that no
-- record tells of it.
CREATE TABLE permission_links (
	tenant     text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL,
	subject    text COLLATE "C" NOT NULL,
	at         bigint NOT NULL,
	PRIMARY KEY (tenant, connection, subject)
);
