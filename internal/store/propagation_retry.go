package store

import (
	"context"
	"fmt"

	"volenti.dev/volenti/consent/propagate"
)

// Retry makes deliveries of a connection pending again, due now, for an operator,
// and gives how many: those that are partial, failed or skipped, where no newer
// choice stands and the person was not erased. It fails with propagate.ErrStale when
// there is none, and with propagate.ErrNotFound when the connection takes no choices.
func (p *Propagation) Retry(ctx context.Context, tenant, connection, by string, refs []propagate.Ref) (retried int, err error) {
	err = p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, now, err := t.lockLog(ctx)
		if err != nil {
			return err
		}
		var lanes int
		if err := t.row(ctx, `SELECT COUNT(*) FROM delivery_lanes WHERE tenant = $1 AND connection = $2`, tenant, connection).Scan(&lanes); err != nil {
			return err
		}
		if lanes == 0 {
			return propagate.ErrNotFound
		}
		rows, err := t.deliveries(ctx, connection, refs)
		if err != nil {
			return err
		}
		people, err := p.people(ctx, t, rows)
		if err != nil {
			return err
		}
		var moves []move
		for _, d := range rows {
			if who := people[d.Subject]; who == nil || who.stands[d.Purpose] != d.Sequence {
				continue
			}
			m, err := d.change(propagate.Pending, propagate.NoReason, now)
			if err != nil || d.Status.Open() {
				continue
			}
			m.details["by"] = by
			moves = append(moves, m)
		}
		moves, err = t.become(ctx, intoRetried, moves)
		if retried = len(moves); err == nil && retried == 0 {
			err = propagate.ErrStale
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("retry deliveries: %w", err)
	}
	return retried, nil
}

// tableSlice is how many deliveries of a permission table are settled in a commit.
const tableSlice = 500

// SettleTable completes the deliveries of a permission table that are pending for
// changes up to a sequence. Those about a person who was erased, without an identity
// of the target, with a newer choice, or of whom what is kept cannot be opened get
// their outcome instead.
func (p *Propagation) SettleTable(ctx context.Context, tenant string, target propagate.Target, through int64) error {
	for {
		waiting, err := collect(ctx, p.db.engine, scanDelivery(tenant), selectDeliveries+` {index deliveries_by_connection}
			WHERE tenant = $1 AND connection = $2 AND status = 'pending' AND seq <= $3 ORDER BY seq LIMIT $4`, tenant, target.Key, through, tableSlice)
		if err != nil {
			return fmt.Errorf("read what waits for a permission table: %w", err)
		}
		if len(waiting) == 0 {
			return nil
		}
		var damaged []error
		if err := p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
			damaged, err = p.settleTable(ctx, t, target, waiting)
			return err
		}); err != nil {
			return fmt.Errorf("settle a permission table: %w", err)
		}
		p.troubles(damaged)
	}
}

func (p *Propagation) settleTable(ctx context.Context, t *tx, target propagate.Target, waiting []delivery) (damaged []error, err error) {
	_, now, err := t.lockLog(ctx)
	if err != nil {
		return nil, err
	}
	people, err := p.people(ctx, t, waiting)
	if err != nil {
		return nil, err
	}
	var moves []move
	for _, d := range waiting {
		status, reason := people.judge(d, target)
		if status == propagate.Sending {
			status = propagate.Complete
			if _, err := p.open(t, people[d.Subject], d, target); err != nil {
				status, reason, damaged = propagate.Failed, propagate.Unreadable, append(damaged, err)
			}
		}
		m, err := d.change(status, reason, now)
		if err != nil {
			return nil, err
		}
		moves = append(moves, m)
	}
	_, err = t.become(ctx, intoPassed, moves)
	return damaged, err
}
