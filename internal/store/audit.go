package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/seal"
)

// Audit keeps one log per tenant. Entries come in with the changes that they
// record; see tree.go.
type Audit struct{ db *DB }

// Append logs an act that changes nothing in the store.
func (a *Audit) Append(ctx context.Context, tenant string, entry audit.Entry) error {
	return a.db.write(ctx, tenant, func(ctx context.Context, t *tx) error { return t.log(ctx, entry) })
}

// Checkpoint gives the signed statement of how long the tenant's log is and
// what it holds.
func (a *Audit) Checkpoint(ctx context.Context, tenant string) ([]byte, error) {
	_, checkpoint, err := a.checkpoint(ctx, tenant)
	return checkpoint, err
}

// Size is how many records the tenant's log has.
func (a *Audit) Size(ctx context.Context, tenant string) (size int64, err error) {
	if err := a.db.engine.row(ctx, `SELECT size FROM audit_heads WHERE tenant = $1`, tenant).Scan(&size); err != nil {
		return 0, fmt.Errorf("read the end of the audit log: %w", err)
	}
	return size, nil
}

func (a *Audit) checkpoint(ctx context.Context, tenant string) (size int64, checkpoint []byte, err error) {
	keys, err := a.db.Tenant(ctx, tenant)
	if err != nil {
		return 0, nil, err
	}
	var root []byte
	if err := a.db.engine.row(ctx, `SELECT size, root FROM audit_heads WHERE tenant = $1`, tenant).Scan(&size, &root); err != nil {
		return 0, nil, fmt.Errorf("read the end of the audit log: %w", err)
	}
	if len(root) != tlog.HashSize {
		return 0, nil, errors.New("read the end of the audit log: its root is damaged")
	}
	checkpoint, err = audit.Checkpoint(keys.Signer().Name(), size, tlog.Hash(root), keys.Signer())
	return size, checkpoint, err
}

// Export writes the tenant's log up to now, with its checkpoint, as
// audit.Verify reads it. Memory does not grow with the log, and nothing is
// held while w is slow: leaves never change. It opens the details: reading
// them is an act that the caller logs first.
func (a *Audit) Export(ctx context.Context, tenant string, w io.Writer) error {
	keys, err := a.db.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	size, checkpoint, err := a.checkpoint(ctx, tenant)
	if err != nil {
		return err
	}
	x, err := audit.NewExporter(w, audit.Header{Tenant: tenant, Verifier: keys.Verifier(), Checkpoint: string(checkpoint)})
	if err != nil {
		return err
	}
	for next := int64(0); next < size; {
		page, err := a.Records(ctx, tenant, next, int(min(recordPage, size-next)))
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return fmt.Errorf("export the audit log: record %d is missing", next)
		}
		for _, r := range page {
			if err := x.Record(r); err != nil {
				return err
			}
		}
		next = page[len(page)-1].Sequence + 1
	}
	return x.Close()
}

const recordPage = 500 // records in memory at once

// Records gives the records with the numbers from from on, limit of them,
// details opened. They stand in two tables: consent records are leaves
// themselves, but for those from before they were.
func (a *Audit) Records(ctx context.Context, tenant string, from int64, limit int) ([]audit.Record, error) {
	keys, err := a.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	page, err := collect(ctx, a.db.engine, func(row scanner) (audit.Record, error) { return scanRecord(row, tenant, keys) }, `
		SELECT l.seq, l.version, l.commitment, l.at, d.sealed, l.act, l.object,
			'' AS id, '' AS purpose, 0 AS given, '' AS notice, '' AS digest, '' AS language, '' AS legal_basis, '' AS source, 0 AS supersedes, '' AS trace, '' AS facts
		FROM audit_leaves l LEFT JOIN audit_details d ON d.tenant = l.tenant AND d.seq = l.seq
		WHERE l.tenant = $1 AND l.seq >= $2 AND l.seq < $3
		UNION ALL
		SELECT seq, version, commitment, at, salt, choice, subject,
			id, purpose, given, notice, digest, language, legal_basis, source, supersedes, trace, facts
		FROM consent_records WHERE tenant = $1 AND seq >= $2 AND seq < $3 AND version IS NOT NULL
		ORDER BY seq`, tenant, from, from+int64(limit))
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return page, nil
}

func scanRecord(row scanner, tenant string, keys *seal.Tenant) (audit.Record, error) {
	l := audit.Leaf{Tenant: tenant}
	var r consent.Record // its id is "" when it is none
	var at, given int64
	var secret []byte
	if err := row.Scan(&l.Sequence, &l.Version, &l.Commitment, &at, &secret, &l.Act, &l.Object,
		&r.ID, &r.Purpose, &given, &r.Notice, &r.Digest, &r.Language, &r.LegalBasis, &r.Source, &r.Supersedes, &r.Trace, &r.Facts); err != nil {
		return audit.Record{}, err
	}
	l.At = instant(at)
	if r.ID == "" {
		return openRecord(l, secret, keys)
	}
	var err error
	if r.Subject, err = consent.ParseSubjectID(l.Object); err != nil {
		return audit.Record{}, fmt.Errorf("the subject of record %d is damaged", l.Sequence)
	}
	r.Sequence, r.Choice, r.At, r.Given = l.Sequence, consent.Choice(l.Act), l.At, instant(given)
	return r.Committed(tenant, l.Version, l.Commitment, secret), nil
}

// openRecord opens the details of a leaf, which are gone once they were
// erased.
func openRecord(l audit.Leaf, sealed []byte, keys *seal.Tenant) (audit.Record, error) {
	r := audit.Record{Leaf: l}
	if sealed == nil {
		return r, nil
	}
	plain, err := keys.Open(sealed, detailsOf(r.Tenant, r.Sequence))
	if err != nil || len(plain) < audit.SaltSize {
		return r, fmt.Errorf("the details of record %d cannot be opened", r.Sequence)
	}
	r.Salt = plain[:audit.SaltSize:audit.SaltSize]
	if len(plain) > audit.SaltSize {
		r.Details = plain[audit.SaltSize:]
	}
	return r, nil
}

// EraseDetails erases the details of a record for good, with an entry that
// says so; the log still verifies. It is harmless when they are gone already,
// and fails with ErrNoRecord when there is no such record, or when it is a
// consent record, in which there is nothing personal to erase.
func (a *Audit) EraseDetails(ctx context.Context, tenant string, seq int64, entry audit.Entry) error {
	return a.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		err := t.row(ctx, `SELECT seq FROM audit_leaves WHERE tenant = $1 AND seq = $2`, tenant, seq).Scan(new(int64))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoRecord
		}
		if err != nil {
			return fmt.Errorf("erase details: %w", err)
		}
		erased, err := t.exec(ctx, `DELETE FROM audit_details WHERE tenant = $1 AND seq = $2`, tenant, seq)
		if err != nil {
			return fmt.Errorf("erase details: %w", err)
		}
		if erased == 0 {
			return nil
		}
		t.growth.destroyed = true
		return t.log(ctx, entry)
	})
}
