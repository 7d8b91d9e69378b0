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
