-- What a company holds, how it is reached and what requests may touch, as it
-- was applied. See 00001 for times.
-- +goose Up
CREATE TABLE configurations (
	tenant  text COLLATE "C" NOT NULL,
	version bigint           NOT NULL,
	content text COLLATE "C" NOT NULL, -- hex HMAC of the files, with the tenant's key
	sealed  bytea            NOT NULL, -- the files, under the tenant's key
	applied bigint           NOT NULL,
	PRIMARY KEY (tenant, version)
);
