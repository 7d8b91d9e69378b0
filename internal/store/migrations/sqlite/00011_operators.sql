-- The people who operate. See 00001 for times.
-- +goose Up
CREATE TABLE operators (
	tenant   TEXT    NOT NULL,
	id       TEXT    NOT NULL,
	email    TEXT    NOT NULL, -- hex HMAC of the address, with the tenant's key
	role     TEXT    NOT NULL,
	password TEXT    NOT NULL, -- Argon2id
	sealed   BLOB    NOT NULL, -- address and name, under the tenant's key
	created  INTEGER NOT NULL,
	disabled INTEGER NOT NULL,
	PRIMARY KEY (tenant, id),
	UNIQUE (tenant, email)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	tenant   TEXT    NOT NULL,
	id       TEXT    NOT NULL,
	operator TEXT    NOT NULL,
	digest   BLOB    NOT NULL, -- SHA-256 of the token
	expires  INTEGER NOT NULL,
	revoked  INTEGER NOT NULL,
	PRIMARY KEY (tenant, id),
	FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
) STRICT, WITHOUT ROWID;

-- A session is shown before its tenant is known, and so is an invitation.
CREATE INDEX sessions_by_id ON sessions (id);
CREATE INDEX sessions_by_operator ON sessions (tenant, operator);

CREATE TABLE invitations (
	tenant  TEXT    NOT NULL,
	id      TEXT    NOT NULL,
	role    TEXT    NOT NULL,
	digest  BLOB    NOT NULL, -- SHA-256 of the token
	expires INTEGER NOT NULL,
	PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_by_id ON invitations (id);

-- Passwords that were tried lately, by address, whether there is such an
-- operator or not.
CREATE TABLE sign_in_tries (
	tenant TEXT    NOT NULL,
	email  TEXT    NOT NULL, -- as in operators
	tries  INTEGER NOT NULL,
	since  INTEGER NOT NULL,
	PRIMARY KEY (tenant, email)
) STRICT, WITHOUT ROWID;
