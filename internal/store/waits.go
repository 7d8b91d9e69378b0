package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// Waits is described in fulfill.WaitLog.
func (w *Work) Waits(ctx context.Context, tenant, id string) ([]request.Wait, error) {
	all, err := collect(ctx, w.db.engine, func(row scanner) (v request.Wait, err error) {
		var since, again, until int64
		err = row.Scan(&v.Question, &v.Address, &v.Action, &v.Sealed, &since, &again, &until)
		v.Since, v.Again, v.Until = instant(since), instant(again), instant(until)
		return v, err
	}, `SELECT w.question, w.address, w.action, w.sealed, w.since, w.again, w.until FROM request_waits w
		JOIN requests r ON r.tenant = w.tenant AND r.id = w.request AND r.round = w.round
		WHERE w.tenant = $1 AND w.request = $2 AND NOT EXISTS (
			SELECT 1 FROM request_progress p WHERE p.tenant = w.tenant AND p.request = w.request AND p.round = w.round
				AND p.address = w.address AND p.action = w.action AND p.status = $3)
		ORDER BY w.question`, tenant, id, request.Done)
	if err != nil {
		return nil, fmt.Errorf("read what is waited for: %w", err)
	}
	return all, nil
}

// Wait is described in fulfill.WaitLog.
func (w *Work) Wait(ctx context.Context, l request.Lease, p request.Progress, waits []request.Wait, line *request.LogLine) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, now int64) error {
		for _, v := range waits {
			if _, err := t.exec(ctx, `INSERT INTO request_waits (tenant, request, question, address, action, round, sealed, since, again, until)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
				ON CONFLICT (tenant, request, question) DO UPDATE SET sealed = excluded.sealed, again = excluded.again, until = excluded.until`,
				l.Tenant, l.Request, v.Question, v.Address, v.Action, t.round, v.Sealed, micros(v.Since), micros(v.Again), micros(v.Until)); err != nil {
				return fmt.Errorf("store what is waited for: %w", err)
			}
			t.growth.bulk += len(v.Sealed)
		}
		if err := t.storeProgress(ctx, l.Request, p); err != nil || line == nil {
			return err
		}
		return t.append(ctx, l.Request, now, *line)
	})
}

// Expect is described in fulfill.WaitLog.
func (w *Work) Expect(ctx context.Context, l request.Lease, p auth.Pass) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error { return t.issue(ctx, p) })
}

// Replies is described in fulfill.WaitLog.
func (w *Work) Replies(ctx context.Context, l request.Lease) ([]request.Reply, error) {
	var all []request.Reply
	err := w.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error {
		all = nil
		if err := t.each(ctx, func(row scanner) error {
			var r request.Reply
			err := row.Scan(&r.Question, &r.Number, &r.Sealed)
			all = append(all, r)
			return err
		}, `SELECT question, number, sealed FROM request_replies WHERE tenant = $1 AND request = $2`, l.Tenant, l.Request); err != nil || len(all) == 0 {
			return err
		}
		_, err := t.exec(ctx, `UPDATE request_replies SET taken = 1 WHERE tenant = $1 AND request = $2 AND taken = 0`, l.Tenant, l.Request)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read replies: %w", err)
	}
	return all, nil
}

// Rest is described in fulfill.Requests.
func (s *Requests) Rest(ctx context.Context, l request.Lease, pause time.Duration, parked request.Parked) error {
	text, err := parked.Text()
	if err != nil {
		return err
	}
	return s.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error {
		if _, err := t.exec(ctx, `UPDATE requests SET lease_owner = '', lease_until = 0, parked = $3, again = CASE WHEN EXISTS (
				SELECT 1 FROM request_replies WHERE tenant = $1 AND request = $2 AND taken = 0) THEN {now} ELSE {now} + $4 END
			WHERE tenant = $1 AND id = $2`, l.Tenant, l.Request, text, pause.Microseconds()); err != nil {
			return fmt.Errorf("let the request wait: %w", err)
		}
		return nil
	})
}

// Reply stores what a system has posted, uses its pass, and lets the request go
// on. auth.ErrRefused when the pass was used, or the request has ended.
func (s *Requests) Reply(ctx context.Context, p auth.Pass, id string, r request.Reply, entry audit.Entry) error {
	return s.db.write(ctx, p.Tenant, func(ctx context.Context, t *tx) error {
		// The row of the request comes first, as with all others.
		var status request.Status
		err := t.row(ctx, `SELECT status FROM requests WHERE tenant = $1 AND id = $2 {lock}`, t.tenant, id).Scan(&status)
		if err != nil {
			return fmt.Errorf("take a reply: %w", err)
		}
		if status.Terminal() {
			return auth.ErrRefused
		}
		if err := t.use(ctx, p); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO request_replies (tenant, request, question, number, at, taken, sealed) VALUES ($1, $2, $3, $4, {now}, 0, $5)`,
			t.tenant, id, r.Question, r.Number, r.Sealed); err != nil {
			return fmt.Errorf("take a reply: %w", err)
		}
		if _, err := t.exec(ctx, `UPDATE requests SET again = {now} WHERE tenant = $1 AND id = $2 AND again > {now}`, t.tenant, id); err != nil {
			return fmt.Errorf("take a reply: %w", err)
		}
		t.growth.bulk += len(r.Sealed)
		return t.log(ctx, entry)
	})
}

// forgetFailed lets what has failed be asked anew when the request goes on.
func (t *tx) forgetFailed(ctx context.Context, id string) error {
	const failed = ` IN (SELECT w.question FROM request_waits w JOIN request_progress p ON p.tenant = w.tenant AND p.request = w.request
		AND p.round = w.round AND p.address = w.address AND p.action = w.action WHERE w.tenant = $1 AND w.request = $2 AND p.status = $3)`
	for _, statement := range []string{
		`DELETE FROM passes WHERE tenant = $1 AND kind = '` + string(auth.PostReply) + `' AND EXISTS (SELECT 1 FROM request_replies r
			WHERE r.tenant = $1 AND r.request = $2 AND object = 'request/' || r.request || '/reply/' || r.question || '/' || r.number AND r.question` + failed + `)`,
		`DELETE FROM request_replies WHERE tenant = $1 AND request = $2 AND question` + failed,
		`DELETE FROM request_waits WHERE tenant = $1 AND request = $2 AND question` + failed,
	} {
		if _, err := t.exec(ctx, statement, t.tenant, id, request.Failed); err != nil {
			return fmt.Errorf("forget what was waited for: %w", err)
		}
	}
	return nil
}

// passBy lets a request go on that waits, of which a collection was skipped. In
// one that is carried out that must be one that waits.
func (t *tx) passBy(ctx context.Context, id, address string) error {
	passed, err := t.exec(ctx, `UPDATE requests SET again = CASE status WHEN $4 THEN {now} ELSE 0 END WHERE tenant = $1 AND id = $2
		AND (status <> $4 OR lease_owner = '' AND again > 0 AND EXISTS (SELECT 1 FROM request_waits WHERE tenant = $1 AND request = $2 AND address = $3))`,
		t.tenant, id, address, request.InProcessing)
	if err != nil {
		return fmt.Errorf("skip %s: %w", address, err)
	}
	if passed == 0 {
		return fmt.Errorf("%w: the request is being carried out, and does not wait for %s", request.ErrTransition, address)
	}
	return nil
}

// forgetSkipped forgets what a collection waits for, and lets nobody post an answer
// about it any more.
func (t *tx) forgetSkipped(ctx context.Context, id, address string) error {
	const questions = `SELECT w.question FROM request_waits w WHERE w.tenant = $1 AND w.request = $2 AND w.address = $3`
	for _, statement := range []string{
		`DELETE FROM passes WHERE tenant = $1 AND kind = '` + string(auth.PostReply) + `' AND object > 'request/' || $2 || '/reply/' AND object < 'request/' || $2 || '/reply0'
			AND EXISTS (` + questions + ` AND object LIKE 'request/' || $2 || '/reply/' || w.question || '/%')`,
		`DELETE FROM request_replies WHERE tenant = $1 AND request = $2 AND question IN (` + questions + `)`,
		`DELETE FROM request_waits WHERE tenant = $1 AND request = $2 AND address = $3`,
	} {
		if _, err := t.exec(ctx, statement, t.tenant, id, address); err != nil {
			return fmt.Errorf("forget what %s waits for: %w", address, err)
		}
	}
	return nil
}

// notCarriedOut fails with request.ErrTransition while somebody carries a request out, and
// keeps others from beginning.
func (t *tx) notCarriedOut(ctx context.Context, id string) error {
	var busy bool
	err := t.row(ctx, `SELECT status = $3 AND (lease_owner <> '' OR again = 0) FROM requests WHERE tenant = $1 AND id = $2 {lock}`,
		t.tenant, id, request.InProcessing).Scan(&busy)
	if errors.Is(err, sql.ErrNoRows) {
		return request.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("look whether the request waits: %w", err)
	}
	if busy {
		return fmt.Errorf("%w: the request is being carried out, and waits for no system", request.ErrTransition)
	}
	return nil
}
