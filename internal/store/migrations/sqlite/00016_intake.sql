-- Codes that show who answers at an identity. See 00001 for times.
-- +goose Up

-- The last code of each party of a request that is not proven.
CREATE TABLE request_codes (
	tenant   TEXT NOT NULL,
	request  TEXT NOT NULL,
	party    TEXT NOT NULL, -- person, agent
	type     TEXT NOT NULL, -- with digest: the identity that it was sent to
	digest   TEXT NOT NULL,
	mac      BLOB NOT NULL, -- HMAC of the code, with the tenant's key
	tries    INTEGER NOT NULL, -- that were judged
	expires  INTEGER NOT NULL,
	answered INTEGER NOT NULL, -- when the right one was given; 0: it was not
	PRIMARY KEY (tenant, request, party),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;

-- How many codes were sent to an identity and judged wrong, over all requests.
CREATE TABLE code_limits (
	tenant      TEXT NOT NULL,
	digest      TEXT NOT NULL, -- of the identity
	sent        INTEGER NOT NULL,
	sent_since  INTEGER NOT NULL,
	wrong       INTEGER NOT NULL,
	wrong_since INTEGER NOT NULL,
	PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;

-- What is never proven is given up.
CREATE INDEX requests_to_be_proven ON requests (tenant, created) WHERE status = 'identity_unverified';
-- What was proven and has no plan yet.
CREATE INDEX requests_to_be_planned ON requests (tenant, id) WHERE status = 'awaiting_approval' AND plan_hash = '';
