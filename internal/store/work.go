package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
)

// Work keeps what running requests have found and done. Every write holds the
// request's row until it commits, so that a lease cannot change hands in
// between, and the writes of one request come one after the other. What they
// write belongs to the round that the request stands at.
type Work struct{ db *DB }

// Begin is described in fulfill.Work. Where p.Started is zero, the database's
// clock says when.
func (w *Work) Begin(ctx context.Context, l request.Lease, p request.Progress) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, now int64) error {
		p := p
		p.Status = request.Running
		if p.Started.IsZero() {
			p.Started = instant(now)
		}
		if p.Action == request.Access {
			if _, err := t.exec(ctx, `DELETE FROM request_chunks WHERE tenant = $1 AND request = $2 AND address = $3 AND round = $4`,
				l.Tenant, l.Request, p.Address, t.round); err != nil {
				return fmt.Errorf("forget the chunks of an earlier attempt: %w", err)
			}
		}
		if p.Action == request.Erasure && t.round > 1 && p.Attempt == 1 {
			if _, err := t.exec(ctx, `DELETE FROM request_outcomes WHERE tenant = $1 AND request = $2 AND address = $3 AND status = 'failed'`,
				l.Tenant, l.Request, p.Address); err != nil {
				return fmt.Errorf("forget the failures of an earlier round: %w", err)
			}
		}
		return t.storeProgress(ctx, l.Request, p)
	})
}

// Chunk is described in fulfill.Work. A chunk that is stored again replaces
// the one with its number.
func (w *Work) Chunk(ctx context.Context, l request.Lease, c request.Chunk) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error { return t.storeChunk(ctx, l.Request, c) })
}

func (t *tx) storeChunk(ctx context.Context, id string, c request.Chunk) error {
	if _, err := t.exec(ctx, `
		INSERT INTO request_chunks (tenant, request, address, round, n, rows, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (tenant, request, address, round, n) DO UPDATE SET rows = excluded.rows, sealed = excluded.sealed`,
		t.tenant, id, c.Address, t.round, c.N, c.Rows, c.Sealed); err != nil {
		return fmt.Errorf("store a chunk: %w", err)
	}
	t.growth.bulk += len(c.Sealed)
	return nil
}

// Save is described in fulfill.Work. The line gets its number and its time
// here. It adds: after ErrUnknown, look at Progress before saving again.
func (w *Work) Save(ctx context.Context, l request.Lease, p request.Progress, outcomes []request.FieldOutcome, line request.LogLine, rest ...request.Chunk) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, now int64) error {
		p := p
		if p.Ended.IsZero() && p.Status != request.Pending && p.Status != request.Running {
			p.Ended = instant(now)
		}
		for _, c := range rest {
			if err := t.storeChunk(ctx, l.Request, c); err != nil {
				return err
			}
		}
		if err := t.storeProgress(ctx, l.Request, p); err != nil {
			return err
		}
		for _, o := range outcomes {
			if _, err := t.exec(ctx, `
				INSERT INTO request_outcomes (tenant, request, address, field, status, reason, rows)
				VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (tenant, request, address, field, status, reason)
				DO UPDATE SET rows = request_outcomes.rows + excluded.rows`,
				l.Tenant, l.Request, o.Address, o.Field, o.Status, readable(o.Reason), o.Rows); err != nil {
				return fmt.Errorf("store the outcome of a field: %w", err)
			}
		}
		return t.append(ctx, l.Request, now, line)
	})
}

// append adds a line to the execution log of a request, with the time at which
// the attempt began.
func (t *tx) append(ctx context.Context, id string, now int64, line request.LogLine) error {
	fields, err := json.Marshal(append([]string{}, line.Fields...))
	if err != nil {
		return fmt.Errorf("append to the execution log: %w", err)
	}
	calls, err := json.Marshal(append([]request.Call{}, line.Calls...))
	if err != nil {
		return fmt.Errorf("append to the execution log: %w", err)
	}
	if _, err := t.exec(ctx, `
		INSERT INTO request_log (tenant, request, seq, at, address, action, status, attempt, message, rows, round, rows_read, rows_masked, fields, calls, started)
		SELECT $1, $2, COALESCE(MAX(seq), 0) + 1, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $12, $13, COALESCE((
			SELECT started FROM request_progress WHERE tenant = $1 AND request = $2 AND round = $9 AND address = $4 AND action = $5), 0)
		FROM request_log WHERE tenant = $1 AND request = $2`,
		t.tenant, id, now, line.Address, line.Action, line.Status, line.Attempt, readable(line.Message),
		t.round, line.RowsRead, line.RowsMasked, readable(string(fields)), readable(string(calls))); err != nil {
		return fmt.Errorf("append to the execution log: %w", err)
	}
	return nil
}

// Intend is described in fulfill.Work. An intent that stands already is not
// logged again.
func (w *Work) Intend(ctx context.Context, l request.Lease, p request.Progress, entry audit.Entry) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, now int64) error {
		p := p
		var stands int64
		err := t.row(ctx, `
			SELECT intent FROM request_progress
			WHERE tenant = $1 AND request = $2 AND address = $3 AND action = $4 AND round = $5`,
			l.Tenant, l.Request, p.Address, request.Erasure, t.round).Scan(&stands)
		if errors.Is(err, sql.ErrNoRows) {
			p.Started = instant(now)
		} else if err != nil {
			return fmt.Errorf("intend: %w", err)
		}
		if p.Intent <= stands {
			return nil
		}
		if err := t.storeProgress(ctx, l.Request, p); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// Audit appends an entry that stands for itself.
func (w *Work) Audit(ctx context.Context, l request.Lease, entry audit.Entry) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error { return t.log(ctx, entry) })
}

var intoReservations = into("reservations", "request text, address text, rows bigint, at bigint", `
	ON CONFLICT (tenant, request, address) DO UPDATE SET rows = excluded.rows, at = excluded.at`)

// Reserve is described in fulfill.Work. A collection that turns out to have
// more rows than were reserved for it is judged anew, by all of them.
func (w *Work) Reserve(ctx context.Context, l request.Lease, rows map[string]int64, perHour int64) (ok bool, err error) {
	err = w.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error {
		ok = false
		// One after the other, so that two cannot count on the same rest.
		if err := t.row(ctx, `SELECT created FROM tenants WHERE tenant = $1 {lock}`, l.Tenant).Scan(new(int64)); err != nil {
			return fmt.Errorf("reserve rows: %w", err)
		}
		var now, taken, wanted int64
		if err := t.row(ctx, `
			SELECT {now}, CAST(COALESCE(SUM(rows), 0) AS bigint) FROM reservations
			WHERE tenant = $1 AND at > {now} - $2 AND request <> $3`,
			l.Tenant, time.Hour.Microseconds(), l.Request).Scan(&now, &taken); err != nil {
			return fmt.Errorf("reserve rows: %w", err)
		}
		grown := maps.Clone(rows)
		if err := t.each(ctx, func(row scanner) error {
			var address string
			var reserved, at int64
			err := row.Scan(&address, &reserved, &at)
			if grown[address] <= reserved {
				delete(grown, address)
				if at > now-time.Hour.Microseconds() {
					taken += reserved
				}
			}
			return err
		}, `SELECT address, rows, at FROM reservations WHERE tenant = $1 AND request = $2`, l.Tenant, l.Request); err != nil {
			return fmt.Errorf("reserve rows: %w", err)
		}
		var reserve [][]any
		for _, address := range slices.Sorted(maps.Keys(grown)) {
			wanted += grown[address]
			reserve = append(reserve, []any{l.Request, address, grown[address], now})
		}
		if wanted > 0 && wanted > perHour-taken {
			return nil
		}
		ok = true
		if err := t.all(ctx, t.fill(intoReservations, l.Tenant, reserve)); err != nil {
			return fmt.Errorf("reserve rows: %w", err)
		}
		return nil
	})
	return ok && err == nil, err
}

const progressColumns = `address, action, status, attempt, position, intent, rows_read, rows_matched, rows_masked,
	rows_already, rows_failed, rows_residue, message, started, ended, round`

func (t *tx) storeProgress(ctx context.Context, id string, p request.Progress) error {
	reckoned := p.Took > 0 && p.Started.IsZero() && !p.Ended.IsZero()
	if reckoned {
		p.Started = p.Ended.Add(-p.Took)
	}
	if _, err := t.exec(ctx, `
		INSERT INTO request_progress (tenant, request, `+progressColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
		ON CONFLICT (tenant, request, round, address, action) DO UPDATE SET
			status = excluded.status, attempt = excluded.attempt, position = excluded.position, intent = excluded.intent,
			rows_read = excluded.rows_read, rows_matched = excluded.rows_matched, rows_masked = excluded.rows_masked,
			rows_already = excluded.rows_already, rows_failed = excluded.rows_failed, rows_residue = excluded.rows_residue,
			message = excluded.message, ended = excluded.ended,
			started = CASE WHEN excluded.started = 0 OR $19 AND request_progress.started <> 0 AND request_progress.attempt = excluded.attempt
				THEN request_progress.started ELSE excluded.started END`,
		t.tenant, id, p.Address, p.Action, p.Status, p.Attempt, p.Position, p.Intent, p.RowsRead, p.RowsMatched, p.RowsMasked,
		p.RowsAlready, p.RowsFailed, p.RowsResidue, readable(p.Message), micros(p.Started), micros(p.Ended), t.round, reckoned); err != nil {
		return fmt.Errorf("store progress: %w", err)
	}
	return nil
}
