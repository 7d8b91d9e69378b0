package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
)

// Evidence gives what proves the consent record with this sequence, against
// the log as it is now; consent.ErrNotFound when it is not a consent record.
func (c *Consents) Evidence(ctx context.Context, tenant string, seq int64) (consent.Evidence, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return consent.Evidence{}, err
	}
	size, checkpoint, err := c.db.Audit().checkpoint(ctx, tenant)
	if err != nil {
		return consent.Evidence{}, err
	}
	found, err := c.db.Audit().Records(ctx, tenant, seq, 1)
	if err != nil {
		return consent.Evidence{}, err
	}
	if seq < 0 || seq >= size || len(found) == 0 || found[0].Sequence != seq || !strings.HasPrefix(found[0].Act, "consent.") {
		return consent.Evidence{}, consent.ErrNotFound
	}
	proof, err := tlog.ProveRecord(size, seq, treeReader(ctx, c.db.engine, tenant))
	if err != nil {
		return consent.Evidence{}, fmt.Errorf("prove a record: %w", err)
	}
	record, err := consent.RecordOf(found[0].Leaf, found[0].Details)
	if err != nil {
		return consent.Evidence{}, err
	}
	facts, err := c.facts(ctx, tenant, record)
	if err != nil {
		return consent.Evidence{}, err
	}
	return consent.Evidence{
		Leaf: found[0].Leaf, Salt: found[0].Salt, Details: found[0].Details, Facts: facts,
		Proof: proof, Checkpoint: string(checkpoint), Key: keys.Verifier(),
	}, nil
}

// facts gives what the controller said when the record was made, out of the
// rules of that time, of which there may be many: the newest first.
func (c *Consents) facts(ctx context.Context, tenant string, r consent.Record) (text json.RawMessage, err error) {
	if r.Facts == "" {
		return nil, nil
	}
	rules, err := c.Rules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for stamp := rules.Stamp; stamp >= 0; stamp-- {
		if rules, err = c.rulesAt(ctx, c.db.engine, tenant, stamp); err != nil {
			return nil, err
		}
		text, digest, err := rules.Facts(r.Purpose, r.Notice)
		if err != nil || digest == r.Facts {
			return text, err
		}
	}
	return nil, fmt.Errorf("record %d commits to facts of the controller that no rules have", r.Sequence)
}

// EraseSubject makes a subject nobody's: the key is destroyed, and with it all
// that it sealed; identities, their digests, where choices came from, the
// states, and what stands for devices are deleted. Records and proofs stay and lead to no one. Erased once
// more, nothing changes; consent.ErrNotFound when there is no such subject. The
// entry's object is the subject, whatever the caller says: see catchUp.
func (c *Consents) EraseSubject(ctx context.Context, tenant string, id consent.SubjectID, entry audit.Entry) error {
	entry.Object = keyOf(id)
	return c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, at, err := t.growth.next(ctx, t, tenant)
		if err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		var erased int64
		err = t.row(ctx, `SELECT erased FROM subjects WHERE tenant = $1 AND id = $2`, tenant, id.String()).Scan(&erased)
		if errors.Is(err, sql.ErrNoRows) {
			return consent.ErrNotFound
		}
		if err != nil || erased != 0 {
			return err
		}
		for _, statement := range []string{
			`DELETE FROM subject_identities WHERE tenant = $1 AND subject = $2`,
			`DELETE FROM consent_traces WHERE tenant = $1 AND seq IN (SELECT seq FROM consent_records WHERE tenant = $1 AND subject = $2)`,
			`DELETE FROM consent_state WHERE tenant = $1 AND subject = $2`,
			`DELETE FROM device_grants WHERE tenant = $1 AND subject = $2`,
			// A late retry must not bring the person back. What is sealed needs no
			// change: its key goes.
			`UPDATE consent_keys SET content = '' WHERE tenant = $1 AND subject = $2 AND content <> 'sealed'`,
		} {
			if _, err := t.exec(ctx, statement, tenant, id.String()); err != nil {
				return fmt.Errorf("erase a subject: %w", err)
			}
		}
		if err := t.eraseDevices(ctx, id); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE subjects SET erased = $3 WHERE tenant = $1 AND id = $2`, tenant, id.String(), at); err != nil {
			return fmt.Errorf("erase a subject: %w", err)
		}
		if err := t.destroy(ctx, keyOf(id)); err != nil {
			return err
		}
		t.growth.after = append(t.growth.after, func(stands bool) {
			c.db.consents.known.forget()
			c.db.consents.keyring.forget(keyName{tenant, id})
			if x := c.current(tenant, stands); x != nil {
				x.Forget(id)
			}
		})
		return t.log(ctx, entry)
	})
}
