-- What HTTP connectors share between the processes of an installation. See 00001
-- for times.
-- +goose Up
-- Calls that may not be made too often, numbered: of a key there are as many as may
-- be made in its period.
CREATE TABLE limited_calls (
	tenant text COLLATE "C" NOT NULL,
	key    text COLLATE "C" NOT NULL, -- of what counts together
	number bigint NOT NULL,
	at     bigint NOT NULL,
	until  bigint NOT NULL, -- from then on it counts no more
	PRIMARY KEY (tenant, key, number)
);

CREATE INDEX limited_calls_until ON limited_calls (tenant, until);

-- What signing in to vendors gave.
CREATE TABLE connection_tokens (
	tenant     text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL, -- key
	sealed     bytea,                     -- NULL while there is none
	renewer    text COLLATE "C" NOT NULL, -- who is renewing it; '' for nobody
	until      bigint NOT NULL,           -- as long as the renewer has for it
	PRIMARY KEY (tenant, connection)
);

-- The calls over HTTP that a line of the execution log is about, as JSON.
ALTER TABLE request_log ADD COLUMN calls text COLLATE "C" NOT NULL DEFAULT '[]';
