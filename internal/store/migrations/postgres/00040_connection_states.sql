-- What was last found out about connections. See 00001 for times.
-- +goose Up
CREATE TABLE connection_states (
	tenant     text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL,            -- key
	tried      bigint,                               -- when it was tried out; NULL: not since it is as it is
	kind       text COLLATE "C" NOT NULL DEFAULT '', -- of the failure; '' for none
	reason     text COLLATE "C" NOT NULL DEFAULT '',
	returned   bigint,                               -- when a person came back from its vendor; NULL: nobody has
	refusal    text COLLATE "C" NOT NULL DEFAULT '', -- why that allowed nothing; '' where it did
	PRIMARY KEY (tenant, connection)
);
