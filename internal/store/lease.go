package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
)

// heldBy is the condition under which a holder may write; see leaseArgs.
const heldBy = `tenant = $1 AND id = $2 AND lease_owner = $3 AND lease_owner <> '' AND fence = $4`

func leaseArgs(l request.Lease, more ...any) []any {
	return append([]any{l.Tenant, l.Request, l.Owner, l.Fence}, more...)
}

// Claim is described in fulfill.Requests. An owner may claim again what it
// holds, with a new fence. A request that goes on after it has waited has its
// entry already.
func (s *Requests) Claim(ctx context.Context, tenant, id, owner string, ttl time.Duration, takeOver bool, entry audit.Entry) (request.Lease, request.Request, error) {
	lease := request.Lease{Tenant: tenant, Request: id, Owner: owner}
	if owner == "" {
		return lease, request.Request{}, errors.New("claim request: the owner is empty")
	}
	var r request.Request
	var waited int64
	err := s.db.write(ctx, tenant, func(ctx context.Context, t *tx) (err error) {
		next, possible, args := transition(request.Start, tenant, id, owner, ttl.Microseconds(), takeOver)
		r, err = scanRequestAnd(t.row(ctx, `
			UPDATE requests SET status = `+next+`, lease_owner = $3, lease_until = {now} + $4, fence = fence + 1, parked = ''
			WHERE tenant = $1 AND id = $2 AND `+possible+`
				AND ($5 OR lease_owner IN ('', $3) OR lease_until <= {now})
			RETURNING `+requestColumns+planColumn+`, fence, again`, args...), &lease.Fence, &waited)
		if errors.Is(err, sql.ErrNoRows) {
			return t.whyNotClaimed(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("claim request: %w", err)
		}
		if waited > 0 {
			return nil
		}
		return t.log(ctx, entry)
	})
	return lease, r, err
}

func (t *tx) whyNotClaimed(ctx context.Context, id string) error {
	var status request.Status
	err := t.row(ctx, `SELECT status FROM requests WHERE tenant = $1 AND id = $2`, t.tenant, id).Scan(&status)
	if errors.Is(err, sql.ErrNoRows) {
		return request.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("claim request: %w", err)
	}
	if _, err := status.Next(request.Start); err != nil {
		return err
	}
	return request.ErrLeased
}

// Renew prolongs the lease: ttl from now, by the database's clock.
func (s *Requests) Renew(ctx context.Context, l request.Lease, ttl time.Duration) error {
	return s.update(ctx, l, `UPDATE requests SET lease_until = {now} + $5 WHERE `+heldBy, ttl.Microseconds())
}

// Advance records that the request goes on with step. In another step than the
// one that it stood at, all collections are tried.
func (s *Requests) Advance(ctx context.Context, l request.Lease, step string) error {
	return s.update(ctx, l, `UPDATE requests SET retry_only = CASE step WHEN $5 THEN retry_only ELSE '' END, again = CASE step WHEN $5 THEN again ELSE 0 END, step = $5 WHERE `+heldBy, step)
}

// NextRound is described in fulfill.Requests.
func (s *Requests) NextRound(ctx context.Context, l request.Lease, round int, step string, entry audit.Entry) error {
	return s.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error {
		if t.round == round {
			return nil
		}
		if t.round != round-1 {
			return fmt.Errorf("begin round %d: the request stands at round %d", round, t.round)
		}
		if _, err := t.exec(ctx, `UPDATE requests SET round = $3, step = $4 WHERE tenant = $1 AND id = $2`, l.Tenant, l.Request, round, step); err != nil {
			return fmt.Errorf("begin round %d: %w", round, err)
		}
		return t.log(ctx, entry)
	})
}

func (s *Requests) update(ctx context.Context, l request.Lease, statement string, arg any) error {
	return s.db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		changed, err := t.exec(ctx, statement, leaseArgs(l, arg)...)
		if err != nil {
			return fmt.Errorf("update request: %w", err)
		}
		if changed == 0 {
			return request.ErrFenced
		}
		return nil
	})
}

// Move is described in fulfill.Requests.
func (s *Requests) Move(ctx context.Context, l request.Lease, turn request.Turn, entry audit.Entry) error {
	parked, err := turn.Parked.Text()
	if err != nil {
		return err
	}
	return s.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error {
		next, possible, args := transition(turn.Event, leaseArgs(l, readable(turn.Message), parked)...)
		status, err := t.move(ctx, `UPDATE requests SET status = `+next+`, message = $5, parked = $6, retry_only = '', again = 0
			WHERE `+heldBy+` AND `+possible+` RETURNING status`, args...)
		if err != nil {
			return err
		}
		if status != request.InProcessing {
			if _, err := t.exec(ctx, `UPDATE requests SET lease_owner = '', lease_until = 0 WHERE `+heldBy, leaseArgs(l)...); err != nil {
				return fmt.Errorf("give the lease back: %w", err)
			}
		}
		if status.Terminal() {
			if err := t.end(ctx, l.Request); err != nil {
				return err
			}
		}
		if turn.Event == request.Fail {
			if err := t.forgetFailed(ctx, l.Request); err != nil {
				return err
			}
		}
		if err := t.ask(ctx, l.Request, turn.Tasks); err != nil {
			return err
		}
		if turn.Hooked != nil {
			if err := t.hooked(ctx, l.Request, *turn.Hooked); err != nil {
				return err
			}
		}
		if err := t.tell(ctx, request.Told{Letters: turn.Letters, Passes: turn.Passes}); err != nil {
			return err
		}
		if err := t.log(ctx, entry); err != nil || turn.Event != request.Mail {
			return err
		}
		return t.instruct(ctx, l.Request, turn.Instructions...)
	})
}

// hold runs fn in a transaction during which nobody can take the lease over;
// request.ErrFenced when somebody has. now is the database's clock, and t has
// the round that the request stands at.
func (db *DB) hold(ctx context.Context, l request.Lease, fn func(ctx context.Context, t *tx, now int64) error) error {
	return db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		var now int64
		err := t.row(ctx, `SELECT {now}, round FROM requests WHERE `+heldBy+` {lock}`, leaseArgs(l)...).Scan(&now, &t.round)
		if errors.Is(err, sql.ErrNoRows) {
			return request.ErrFenced
		}
		if err != nil {
			return fmt.Errorf("check the lease: %w", err)
		}
		return fn(ctx, t, now)
	})
}
