package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/webhook"
)

var _ webhook.Store = (*Webhooks)(nil)

// vacant is the condition under which $2 may take an endpoint. $1 says that no
// other process has the database open, so that every other lease is dead.
const vacant = `enabled = 1 AND ($1 OR lease_owner IN ('', $2) OR lease_until <= {now})`

// deliverer is the condition under which the holder of a lease may write.
const deliverer = `tenant = $1 AND id = $2 AND lease_owner = $3 AND lease_owner <> '' AND fence = $4`

// Vacant implements webhook.Store. It is a query without a tenant, because it
// finds the work of the process and not of one tenant.
func (w *Webhooks) Vacant(ctx context.Context, owner string) ([]webhook.Lease, error) {
	found, err := collect(ctx, w.db.engine, func(row scanner) (l webhook.Lease, err error) {
		l.Owner = owner
		return l, row.Scan(&l.Tenant, &l.Endpoint)
	}, `SELECT tenant, id FROM webhook_endpoints WHERE `+vacant+` ORDER BY tenant, id`, w.db.Exclusive(), owner)
	if err != nil {
		return nil, fmt.Errorf("find webhooks to deliver for: %w", err)
	}
	return found, nil
}

// Claim implements webhook.Store.
func (w *Webhooks) Claim(ctx context.Context, l webhook.Lease, ttl time.Duration) (webhook.Lease, webhook.Endpoint, []webhook.Waiting, error) {
	err := w.db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		err := t.row(ctx, `UPDATE webhook_endpoints SET lease_owner = $2, lease_until = {now} + $3, fence = fence + 1
			WHERE tenant = $4 AND id = $5 AND `+vacant+` RETURNING fence`, w.db.Exclusive(), l.Owner, ttl.Microseconds(), l.Tenant, l.Endpoint).Scan(&l.Fence)
		return fenced("claim a webhook", err)
	})
	if err != nil {
		return l, webhook.Endpoint{}, nil, err
	}
	e, err := w.WithSecrets(ctx, l.Tenant, l.Endpoint)
	if err != nil {
		return l, e, nil, err
	}
	keys, err := w.db.Tenant(ctx, l.Tenant)
	if err != nil {
		return l, e, nil, err
	}
	waiting, err := collect(ctx, w.db.engine, func(row scanner) (webhook.Waiting, error) { return scanWaiting(row, l.Tenant, keys) }, waitingRows, l.Tenant, l.Endpoint)
	if err != nil {
		return l, e, nil, fmt.Errorf("read what waits: %w", err)
	}
	// What was read belongs together only if nothing was changed meanwhile.
	return l, e, waiting, w.Held(ctx, l)
}

// waitingRows are events as in eventRows, with what is known of their tries.
const waitingRows = `
	SELECT r.seq AS seq, r.id, r.choice, r.at, r.subject, r.purpose, '' AS version, CAST(NULL AS bytea) AS sealed, w.tried, w.since, w.due
	FROM webhook_waiting w JOIN consent_records r ON r.tenant = w.tenant AND r.seq = w.seq
	WHERE w.tenant = $1 AND w.endpoint = $2
	UNION ALL
	SELECT p.seq AS seq, p.id, '', p.at, '', p.purposes, p.version, CAST(NULL AS bytea), w.tried, w.since, w.due
	FROM webhook_waiting w JOIN consent_publications p ON p.tenant = w.tenant AND p.seq = w.seq
	WHERE w.tenant = $1 AND w.endpoint = $2
	UNION ALL
	SELECT l.seq AS seq, q.id, l.act, l.at, q.status, q.policy, '', CAST(NULL AS bytea), w.tried, w.since, w.due
	FROM webhook_waiting w JOIN audit_leaves l ON l.tenant = w.tenant AND l.seq = w.seq JOIN ` + aboutRequest + `
	WHERE w.tenant = $1 AND w.endpoint = $2 AND ` + actOfRequest + `
	UNION ALL
	SELECT l.seq AS seq, l.object, l.act, l.at, '', '', '', d.sealed, w.tried, w.since, w.due
	FROM webhook_waiting w JOIN audit_leaves l ON l.tenant = w.tenant AND l.seq = w.seq LEFT JOIN audit_details d ON d.tenant = w.tenant AND d.seq = w.seq
	WHERE w.tenant = $1 AND w.endpoint = $2 AND ` + actOfBanner + `
	ORDER BY seq`

func scanWaiting(row scanner, tenant string, keys *seal.Tenant) (w webhook.Waiting, err error) {
	var since, due int64
	w.Event, err = scanEvent(besides{row, []any{&w.Tried, &since, &due}}, tenant, keys)
	w.Since, w.Due = instant(since), instant(due)
	return w, err
}

// besides scans further columns behind those that are asked for.
type besides struct {
	row  scanner
	more []any
}

func (b besides) Scan(dest ...any) error { return b.row.Scan(append(dest, b.more...)...) }

// Held implements webhook.Store.
func (w *Webhooks) Held(ctx context.Context, l webhook.Lease) error {
	err := w.db.engine.row(ctx, `SELECT fence FROM webhook_endpoints WHERE `+deliverer, l.Tenant, l.Endpoint, l.Owner, l.Fence).Scan(new(int64))
	return fenced("ask for a lease", err)
}

func fenced(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return webhook.ErrFenced
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

var intoWaiting = into("webhook_waiting", "endpoint text, seq bigint, tried bigint, since bigint, due bigint", `
	ON CONFLICT (tenant, endpoint, seq) DO UPDATE SET tried = excluded.tried, since = excluded.since, due = excluded.due`)

// Report implements webhook.Store.
func (w *Webhooks) Report(ctx context.Context, l webhook.Lease, ttl time.Duration, r webhook.Report) error {
	var succeeded time.Time
	for _, a := range r.Attempts {
		if a.Outcome == webhook.Delivered {
			succeeded = a.At
		}
	}
	return w.db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		var last int64
		err := t.row(ctx, `UPDATE webhook_endpoints SET cursor = $5, attempts = attempts + $6, lease_until = {now} + $7,
				succeeded = CASE WHEN $8 > succeeded THEN $8 ELSE succeeded END
			WHERE `+deliverer+` RETURNING attempts`,
			l.Tenant, l.Endpoint, l.Owner, l.Fence, r.Cursor, len(r.Attempts), ttl.Microseconds(), micros(succeeded)).Scan(&last)
		if err := fenced("report deliveries", err); err != nil {
			return err
		}
		if len(r.Attempts) > 0 {
			if err := t.addAttempts(ctx, l.Endpoint, last, r.Attempts); err != nil {
				return err
			}
		}
		if err := t.wait(ctx, l.Endpoint, r); err != nil {
			return fmt.Errorf("store what waits: %w", err)
		}
		if r.Disable == "" {
			return nil
		}
		if _, err := t.exec(ctx, `UPDATE webhook_endpoints SET enabled = 0, reason = $5, lease_owner = '', lease_until = 0 WHERE `+deliverer,
			l.Tenant, l.Endpoint, l.Owner, l.Fence, string(r.Disable)); err != nil {
			return fmt.Errorf("disable a webhook: %w", err)
		}
		return t.log(ctx, audit.Entry{Act: "webhook.disable", Object: "webhook/" + l.Endpoint, Details: map[string]any{"reason": r.Disable}})
	})
}

// wait stores what waits, and takes off what waits no more.
func (t *tx) wait(ctx context.Context, id string, r webhook.Report) error {
	for _, seq := range r.Over {
		if _, err := t.exec(ctx, `DELETE FROM webhook_waiting WHERE tenant = $1 AND endpoint = $2 AND seq = $3`, t.tenant, id, seq); err != nil {
			return err
		}
	}
	var rows [][]any
	for _, m := range r.Waits {
		rows = append(rows, []any{id, m.Event.Sequence, int64(m.Tried), micros(m.Since), micros(m.Due)})
	}
	return t.all(ctx, t.fill(intoWaiting, t.tenant, rows))
}

// Release implements webhook.Store.
func (w *Webhooks) Release(ctx context.Context, l webhook.Lease) error {
	return w.db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE webhook_endpoints SET lease_owner = '', lease_until = 0 WHERE `+deliverer, l.Tenant, l.Endpoint, l.Owner, l.Fence)
		if err != nil {
			return fmt.Errorf("give a webhook back: %w", err)
		}
		return nil
	})
}
