-- What operators leave out of the packages of people.
-- +goose Up
CREATE TABLE request_omissions (
	tenant  text COLLATE "C" NOT NULL,
	request text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL, -- dataset:collection
	row_id  text COLLATE "C" NOT NULL, -- keyed digest of a row; '' for all
	field   text COLLATE "C" NOT NULL, -- '' for all
	rule    text COLLATE "C" NOT NULL, -- the package that the row was seen in
	reason  text COLLATE "C" NOT NULL,
	PRIMARY KEY (tenant, request, address, row_id, field),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);
