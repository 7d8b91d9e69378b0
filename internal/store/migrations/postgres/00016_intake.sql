-- Codes that show who answers at an identity. See 00001 for times.
-- +goose Up

-- The last code of each party of a request that is not proven.
CREATE TABLE request_codes (
	tenant   text COLLATE "C" NOT NULL,
	request  text COLLATE "C" NOT NULL,
	party    text COLLATE "C" NOT NULL, -- person, agent
	type     text COLLATE "C" NOT NULL, -- with digest: the identity that it was sent to
	digest   text COLLATE "C" NOT NULL,
	mac      bytea NOT NULL, -- HMAC of the code, with the tenant's key
	tries    bigint NOT NULL, -- that were judged
	expires  bigint NOT NULL,
	answered bigint NOT NULL, -- when the right one was given; 0: it was not
	PRIMARY KEY (tenant, request, party),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

-- How many codes were sent to an identity and judged wrong, over all requests.
CREATE TABLE code_limits (
	tenant      text COLLATE "C" NOT NULL,
	digest      text COLLATE "C" NOT NULL, -- of the identity
	sent        bigint NOT NULL,
	sent_since  bigint NOT NULL,
	wrong       bigint NOT NULL,
	wrong_since bigint NOT NULL,
	PRIMARY KEY (tenant, digest)
);

-- What is never proven is given up.
CREATE INDEX requests_to_be_proven ON requests (tenant, created) WHERE status = 'identity_unverified';
-- What was proven and has no plan yet.
CREATE INDEX requests_to_be_planned ON requests (tenant, id) WHERE status = 'awaiting_approval' AND plan_hash = '';
