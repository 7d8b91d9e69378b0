-- What was last found out about connections. See 00001 for times.
-- +goose Up
CREATE TABLE connection_states (
	tenant     TEXT    NOT NULL,
	connection TEXT    NOT NULL,            -- key
	tried      INTEGER,                     -- when it was tried out; NULL: not since it is as it is
	kind       TEXT    NOT NULL DEFAULT '', -- of the failure; '' for none
	reason     TEXT    NOT NULL DEFAULT '',
	returned   INTEGER,                     -- when a person came back from its vendor; NULL: nobody has
	refusal    TEXT    NOT NULL DEFAULT '', -- why that allowed nothing; '' where it did
	PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;
