package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Hooks gives what became of the webhooks of its policy in a request, by key.
func (w *Work) Hooks(ctx context.Context, tenant, id string) (map[string]request.Hook, error) {
	all, err := collect(ctx, w.db.engine, func(row scanner) (h request.Hook, err error) {
		var derived string
		var called, ended int64
		err = row.Scan(&h.Key, &h.Status, &h.Calls, &h.Message, &derived, &called, &ended)
		h.Called, h.Ended = instant(called), instant(ended)
		for _, t := range strings.Fields(derived) {
			h.Derived = append(h.Derived, subject.Type(t))
		}
		return h, err
	}, `SELECT webhook, status, calls, message, derived, called, ended FROM request_webhooks WHERE tenant = $1 AND request = $2`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	hooks := map[string]request.Hook{}
	for _, h := range all {
		hooks[h.Key] = h
	}
	return hooks, nil
}

// Calling is described in fulfill.HookLog.
func (w *Work) Calling(ctx context.Context, l request.Lease, h request.Hook, pass *auth.Pass, entry audit.Entry) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error {
		if _, err := t.exec(ctx, `
			INSERT INTO request_webhooks (tenant, request, webhook, status, calls, message, derived, called, ended)
			VALUES ($1, $2, $3, $4, $5, '', '', {now}, 0)
			ON CONFLICT (tenant, request, webhook) DO UPDATE SET status = excluded.status, calls = excluded.calls, called = excluded.called`,
			l.Tenant, l.Request, h.Key, request.HookCalled, h.Calls); err != nil {
			return fmt.Errorf("record a call: %w", err)
		}
		if pass != nil {
			if err := t.issue(ctx, *pass); err != nil {
				return err
			}
		}
		return t.log(ctx, entry)
	})
}

// Answered is described in fulfill.HookLog.
func (w *Work) Answered(ctx context.Context, l request.Lease, h request.Hooked, entry audit.Entry) error {
	return w.db.hold(ctx, l, func(ctx context.Context, t *tx, _ int64) error {
		if err := t.hooked(ctx, l.Request, h); err != nil {
			return err
		}
		if h.Status == request.HookAnswered { // what could resume the request has nothing to resume
			if err := t.revoke(ctx, auth.ResumeRequest, request.HookObject(l.Request, h.Key)); err != nil {
				return err
			}
		}
		return t.log(ctx, entry)
	})
}

// hooked records an answer, and the identities that came with it.
func (t *tx) hooked(ctx context.Context, id string, h request.Hooked) error {
	if _, err := t.exec(ctx, `UPDATE request_webhooks SET status = $4, message = $5, derived = $6, ended = {now}
		WHERE tenant = $1 AND request = $2 AND webhook = $3`,
		t.tenant, id, h.Key, h.Status, readable(h.Message), typesOf(h.Identities, h.Derived)); err != nil {
		return fmt.Errorf("record an answer: %w", err)
	}
	return t.derive(ctx, id, h)
}

// typesOf lists the types of identities, each once, behind others.
func typesOf(identities []subject.Identity, others []subject.Type) string {
	var words []string
	seen := map[subject.Type]bool{}
	add := func(t subject.Type) {
		if !seen[t] {
			seen[t] = true
			words = append(words, string(t))
		}
	}
	for _, t := range others {
		add(t)
	}
	for _, i := range identities {
		add(i.Type)
	}
	return strings.Join(words, " ")
}

// derive stores identities that a webhook adds. What somebody had claimed is
// the person's from now on, since the company says so (SE1).
func (t *tx) derive(ctx context.Context, id string, h request.Hooked) error {
	for _, identity := range h.Identities {
		i := request.SealIdentity(h.Seal, t.tenant, id, identity, request.Derived, t.keys.RecallKey())
		if _, err := t.exec(ctx, `
			INSERT INTO request_identities (tenant, request, type, digest, sealed, origin) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (tenant, request, type, digest) DO UPDATE SET sealed = excluded.sealed, origin = excluded.origin
			WHERE request_identities.origin = $7`,
			t.tenant, id, i.Type, i.Digest, i.Sealed, i.Origin, request.Claimed); err != nil {
			return fmt.Errorf("store an identity: %w", err)
		}
	}
	return nil
}

// Resume lets a request go on that a webhook has halted, and uses the pass that
// was found; h is what it adds. auth.ErrRefused when the request does not wait
// for this webhook, or its pass was used; request.ErrTransition while the answer
// that halts it is not recorded yet.
func (s *Requests) Resume(ctx context.Context, p auth.Pass, id string, h request.Hooked, entry audit.Entry) error {
	return s.db.write(ctx, p.Tenant, func(ctx context.Context, t *tx) error {
		if err := t.resume(ctx, id, h.Key); err != nil {
			return err
		}
		if err := t.hooked(ctx, id, h); err != nil {
			return err
		}
		if err := t.use(ctx, p); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// resume takes the rows in the order in which all others do.
func (t *tx) resume(ctx context.Context, id, key string) error {
	next, possible, args := transition(request.Resume, t.tenant, id, request.Paused)
	_, notMoved := t.move(ctx, `UPDATE requests SET status = `+next+`, parked = ''
		WHERE tenant = $1 AND id = $2 AND status = $3 AND `+possible+` RETURNING status`, args...)
	if notMoved != nil && !errors.Is(notMoved, request.ErrTransition) && !errors.Is(notMoved, request.ErrNotFound) {
		return notMoved
	}
	var hook request.HookStatus
	err := t.row(ctx, `SELECT w.status FROM request_webhooks w JOIN requests r ON r.tenant = w.tenant AND r.id = w.request
		WHERE w.tenant = $1 AND w.request = $2 AND w.webhook = $3 AND r.status IN ($4, $5)`,
		t.tenant, id, key, request.InProcessing, request.Approved).Scan(&hook)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("resume request: %w", err)
	}
	switch {
	case notMoved == nil && hook == request.HookHalted:
		return nil
	case notMoved != nil && hook == request.HookCalled:
		return notMoved
	}
	return auth.ErrRefused
}
