package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/taxonomy"
)

// Plan implements propagate.Store.
func (p *Propagation) Plan(ctx context.Context, tenant string, targets []propagate.Target, limit int) (more bool, err error) {
	seen, err := p.seen(ctx, tenant, targets, limit)
	if err != nil {
		return false, fmt.Errorf("read changes to plan: %w", err)
	}
	if seen.nothing(targets) {
		return false, nil
	}
	err = p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		more, err = p.plan(ctx, t, seen, targets, limit)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("plan deliveries: %w", err)
	}
	return more, nil
}

// seen is what there is to plan, as it was read before anything was locked.
type seen struct {
	cursor  int64            // -1: nothing was planned yet
	lanes   map[string]int64 // since when, by connection
	changes []propagate.Change
	foreign []legacy // pending entries of another platform
}

// nothing says that all is planned.
func (s seen) nothing(targets []propagate.Target) bool {
	for _, t := range targets {
		if _, ok := s.lanes[t.Key]; !ok {
			return false
		}
	}
	return len(s.changes) == 0 && len(s.foreign) == 0 && len(s.gone(targets)) == 0
}

// gone are the connections that take no choices any more.
func (s seen) gone(targets []propagate.Target) (gone []string) {
	for _, connection := range slices.Sorted(maps.Keys(s.lanes)) {
		if !slices.ContainsFunc(targets, func(t propagate.Target) bool { return t.Key == connection }) {
			gone = append(gone, connection)
		}
	}
	return gone
}

func (p *Propagation) seen(ctx context.Context, tenant string, targets []propagate.Target, limit int) (seen, error) {
	s, scan := seen{cursor: -1, lanes: map[string]int64{}}, scanLegacy(tenant)
	err := p.db.engine.all(ctx, []statement{
		{`SELECT seq FROM delivery_cursors WHERE tenant = $1`, []any{tenant}, func(row scanner) error { return row.Scan(&s.cursor) }},
		readLanes(tenant, s.lanes),
		{`SELECT r.seq, r.id, r.subject, r.purpose, r.choice, r.at FROM delivery_cursors c JOIN consent_records r ON r.tenant = c.tenant AND r.seq >= c.seq
			WHERE c.tenant = $1 ORDER BY r.seq LIMIT $2`, []any{tenant, limit}, func(row scanner) error {
			c, err := scanChange(row, tenant)
			s.changes = append(s.changes, c)
			return err
		}},
		{pendingLegacy, []any{tenant, keysOf(targets)}, func(row scanner) error {
			e, err := scan(row)
			s.foreign = append(s.foreign, e)
			return err
		}},
	})
	return s, err
}

func scanChange(row scanner, tenant string) (c propagate.Change, err error) {
	var id string
	var at int64
	if err := row.Scan(&c.Sequence, &c.Record, &id, &c.Purpose, &c.Choice, &at); err != nil {
		return c, err
	}
	c.Tenant, c.At = tenant, instant(at)
	c.Subject, err = consent.ParseSubjectID(id)
	return c, err
}

func (p *Propagation) plan(ctx context.Context, t *tx, s seen, targets []propagate.Target, limit int) (more bool, err error) {
	size, now, err := t.lockLog(ctx)
	if err != nil {
		return false, err
	}
	if s.lanes, err = t.openLanes(ctx, s, targets, size); err != nil {
		return false, err
	}
	for _, connection := range s.gone(targets) {
		left, err := t.closeLane(ctx, connection, limit, now)
		if err != nil {
			return false, err
		}
		more = more || left
	}
	foreign := s.foreign[:min(limit, len(s.foreign))]
	more = more || len(foreign) < len(s.foreign) || len(s.changes) == limit
	if len(s.changes) > 0 {
		moved, err := t.exec(ctx, `UPDATE delivery_cursors SET seq = $3 WHERE tenant = $1 AND seq = $2`, t.tenant, s.cursor, s.changes[len(s.changes)-1].Sequence+1)
		if err != nil || moved == 0 { // another was quicker
			return true, err
		}
	}
	rules, err := p.db.Consents().rulesIn(ctx, t, t.tenant)
	if err != nil {
		return false, err
	}
	if err := t.supersede(ctx, s.changes, now); err != nil {
		return false, err
	}
	entries, err := t.entriesOf(ctx, s.changes, foreign)
	if err != nil {
		return false, err
	}
	if err := t.route(ctx, s.route(targets, rules, ended(entries, targets), now)); err != nil {
		return false, err
	}
	return more, p.normalise(ctx, t, entries, targets, now)
}

// openLanes begins a lane for each connection that was not seen before, and the
// cursor with the first of all, and gives all lanes as they are now. What is in the
// log by now is not for the new ones.
func (t *tx) openLanes(ctx context.Context, s seen, targets []propagate.Target, size int64) (lanes map[string]int64, err error) {
	var rows [][]any
	for _, target := range targets {
		if _, ok := s.lanes[target.Key]; !ok {
			rows = append(rows, []any{target.Key, size, int64(0), int64(0), "", int64(0), int64(0)})
		}
	}
	all := t.fill(intoLanes, t.tenant, rows)
	if s.cursor < 0 {
		all = append(all, statement{text: `INSERT INTO delivery_cursors (tenant, seq) VALUES ($1, $2) ON CONFLICT DO NOTHING`, args: []any{t.tenant, size}})
	}
	lanes = map[string]int64{}
	if err := t.all(ctx, append(all, readLanes(t.tenant, lanes))); err != nil {
		return nil, fmt.Errorf("begin lanes: %w", err)
	}
	return lanes, nil
}

// readLanes reads since when there are lanes.
func readLanes(tenant string, lanes map[string]int64) statement {
	return statement{`SELECT connection, since FROM delivery_lanes WHERE tenant = $1`, []any{tenant}, func(row scanner) error {
		var connection string
		var since int64
		err := row.Scan(&connection, &since)
		lanes[connection] = since
		return err
	}}
}

var intoLanes = into("delivery_lanes", "connection text, since bigint, failing bigint, quiet bigint, lease_owner text, lease_until bigint, fence bigint", " ON CONFLICT DO NOTHING")

// pair is what of two deliveries the newer one supersedes.
type pair struct {
	connection string
	about
}

func (d delivery) pair() pair { return pair{d.Connection, about{d.Subject, d.Purpose}} }

// route makes the rows of changes, in their order. What is over elsewhere is over
// here too.
func (s seen) route(targets []propagate.Target, rules *consent.Rules, over map[place]propagate.Status, now time.Time) []delivery {
	var all []delivery
	newest := map[pair]int{}
	for _, c := range s.changes {
		for _, target := range targets {
			since, known := s.lanes[target.Key]
			if !known || c.Sequence < since {
				continue
			}
			d := planned(c, target, rules, now)
			if status, ok := over[place{c.Sequence, target.Key}]; ok {
				d.Status, d.Reason, d.Due = status, propagate.Legacy, time.Time{}
			}
			if i, ok := newest[d.pair()]; ok && all[i].Status == propagate.Pending {
				all[i].Status, all[i].Reason, all[i].Due = propagate.Superseded, propagate.Newer, time.Time{}
			}
			newest[d.pair()] = len(all)
			all = append(all, d)
		}
	}
	return all
}

// planned is the row of a change at a target, as it begins.
func planned(c propagate.Change, target propagate.Target, rules *consent.Rules, now time.Time) delivery {
	d := delivery{Delivery: propagate.Delivery{Change: c, Connection: target.Key, System: target.System, Updated: now}, known: true}
	d.Status, d.Reason = propagate.Route(c, target, usesOf(rules, c.Purpose))
	if d.Status == propagate.Pending && target.Schedule.Every > 0 {
		d.Due = target.Schedule.Next(c.At)
	}
	return d
}

func usesOf(rules *consent.Rules, purpose string) (uses []taxonomy.Use) {
	if p := rules.Purpose(purpose); p != nil {
		for _, use := range p.Uses {
			uses = append(uses, taxonomy.Use(use))
		}
	}
	return uses
}

// route stores new rows, with one act for each change.
func (t *tx) route(ctx context.Context, all []delivery) error {
	rows := make([][]any, len(all))
	for i, d := range all {
		rows[i] = d.row()
	}
	did, err := t.put(ctx, intoDeliveries, rows)
	if err != nil {
		return err
	}
	var entries []audit.Entry
	var statuses map[string]propagate.Status
	var of int64 = -1
	for _, d := range all {
		if !did[place{d.Sequence, d.Connection}] {
			continue
		}
		if d.Sequence != of {
			of, statuses = d.Sequence, map[string]propagate.Status{}
			entries = append(entries, audit.Entry{Act: "delivery.plan", Object: "change/" + d.Record, Details: map[string]any{"statuses": statuses}})
		}
		statuses[d.Connection] = d.Status
	}
	return t.logAll(ctx, entries)
}

const waitingAbout = selectDeliveries + ` {index deliveries_pending_by_subject} WHERE status = 'pending' AND tenant = $1 AND subject {in $2}`

// supersede ends what waits about the same people and purposes, at whatever
// connection.
func (t *tx) supersede(ctx context.Context, changes []propagate.Change, now time.Time) error {
	newest := map[about]int64{}
	var people []string
	for _, c := range changes {
		newest[about{c.Subject, c.Purpose}] = c.Sequence
		people = append(people, c.Subject.String())
	}
	waiting, err := collect(ctx, t, scanDelivery(t.tenant), waitingAbout, t.tenant, people)
	if err != nil {
		return fmt.Errorf("find what is superseded: %w", err)
	}
	var moves []move
	for _, d := range waiting {
		if d.Sequence >= newest[d.pair().about] {
			continue
		}
		m, err := d.change(propagate.Superseded, propagate.Newer, now)
		if err != nil {
			return err
		}
		moves = append(moves, m)
	}
	_, err = t.become(ctx, intoPassed, moves)
	return err
}

// closeLane ends what waits for a connection that is no longer there, up to limit
// deliveries, and then its lane; what nobody is sending any more has failed. It says
// whether some are left.
func (t *tx) closeLane(ctx context.Context, connection string, limit int, now time.Time) (more bool, err error) {
	waiting, err := collect(ctx, t, scanDelivery(t.tenant), selectDeliveries+` {index deliveries_pending} WHERE tenant = $1 AND connection = $2 AND status = 'pending' ORDER BY grants, due, seq LIMIT $3`,
		t.tenant, connection, limit)
	if err != nil {
		return false, fmt.Errorf("find what waits for a connection: %w", err)
	}
	if err := t.remove(ctx, waiting, propagate.Skipped, now); err != nil || len(waiting) == limit {
		return true, err
	}
	var held int64
	if err := t.row(ctx, `SELECT COUNT(*) FROM delivery_lanes WHERE tenant = $1 AND connection = $2 AND lease_owner <> '' AND lease_until > {now}`,
		t.tenant, connection).Scan(&held); err != nil || held > 0 {
		return false, err
	}
	left, err := collect(ctx, t, scanDelivery(t.tenant), selectDeliveries+` {index deliveries_sending} WHERE tenant = $1 AND connection = $2 AND status = 'sending' ORDER BY grants, seq`,
		t.tenant, connection)
	if err != nil {
		return false, fmt.Errorf("find what was being sent: %w", err)
	}
	if err := t.remove(ctx, left, propagate.Failed, now); err != nil {
		return false, err
	}
	if _, err := t.exec(ctx, `DELETE FROM delivery_lanes WHERE tenant = $1 AND connection = $2`, t.tenant, connection); err != nil {
		return false, fmt.Errorf("end a lane: %w", err)
	}
	return false, nil
}

func (t *tx) remove(ctx context.Context, all []delivery, to propagate.Status, now time.Time) error {
	var moves []move
	for _, d := range all {
		m, err := d.change(to, propagate.Removed, now)
		if err != nil {
			return err
		}
		moves = append(moves, m)
	}
	_, err := t.become(ctx, intoUnsent, moves)
	return err
}
