-- The server: who may use it, and what it answered. See 00001 for times.
-- +goose Up
CREATE TABLE api_keys (
	tenant  TEXT    NOT NULL,
	id      TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	digest  BLOB    NOT NULL, -- SHA-256 of the token
	scopes  TEXT    NOT NULL, -- separated by spaces
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL, -- 0: never
	revoked INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- A key is shown before its tenant is known.
CREATE INDEX api_keys_by_id ON api_keys (id);

-- What was answered to an Idempotency-Key, to answer it again.
CREATE TABLE answers (
	tenant      TEXT    NOT NULL,
	key         TEXT    NOT NULL, -- hex digest of the caller and its key
	content     TEXT    NOT NULL, -- hex HMAC of what was asked, with the tenant's key
	fence       INTEGER NOT NULL, -- grows with each claim
	lease_until INTEGER NOT NULL,
	expires     INTEGER NOT NULL,
	sealed      BLOB,             -- the answer, under the tenant's key; NULL until there is one
	PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_by_expiry ON answers (tenant, expires);

CREATE INDEX requests_by_status ON requests (tenant, status, id);
CREATE INDEX requests_by_policy ON requests (tenant, policy, id);
