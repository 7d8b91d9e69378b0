-- The server: who may use it, and what it answered. See 00001 for times.
-- +goose Up
CREATE TABLE api_keys (
	tenant  text COLLATE "C" NOT NULL,
	id      text COLLATE "C" NOT NULL,
	name    text COLLATE "C" NOT NULL,
	digest  bytea            NOT NULL, -- SHA-256 of the token
	scopes  text COLLATE "C" NOT NULL, -- separated by spaces
	created bigint           NOT NULL,
	expires bigint           NOT NULL, -- 0: never
	revoked bigint           NOT NULL,
	PRIMARY KEY (tenant, id)
);

-- A key is shown before its tenant is known.
CREATE INDEX api_keys_by_id ON api_keys (id);

-- What was answered to an Idempotency-Key, to answer it again.
CREATE TABLE answers (
	tenant      text COLLATE "C" NOT NULL,
	key         text COLLATE "C" NOT NULL, -- hex digest of the caller and its key
	content     text COLLATE "C" NOT NULL, -- hex HMAC of what was asked, with the tenant's key
	fence       bigint           NOT NULL, -- grows with each claim
	lease_until bigint           NOT NULL,
	expires     bigint           NOT NULL,
	sealed      bytea,                     -- the answer, under the tenant's key; NULL until there is one
	PRIMARY KEY (tenant, key)
);

CREATE INDEX answers_by_expiry ON answers (tenant, expires);

CREATE INDEX requests_by_status ON requests (tenant, status, id);
CREATE INDEX requests_by_policy ON requests (tenant, policy, id);
