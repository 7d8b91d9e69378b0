-- Sites, what was published of them, and what their visitors chose. See 00001
-- for times.
-- +goose Up
CREATE TABLE sites (
	tenant   TEXT    NOT NULL,
	id       TEXT    NOT NULL,
	key      TEXT    NOT NULL, -- public, in the snippet
	name     TEXT    NOT NULL,
	draft    BLOB    NOT NULL, -- JSON
	revision INTEGER NOT NULL, -- of the draft
	edited   INTEGER NOT NULL,
	version  INTEGER NOT NULL, -- that visitors are shown; 0 before the first
	origins  TEXT    NOT NULL, -- of that version, separated by spaces
	created  INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- A visitor says the key before the tenant is known.
CREATE UNIQUE INDEX sites_by_key ON sites (key);

CREATE TABLE site_versions (
	tenant    TEXT    NOT NULL,
	site      TEXT    NOT NULL,
	version   INTEGER NOT NULL,
	digest    TEXT    NOT NULL, -- hex SHA-256 of snapshot
	snapshot  BLOB    NOT NULL, -- canonical JSON of all that is shown
	draft     BLOB    NOT NULL, -- that it was made of
	published INTEGER NOT NULL,
	sealed    BLOB    NOT NULL, -- who classified the change, under the tenant's key
	PRIMARY KEY (tenant, site, version)
) STRICT, WITHOUT ROWID;

-- Versions as they are handed out: one for each language and region.
CREATE TABLE site_documents (
	tenant   TEXT    NOT NULL,
	site     TEXT    NOT NULL,
	version  INTEGER NOT NULL,
	language TEXT    NOT NULL,
	region   TEXT    NOT NULL,
	etag     TEXT    NOT NULL, -- hex SHA-256 of body
	body     BLOB    NOT NULL, -- JSON
	PRIMARY KEY (tenant, site, version, language, region)
) STRICT, WITHOUT ROWID;

-- What stands for each device, one row for each. The history is in the audit
-- log, under the id of the consent; the device is in this row alone.
CREATE TABLE site_consents (
	tenant     TEXT    NOT NULL,
	site       TEXT    NOT NULL,
	device     TEXT    NOT NULL, -- HMAC of the device's id, with a key of the tenant that stays
	id         TEXT    NOT NULL, -- of the consent
	seq        INTEGER NOT NULL, -- of its latest record
	version    INTEGER NOT NULL,
	digest     TEXT    NOT NULL,
	categories TEXT    NOT NULL, -- JSON: site.Answer by key
	vendors    TEXT    NOT NULL, -- likewise
	source     TEXT    NOT NULL,
	signal     INTEGER NOT NULL, -- 1: the browser asked not to sell or share
	created    INTEGER NOT NULL,
	updated    INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	person     TEXT    NOT NULL, -- subject that the device is linked to; '' for none
	bridged    INTEGER NOT NULL, -- seq of the record that the person's purposes follow
	PRIMARY KEY (tenant, site, device)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX site_consents_by_id ON site_consents (tenant, id);
CREATE INDEX site_consents_by_expiry ON site_consents (tenant, expires);
CREATE INDEX site_consents_by_person ON site_consents (tenant, person) WHERE person <> '';

-- Submissions that were taken, so that one that comes again changes nothing.
CREATE TABLE site_submissions (
	tenant  TEXT    NOT NULL,
	site    TEXT    NOT NULL,
	key     TEXT    NOT NULL, -- HMAC of device and submission
	content TEXT    NOT NULL, -- HMAC of what was sent
	consent TEXT    NOT NULL,
	seq     INTEGER NOT NULL, -- of its record
	at      INTEGER NOT NULL,
	PRIMARY KEY (tenant, site, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX site_submissions_by_age ON site_submissions (tenant, at);

-- The records of banners in the log: of one consent, and all in their order.
CREATE INDEX audit_leaves_of_banners ON audit_leaves (tenant, object, seq) WHERE object LIKE 'banner/%';
CREATE INDEX audit_leaves_of_banners_by_seq ON audit_leaves (tenant, seq, act, at, object) WHERE object LIKE 'banner/%';

-- What was published stays.
-- +goose StatementBegin
CREATE TRIGGER site_versions_update BEFORE UPDATE ON site_versions
BEGIN SELECT RAISE(ABORT, 'site_versions is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER site_versions_delete BEFORE DELETE ON site_versions
BEGIN SELECT RAISE(ABORT, 'site_versions is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER site_versions_replace BEFORE INSERT ON site_versions
WHEN EXISTS (SELECT 1 FROM site_versions WHERE tenant = NEW.tenant AND site = NEW.site AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'site_versions is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER site_documents_update BEFORE UPDATE ON site_documents
BEGIN SELECT RAISE(ABORT, 'site_documents is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER site_documents_delete BEFORE DELETE ON site_documents
BEGIN SELECT RAISE(ABORT, 'site_documents is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER site_documents_replace BEFORE INSERT ON site_documents
WHEN EXISTS (SELECT 1 FROM site_documents WHERE tenant = NEW.tenant AND site = NEW.site AND version = NEW.version AND language = NEW.language AND region = NEW.region)
BEGIN SELECT RAISE(ABORT, 'site_documents is append-only'); END;
-- +goose StatementEnd
