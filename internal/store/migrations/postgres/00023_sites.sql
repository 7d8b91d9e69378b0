-- Sites, what was published of them, and what their visitors chose. See 00001
-- for times.
-- +goose Up
CREATE TABLE sites (
	tenant   text COLLATE "C" NOT NULL,
	id       text COLLATE "C" NOT NULL,
	key      text COLLATE "C" NOT NULL, -- public, in the snippet
	name     text COLLATE "C" NOT NULL,
	draft    bytea NOT NULL, -- JSON
	revision bigint NOT NULL, -- of the draft
	edited   bigint NOT NULL,
	version  bigint NOT NULL, -- that visitors are shown; 0 before the first
	origins  text COLLATE "C" NOT NULL, -- of that version, separated by spaces
	created  bigint NOT NULL,
	PRIMARY KEY (tenant, id)
);

-- A visitor says the key before the tenant is known.
CREATE UNIQUE INDEX sites_by_key ON sites (key);

CREATE TABLE site_versions (
	tenant    text COLLATE "C" NOT NULL,
	site      text COLLATE "C" NOT NULL,
	version   bigint NOT NULL,
	digest    text COLLATE "C" NOT NULL, -- hex SHA-256 of snapshot
	snapshot  bytea NOT NULL, -- canonical JSON of all that is shown
	draft     bytea NOT NULL, -- that it was made of
	published bigint NOT NULL,
	sealed    bytea NOT NULL, -- who classified the change, under the tenant's key
	PRIMARY KEY (tenant, site, version)
);

-- Versions as they are handed out: one for each language and region.
CREATE TABLE site_documents (
	tenant   text COLLATE "C" NOT NULL,
	site     text COLLATE "C" NOT NULL,
	version  bigint NOT NULL,
	language text COLLATE "C" NOT NULL,
	region   text COLLATE "C" NOT NULL,
	etag     text COLLATE "C" NOT NULL, -- hex SHA-256 of body
	body     bytea NOT NULL, -- JSON
	PRIMARY KEY (tenant, site, version, language, region)
);

-- What stands for each device, one row for each. The history is in the audit
-- log, under the id of the consent; the device is in this row alone.
CREATE TABLE site_consents (
	tenant     text COLLATE "C" NOT NULL,
	site       text COLLATE "C" NOT NULL,
	device     text COLLATE "C" NOT NULL, -- HMAC of the device's id, with a key of the tenant that stays
	id         text COLLATE "C" NOT NULL, -- of the consent
	seq        bigint NOT NULL, -- of its latest record
	version    bigint NOT NULL,
	digest     text COLLATE "C" NOT NULL,
	categories text COLLATE "C" NOT NULL, -- JSON: site.Answer by key
	vendors    text COLLATE "C" NOT NULL, -- likewise
	source     text COLLATE "C" NOT NULL,
	signal     bigint NOT NULL, -- 1: the browser asked not to sell or share
	created    bigint NOT NULL,
	updated    bigint NOT NULL,
	expires    bigint NOT NULL,
	person     text COLLATE "C" NOT NULL, -- subject that the device is linked to; '' for none
	bridged    bigint NOT NULL, -- seq of the record that the person's purposes follow
	PRIMARY KEY (tenant, site, device)
);

CREATE UNIQUE INDEX site_consents_by_id ON site_consents (tenant, id);
CREATE INDEX site_consents_by_expiry ON site_consents (tenant, expires);
CREATE INDEX site_consents_by_person ON site_consents (tenant, person) WHERE person <> '';

-- Submissions that were taken, so that one that comes again changes nothing.
CREATE TABLE site_submissions (
	tenant  text COLLATE "C" NOT NULL,
	site    text COLLATE "C" NOT NULL,
	key     text COLLATE "C" NOT NULL, -- HMAC of device and submission
	content text COLLATE "C" NOT NULL, -- HMAC of what was sent
	consent text COLLATE "C" NOT NULL,
	seq     bigint NOT NULL, -- of its record
	at      bigint NOT NULL,
	PRIMARY KEY (tenant, site, key)
);

CREATE INDEX site_submissions_by_age ON site_submissions (tenant, at);

-- The records of banners in the log: of one consent, and all in their order.
CREATE INDEX audit_leaves_of_banners ON audit_leaves (tenant, object, seq) WHERE object LIKE 'banner/%';
CREATE INDEX audit_leaves_of_banners_by_seq ON audit_leaves (tenant, seq, act, at, object) WHERE object LIKE 'banner/%';

-- What was published stays.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON site_versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON site_versions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON site_documents FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON site_documents FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
