-- Consent: see 00001 for times.
-- +goose Up
-- The rules of asking: each change is a new row; the last one holds.
CREATE TABLE consent_rules (
	tenant   TEXT    NOT NULL,
	stamp    INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	document BLOB    NOT NULL, -- JSON
	PRIMARY KEY (tenant, stamp)
) STRICT;

-- The full texts that people were shown.
CREATE TABLE consent_texts (
	tenant   TEXT NOT NULL,
	version  TEXT NOT NULL,
	language TEXT NOT NULL,
	digest   TEXT NOT NULL, -- hex SHA-256
	body     BLOB NOT NULL,
	PRIMARY KEY (tenant, version, language)
) STRICT;

-- Whose choices these are: a random id, and beside it what can be erased.
CREATE TABLE subjects (
	tenant  TEXT    NOT NULL,
	id      TEXT    NOT NULL,
	created INTEGER NOT NULL,
	erased  INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE subject_identities (
	tenant     TEXT    NOT NULL,
	type       TEXT    NOT NULL,
	digest     TEXT    NOT NULL, -- HMAC with the tenant's key
	digest_key INTEGER NOT NULL, -- number of that key
	subject    TEXT    NOT NULL,
	sealed     BLOB    NOT NULL, -- under the subject's key
	PRIMARY KEY (tenant, type, digest)
) STRICT, WITHOUT ROWID;

-- Consent records. A record's seq is the index of its leaf in audit_leaves.
CREATE TABLE consent_records (
	tenant      TEXT    NOT NULL,
	seq         INTEGER NOT NULL,
	id          TEXT    NOT NULL,
	subject     TEXT    NOT NULL,
	purpose     TEXT    NOT NULL,
	choice      TEXT    NOT NULL,
	at          INTEGER NOT NULL,
	given       INTEGER NOT NULL,
	notice      TEXT    NOT NULL,
	digest      TEXT    NOT NULL,
	language    TEXT    NOT NULL,
	legal_basis TEXT    NOT NULL,
	source      TEXT    NOT NULL,
	supersedes  INTEGER NOT NULL, -- -1 for the first about a purpose
	trace       TEXT    NOT NULL, -- commitment to consent_traces
	PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- From where a choice came, and the salt of the commitment to it, sealed
-- under the subject's key.
CREATE TABLE consent_traces (
	tenant  TEXT    NOT NULL,
	seq     INTEGER NOT NULL,
	subject TEXT    NOT NULL,
	sealed  BLOB    NOT NULL,
	PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- The latest record about each purpose. It can be made again from the records.
CREATE TABLE consent_state (
	tenant   TEXT    NOT NULL,
	subject  TEXT    NOT NULL,
	purpose  TEXT    NOT NULL,
	seq      INTEGER NOT NULL,
	record   TEXT    NOT NULL,
	choice   TEXT    NOT NULL,
	given    INTEGER NOT NULL,
	notice   TEXT    NOT NULL,
	digest   TEXT    NOT NULL,
	language TEXT    NOT NULL,
	era      INTEGER NOT NULL,
	PRIMARY KEY (tenant, subject, purpose)
) STRICT, WITHOUT ROWID;

-- Answers that are given again for the same idempotency key.
CREATE TABLE consent_keys (
	tenant  TEXT NOT NULL,
	key     TEXT NOT NULL, -- HMAC with the tenant's key
	content TEXT NOT NULL, -- HMAC with the tenant's key; '' once the subject is erased
	subject TEXT NOT NULL,
	answer  BLOB NOT NULL, -- JSON
	PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

-- Who is to be asked again, for campaigns. Nothing depends on it being whole.
CREATE TABLE consent_renewals (
	tenant   TEXT    NOT NULL,
	subject  TEXT    NOT NULL,
	purpose  TEXT    NOT NULL,
	era      INTEGER NOT NULL,
	notice   TEXT    NOT NULL, -- version of the grant; '' unknown
	seq      INTEGER NOT NULL, -- the grant
	answered INTEGER NOT NULL, -- seq of the answer; -1 while open
	PRIMARY KEY (tenant, subject, purpose, era)
) STRICT, WITHOUT ROWID;

-- How far walks over consent_state have come.
CREATE TABLE consent_walks (
	tenant  TEXT    NOT NULL,
	walk    TEXT    NOT NULL,
	subject TEXT    NOT NULL,
	done    INTEGER NOT NULL,
	PRIMARY KEY (tenant, walk)
) STRICT, WITHOUT ROWID;

CREATE INDEX subject_identities_by_subject ON subject_identities (tenant, subject);
CREATE INDEX consent_records_by_subject ON consent_records (tenant, subject, purpose, seq);
CREATE INDEX consent_traces_by_subject ON consent_traces (tenant, subject);
CREATE INDEX consent_keys_by_subject ON consent_keys (tenant, subject);

-- Append-only tables refuse to be changed.
-- +goose StatementBegin
CREATE TRIGGER consent_rules_update BEFORE UPDATE ON consent_rules
BEGIN SELECT RAISE(ABORT, 'consent_rules is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_rules_delete BEFORE DELETE ON consent_rules
BEGIN SELECT RAISE(ABORT, 'consent_rules is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_rules_replace BEFORE INSERT ON consent_rules
WHEN EXISTS (SELECT 1 FROM consent_rules WHERE tenant = NEW.tenant AND stamp = NEW.stamp)
BEGIN SELECT RAISE(ABORT, 'consent_rules is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_texts_update BEFORE UPDATE ON consent_texts
BEGIN SELECT RAISE(ABORT, 'consent_texts is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_texts_delete BEFORE DELETE ON consent_texts
BEGIN SELECT RAISE(ABORT, 'consent_texts is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_texts_replace BEFORE INSERT ON consent_texts
WHEN EXISTS (SELECT 1 FROM consent_texts WHERE tenant = NEW.tenant AND version = NEW.version AND language = NEW.language)
BEGIN SELECT RAISE(ABORT, 'consent_texts is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_records_update BEFORE UPDATE ON consent_records
BEGIN SELECT RAISE(ABORT, 'consent_records is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_records_delete BEFORE DELETE ON consent_records
BEGIN SELECT RAISE(ABORT, 'consent_records is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_records_replace BEFORE INSERT ON consent_records
WHEN EXISTS (SELECT 1 FROM consent_records WHERE tenant = NEW.tenant AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'consent_records is append-only'); END;
-- +goose StatementEnd
