package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
)

// Propagation keeps what becomes of choices at connections: one row for each
// record and connection.
//
//	Plan    the ledger, behind a cursor -> rows, pending or skipped
//	Begin   pending -> sending, with an attempt
//	Settle  sending -> an outcome, or pending again
//
// Whatever changes rows locks the end of the tenant's log first, so that in a
// tenant one comes after the other, and after the choices. And each change is a
// statement that says from which status and attempt it goes; what it did not change
// has no act either.
type Propagation struct{ db *DB }

var _ propagate.Store = (*Propagation)(nil)

// Propagation gives access to what becomes of choices at connections.
func (db *DB) Propagation() *Propagation { return &Propagation{db} }

// delivery is a row. Known says that the outcome of its last attempt is.
type delivery struct {
	propagate.Delivery
	known bool
}

const deliveryColumns = `seq, connection, system, record, subject, purpose, choice, status, reason, attempt, keyed, known, due, at, updated`

const selectDeliveries = `SELECT ` + deliveryColumns + ` FROM deliveries`

func scanDelivery(tenant string) func(scanner) (delivery, error) {
	return func(s scanner) (d delivery, err error) {
		var id string
		var known, due, at, updated int64
		if err := s.Scan(&d.Sequence, &d.Connection, &d.System, &d.Record, &id, &d.Purpose, &d.Choice, &d.Status, &d.Reason,
			&d.Attempt, &d.Keyed, &known, &due, &at, &updated); err != nil {
			return d, err
		}
		d.Tenant, d.known, d.Due, d.At, d.Updated = tenant, known == 1, instant(due), instant(at), instant(updated)
		d.Subject, err = consent.ParseSubjectID(id)
		return d, err
	}
}

func (d delivery) row() []any {
	return []any{
		d.Sequence, d.Connection, d.System, d.Record, d.Subject.String(), d.Purpose, string(d.Choice), number(!d.OptOut()),
		string(d.Status), string(d.Reason), int64(d.Attempt), int64(d.Keyed), number(d.known), micros(d.Due), micros(d.At), micros(d.Updated),
	}
}

const deliveryTypes = "seq bigint, connection text, system text, record text, subject text, purpose text, choice text, grants bigint, " +
	"status text, reason text, attempt bigint, keyed bigint, known bigint, due bigint, at bigint, updated bigint"

// The changes of rows that stand, by what must stand. They are written as
// insertions because those find each row by its key, however many there are and
// whatever a database knows of the table.
var (
	intoDeliveries = into("deliveries", deliveryTypes, " ON CONFLICT DO NOTHING RETURNING seq, connection")
	intoSending    = changing(`deliveries.status IN ('pending', 'sending') AND deliveries.attempt = excluded.attempt - 1`)
	intoSettled    = changing(`deliveries.status = 'sending' AND deliveries.attempt = excluded.attempt`)
	intoUnsent     = changing(`deliveries.status IN ('pending', 'sending') AND deliveries.attempt = excluded.attempt`)
	intoPassed     = changing(`deliveries.status = 'pending' AND deliveries.attempt = excluded.attempt`)
	intoRetried    = changing(`deliveries.status IN ('partial', 'error', 'skipped') AND deliveries.attempt = excluded.attempt`)
)

func changing(stands string) *insertion {
	return into("deliveries", deliveryTypes, ` ON CONFLICT (tenant, seq, connection) DO UPDATE SET status = excluded.status, reason = excluded.reason,
		attempt = excluded.attempt, keyed = excluded.keyed, known = excluded.known, due = excluded.due, updated = excluded.updated
		WHERE `+stands+` RETURNING seq, connection`)
}

// place is where the row of a delivery is.
type place struct {
	seq        int64
	connection string
}

// move is a row as it is to be, and what its act says.
type move struct {
	delivery
	from    propagate.Status
	details map[string]any
}

// change makes d what became of it. It fails where that cannot follow.
func (d delivery) change(to propagate.Status, reason propagate.Reason, now time.Time) (move, error) {
	m := move{delivery: d, from: d.Status, details: map[string]any{}}
	if _, err := d.Status.To(to); err != nil {
		return m, err
	}
	m.Status, m.Reason, m.Due, m.Updated = to, reason, time.Time{}, now
	return m, nil
}

// become stores rows that have changed, and gives those that did: each has an act,
// and the others stand otherwise than was thought.
func (t *tx) become(ctx context.Context, into *insertion, all []move) (moved []move, err error) {
	rows := make([][]any, len(all))
	for i, m := range all {
		rows[i] = m.row()
	}
	did, err := t.put(ctx, into, rows)
	if err != nil {
		return nil, err
	}
	moved = slices.DeleteFunc(all, func(m move) bool { return !did[place{m.Sequence, m.Connection}] })
	entries := make([]audit.Entry, len(moved))
	for i, m := range moved {
		act, err := m.from.To(m.Status)
		if err != nil {
			return nil, err
		}
		if m.Reason != "" {
			m.details["reason"] = m.Reason
		}
		if m.Attempt > 0 {
			m.details["attempt"] = m.Attempt
		}
		entries[i] = audit.Entry{Act: act, Object: m.Object(), Details: m.details}
	}
	return moved, t.logAll(ctx, entries)
}

// put stores rows, and gives the places of those that were.
func (t *tx) put(ctx context.Context, into *insertion, rows [][]any) (map[place]bool, error) {
	did := map[place]bool{}
	all := t.fill(into, t.tenant, rows)
	for i := range all {
		all[i].rows = func(s scanner) error {
			var p place
			err := s.Scan(&p.seq, &p.connection)
			did[p] = true
			return err
		}
	}
	if err := t.all(ctx, all); err != nil {
		return nil, fmt.Errorf("store deliveries: %w", err)
	}
	return did, nil
}

// lockLog locks the end of the tenant's log, and gives it with the time.
func (t *tx) lockLog(ctx context.Context) (size int64, now time.Time, err error) {
	size, at, err := t.growth.next(ctx, t, t.tenant)
	if err != nil {
		return 0, now, fmt.Errorf("lock the log: %w", err)
	}
	return size, instant(at), nil
}

// listed writes a list for a column.
func listed(all any) (string, error) {
	text, err := json.Marshal(all)
	if err != nil {
		return "", errors.New("a list of a delivery cannot be written")
	}
	return readable(string(text)), nil
}
