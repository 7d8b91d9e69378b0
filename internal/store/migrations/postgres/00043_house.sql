-- Who has made an invitation, and what a webhook is for. See 00001 for times.
-- +goose Up
ALTER TABLE invitations ADD COLUMN made_by text COLLATE "C" NOT NULL DEFAULT ''; -- as in the log; '' where that was not kept
ALTER TABLE invitations ADD COLUMN created bigint NOT NULL DEFAULT 0; -- 0 where that was not kept

ALTER TABLE webhook_endpoints ADD COLUMN description text COLLATE "C" NOT NULL DEFAULT ''; -- in words of who made it
