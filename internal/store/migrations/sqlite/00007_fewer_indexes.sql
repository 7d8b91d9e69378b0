-- Indexes: two that each choice had to grow for the day on which a subject is
-- erased, and one in another order.
-- +goose Up
-- Traces are found by the subject's records.
DROP INDEX consent_traces_by_subject;
ALTER TABLE consent_traces DROP COLUMN subject;

-- What is kept under an idempotency key is sealed with the key of the subject,
-- and goes with it; content says so. Those of before are found by this index.
DROP INDEX consent_keys_by_subject;
CREATE INDEX consent_keys_in_clear ON consent_keys (tenant, subject) WHERE content <> 'sealed';

-- The history of a subject is read in the order of the ledger, whatever the
-- purpose: the latest choice about each is in consent_state.
DROP INDEX consent_records_by_subject;
CREATE INDEX consent_records_by_subject ON consent_records (tenant, subject, seq);
