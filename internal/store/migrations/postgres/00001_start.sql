-- Times are microseconds since 1970 in UTC; 0 is "not yet".
-- +goose Up
CREATE TABLE tenants (
	tenant  text COLLATE "C" NOT NULL PRIMARY KEY,
	wrapped bytea            NOT NULL, -- the tenant's keys, under the master key
	created bigint           NOT NULL
);

-- Keys that can be destroyed: what they sealed is gone with the row.
CREATE TABLE keys (
	tenant  text COLLATE "C" NOT NULL,
	owner   text COLLATE "C" NOT NULL, -- "request/<id>"
	wrapped bytea            NOT NULL, -- under the tenant's keys
	PRIMARY KEY (tenant, owner)
);

-- The audit log: one Merkle tree per tenant. A leaf's seq is its index.
CREATE TABLE audit_heads (
	tenant text COLLATE "C" NOT NULL PRIMARY KEY,
	size   bigint           NOT NULL,
	root   bytea            NOT NULL
);

CREATE TABLE audit_leaves (
	tenant     text COLLATE "C" NOT NULL,
	seq        bigint           NOT NULL,
	version    bigint           NOT NULL,
	at         bigint           NOT NULL,
	act        text COLLATE "C" NOT NULL,
	object     text COLLATE "C" NOT NULL,
	commitment text COLLATE "C" NOT NULL,
	PRIMARY KEY (tenant, seq)
);

-- The nodes of the tree, numbered as golang.org/x/mod/sumdb/tlog does.
CREATE TABLE audit_hashes (
	tenant text COLLATE "C" NOT NULL,
	idx    bigint           NOT NULL,
	hash   bytea            NOT NULL,
	PRIMARY KEY (tenant, idx)
);

-- Salt and details of a leaf, sealed. Deleting a row erases them.
CREATE TABLE audit_details (
	tenant text COLLATE "C" NOT NULL,
	seq    bigint           NOT NULL,
	sealed bytea            NOT NULL,
	PRIMARY KEY (tenant, seq)
);

CREATE TABLE requests (
	tenant      text COLLATE "C" NOT NULL,
	id          text COLLATE "C" NOT NULL,
	policy      text COLLATE "C" NOT NULL,
	status      text COLLATE "C" NOT NULL,
	step        text COLLATE "C" NOT NULL,
	plan_hash   text COLLATE "C" NOT NULL,
	plan        bytea            NOT NULL, -- JSON, without values
	max_rows    bigint           NOT NULL,
	message     text COLLATE "C" NOT NULL,
	identities  text COLLATE "C" NOT NULL, -- digest of the digests of all identities
	lease_owner text COLLATE "C" NOT NULL, -- '' when nobody holds it
	lease_until bigint           NOT NULL,
	fence       bigint           NOT NULL, -- grows with each claim
	created     bigint           NOT NULL,
	ended       bigint           NOT NULL,
	PRIMARY KEY (tenant, id)
);

CREATE INDEX requests_by_identities ON requests (tenant, identities, policy, id);

CREATE TABLE request_identities (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	type    text COLLATE "C" NOT NULL,
	digest  text COLLATE "C" NOT NULL, -- HMAC with the tenant's key
	sealed  bytea,                     -- under the request's key; NULL once it ended
	PRIMARY KEY (tenant, request, type, digest),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

CREATE TABLE request_progress (
	tenant       text COLLATE "C" NOT NULL,
	request      text COLLATE "C" NOT NULL,
	address      text COLLATE "C" NOT NULL,
	action       text COLLATE "C" NOT NULL,
	status       text COLLATE "C" NOT NULL,
	attempt      bigint           NOT NULL,
	position     bigint           NOT NULL,
	intent       bigint           NOT NULL,
	rows_read    bigint           NOT NULL,
	rows_matched bigint           NOT NULL,
	rows_masked  bigint           NOT NULL,
	rows_already bigint           NOT NULL,
	rows_failed  bigint           NOT NULL,
	rows_residue bigint           NOT NULL,
	message      text COLLATE "C" NOT NULL,
	started      bigint           NOT NULL,
	ended        bigint           NOT NULL,
	PRIMARY KEY (tenant, request, address, action),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

CREATE TABLE request_outcomes (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL,
	field   text COLLATE "C" NOT NULL,
	status  text COLLATE "C" NOT NULL,
	reason  text COLLATE "C" NOT NULL,
	rows    bigint           NOT NULL,
	PRIMARY KEY (tenant, request, address, field, status, reason),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

-- What a request has read, sealed under its key, until it ends.
CREATE TABLE request_chunks (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL,
	n       bigint           NOT NULL,
	rows    bigint           NOT NULL,
	sealed  bytea            NOT NULL,
	PRIMARY KEY (tenant, request, address, n),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

-- The execution log.
CREATE TABLE request_log (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	seq     bigint           NOT NULL,
	at      bigint           NOT NULL,
	address text COLLATE "C" NOT NULL,
	action  text COLLATE "C" NOT NULL,
	status  text COLLATE "C" NOT NULL,
	attempt bigint           NOT NULL,
	message text COLLATE "C" NOT NULL,
	rows    bigint           NOT NULL,
	PRIMARY KEY (tenant, request, seq),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

-- What requests took out of the hourly allowance of masked rows.
CREATE TABLE reservations (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL,
	rows    bigint           NOT NULL,
	at      bigint           NOT NULL,
	PRIMARY KEY (tenant, request, address),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

CREATE INDEX reservations_by_time ON reservations (tenant, at);

-- Append-only tables refuse to be changed.
-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
-- +goose StatementEnd
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_leaves FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_leaves FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_hashes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON audit_hashes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON request_log FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON request_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
