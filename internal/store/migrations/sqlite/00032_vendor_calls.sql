-- What HTTP connectors share between the processes of an installation. See 00001
-- for times.
-- +goose Up
-- Calls that may not be made too often, numbered: of a key there are as many as may
-- be made in its period.
CREATE TABLE limited_calls (
	tenant TEXT    NOT NULL,
	key    TEXT    NOT NULL, -- of what counts together
	number INTEGER NOT NULL,
	at     INTEGER NOT NULL,
	until  INTEGER NOT NULL, -- from then on it counts no more
	PRIMARY KEY (tenant, key, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX limited_calls_until ON limited_calls (tenant, until);

-- What signing in to vendors gave.
CREATE TABLE connection_tokens (
	tenant     TEXT    NOT NULL,
	connection TEXT    NOT NULL, -- key
	sealed     BLOB,             -- NULL while there is none
	renewer    TEXT    NOT NULL, -- who is renewing it; '' for nobody
	until      INTEGER NOT NULL, -- as long as the renewer has for it
	PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;

-- The calls over HTTP that a line of the execution log is about, as JSON.
ALTER TABLE request_log ADD COLUMN calls TEXT NOT NULL DEFAULT '[]';
