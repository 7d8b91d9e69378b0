-- Events and webhooks: see 00001 for times.
-- +goose Up
-- Publications after which people are asked again. Their seq is that of their
-- act in audit_leaves. All other events are read from consent_records.
CREATE TABLE consent_publications (
	tenant   text COLLATE "C" NOT NULL,
	seq      bigint           NOT NULL,
	id       text COLLATE "C" NOT NULL, -- of the event
	at       bigint           NOT NULL,
	version  text COLLATE "C" NOT NULL,
	purposes text COLLATE "C" NOT NULL, -- keys, separated by spaces
	PRIMARY KEY (tenant, seq)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_publications FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON consent_publications FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
