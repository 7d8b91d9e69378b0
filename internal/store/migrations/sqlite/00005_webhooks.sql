-- Events and webhooks: see 00001 for times.
-- +goose Up
-- Publications after which people are asked again. Their seq is that of their
-- act in audit_leaves. All other events are read from consent_records.
CREATE TABLE consent_publications (
	tenant   TEXT    NOT NULL,
	seq      INTEGER NOT NULL,
	id       TEXT    NOT NULL, -- of the event
	at       INTEGER NOT NULL,
	version  TEXT    NOT NULL,
	purposes TEXT    NOT NULL, -- keys, separated by spaces
	PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER consent_publications_update BEFORE UPDATE ON consent_publications
BEGIN SELECT RAISE(ABORT, 'consent_publications is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_publications_delete BEFORE DELETE ON consent_publications
BEGIN SELECT RAISE(ABORT, 'consent_publications is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_publications_replace BEFORE INSERT ON consent_publications
WHEN EXISTS (SELECT 1 FROM consent_publications WHERE tenant = NEW.tenant AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'consent_publications is append-only'); END;
-- +goose StatementEnd

-- Where events are sent. The cursor is the sequence up to which all is
-- delivered, given up, or in webhook_waiting.
CREATE TABLE webhook_endpoints (
	tenant      TEXT    NOT NULL,
	id          TEXT    NOT NULL,
	url         TEXT    NOT NULL,
	types       TEXT    NOT NULL, -- separated by spaces; '' for all
	private     INTEGER NOT NULL, -- 1: may be in a private network
	cloud       INTEGER NOT NULL, -- 1: as CloudEvents
	enabled     INTEGER NOT NULL,
	reason      TEXT    NOT NULL, -- why it is not
	cursor      INTEGER NOT NULL,
	attempts    INTEGER NOT NULL, -- lines of the delivery log so far
	succeeded   INTEGER NOT NULL, -- when something was last delivered
	lease_owner TEXT    NOT NULL, -- '' when nobody holds it
	lease_until INTEGER NOT NULL,
	fence       INTEGER NOT NULL, -- grows with each claim and each change
	created     INTEGER NOT NULL,
	PRIMARY KEY (tenant, id),
	UNIQUE (tenant, url)
) STRICT, WITHOUT ROWID;

-- What signs; the highest n is the newest.
CREATE TABLE webhook_secrets (
	tenant   TEXT    NOT NULL,
	endpoint TEXT    NOT NULL,
	n        INTEGER NOT NULL,
	expires  INTEGER NOT NULL, -- 0: not
	sealed   BLOB    NOT NULL, -- under the tenant's keys
	PRIMARY KEY (tenant, endpoint, n),
	FOREIGN KEY (tenant, endpoint) REFERENCES webhook_endpoints (tenant, id)
) STRICT, WITHOUT ROWID;

-- Events that failed, and those that wait behind them.
CREATE TABLE webhook_waiting (
	tenant   TEXT    NOT NULL,
	endpoint TEXT    NOT NULL,
	seq      INTEGER NOT NULL,
	tried    INTEGER NOT NULL,
	since    INTEGER NOT NULL, -- the first attempt
	due      INTEGER NOT NULL,
	PRIMARY KEY (tenant, endpoint, seq),
	FOREIGN KEY (tenant, endpoint) REFERENCES webhook_endpoints (tenant, id)
) STRICT, WITHOUT ROWID;

-- The delivery log. Old lines are deleted: it proves nothing, it helps.
CREATE TABLE webhook_attempts (
	tenant   TEXT    NOT NULL,
	endpoint TEXT    NOT NULL,
	n        INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	event    TEXT    NOT NULL,
	type     TEXT    NOT NULL,
	seq      INTEGER NOT NULL,
	try      INTEGER NOT NULL,
	status   INTEGER NOT NULL,
	outcome  TEXT    NOT NULL,
	took     INTEGER NOT NULL, -- microseconds
	next     INTEGER NOT NULL,
	PRIMARY KEY (tenant, endpoint, n),
	FOREIGN KEY (tenant, endpoint) REFERENCES webhook_endpoints (tenant, id)
) STRICT, WITHOUT ROWID;
