-- Asking again, notices, digest keys and what receipts say. See 00001 for times.
-- +goose Up

-- Whom a material version found due, one row for each person. Whether they
-- still are is asked of consent_state: an answer changes nothing here.
CREATE TABLE consent_queue (
	tenant   TEXT NOT NULL,
	version  TEXT NOT NULL,
	subject  TEXT NOT NULL,
	purposes TEXT NOT NULL, -- separated by spaces
	PRIMARY KEY (tenant, version, subject)
) STRICT, WITHOUT ROWID;

INSERT INTO consent_queue (tenant, version, subject, purposes)
WITH eras AS MATERIALIZED (
	SELECT d.tenant, p.key AS purpose, e.key + 1 AS era, e.value ->> '$.version' AS version
	FROM consent_rules d, json_each(CAST(d.document AS TEXT), '$.eras') p, json_each(p.value) e
	WHERE d.stamp = (SELECT MAX(x.stamp) FROM consent_rules x WHERE x.tenant = d.tenant)
)
SELECT r.tenant, e.version, r.subject, string_agg(r.purpose, ' ' ORDER BY r.purpose)
FROM consent_renewals r JOIN eras e ON e.tenant = r.tenant AND e.purpose = r.purpose AND e.era = r.era
GROUP BY r.tenant, e.version, r.subject;

DROP TABLE consent_renewals;

-- What stands of a walk is the last subject that it has come to.
DELETE FROM consent_walks;

-- What operators said of a version when they published it. The texts are in
-- consent_texts, all else is in consent_rules.
CREATE TABLE consent_notices (
	tenant  TEXT NOT NULL,
	version TEXT NOT NULL,
	sealed  BLOB NOT NULL, -- who classified the change, under the tenant's key
	PRIMARY KEY (tenant, version)
) STRICT, WITHOUT ROWID;

-- Number of the key that identities are digested with.
ALTER TABLE tenants ADD COLUMN digest_key INTEGER NOT NULL DEFAULT 1;

-- Hex SHA-256 of what the controller said of the purpose; '' for nothing.
ALTER TABLE consent_records ADD COLUMN facts TEXT NOT NULL DEFAULT '';

-- A row that is there stays, and nobody is queued twice for a version.
-- +goose StatementBegin
CREATE TRIGGER consent_queue_twice BEFORE INSERT ON consent_queue
WHEN EXISTS (SELECT 1 FROM consent_queue WHERE tenant = NEW.tenant AND version = NEW.version AND subject = NEW.subject)
BEGIN SELECT RAISE(IGNORE); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_queue_update BEFORE UPDATE ON consent_queue
BEGIN SELECT RAISE(ABORT, 'consent_queue is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_queue_delete BEFORE DELETE ON consent_queue
BEGIN SELECT RAISE(ABORT, 'consent_queue is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_notices_update BEFORE UPDATE ON consent_notices
BEGIN SELECT RAISE(ABORT, 'consent_notices is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_notices_delete BEFORE DELETE ON consent_notices
BEGIN SELECT RAISE(ABORT, 'consent_notices is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_notices_replace BEFORE INSERT ON consent_notices
WHEN EXISTS (SELECT 1 FROM consent_notices WHERE tenant = NEW.tenant AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'consent_notices is append-only'); END;
-- +goose StatementEnd
