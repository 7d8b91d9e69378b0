-- The people who operate. See 00001 for times.
-- +goose Up
CREATE TABLE operators (
	tenant   text COLLATE "C" NOT NULL,
	id       text COLLATE "C" NOT NULL,
	email    text COLLATE "C" NOT NULL, -- hex HMAC of the address, with the tenant's key
	role     text COLLATE "C" NOT NULL,
	password text COLLATE "C" NOT NULL, -- Argon2id
	sealed   bytea            NOT NULL, -- address and name, under the tenant's key
	created  bigint           NOT NULL,
	disabled bigint           NOT NULL,
	PRIMARY KEY (tenant, id),
	UNIQUE (tenant, email)
);

CREATE TABLE sessions (
	tenant   text COLLATE "C" NOT NULL,
	id       text COLLATE "C" NOT NULL,
	operator text COLLATE "C" NOT NULL,
	digest   bytea            NOT NULL, -- SHA-256 of the token
	expires  bigint           NOT NULL,
	revoked  bigint           NOT NULL,
	PRIMARY KEY (tenant, id),
	FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
);

-- A session is shown before its tenant is known, and so is an invitation.
CREATE INDEX sessions_by_id ON sessions (id);
CREATE INDEX sessions_by_operator ON sessions (tenant, operator);

CREATE TABLE invitations (
	tenant  text COLLATE "C" NOT NULL,
	id      text COLLATE "C" NOT NULL,
	role    text COLLATE "C" NOT NULL,
	digest  bytea            NOT NULL, -- SHA-256 of the token
	expires bigint           NOT NULL,
	PRIMARY KEY (tenant, id)
);

CREATE INDEX invitations_by_id ON invitations (id);

-- Passwords that were tried lately, by address, whether there is such an
-- operator or not.
CREATE TABLE sign_in_tries (
	tenant text COLLATE "C" NOT NULL,
	email  text COLLATE "C" NOT NULL, -- as in operators
	tries  bigint           NOT NULL,
	since  bigint           NOT NULL,
	PRIMARY KEY (tenant, email)
);
