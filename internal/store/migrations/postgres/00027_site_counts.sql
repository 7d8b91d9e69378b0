-- What visitors chose, counted: made of the records in the audit log, and can
-- be made again of them. See 00001 for times.
-- +goose Up
CREATE TABLE site_counted (
	tenant text COLLATE "C" NOT NULL PRIMARY KEY,
	seq    bigint NOT NULL -- all records up to it are counted; -1 for none
);

CREATE TABLE site_standing (
	tenant   text COLLATE "C" NOT NULL,
	site     text COLLATE "C" NOT NULL,
	category text COLLATE "C" NOT NULL, -- '' for consents as such
	n        bigint NOT NULL, -- consents that stand; of a category, those that allow it
	PRIMARY KEY (tenant, site, category)
);

-- Choices by day, and by spans of days, so that a long period is few rows.
CREATE TABLE site_counts (
	tenant   text COLLATE "C" NOT NULL,
	site     text COLLATE "C" NOT NULL,
	axis     text COLLATE "C" NOT NULL, -- language, country, version, source; '' for all together
	span     bigint NOT NULL, -- size and number, see internal/store/site_counts.go
	value    text COLLATE "C" NOT NULL, -- on the axis; '' for unknown
	category text COLLATE "C" NOT NULL, -- '' for choices as such
	n        bigint NOT NULL, -- choices; of a category, those that say something about it
	granted  bigint NOT NULL, -- of these, that allow it
	PRIMARY KEY (tenant, site, axis, span, value, category)
);
