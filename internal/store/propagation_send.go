package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent/propagate"
)

// Begin implements propagate.Store. A target that takes this choice no more gets no
// attempt either.
func (p *Propagation) Begin(ctx context.Context, l propagate.Lane, target propagate.Target, refs []propagate.Ref) (begun []propagate.Begun, err error) {
	var damaged []error
	err = p.db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		begun, damaged = nil, nil
		_, now, err := t.lockLog(ctx)
		if err != nil {
			return err
		}
		if err := t.holdLane(ctx, l); err != nil {
			return err
		}
		rows, err := t.deliveries(ctx, l.Connection, refs)
		if err != nil {
			return err
		}
		people, err := p.people(ctx, t, rows)
		if err != nil {
			return err
		}
		rules, err := p.db.Consents().rulesIn(ctx, t, l.Tenant)
		if err != nil {
			return err
		}
		var sends, unsent []move
		ready := map[int64]propagate.Begun{}
		for _, d := range rows {
			if !d.Status.Open() {
				continue
			}
			to, reason := propagate.Route(d.Change, target, usesOf(rules, d.Purpose))
			if to == propagate.Pending {
				to, reason = people.judge(d, target)
			}
			var who opened
			if to == propagate.Sending {
				if who, err = p.open(t, people[d.Subject], d, target); err != nil {
					to, reason, damaged = propagate.Failed, propagate.Unreadable, append(damaged, err)
				}
			}
			m, err := d.change(to, reason, now)
			if err != nil {
				return err
			}
			if to != propagate.Sending {
				unsent = append(unsent, m)
				continue
			}
			b := m.begin(who, target)
			m.delivery.Delivery = b.Delivery
			sends, ready[d.Sequence] = append(sends, m), b
		}
		if _, err := t.become(ctx, intoUnsent, unsent); err != nil {
			return err
		}
		if sends, err = t.become(ctx, intoSending, sends); err != nil {
			return err
		}
		for _, m := range sends {
			begun = append(begun, ready[m.Sequence])
		}
		return t.attempts(ctx, begun, now)
	})
	if err != nil {
		return nil, fmt.Errorf("begin deliveries: %w", err)
	}
	p.troubles(damaged)
	return begun, nil
}

// begin makes the attempt of a delivery to a person. Where it is not known what
// became of the one before, it goes out under the same key.
func (m *move) begin(who opened, target propagate.Target) propagate.Begun {
	b := propagate.Begun{Delivery: m.Delivery, Repeats: !m.known}
	b.Attempt++
	if m.known {
		b.Keyed = b.Attempt
	}
	m.known = false
	b.Sent = who.sent
	b.Preference = connector.Preference{
		Key: b.Key(), Subject: b.Subject.String(), Identities: who.identities, Purpose: b.Purpose, Items: target.Words(b.Purpose),
		Granted: !b.OptOut(), Since: who.given[b.Purpose],
	}
	if b.Repeats {
		m.details["repeats"] = true
	}
	return b
}

var intoDeliveryAttempts = into("delivery_attempts", "seq bigint, connection text, attempt bigint, at bigint, took bigint, status text, reason text, message text, keyed bigint, sent text, calls text",
	` ON CONFLICT (tenant, seq, connection, attempt) DO UPDATE SET took = excluded.took, status = excluded.status, reason = excluded.reason,
		message = excluded.message, calls = excluded.calls WHERE delivery_attempts.took = -1`)

func (t *tx) attempts(ctx context.Context, begun []propagate.Begun, now time.Time) error {
	var rows [][]any
	for _, b := range begun {
		sent, err := listed(b.Sent)
		if err != nil {
			return err
		}
		rows = append(rows, []any{b.Sequence, b.Connection, int64(b.Attempt), micros(now), int64(-1), string(propagate.Sending), "", "", int64(b.Keyed), sent, "[]"})
	}
	if err := t.all(ctx, t.fill(intoDeliveryAttempts, t.tenant, rows)); err != nil {
		return fmt.Errorf("store attempts: %w", err)
	}
	return nil
}

// Settle implements propagate.Store.
func (p *Propagation) Settle(ctx context.Context, l propagate.Lane, all []propagate.Settlement) error {
	stale := 0
	err := p.db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		_, now, err := t.lockLog(ctx)
		if err != nil {
			return err
		}
		if err := t.holdLane(ctx, l); err != nil {
			return err
		}
		of, refs := map[propagate.Ref]propagate.Settlement{}, make([]propagate.Ref, len(all))
		for i, s := range all {
			of[s.Ref], refs[i] = s, s.Ref
		}
		rows, err := t.deliveries(ctx, l.Connection, refs)
		if err != nil {
			return err
		}
		var moves []move
		for _, d := range rows {
			s := of[propagate.Ref{Sequence: d.Sequence, Attempt: d.Attempt}]
			d.Status = propagate.Sending // the statement asks for it
			m, err := d.change(s.Status, s.Reason, now)
			if err != nil {
				return err
			}
			if m.known = s.Known; s.Status == propagate.Pending {
				m.Due = s.Due
			}
			moves = append(moves, m)
		}
		moves, err = t.become(ctx, intoSettled, moves)
		if err != nil {
			return err
		}
		stale = len(all) - len(moves)
		var ends [][]any
		for _, m := range moves {
			s := of[propagate.Ref{Sequence: m.Sequence, Attempt: m.Attempt}]
			calls, err := listed(append([]connector.Call{}, s.Calls...))
			if err != nil {
				return err
			}
			ends = append(ends, []any{m.Sequence, m.Connection, int64(m.Attempt), micros(s.At), max(0, s.Took.Microseconds()), string(s.Status), string(s.Reason), readable(s.Message), int64(m.Keyed), "[]", calls})
		}
		if err := t.all(ctx, t.fill(intoDeliveryAttempts, t.tenant, ends)); err != nil {
			return fmt.Errorf("store attempts: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle deliveries: %w", err)
	}
	if stale > 0 {
		p.db.trouble(fmt.Errorf("%d outcomes of deliveries to %s came too late, and were dropped", stale, l.Connection))
	}
	return nil
}

// deliveries gives the rows of a connection as if they stood at the attempts that were
// seen, in the order of the refs: the statements that change them say whether they do.
func (t *tx) deliveries(ctx context.Context, connection string, refs []propagate.Ref) ([]delivery, error) {
	order, sequences := map[int64]int{}, make([]int64, len(refs))
	for i, ref := range refs {
		order[ref.Sequence], sequences[i] = i, ref.Sequence
	}
	rows, err := collect(ctx, t, scanDelivery(t.tenant), busyPairs, t.tenant, connection, sequences)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	for i, d := range rows {
		rows[i].Attempt = refs[order[d.Sequence]].Attempt
	}
	slices.SortFunc(rows, func(a, b delivery) int { return cmp.Compare(order[a.Sequence], order[b.Sequence]) })
	return rows, nil
}
