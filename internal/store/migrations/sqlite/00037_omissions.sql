-- What operators leave out of the packages of people.
-- +goose Up
CREATE TABLE request_omissions (
	tenant  TEXT NOT NULL,
	request TEXT NOT NULL,
	address TEXT NOT NULL, -- dataset:collection
	row_id  TEXT NOT NULL, -- keyed digest of a row; '' for all
	field   TEXT NOT NULL, -- '' for all
	rule    TEXT NOT NULL, -- the package that the row was seen in
	reason  TEXT NOT NULL,
	PRIMARY KEY (tenant, request, address, row_id, field),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT, WITHOUT ROWID;
