package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
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

// Records gives up to limit records from number from on, details opened.
func (a *Audit) Records(ctx context.Context, tenant string, from int64, limit int) ([]audit.Record, error) {
	keys, err := a.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	page, err := collect(ctx, a.db.engine, func(row scanner) (audit.Record, error) { return scanRecord(row, keys) }, `
		SELECT l.tenant, l.seq, l.version, l.at, l.act, l.object, l.commitment, d.sealed
		FROM audit_leaves l LEFT JOIN audit_details d ON d.tenant = l.tenant AND d.seq = l.seq
		WHERE l.tenant = $1 AND l.seq >= $2 ORDER BY l.seq LIMIT $3`, tenant, from, limit)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return page, nil
}

func scanRecord(row scanner, keys *seal.Tenant) (r audit.Record, err error) {
	var at int64
	var sealed []byte
	if err := row.Scan(&r.Tenant, &r.Sequence, &r.Version, &at, &r.Act, &r.Object, &r.Commitment, &sealed); err != nil {
		return r, err
	}
	r.At = instant(at)
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
// and fails with ErrNoRecord when there is no such record.
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
