-- A consent record is its own leaf: what audit_leaves and audit_details held of
-- it stands in its row. NULL in those whose leaf is in audit_leaves.
-- +goose Up
ALTER TABLE consent_records ADD COLUMN version bigint;
ALTER TABLE consent_records ADD COLUMN salt bytea;
ALTER TABLE consent_records ADD COLUMN commitment text COLLATE "C";

-- The roots of the complete subtrees that a tree consists of, largest first;
-- NULL when they are to be read from audit_hashes. A row of audit_hashes holds
-- the hashes from idx on, one or more.
ALTER TABLE audit_heads ADD COLUMN edge bytea;
