-- A consent record is its own leaf: what audit_leaves and audit_details held of
-- it stands in its row. NULL in those whose leaf is in audit_leaves.
-- +goose Up
ALTER TABLE consent_records ADD COLUMN version INTEGER;
ALTER TABLE consent_records ADD COLUMN salt BLOB;
ALTER TABLE consent_records ADD COLUMN commitment TEXT;

-- The roots of the complete subtrees that a tree consists of, largest first;
-- NULL when they are to be read from audit_hashes. A row of audit_hashes holds
-- the hashes from idx on, one or more.
ALTER TABLE audit_heads ADD COLUMN edge BLOB;

-- RAISE(FAIL) refuses as RAISE(ABORT) does, and leaves it to the transaction to
-- take back the rows before: for ABORT a copy of each page is kept that an
-- insert of many rows touches.
DROP TRIGGER consent_records_replace;
DROP TRIGGER audit_hashes_replace;
-- +goose StatementBegin
CREATE TRIGGER consent_records_replace BEFORE INSERT ON consent_records
WHEN EXISTS (SELECT 1 FROM consent_records WHERE tenant = NEW.tenant AND seq = NEW.seq)
BEGIN SELECT RAISE(FAIL, 'consent_records is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_hashes_replace BEFORE INSERT ON audit_hashes
WHEN EXISTS (SELECT 1 FROM audit_hashes WHERE tenant = NEW.tenant AND idx = NEW.idx)
BEGIN SELECT RAISE(FAIL, 'audit_hashes is append-only'); END;
-- +goose StatementEnd
