-- Since when an answer is waited for, and until when, so that it can be shown without
-- the key of the request. See 00001 for times.
-- +goose Up
ALTER TABLE request_waits ADD COLUMN since bigint NOT NULL DEFAULT 0; -- 0: asked before this was kept
ALTER TABLE request_waits ADD COLUMN again bigint NOT NULL DEFAULT 0; -- when the system is asked how far it is; 0: all has come
ALTER TABLE request_waits ADD COLUMN until bigint NOT NULL DEFAULT 0; -- when it is given up
