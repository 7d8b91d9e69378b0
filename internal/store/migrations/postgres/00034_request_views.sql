-- Which requests operators like to look at.
-- +goose Up
CREATE TABLE request_views (
	tenant   text COLLATE "C" NOT NULL,
	operator text COLLATE "C" NOT NULL, -- whose view it is
	id       text COLLATE "C" NOT NULL,
	name     text COLLATE "C" NOT NULL,
	filter   bytea            NOT NULL, -- JSON; never an identity
	PRIMARY KEY (tenant, operator, id),
	UNIQUE (tenant, operator, name),
	FOREIGN KEY (tenant, operator) REFERENCES operators (tenant, id)
);
