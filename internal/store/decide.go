package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
)

// Submitted gives the request that was submitted under an idempotency key, or
// request.ErrNotFound.
func (s *Requests) Submitted(ctx context.Context, tenant, idempotency string) (request.Request, error) {
	r, err := scanRequest(s.db.engine.row(ctx, selectRequests+` WHERE tenant = $1 AND idempotency = $2 AND idempotency <> ''`, tenant, idempotency))
	if errors.Is(err, sql.ErrNoRows) {
		return r, request.ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("find a submitted request: %w", err)
	}
	return r, nil
}

// Approve lets a request be carried out under the plan with this hash, and up
// to so many rows of a collection be written; 0 for the default. It fails with
// request.ErrTransition, and with request.ErrOtherPlan when that is not its plan.
// What the person is told is in the same commit.
func (s *Requests) Approve(ctx context.Context, tenant, id, hash string, maxRows int64, entry audit.Entry, told ...request.Told) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.apply(ctx, id, request.Approve); err != nil {
			return err
		}
		if err := t.tell(ctx, told...); err != nil {
			return err
		}
		return t.bind(ctx, entry, `UPDATE requests SET max_rows = $4 WHERE tenant = $1 AND id = $2 AND plan_hash = $3`, tenant, id, hash, maxRows)
	})
}

// Replan gives a request that awaits its approval another plan in the place of
// the one with the hash was. It fails as Approve does.
func (s *Requests) Replan(ctx context.Context, tenant, id, was, hash string, plan []byte, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.move(ctx, `UPDATE requests SET status = status WHERE tenant = $1 AND id = $2 AND status = $3 RETURNING status`,
			tenant, id, request.AwaitingApproval)
		if err != nil {
			return err
		}
		if err := t.bind(ctx, entry, `UPDATE requests SET plan_hash = $4, message = '' WHERE tenant = $1 AND id = $2 AND plan_hash = $3`, tenant, id, was, hash); err != nil {
			return err
		}
		return t.storePlan(ctx, id, plan)
	})
}

// bind runs a statement that changes a request with a certain plan.
func (t *tx) bind(ctx context.Context, entry audit.Entry, statement string, args ...any) error {
	changed, err := t.exec(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("compare the plan: %w", err)
	}
	if changed == 0 {
		return request.ErrOtherPlan
	}
	return t.log(ctx, entry)
}

// Retry lets a request that has stopped go on; only is the one collection
// that is to be tried, or "" for all that are not done.
func (s *Requests) Retry(ctx context.Context, tenant, id, only string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.apply(ctx, id, request.Retry); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE requests SET retry_only = $3, parked = '' WHERE tenant = $1 AND id = $2`, tenant, id, only); err != nil {
			return fmt.Errorf("retry request: %w", err)
		}
		return t.log(ctx, entry)
	})
}

// GoOn lets a request that waits in a status go on with a step.
func (s *Requests) GoOn(ctx context.Context, tenant, id string, waits request.Status, step string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.move(ctx, `UPDATE requests SET step = $4, message = '', parked = '' WHERE tenant = $1 AND id = $2 AND status = $3 RETURNING status`,
			tenant, id, waits, step)
		if err != nil {
			return err
		}
		if err := t.apply(ctx, id, request.Resume); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// Due gives the ids of up to limit requests, oldest first, that the server may
// carry out now: they are approved, or in processing under a lease that has run
// out, is owner's, or, with takeOver, whoever's. Those of the command line are
// not among them, nor those that wait for systems.
func (s *Requests) Due(ctx context.Context, tenant, owner string, takeOver bool, limit int) ([]string, error) {
	due, err := collect(ctx, s.db.engine, func(row scanner) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	}, `SELECT id FROM requests WHERE tenant = $1 AND author <> ''
		AND (status = $2 OR status = $3 AND again <= {now} AND ($5 OR lease_owner IN ('', $4) OR lease_until <= {now}))
		ORDER BY id LIMIT $6`, tenant, request.Approved, request.InProcessing, owner, takeOver, limit)
	if err != nil {
		return nil, fmt.Errorf("look for requests to carry out: %w", err)
	}
	return due, nil
}

// HandBack ends the leases of an owner, who carries nothing out any more, so
// that another can go on at once.
func (s *Requests) HandBack(ctx context.Context, tenant, owner string) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE requests SET lease_owner = '', lease_until = 0 WHERE tenant = $1 AND status = $2 AND lease_owner = $3`,
			tenant, request.InProcessing, owner)
		if err != nil {
			return fmt.Errorf("hand requests back: %w", err)
		}
		return nil
	})
}
