-- Consent: see 00001 for times.
-- +goose Up
-- The rules of asking: each change is a new row; the last one holds.
CREATE TABLE consent_rules (
	tenant   text COLLATE "C" NOT NULL,
	stamp    bigint           NOT NULL,
	at       bigint           NOT NULL,
	document bytea            NOT NULL, -- JSON
	PRIMARY KEY (tenant, stamp)
);

-- The full texts that people were shown.
CREATE TABLE consent_texts (
	tenant   text COLLATE "C" NOT NULL,
	version  text COLLATE "C" NOT NULL,
	language text COLLATE "C" NOT NULL,
	digest   text COLLATE "C" NOT NULL, -- hex SHA-256
	body     bytea            NOT NULL,
	PRIMARY KEY (tenant, version, language)
);

-- Whose choices these are: a random id, and beside it what can be erased.
CREATE TABLE subjects (
	tenant  text COLLATE "C" NOT NULL,
	id      text COLLATE "C" NOT NULL,
	created bigint           NOT NULL,
	erased  bigint           NOT NULL,
	PRIMARY KEY (tenant, id)
);

CREATE TABLE subject_identities (
	tenant     text COLLATE "C" NOT NULL,
	type       text COLLATE "C" NOT NULL,
	digest     text COLLATE "C" NOT NULL, -- HMAC with the tenant's key
	digest_key bigint           NOT NULL, -- number of that key
	subject    text COLLATE "C" NOT NULL,
	sealed     bytea            NOT NULL, -- under the subject's key
	PRIMARY KEY (tenant, type, digest)
);

-- Consent records. A record's seq is the index of its leaf in audit_leaves.
CREATE TABLE consent_records (
	tenant      text COLLATE "C" NOT NULL,
	seq         bigint           NOT NULL,
	id          text COLLATE "C" NOT NULL,
	subject     text COLLATE "C" NOT NULL,
	purpose     text COLLATE "C" NOT NULL,
	choice      text COLLATE "C" NOT NULL,
	at          bigint           NOT NULL,
	given       bigint           NOT NULL,
	notice      text COLLATE "C" NOT NULL,
	digest      text COLLATE "C" NOT NULL,
	language    text COLLATE "C" NOT NULL,
	legal_basis text COLLATE "C" NOT NULL,
	source      text COLLATE "C" NOT NULL,
	supersedes  bigint           NOT NULL, -- -1 for the first about a purpose
	trace       text COLLATE "C" NOT NULL, -- commitment to consent_traces
	PRIMARY KEY (tenant, seq)
);

-- From where a choice came, and the salt of the commitment to it, sealed
-- under the subject's key.
CREATE TABLE consent_traces (
	tenant  text COLLATE "C" NOT NULL,
	seq     bigint           NOT NULL,
	subject text COLLATE "C" NOT NULL,
	sealed  bytea            NOT NULL,
	PRIMARY KEY (tenant, seq)
);

-- The latest record about each purpose. It can be made again from the records.
CREATE TABLE consent_state (
	tenant   text COLLATE "C" NOT NULL,
	subject  text COLLATE "C" NOT NULL,
	purpose  text COLLATE "C" NOT NULL,
	seq      bigint           NOT NULL,
	record   text COLLATE "C" NOT NULL,
	choice   text COLLATE "C" NOT NULL,
	given    bigint           NOT NULL,
	notice   text COLLATE "C" NOT NULL,
	digest   text COLLATE "C" NOT NULL,
	language text COLLATE "C" NOT NULL,
	era      bigint           NOT NULL,
	PRIMARY KEY (tenant, subject, purpose)
);

-- Answers that are given again for the same idempotency key.
CREATE TABLE consent_keys (
	tenant  text COLLATE "C" NOT NULL,
	key     text COLLATE "C" NOT NULL, -- HMAC with the tenant's key
	content text COLLATE "C" NOT NULL, -- HMAC with the tenant's key; '' once the subject is erased
	subject text COLLATE "C" NOT NULL,
	answer  bytea            NOT NULL, -- JSON
	PRIMARY KEY (tenant, key)
);

-- Who is to be asked again, for campaigns. Nothing depends on it being whole.
CREATE TABLE consent_renewals (
	tenant   text COLLATE "C" NOT NULL,
	subject  text COLLATE "C" NOT NULL,
	purpose  text COLLATE "C" NOT NULL,
	era      bigint           NOT NULL,
	notice   text COLLATE "C" NOT NULL, -- version of the grant; '' unknown
	seq      bigint           NOT NULL, -- the grant
	answered bigint           NOT NULL, -- seq of the answer; -1 while open
	PRIMARY KEY (tenant, subject, purpose, era)
);

-- How far walks over consent_state have come.
CREATE TABLE consent_walks (
	tenant  text COLLATE "C" NOT NULL,
	walk    text COLLATE "C" NOT NULL,
	subject text COLLATE "C" NOT NULL,
	done    bigint           NOT NULL,
	PRIMARY KEY (tenant, walk)
);

CREATE INDEX subject_identities_by_subject ON subject_identities (tenant, subject);
CREATE INDEX consent_records_by_subject ON consent_records (tenant, subject, purpose, seq);
CREATE INDEX consent_traces_by_subject ON consent_traces (tenant, subject);
CREATE INDEX consent_keys_by_subject ON consent_keys (tenant, subject);

-- Append-only tables refuse to be changed.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_rules FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON consent_rules FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_texts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON consent_texts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON consent_records FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON consent_records FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
