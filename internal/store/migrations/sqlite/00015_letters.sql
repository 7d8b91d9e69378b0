-- Letters whose sending may have come to more than it seems. See 00001 for
-- times.
-- +goose Up
ALTER TABLE letters ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0; -- 1: the outcome of an earlier attempt is not known
