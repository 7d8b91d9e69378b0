package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/deadline"
)

// Notice makes what a change of a request's time tells the person, out of the
// new last day. It may be called more than once.
type Notice func(r request.Request, due value.Date) (request.Told, error)

// StopClock lets the clock of a request stand still from now on.
// *deadline.Refused where the law does not, request.ErrTransition where the
// request has ended.
func (s *Requests) StopClock(ctx context.Context, tenant, id string, ground deadline.Ground, rules deadline.Rules, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		was, err := t.running(ctx, id, rules)
		if err != nil {
			return err
		}
		if _, err := was.clock.Stop(ground, was.now); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO request_pauses (tenant, request, n, ground, began, ended) VALUES ($1, $2, $3, $4, $5, 0)`,
			tenant, id, len(was.clock.Pauses)+1, string(ground), micros(was.now)); err != nil {
			return fmt.Errorf("stop the clock: %w", err)
		}
		return t.retimed(ctx, id, rules, entry)
	})
}

// StartClock lets the clock of a request go on, by the days that it has stood
// still. It fails as StopClock does.
func (s *Requests) StartClock(ctx context.Context, tenant, id string, rules deadline.Rules, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		was, err := t.running(ctx, id, rules)
		if err != nil {
			return err
		}
		if _, err := was.clock.Go(was.now); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE request_pauses SET ended = $3 WHERE tenant = $1 AND request = $2 AND ended = 0`, tenant, id, micros(was.now)); err != nil {
			return fmt.Errorf("let the clock go on: %w", err)
		}
		return t.retimed(ctx, id, rules, entry)
	})
}

// Extend puts the answer to a request off, once, and stores what tells the
// person of it. It fails as StopClock does.
func (s *Requests) Extend(ctx context.Context, tenant, id string, rules deadline.Rules, tell Notice, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		was, err := t.running(ctx, id, rules)
		if err != nil {
			return err
		}
		_, due, err := was.clock.Extend(was.now)
		if err != nil {
			return err
		}
		told, err := tell(was.request, due)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE requests SET extended = $3 WHERE tenant = $1 AND id = $2`, tenant, id, micros(was.now)); err != nil {
			return fmt.Errorf("put the answer off: %w", err)
		}
		if err := t.tell(ctx, told); err != nil {
			return err
		}
		return t.retimed(ctx, id, rules, entry)
	})
}

// SweepOverdue writes down, once for each, that up to limit requests are late,
// and gives how many. Who asks under an unproven name is not owed an answer.
func (s *Requests) SweepOverdue(ctx context.Context, tenant string, limit int) (n int, err error) {
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		late, err := collect(ctx, t, func(row scanner) (id string, err error) {
			err = row.Scan(&id)
			return id, err
		}, `UPDATE requests SET overdue = {now} WHERE tenant = $1 AND overdue = 0 AND id IN (
				SELECT id FROM requests WHERE tenant = $1 AND due > 0 AND ended = 0 AND overdue = 0 AND due <= {now} AND status <> $2 ORDER BY due LIMIT $3)
			RETURNING id`, tenant, request.IdentityUnverified, limit)
		if err != nil {
			return fmt.Errorf("look for what is overdue: %w", err)
		}
		n = len(late)
		for _, id := range late {
			if err := t.log(ctx, audit.Entry{Act: "request.overdue", Object: "request/" + id}); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// running is a request whose clock runs or stands still.
type running struct {
	request request.Request
	clock   deadline.Clock
	now     time.Time
}

// running reads a request to change its time, and keeps it from others until
// the commit.
func (t *tx) running(ctx context.Context, id string, rules deadline.Rules) (r running, err error) {
	var now int64
	r.request, err = scanRequestAnd(t.row(ctx, `SELECT `+requestColumns+`, NULL, {now} FROM requests WHERE tenant = $1 AND id = $2 {lock}`, t.tenant, id), &now)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r, request.ErrNotFound
	case err != nil:
		return r, fmt.Errorf("read request: %w", err)
	case r.request.Status.Terminal():
		return r, request.ErrTransition
	}
	var ok bool
	if r.clock, ok, err = t.clock(ctx, r.request, rules); err == nil && !ok {
		err = &deadline.Refused{Why: "no time runs for this request"}
	}
	if r.now = instant(now); r.now.Before(r.clock.Received) { // by another clock
		r.now = r.clock.Received
	}
	return r, err
}

// retimed ends a change of what a request's time depends on.
func (t *tx) retimed(ctx context.Context, id string, rules deadline.Rules, entry audit.Entry) error {
	if err := t.reckon(ctx, id, rules); err != nil {
		return err
	}
	return t.log(ctx, entry)
}

// reckon works out anew by when a request is to be answered. Whoever changes
// what that depends on calls it in the same commit: its law, when it came in,
// who asks being proven, pauses, an extension.
func (t *tx) reckon(ctx context.Context, id string, rules deadline.Rules) error {
	r, err := scanRequest(t.row(ctx, selectPage+` WHERE tenant = $1 AND id = $2`, t.tenant, id))
	if err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	var due time.Time
	c, ok, err := t.clock(ctx, r, rules)
	if ok && err == nil {
		_, due, err = c.Due()
	}
	if errors.Is(err, deadline.ErrPaused) {
		due, err = time.Time{}, nil
	}
	if err != nil {
		return err
	}
	if ok {
		r.Received = c.Received
	}
	if _, err := t.exec(ctx, `UPDATE requests SET received = $3, due = $4 WHERE tenant = $1 AND id = $2`, t.tenant, id, micros(r.Received), micros(due)); err != nil {
		return fmt.Errorf("work out when it is due: %w", err)
	}
	return nil
}

// clock gives the clock of a request; false where none runs.
func (t *tx) clock(ctx context.Context, r request.Request, rules deadline.Rules) (c deadline.Clock, ok bool, err error) {
	if c, ok, err = rules.Clock(r.Law, r.Received, r.Verified, r.Status != request.IdentityUnverified); !ok || err != nil {
		return c, ok, err
	}
	c.Extended = !r.Extended.IsZero()
	c.Pauses, err = collect(ctx, t, func(row scanner) (p deadline.Pause, err error) {
		var from, to int64
		err = row.Scan(&p.Ground, &from, &to)
		p.From, p.To = instant(from), instant(to)
		return p, err
	}, `SELECT ground, began, ended FROM request_pauses WHERE tenant = $1 AND request = $2 ORDER BY n`, r.Tenant, r.ID)
	if err != nil {
		return c, false, fmt.Errorf("read the pauses of a request: %w", err)
	}
	return c, true, nil
}
