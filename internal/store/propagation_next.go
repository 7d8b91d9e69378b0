package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"volenti.dev/volenti/consent/propagate"
)

// What a lane has to do. Each query reads from the front of an index, so that what
// waits behind costs nothing; the clock stands in a query of its own, or PostgreSQL
// would read it again for each row, and all of them. What was put off comes in the
// order of its time.
const (
	leftSending = selectDeliveries + ` {index deliveries_sending} WHERE tenant = $1 AND connection = $2 AND status = 'sending' ORDER BY grants, seq LIMIT $3`
	dueAtOnce   = selectDeliveries + ` {index deliveries_pending} WHERE tenant = $1 AND connection = $2 AND status = 'pending' AND grants = $4 AND due = 0 ORDER BY seq LIMIT $3`
	duePutOff   = selectDeliveries + ` {index deliveries_pending} WHERE tenant = $1 AND connection = $2 AND status = 'pending' AND grants = $4 AND due > 0 AND due <= (SELECT {now}) ORDER BY due, seq LIMIT $3`
	dueLater    = `SELECT due FROM deliveries {index deliveries_pending} WHERE tenant = $1 AND connection = $2 AND status = 'pending' AND grants = $3 AND due > (SELECT {now}) ORDER BY due LIMIT 1`
	selectNow   = `SELECT {now}`
	busyPairs   = selectDeliveries + ` WHERE tenant = $1 AND connection = $2 AND seq {among $3}`
)

// Next implements propagate.Store.
func (p *Propagation) Next(ctx context.Context, l propagate.Lane, busy []propagate.Ref, limit int) (due []propagate.Delivery, next time.Time, err error) {
	taken, under := map[pair]bool{}, map[int64]bool{}
	sequences := make([]int64, len(busy))
	for i, ref := range busy {
		sequences[i], under[ref.Sequence] = ref.Sequence, true
	}
	scan := scanDelivery(l.Tenant)
	var left, pending []delivery
	into := func(all *[]delivery) func(scanner) error {
		return func(s scanner) error {
			d, err := scan(s)
			*all = append(*all, d)
			return err
		}
	}
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	later := func(s scanner) error {
		var at int64
		err := s.Scan(&at)
		sooner(instant(at))
		return err
	}
	var now int64
	// There are at most as many that cannot be taken as are being sent.
	enough := 2*limit + 2*len(busy)
	// The clock goes on from query to query. All are held to the first of them, or what
	// is due at one time would be begun in parts; and what becomes due in between was
	// either read as later or is read as due now.
	all := []statement{
		{selectNow, nil, func(s scanner) error { return s.Scan(&now) }},
		{leftSending, []any{l.Tenant, l.Connection, limit + len(busy)}, into(&left)},
	}
	for grants := range 2 {
		all = append(all,
			statement{dueLater, []any{l.Tenant, l.Connection, grants}, later},
			statement{dueAtOnce, []any{l.Tenant, l.Connection, enough, grants}, into(&pending)},
			statement{duePutOff, []any{l.Tenant, l.Connection, enough, grants}, into(&pending)})
	}
	if len(busy) > 0 {
		all = append(all, statement{busyPairs, []any{l.Tenant, l.Connection, sequences}, func(s scanner) error {
			d, err := scan(s)
			taken[d.pair()] = true
			return err
		}})
	}
	if err := p.db.engine.all(ctx, all); err != nil {
		return nil, next, fmt.Errorf("read what is due: %w", err)
	}
	pending = slices.DeleteFunc(pending, func(d delivery) bool {
		late := d.Due.After(instant(now))
		if late {
			sooner(d.Due)
		}
		return late
	})
	slices.SortStableFunc(pending, func(a, b delivery) int {
		if a.OptOut() != b.OptOut() {
			return int(number(b.OptOut()) - number(a.OptOut()))
		}
		return int(a.Sequence - b.Sequence)
	})
	for _, d := range append(left, pending...) {
		if len(due) == limit {
			break
		}
		if under[d.Sequence] || taken[d.pair()] {
			continue
		}
		taken[d.pair()] = true
		due = append(due, d.Delivery)
	}
	return due, next, nil
}
