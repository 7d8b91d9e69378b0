-- What of its object a pass is for: the access rule of a package; '' for all
-- of it.
-- +goose Up
ALTER TABLE passes ADD COLUMN part text COLLATE "C" NOT NULL DEFAULT '';
