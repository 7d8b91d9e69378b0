-- What visitors chose, counted: made of the records in the audit log, and can
-- be made again of them. See 00001 for times.
-- +goose Up
CREATE TABLE site_counted (
	tenant TEXT    NOT NULL PRIMARY KEY,
	seq    INTEGER NOT NULL -- all records up to it are counted; -1 for none
) STRICT, WITHOUT ROWID;

CREATE TABLE site_standing (
	tenant   TEXT    NOT NULL,
	site     TEXT    NOT NULL,
	category TEXT    NOT NULL, -- '' for consents as such
	n        INTEGER NOT NULL, -- consents that stand; of a category, those that allow it
	PRIMARY KEY (tenant, site, category)
) STRICT, WITHOUT ROWID;

-- Choices by day, and by spans of days, so that a long period is few rows.
CREATE TABLE site_counts (
	tenant   TEXT    NOT NULL,
	site     TEXT    NOT NULL,
	axis     TEXT    NOT NULL, -- language, country, version, source; '' for all together
	span     INTEGER NOT NULL, -- size and number, see internal/store/site_counts.go
	value    TEXT    NOT NULL, -- on the axis; '' for unknown
	category TEXT    NOT NULL, -- '' for choices as such
	n        INTEGER NOT NULL, -- choices; of a category, those that say something about it
	granted  INTEGER NOT NULL, -- of these, that allow it
	PRIMARY KEY (tenant, site, axis, span, value, category)
) STRICT, WITHOUT ROWID;
