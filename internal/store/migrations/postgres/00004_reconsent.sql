-- Asking again, notices, digest keys and what receipts say. See 00001 for times.
-- +goose Up

-- Whom a material version found due, one row for each person. Whether they
-- still are is asked of consent_state: an answer changes nothing here.
CREATE TABLE consent_queue (
	tenant   text COLLATE "C" NOT NULL,
	version  text COLLATE "C" NOT NULL,
	subject  text COLLATE "C" NOT NULL,
	purposes text COLLATE "C" NOT NULL, -- separated by spaces
	PRIMARY KEY (tenant, version, subject)
);

INSERT INTO consent_queue (tenant, version, subject, purposes)
WITH eras AS MATERIALIZED (
	SELECT d.tenant, p.key AS purpose, e.era, e.value ->> 'version' AS version
	FROM consent_rules d,
		jsonb_each(convert_from(d.document, 'UTF8')::jsonb -> 'eras') p,
		jsonb_array_elements(p.value) WITH ORDINALITY e (value, era)
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
	tenant  text COLLATE "C" NOT NULL,
	version text COLLATE "C" NOT NULL,
	sealed  bytea            NOT NULL, -- who classified the change, under the tenant's key
	PRIMARY KEY (tenant, version)
);

-- Number of the key that identities are digested with.
ALTER TABLE tenants ADD COLUMN digest_key bigint NOT NULL DEFAULT 1;

-- Hex SHA-256 of what the controller said of the purpose; '' for nothing.
ALTER TABLE consent_records ADD COLUMN facts text COLLATE "C" NOT NULL DEFAULT '';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_queue FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON consent_queue FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_notices FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON consent_notices FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
