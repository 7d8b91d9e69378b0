package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
)

// shownDeliveries are rows with what was sent with the last attempt.
const shownDeliveries = shownRows + shownAttempts

const shownRows = `SELECT d.seq, d.connection, d.system, d.record, d.subject, d.purpose, d.choice, d.status, d.reason,
	d.attempt, d.keyed, d.known, d.due, d.at, d.updated, COALESCE(a.sent, '[]'), COALESCE(a.calls, '[]')
	FROM deliveries d`

const shownAttempts = ` LEFT JOIN delivery_attempts a ON a.tenant = d.tenant AND a.seq = d.seq AND a.connection = d.connection AND a.attempt = d.attempt`

func scanShown(tenant string) func(scanner) (propagate.Delivery, error) {
	scan := scanDelivery(tenant)
	return func(s scanner) (propagate.Delivery, error) {
		var sent, calls string
		d, err := scan(besides{s, []any{&sent, &calls}})
		if err == nil {
			err = errors.Join(json.Unmarshal([]byte(sent), &d.Sent), json.Unmarshal([]byte(calls), &d.Calls))
		}
		return d.Delivery, err
	}
}

// List gives the deliveries that a filter lets through, the newest change first. A
// change is never cut in two: there may be some more than the limit.
func (p *Propagation) List(ctx context.Context, tenant string, f propagate.Filter) ([]propagate.Delivery, error) {
	from, b := filtered(tenant, f)
	all, err := collect(ctx, p.db.engine, scanShown(tenant), from+b.text+fmt.Sprintf(" ORDER BY d.seq DESC, d.connection LIMIT $%d", len(b.args)+1),
		append(slices.Clone(b.args), f.Limit)...)
	if err == nil && f.Limit > 0 && len(all) == f.Limit {
		last := all[len(all)-1]
		b.and("d.seq = ? AND d.connection > ?", last.Sequence, last.Connection)
		var rest []propagate.Delivery
		rest, err = collect(ctx, p.db.engine, scanShown(tenant), shownDeliveries+b.text+" ORDER BY d.connection", b.args...)
		all = append(all, rest...)
	}
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return all, nil
}

// filtered is what a filter lets through. Where an index leads to few rows it is
// named: SQLite would go through all, because those are in the order of the list.
func filtered(tenant string, f propagate.Filter) (from string, b *conditions) {
	index := ""
	switch {
	case f.Record != "":
		index = " {index deliveries_by_record}"
	case f.Subject != "":
		index = " {index deliveries_by_subject}"
	case f.Connection != "" && len(f.Statuses) == 1:
		index = " {index deliveries_by_connection}"
	}
	b = &conditions{text: " WHERE d.tenant = $1", args: []any{tenant}}
	for _, c := range []struct{ condition, value string }{
		{"d.connection = ?", f.Connection}, {"d.system = ?", f.System}, {"d.purpose = ?", f.Purpose}, {"d.record = ?", f.Record}, {"d.subject = ?", f.Subject},
	} {
		if c.value != "" {
			b.and(c.condition, c.value)
		}
	}
	if len(f.Statuses) > 0 {
		var statuses []any
		for _, s := range f.Statuses {
			statuses = append(statuses, string(s))
		}
		b.and("d.status IN (?"+strings.Repeat(", ?", len(statuses)-1)+")", statuses...)
	}
	if f.Before > 0 {
		b.and("d.seq < ?", f.Before)
	}
	return shownRows + index + shownAttempts, b
}

// Change gives what became of a change everywhere; propagate.ErrNotFound where there
// is no delivery of it, nor one of another platform.
func (p *Propagation) Change(ctx context.Context, tenant, record string) (propagate.View, error) {
	v := propagate.View{Statuses: map[string]propagate.Status{}, Systems: map[string]propagate.Status{}, Legacy: map[string]propagate.Status{}}
	scan := scanShown(tenant)
	of := map[string][]propagate.Status{}
	err := p.db.engine.all(ctx, []statement{
		{`SELECT l.key, l.status, l.seq, l.record, l.subject, l.purpose, l.choice, l.changed, COALESCE(s.key, '')
			FROM delivery_legacy l LEFT JOIN systems s ON s.tenant = l.tenant AND s.key = l.key
			WHERE l.tenant = $1 AND l.record = $2`, []any{tenant, record}, func(s scanner) error {
			var key, system, id string
			var status propagate.Status
			var at int64
			if err := s.Scan(&key, &status, &v.Sequence, &v.Record, &id, &v.Purpose, &v.Choice, &at, &system); err != nil {
				return err
			}
			v.Statuses[key], v.Legacy[key] = status, status
			if system != "" {
				of[system] = append(of[system], status)
			}
			v.Tenant, v.At = tenant, instant(at)
			var err error
			v.Subject, err = consent.ParseSubjectID(id)
			return err
		}},
		{shownDeliveries + ` WHERE d.tenant = $1 AND d.record = $2 ORDER BY d.connection`, []any{tenant, record}, func(s scanner) error {
			d, err := scan(s)
			v.Change, v.Rows = d.Change, append(v.Rows, d)
			v.Statuses[d.Connection] = d.Status
			if d.System != "" {
				of[d.System] = append(of[d.System], d.Status)
			}
			return err
		}},
	})
	if err != nil {
		return v, fmt.Errorf("read what became of a change: %w", err)
	}
	if len(v.Statuses) == 0 {
		return v, propagate.ErrNotFound
	}
	for system, statuses := range of {
		v.Systems[system] = propagate.RollUp(statuses...)
	}
	return v, nil
}

// Attempts gives the tries of a delivery, the first one first.
func (p *Propagation) Attempts(ctx context.Context, tenant, record, connection string) ([]propagate.Attempt, error) {
	all, err := collect(ctx, p.db.engine, func(s scanner) (a propagate.Attempt, err error) {
		var at, took int64
		var sent, calls string
		d := propagate.Delivery{Change: propagate.Change{Tenant: tenant, Record: record}, Connection: connection}
		if err := s.Scan(&a.Number, &at, &took, &a.Status, &a.Reason, &a.Message, &d.Keyed, &sent, &calls); err != nil {
			return a, err
		}
		a.At, a.Took, a.Key, a.Repeats = instant(at), time.Duration(max(0, took))*time.Microsecond, d.Key(), d.Keyed != a.Number
		return a, errors.Join(json.Unmarshal([]byte(sent), &a.Sent), json.Unmarshal([]byte(calls), &a.Calls))
	}, `SELECT a.attempt, a.at, a.took, a.status, a.reason, a.message, a.keyed, a.sent, a.calls
		FROM deliveries d JOIN delivery_attempts a ON a.tenant = d.tenant AND a.seq = d.seq AND a.connection = d.connection
		WHERE d.tenant = $1 AND d.record = $2 AND d.connection = $3 ORDER BY a.attempt`, tenant, record, connection)
	if err != nil {
		return nil, fmt.Errorf("read the attempts of a delivery: %w", err)
	}
	return all, nil
}

// Latest gives the newest choice of a person about a purpose, and its deliveries by
// connection: none where it is not planned yet, or was made before a connection was
// there. It fails with consent.ErrNotFound where nothing was chosen, or the person
// was erased.
func (p *Propagation) Latest(ctx context.Context, tenant string, person consent.SubjectID, purpose string) (propagate.Change, []propagate.Delivery, error) {
	found, err := collect(ctx, p.db.engine, func(s scanner) (propagate.Change, error) { return scanChange(s, tenant) }, `
		SELECT r.seq, r.id, r.subject, r.purpose, r.choice, r.at FROM consent_state s JOIN consent_records r ON r.tenant = s.tenant AND r.seq = s.seq
		WHERE s.tenant = $1 AND s.subject = $2 AND s.purpose = $3`, tenant, person.String(), purpose)
	if err != nil {
		return propagate.Change{}, nil, fmt.Errorf("read the latest choice: %w", err)
	}
	if len(found) == 0 {
		return propagate.Change{}, nil, consent.ErrNotFound
	}
	all, err := collect(ctx, p.db.engine, scanShown(tenant), shownDeliveries+` WHERE d.tenant = $1 AND d.seq = $2 ORDER BY d.connection`, tenant, found[0].Sequence)
	if err != nil {
		return propagate.Change{}, nil, fmt.Errorf("read the latest choice: %w", err)
	}
	return found[0], all, nil
}

// Since tells from which sequence on changes are sent to each connection.
func (p *Propagation) Since(ctx context.Context, tenant string) (map[string]int64, error) {
	lanes := map[string]int64{}
	if err := p.db.engine.all(ctx, []statement{readLanes(tenant, lanes)}); err != nil {
		return nil, fmt.Errorf("read since when connections are sent to: %w", err)
	}
	return lanes, nil
}

// Lanes tells how each connection stands that takes choices.
func (p *Propagation) Lanes(ctx context.Context, tenant string) ([]propagate.LaneState, error) {
	var all []propagate.LaneState
	of, oldest := map[string]int{}, map[place]bool{}
	var first []int64
	err := p.db.engine.all(ctx, []statement{
		{`SELECT l.connection, COALESCE(k.system, ''), l.failing, l.quiet, l.since
			FROM delivery_lanes l LEFT JOIN connection_links k ON k.tenant = l.tenant AND k.connection = l.connection
			WHERE l.tenant = $1 ORDER BY l.connection`, []any{tenant}, func(s scanner) error {
			l := propagate.LaneState{Counts: map[propagate.Status]int64{}}
			var quiet int64
			err := s.Scan(&l.Connection, &l.System, &l.Failing, &quiet, &l.Since)
			l.Quiet, of[l.Connection] = instant(quiet), len(all)
			all = append(all, l)
			return err
		}},
		{`SELECT connection, status, COUNT(*), MIN(seq) FROM deliveries WHERE tenant = $1 GROUP BY status, connection`, []any{tenant}, func(s scanner) error {
			var connection string
			var status propagate.Status
			var n, seq int64
			err := s.Scan(&connection, &status, &n, &seq)
			if i, ok := of[connection]; ok {
				all[i].Counts[status] = n
				if status == propagate.Pending || status == propagate.Sending {
					first, oldest[place{seq, connection}] = append(first, seq), true
				}
			}
			return err
		}},
	})
	if err == nil && len(first) > 0 {
		err = p.db.engine.each(ctx, func(s scanner) error {
			var at place
			var chosen int64
			err := s.Scan(&at.seq, &at.connection, &chosen)
			if l := of[at.connection]; oldest[at] && (all[l].Oldest.IsZero() || instant(chosen).Before(all[l].Oldest)) {
				all[l].Oldest = instant(chosen)
			}
			return err
		}, `SELECT seq, connection, at FROM deliveries WHERE tenant = $1 AND seq {among $2}`, tenant, first)
	}
	if err != nil {
		return nil, fmt.Errorf("read how connections stand: %w", err)
	}
	return all, nil
}
