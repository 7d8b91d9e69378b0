-- What became of choices at connections. See 00001 for times.
-- +goose Up
CREATE TABLE deliveries (
	tenant     text COLLATE "C" NOT NULL,
	seq        bigint NOT NULL, -- of the consent record
	connection text COLLATE "C" NOT NULL, -- key
	system     text COLLATE "C" NOT NULL, -- its key at the time; '' for none
	record     text COLLATE "C" NOT NULL,
	subject    text COLLATE "C" NOT NULL,
	purpose    text COLLATE "C" NOT NULL,
	choice     text COLLATE "C" NOT NULL,
	grants     bigint NOT NULL, -- 0: an opt-out, which goes first
	status     text COLLATE "C" NOT NULL,
	reason     text COLLATE "C" NOT NULL,
	attempt    bigint NOT NULL, -- the last one; 0 when none began
	keyed      bigint NOT NULL, -- the attempt whose number is in the idempotency key
	known      bigint NOT NULL, -- 1: what became of the last attempt is known, so that the next has another key
	due        bigint NOT NULL, -- of a pending one: not before
	at         bigint NOT NULL, -- when the choice was recorded
	updated    bigint NOT NULL,
	PRIMARY KEY (tenant, seq, connection)
);

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
	tenant     text COLLATE "C" NOT NULL,
	seq        bigint NOT NULL,
	connection text COLLATE "C" NOT NULL,
	attempt    bigint NOT NULL,
	at         bigint NOT NULL,
	took       bigint NOT NULL, -- microseconds; -1 while it is not over
	status     text COLLATE "C" NOT NULL,
	reason     text COLLATE "C" NOT NULL,
	message    text COLLATE "C" NOT NULL,
	keyed      bigint NOT NULL,
	sent       text COLLATE "C" NOT NULL, -- JSON: types of identities, without values
	calls      text COLLATE "C" NOT NULL, -- JSON
	PRIMARY KEY (tenant, seq, connection, attempt)
);

-- A lane for each connection that takes choices.
CREATE TABLE delivery_lanes (
	tenant      text COLLATE "C" NOT NULL,
	connection  text COLLATE "C" NOT NULL,
	since       bigint NOT NULL, -- changes from this sequence on are sent to it
	failing     bigint NOT NULL, -- calls in a row that failed
	quiet       bigint NOT NULL, -- until then no call is made
	lease_owner text COLLATE "C" NOT NULL, -- '' when nobody holds it
	lease_until bigint NOT NULL,
	fence       bigint NOT NULL,
	PRIMARY KEY (tenant, connection)
);

-- How far changes are planned: all before this sequence.
CREATE TABLE delivery_cursors (
	tenant text COLLATE "C" NOT NULL PRIMARY KEY,
	seq    bigint NOT NULL
);

-- Statuses under the keys of another platform, while they are part of the view.
CREATE TABLE delivery_legacy (
	tenant  text COLLATE "C" NOT NULL,
	seq     bigint NOT NULL, -- of the consent record
	key     text COLLATE "C" NOT NULL, -- of a system, or the name of a connection
	record  text COLLATE "C" NOT NULL,
	subject text COLLATE "C" NOT NULL,
	purpose text COLLATE "C" NOT NULL,
	choice  text COLLATE "C" NOT NULL,
	changed bigint NOT NULL, -- when the choice was recorded
	status  text COLLATE "C" NOT NULL,
	at      bigint NOT NULL, -- when it was imported
	PRIMARY KEY (tenant, seq, key)
);

CREATE INDEX delivery_legacy_by_record ON delivery_legacy (tenant, record);
CREATE INDEX delivery_legacy_pending ON delivery_legacy (tenant, key, seq) WHERE status = 'pending';

-- With which record or act a person became known by an identity, or before which
-- where there was none; -1 unknown.
ALTER TABLE subject_identities ADD COLUMN linked bigint NOT NULL DEFAULT -1;
