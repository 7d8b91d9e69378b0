-- Times are microseconds since 1970 in UTC; 0 is "not yet".
-- +goose Up
CREATE TABLE tenants (
	tenant  TEXT    NOT NULL PRIMARY KEY,
	wrapped BLOB    NOT NULL, -- the tenant's keys, under the master key
	created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys that can be destroyed: what they sealed is gone with the row.
CREATE TABLE keys (
	tenant  TEXT NOT NULL,
	owner   TEXT NOT NULL, -- "request/<id>"
	wrapped BLOB NOT NULL, -- under the tenant's keys
	PRIMARY KEY (tenant, owner)
) STRICT, WITHOUT ROWID;

-- The audit log: one Merkle tree per tenant. A leaf's seq is its index.
CREATE TABLE audit_heads (
	tenant TEXT    NOT NULL PRIMARY KEY,
	size   INTEGER NOT NULL,
	root   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_leaves (
	tenant     TEXT    NOT NULL,
	seq        INTEGER NOT NULL,
	version    INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	act        TEXT    NOT NULL,
	object     TEXT    NOT NULL,
	commitment TEXT    NOT NULL,
	PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- The nodes of the tree, numbered as golang.org/x/mod/sumdb/tlog does.
CREATE TABLE audit_hashes (
	tenant TEXT    NOT NULL,
	idx    INTEGER NOT NULL,
	hash   BLOB    NOT NULL,
	PRIMARY KEY (tenant, idx)
) STRICT, WITHOUT ROWID;

-- Salt and details of a leaf, sealed. Deleting a row erases them.
CREATE TABLE audit_details (
	tenant TEXT    NOT NULL,
	seq    INTEGER NOT NULL,
	sealed BLOB    NOT NULL,
	PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
	tenant      TEXT    NOT NULL,
	id          TEXT    NOT NULL,
	policy      TEXT    NOT NULL,
	status      TEXT    NOT NULL,
	step        TEXT    NOT NULL,
	plan_hash   TEXT    NOT NULL,
	plan        BLOB    NOT NULL, -- JSON, without values
	max_rows    INTEGER NOT NULL,
	message     TEXT    NOT NULL,
	identities  TEXT    NOT NULL, -- digest of the digests of all identities
	lease_owner TEXT    NOT NULL, -- '' when nobody holds it
	lease_until INTEGER NOT NULL,
	fence       INTEGER NOT NULL, -- grows with each claim
	created     INTEGER NOT NULL,
	ended       INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT;

CREATE INDEX requests_by_identities ON requests (tenant, identities, policy, id);

CREATE TABLE request_identities (
	tenant  TEXT NOT NULL,
	request TEXT NOT NULL,
	type    TEXT NOT NULL,
	digest  TEXT NOT NULL, -- HMAC with the tenant's key
	sealed  BLOB,          -- under the request's key; NULL once it ended
	PRIMARY KEY (tenant, request, type, digest),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_progress (
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
	PRIMARY KEY (tenant, request, address, action),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_outcomes (
	tenant  TEXT    NOT NULL,
	request TEXT    NOT NULL,
	address TEXT    NOT NULL,
	field   TEXT    NOT NULL,
	status  TEXT    NOT NULL,
	reason  TEXT    NOT NULL,
	rows    INTEGER NOT NULL,
	PRIMARY KEY (tenant, request, address, field, status, reason),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;

-- What a request has read, sealed under its key, until it ends.
CREATE TABLE request_chunks (
	tenant  TEXT    NOT NULL,
	request TEXT    NOT NULL,
	address TEXT    NOT NULL,
	n       INTEGER NOT NULL,
	rows    INTEGER NOT NULL,
	sealed  BLOB    NOT NULL,
	PRIMARY KEY (tenant, request, address, n),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

-- The execution log.
CREATE TABLE request_log (
	tenant  TEXT    NOT NULL,
	request TEXT    NOT NULL,
	seq     INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	address TEXT    NOT NULL,
	action  TEXT    NOT NULL,
	status  TEXT    NOT NULL,
	attempt INTEGER NOT NULL,
	message TEXT    NOT NULL,
	rows    INTEGER NOT NULL,
	PRIMARY KEY (tenant, request, seq),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;

-- What requests took out of the hourly allowance of masked rows.
CREATE TABLE reservations (
	tenant  TEXT    NOT NULL,
	request TEXT    NOT NULL,
	address TEXT    NOT NULL,
	rows    INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (tenant, request, address),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservations_by_time ON reservations (tenant, at);

-- Append-only tables refuse to be changed. The third trigger of each stops
-- INSERT OR REPLACE, which deletes without firing a delete trigger.
-- +goose StatementBegin
CREATE TRIGGER audit_leaves_update BEFORE UPDATE ON audit_leaves
BEGIN SELECT RAISE(ABORT, 'audit_leaves is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_leaves_delete BEFORE DELETE ON audit_leaves
BEGIN SELECT RAISE(ABORT, 'audit_leaves is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_leaves_replace BEFORE INSERT ON audit_leaves
WHEN EXISTS (SELECT 1 FROM audit_leaves WHERE tenant = NEW.tenant AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'audit_leaves is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_hashes_update BEFORE UPDATE ON audit_hashes
BEGIN SELECT RAISE(ABORT, 'audit_hashes is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_hashes_delete BEFORE DELETE ON audit_hashes
BEGIN SELECT RAISE(ABORT, 'audit_hashes is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_hashes_replace BEFORE INSERT ON audit_hashes
WHEN EXISTS (SELECT 1 FROM audit_hashes WHERE tenant = NEW.tenant AND idx = NEW.idx)
BEGIN SELECT RAISE(ABORT, 'audit_hashes is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER request_log_update BEFORE UPDATE ON request_log
BEGIN SELECT RAISE(ABORT, 'request_log is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER request_log_delete BEFORE DELETE ON request_log
BEGIN SELECT RAISE(ABORT, 'request_log is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER request_log_replace BEFORE INSERT ON request_log
WHEN EXISTS (SELECT 1 FROM request_log WHERE tenant = NEW.tenant AND request = NEW.request AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'request_log is append-only'); END;
-- +goose StatementEnd
