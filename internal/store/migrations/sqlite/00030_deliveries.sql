-- What became of choices at connections. See 00001 for times.
-- +goose Up
CREATE TABLE deliveries (
	tenant     TEXT    NOT NULL,
	seq        INTEGER NOT NULL, -- of the consent record
	connection TEXT    NOT NULL, -- key
	system     TEXT    NOT NULL, -- its key at the time; '' for none
	record     TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	purpose    TEXT    NOT NULL,
	choice     TEXT    NOT NULL,
	grants     INTEGER NOT NULL, -- 0: an opt-out, which goes first
	status     TEXT    NOT NULL,
	reason     TEXT    NOT NULL,
	attempt    INTEGER NOT NULL, -- the last one; 0 when none began
	keyed      INTEGER NOT NULL, -- the attempt whose number is in the idempotency key
	known      INTEGER NOT NULL, -- 1: what became of the last attempt is known, so that the next has another key
	due        INTEGER NOT NULL, -- of a pending one: not before
	at         INTEGER NOT NULL, -- when the choice was recorded
	updated    INTEGER NOT NULL,
	PRIMARY KEY (tenant, seq, connection)
) STRICT, WITHOUT ROWID;

-- What a lane has to do, in the order in which it does it; each is as long as what
-- waits.
CREATE INDEX deliveries_pending ON deliveries (tenant, connection, grants, due, seq) WHERE status = 'pending';
CREATE INDEX deliveries_sending ON deliveries (tenant, connection, grants, seq) WHERE status = 'sending';
-- The subject first: PostgreSQL would take it for a lane, while it knows nothing of the
-- table, and read all that waits in the tenant.
CREATE INDEX deliveries_pending_by_subject ON deliveries (subject, tenant) WHERE status = 'pending';
-- How those read who look at deliveries. The status first: PostgreSQL would take it
-- for one delivery, too, and read all of the connection.
CREATE INDEX deliveries_by_connection ON deliveries (tenant, status, connection, seq);
CREATE INDEX deliveries_by_subject ON deliveries (tenant, subject, seq);
CREATE INDEX deliveries_by_record ON deliveries (tenant, record);

-- The attempts, one row each.
CREATE TABLE delivery_attempts (
	tenant     TEXT    NOT NULL,
	seq        INTEGER NOT NULL,
	connection TEXT    NOT NULL,
	attempt    INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	took       INTEGER NOT NULL, -- microseconds; -1 while it is not over
	status     TEXT    NOT NULL,
	reason     TEXT    NOT NULL,
	message    TEXT    NOT NULL,
	keyed      INTEGER NOT NULL,
	sent       TEXT    NOT NULL, -- JSON: types of identities, without values
	calls      TEXT    NOT NULL, -- JSON
	PRIMARY KEY (tenant, seq, connection, attempt)
) STRICT, WITHOUT ROWID;

-- A lane for each connection that takes choices.
CREATE TABLE delivery_lanes (
	tenant      TEXT    NOT NULL,
	connection  TEXT    NOT NULL,
	since       INTEGER NOT NULL, -- changes from this sequence on are sent to it
	failing     INTEGER NOT NULL, -- calls in a row that failed
	quiet       INTEGER NOT NULL, -- until then no call is made
	lease_owner TEXT    NOT NULL, -- '' when nobody holds it
	lease_until INTEGER NOT NULL,
	fence       INTEGER NOT NULL,
	PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;

-- How far changes are planned: all before this sequence.
CREATE TABLE delivery_cursors (
	tenant TEXT    NOT NULL PRIMARY KEY,
	seq    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Statuses under the keys of another platform, while they are part of the view.
CREATE TABLE delivery_legacy (
	tenant  TEXT    NOT NULL,
	seq     INTEGER NOT NULL, -- of the consent record
	key     TEXT    NOT NULL, -- of a system, or the name of a connection
	record  TEXT    NOT NULL,
	subject TEXT    NOT NULL,
	purpose TEXT    NOT NULL,
	choice  TEXT    NOT NULL,
	changed INTEGER NOT NULL, -- when the choice was recorded
	status  TEXT    NOT NULL,
	at      INTEGER NOT NULL, -- when it was imported
	PRIMARY KEY (tenant, seq, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_legacy_by_record ON delivery_legacy (tenant, record);
CREATE INDEX delivery_legacy_pending ON delivery_legacy (tenant, key, seq) WHERE status = 'pending';

-- With which record or act a person became known by an identity, or before which
-- where there was none; -1 unknown.
ALTER TABLE subject_identities ADD COLUMN linked INTEGER NOT NULL DEFAULT -1;
