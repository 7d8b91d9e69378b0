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

-- Where events are sent. The cursor is the sequence up to which all is
-- delivered, given up, or in webhook_waiting.
CREATE TABLE webhook_endpoints (
	tenant      text COLLATE "C" NOT NULL,
	id          text COLLATE "C" NOT NULL,
	url         text COLLATE "C" NOT NULL,
	types       text COLLATE "C" NOT NULL, -- separated by spaces; '' for all
	private     bigint           NOT NULL, -- 1: may be in a private network
	cloud       bigint           NOT NULL, -- 1: as CloudEvents
	enabled     bigint           NOT NULL,
	reason      text COLLATE "C" NOT NULL, -- why it is not
	cursor      bigint           NOT NULL,
	attempts    bigint           NOT NULL, -- lines of the delivery log so far
	succeeded   bigint           NOT NULL, -- when something was last delivered
	lease_owner text COLLATE "C" NOT NULL, -- '' when nobody holds it
	lease_until bigint           NOT NULL,
	fence       bigint           NOT NULL, -- grows with each claim and each change
	created     bigint           NOT NULL,
	PRIMARY KEY (tenant, id),
	UNIQUE (tenant, url)
);

-- What signs; the highest n is the newest.
CREATE TABLE webhook_secrets (
	tenant   text COLLATE "C" NOT NULL,
	endpoint text COLLATE "C" NOT NULL,
	n        bigint           NOT NULL,
	expires  bigint           NOT NULL, -- 0: not
	sealed   bytea            NOT NULL, -- under the tenant's keys
	PRIMARY KEY (tenant, endpoint, n),
	FOREIGN KEY (tenant, endpoint) REFERENCES webhook_endpoints (tenant, id)
);

-- Events that failed, and those that wait behind them.
CREATE TABLE webhook_waiting (
	tenant   text COLLATE "C" NOT NULL,
	endpoint text COLLATE "C" NOT NULL,
	seq      bigint           NOT NULL,
	tried    bigint           NOT NULL,
	since    bigint           NOT NULL, -- the first attempt
	due      bigint           NOT NULL,
	PRIMARY KEY (tenant, endpoint, seq),
	FOREIGN KEY (tenant, endpoint) REFERENCES webhook_endpoints (tenant, id)
);

-- The delivery log. Old lines are deleted: it proves nothing, it helps.
CREATE TABLE webhook_attempts (
	tenant   text COLLATE "C" NOT NULL,
	endpoint text COLLATE "C" NOT NULL,
	n        bigint           NOT NULL,
	at       bigint           NOT NULL,
	event    text COLLATE "C" NOT NULL,
	type     text COLLATE "C" NOT NULL,
	seq      bigint           NOT NULL,
	try      bigint           NOT NULL,
	status   bigint           NOT NULL,
	outcome  text COLLATE "C" NOT NULL,
	took     bigint           NOT NULL, -- microseconds
	next     bigint           NOT NULL,
	PRIMARY KEY (tenant, endpoint, n),
	FOREIGN KEY (tenant, endpoint) REFERENCES webhook_endpoints (tenant, id)
);
