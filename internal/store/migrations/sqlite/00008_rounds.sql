-- Rounds of a request, legal holds, and more in the execution log. See 00001
-- for times.
-- +goose Up
-- What is found in the databases after the first round is read and erased in
-- another one.
ALTER TABLE requests ADD COLUMN round INTEGER NOT NULL DEFAULT 1;

CREATE TABLE progress_by_round (
	tenant       TEXT    NOT NULL,
	request      TEXT    NOT NULL,
	address      TEXT    NOT NULL,
	action       TEXT    NOT NULL,
	status       TEXT    NOT NULL,
	attempt      INTEGER NOT NULL,
	position     INTEGER NOT NULL,
	intent       INTEGER NOT NULL,
	rows_read    INTEGER NOT NULL,
	rows_matched INTEGER NOT NULL,
	rows_masked  INTEGER NOT NULL,
	rows_already INTEGER NOT NULL,
	rows_failed  INTEGER NOT NULL,
	rows_residue INTEGER NOT NULL,
	message      TEXT    NOT NULL,
	started      INTEGER NOT NULL,
	ended        INTEGER NOT NULL,
	round        INTEGER NOT NULL,
	PRIMARY KEY (tenant, request, round, address, action),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;

INSERT INTO progress_by_round (tenant, request, address, action, status, attempt, position, intent, rows_read,
	rows_matched, rows_masked, rows_already, rows_failed, rows_residue, message, started, ended, round)
SELECT tenant, request, address, action, status, attempt, position, intent, rows_read,
	rows_matched, rows_masked, rows_already, rows_failed, rows_residue, message, started, ended, 1
FROM request_progress;

DROP TABLE request_progress;
ALTER TABLE progress_by_round RENAME TO request_progress;

CREATE TABLE chunks_by_round (
	tenant  TEXT    NOT NULL,
	request TEXT    NOT NULL,
	address TEXT    NOT NULL,
	n       INTEGER NOT NULL,
	rows    INTEGER NOT NULL,
	sealed  BLOB    NOT NULL,
	round   INTEGER NOT NULL,
	PRIMARY KEY (tenant, request, address, round, n),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

INSERT INTO chunks_by_round (tenant, request, address, n, rows, sealed, round)
SELECT tenant, request, address, n, rows, sealed, 1 FROM request_chunks;

DROP TABLE request_chunks;
ALTER TABLE chunks_by_round RENAME TO request_chunks;

-- Collections that an operator has taken out of a request.
CREATE TABLE request_skips (
	tenant  TEXT    NOT NULL,
	request TEXT    NOT NULL,
	address TEXT    NOT NULL,
	reason  TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (tenant, request, address),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;

ALTER TABLE request_log ADD COLUMN round INTEGER NOT NULL DEFAULT 1;
ALTER TABLE request_log ADD COLUMN rows_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE request_log ADD COLUMN rows_masked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE request_log ADD COLUMN fields TEXT NOT NULL DEFAULT '[]'; -- JSON
ALTER TABLE request_log ADD COLUMN started INTEGER NOT NULL DEFAULT 0; -- of the attempt

-- What must not be erased for now. A target is "dataset", "dataset:collection",
-- or the type of an identity, a space and its digest (HMAC with the tenant's key).
CREATE TABLE holds (
	tenant TEXT    NOT NULL,
	id     TEXT    NOT NULL,
	target TEXT    NOT NULL,
	ground TEXT    NOT NULL,
	sealed BLOB    NOT NULL, -- who placed it, under the tenant's keys
	placed INTEGER NOT NULL,
	until  INTEGER NOT NULL, -- 0: no end
	lifted INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_by_target ON holds (tenant, target) WHERE lifted = 0;
