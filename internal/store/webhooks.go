package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/webhook"
)

// Webhooks keeps the endpoints that events are sent to, their secrets, sealed,
// and their delivery log. What couriers write is in webhooks_deliver.go.
//
// Every change ends the lease of whoever delivers, so that nobody goes on with
// what is no longer so.
type Webhooks struct{ db *DB }

// Webhooks gives access to the webhooks.
func (db *DB) Webhooks() *Webhooks { return &Webhooks{db} }

// Create stores a new endpoint, which is sent what happens from now on, with
// its secret. It fails with webhook.ErrExists and webhook.ErrTooMany.
func (w *Webhooks) Create(ctx context.Context, e webhook.Endpoint, s webhook.Secret, entry audit.Entry) error {
	return w.db.write(ctx, e.Tenant, func(ctx context.Context, t *tx) error {
		seq, _, err := t.growth.next(ctx, t, t.tenant)
		if err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		if err := t.fewWebhooks(ctx); err != nil {
			return err
		}
		made, err := t.exec(ctx, `
			INSERT INTO webhook_endpoints (tenant, id, url, types, private, cloud, description, enabled, reason, cursor, attempts, succeeded, lease_owner, lease_until, fence, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 1, '', $8, 0, 0, '', 0, 0, {now}) ON CONFLICT DO NOTHING`,
			t.tenant, e.ID, e.URL, typesText(e), number(e.Private), number(e.Cloud), e.Description, seq)
		if err != nil {
			return fmt.Errorf("create webhook: %w", err)
		}
		if made == 0 {
			return webhook.ErrExists
		}
		if err := t.addSecret(ctx, e.ID, s); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

func typesText(e webhook.Endpoint) string {
	var types []string
	for _, kind := range e.Types {
		types = append(types, string(kind))
	}
	return strings.Join(types, " ")
}

// fewWebhooks fails when one more cannot be enabled. The ledger's end is
// locked, so that nobody else enables one meanwhile.
func (t *tx) fewWebhooks(ctx context.Context) error {
	var enabled int64
	if err := t.row(ctx, `SELECT COUNT(*) FROM webhook_endpoints WHERE tenant = $1 AND enabled = 1`, t.tenant).Scan(&enabled); err != nil {
		return fmt.Errorf("count webhooks: %w", err)
	}
	if enabled >= webhook.MaxEndpoints {
		return webhook.ErrTooMany
	}
	return nil
}

func (t *tx) addSecret(ctx context.Context, id string, s webhook.Secret) error {
	var n int64
	if err := t.row(ctx, `SELECT COALESCE(MAX(n), 0) + 1 FROM webhook_secrets WHERE tenant = $1 AND endpoint = $2`, t.tenant, id).Scan(&n); err != nil {
		return fmt.Errorf("number a secret: %w", err)
	}
	_, err := t.exec(ctx, `INSERT INTO webhook_secrets (tenant, endpoint, n, expires, sealed) VALUES ($1, $2, $3, 0, $4)`,
		t.tenant, id, n, t.keys.Seal([]byte(s.Reveal()), secretOf(t.tenant, id, n)))
	if err != nil {
		return fmt.Errorf("store a secret: %w", err)
	}
	return nil
}

func secretOf(tenant, id string, n int64) []byte {
	return fmt.Appendf(nil, "webhook/%s/%s/%d", tenant, id, n)
}

// Get gives an endpoint without its secrets, or webhook.ErrNotFound.
func (w *Webhooks) Get(ctx context.Context, tenant, id string) (webhook.Endpoint, error) {
	e, err := scanEndpoint(w.db.engine.row(ctx, selectEndpoints+` WHERE e.tenant = $1 AND e.id = $2`, tenant, id))
	return e, endpointError("read a webhook", err)
}

// List gives all endpoints of the tenant without their secrets, oldest first.
func (w *Webhooks) List(ctx context.Context, tenant string) ([]webhook.Endpoint, error) {
	all, err := collect(ctx, w.db.engine, scanEndpoint, selectEndpoints+` WHERE e.tenant = $1 ORDER BY e.created, e.id`, tenant)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	return all, nil
}

const selectEndpoints = `
	SELECT e.tenant, e.id, e.url, e.types, e.private, e.cloud, e.description, e.enabled, e.reason, e.cursor, e.succeeded, e.created,
		(SELECT COUNT(*) FROM webhook_waiting w WHERE w.tenant = e.tenant AND w.endpoint = e.id)
	FROM webhook_endpoints e`

func scanEndpoint(row scanner) (e webhook.Endpoint, err error) {
	var types string
	var private, cloud, enabled, succeeded, created int64
	err = row.Scan(&e.Tenant, &e.ID, &e.URL, &types, &private, &cloud, &e.Description, &enabled, &e.Reason, &e.Cursor, &succeeded, &created, &e.Waiting)
	for _, kind := range strings.Fields(types) {
		e.Types = append(e.Types, webhook.Type(kind))
	}
	e.Private, e.Cloud, e.Enabled = private == 1, cloud == 1, enabled == 1
	e.Succeeded, e.Created = instant(succeeded), instant(created)
	return e, err
}

func endpointError(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return webhook.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// WithSecrets gives an endpoint with the secrets that sign for it.
func (w *Webhooks) WithSecrets(ctx context.Context, tenant, id string) (webhook.Endpoint, error) {
	e, err := w.Get(ctx, tenant, id)
	if err != nil {
		return e, err
	}
	keys, err := w.db.Tenant(ctx, tenant)
	if err != nil {
		return e, err
	}
	e.Secrets, err = collect(ctx, w.db.engine, func(row scanner) (webhook.Secret, error) {
		var n, expires int64
		var sealed []byte
		if err := row.Scan(&n, &expires, &sealed); err != nil {
			return webhook.Secret{}, err
		}
		plain, err := keys.Open(sealed, secretOf(tenant, id, n))
		if err != nil {
			return webhook.Secret{}, fmt.Errorf("open secret %d of a webhook: %w", n, err)
		}
		s, err := webhook.ParseSecret(string(plain))
		s.Expires = instant(expires)
		return s, err
	}, `SELECT n, expires, sealed FROM webhook_secrets WHERE tenant = $1 AND endpoint = $2 AND (expires = 0 OR expires > {now}) ORDER BY n DESC`, tenant, id)
	if err != nil {
		return e, fmt.Errorf("read the secrets of a webhook: %w", err)
	}
	return e, nil
}

// Edit replaces the URL, the types, the kind and the description of an endpoint. It
// fails with webhook.ErrExists, and with webhook.ErrPending where the URL is another
// one and p does not say what becomes of what the earlier one has not taken. What
// waits and is of no type that is sent any more is not sent.
func (w *Webhooks) Edit(ctx context.Context, e webhook.Endpoint, p webhook.Pending, entry audit.Entry) error {
	keys, err := w.db.Tenant(ctx, e.Tenant)
	if err != nil {
		return err
	}
	return w.change(ctx, e.Tenant, e.ID, entry, func(ctx context.Context, t *tx) error {
		var earlier string
		var others int64
		err := t.row(ctx, `SELECT url, (SELECT COUNT(*) FROM webhook_endpoints o WHERE o.tenant = $1 AND o.url = $3 AND o.id <> $2)
			FROM webhook_endpoints WHERE tenant = $1 AND id = $2`, e.Tenant, e.ID, e.URL).Scan(&earlier, &others)
		if err != nil {
			return err
		}
		if others > 0 {
			return webhook.ErrExists
		}
		if earlier != e.URL {
			if err := t.readdress(ctx, e, p); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, `UPDATE webhook_endpoints SET url = $3, types = $4, private = $5, cloud = $6, description = $7 WHERE tenant = $1 AND id = $2`,
			e.Tenant, e.ID, e.URL, typesText(e), number(e.Private), number(e.Cloud), e.Description); err != nil {
			return err
		}
		waiting, err := collect(ctx, t, func(row scanner) (webhook.Waiting, error) { return scanWaiting(row, e.Tenant, keys) }, waitingRows, e.Tenant, e.ID)
		if err != nil {
			return err
		}
		var over []int64
		for _, event := range waiting {
			if !webhook.Wanted(e.Types, event.Event.Type) {
				over = append(over, event.Event.Sequence)
			}
		}
		return t.wait(ctx, e.ID, webhook.Report{Over: over})
	})
}

// readdress carries out what was said of the events that an endpoint has not taken, when
// its URL becomes another one.
func (t *tx) readdress(ctx context.Context, e webhook.Endpoint, p webhook.Pending) error {
	switch p {
	case webhook.Send:
		_, err := t.exec(ctx, `UPDATE webhook_waiting SET due = {now} WHERE tenant = $1 AND endpoint = $2 AND due > 0`, e.Tenant, e.ID)
		return err
	case webhook.Skip:
		seq, _, err := t.growth.next(ctx, t, e.Tenant)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `DELETE FROM webhook_waiting WHERE tenant = $1 AND endpoint = $2`, e.Tenant, e.ID); err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE webhook_endpoints SET cursor = $3 WHERE tenant = $1 AND id = $2`, e.Tenant, e.ID, seq)
		return err
	}
	return webhook.ErrPending
}

// Disable sends nothing more to an endpoint. What happens meanwhile, and what
// waits, is sent once it is enabled.
func (w *Webhooks) Disable(ctx context.Context, tenant, id string, entry audit.Entry) error {
	return w.change(ctx, tenant, id, entry, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE webhook_endpoints SET enabled = 0, reason = $3 WHERE tenant = $1 AND id = $2 AND enabled = 1`, tenant, id, string(webhook.Asked))
		return err
	})
}

// Enable sends to an endpoint again, and at once what waits.
func (w *Webhooks) Enable(ctx context.Context, tenant, id string, entry audit.Entry) error {
	return w.change(ctx, tenant, id, entry, func(ctx context.Context, t *tx) error {
		var enabled int64
		err := t.row(ctx, `SELECT enabled FROM webhook_endpoints WHERE tenant = $1 AND id = $2`, tenant, id).Scan(&enabled)
		if err != nil || enabled == 1 {
			return err
		}
		if err := t.fewWebhooks(ctx); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE webhook_endpoints SET enabled = 1, reason = '' WHERE tenant = $1 AND id = $2`, tenant, id); err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE webhook_waiting SET due = {now} WHERE tenant = $1 AND endpoint = $2 AND due > 0`, tenant, id)
		return err
	})
}

// Rotate adds a secret. The earlier ones sign as well for overlap; those that
// are over are destroyed.
func (w *Webhooks) Rotate(ctx context.Context, tenant, id string, s webhook.Secret, overlap time.Duration, entry audit.Entry) error {
	return w.change(ctx, tenant, id, entry, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `DELETE FROM webhook_secrets WHERE tenant = $1 AND endpoint = $2 AND expires > 0 AND expires <= {now}`, tenant, id); err != nil {
			return err
		}
		t.growth.destroyed = true
		if _, err := t.exec(ctx, `UPDATE webhook_secrets SET expires = {now} + $3 WHERE tenant = $1 AND endpoint = $2 AND expires = 0`, tenant, id, overlap.Microseconds()); err != nil {
			return err
		}
		return t.addSecret(ctx, id, s)
	})
}

// Replay sends everything again from a sequence on. It fails with
// webhook.ErrAhead when that is behind what has been sent: nothing is left out.
func (w *Webhooks) Replay(ctx context.Context, tenant, id string, from int64, entry audit.Entry) error {
	return w.change(ctx, tenant, id, entry, func(ctx context.Context, t *tx) error {
		changed, err := t.exec(ctx, `UPDATE webhook_endpoints SET cursor = $3 WHERE tenant = $1 AND id = $2 AND cursor >= $3`, tenant, id, from-1)
		if err != nil {
			return err
		}
		if changed == 0 {
			return webhook.ErrAhead
		}
		_, err = t.exec(ctx, `DELETE FROM webhook_waiting WHERE tenant = $1 AND endpoint = $2 AND seq >= $3`, tenant, id, from)
		return err
	})
}

// change changes an endpoint that there is, ends the lease on it, and logs it.
func (w *Webhooks) change(ctx context.Context, tenant, id string, entry audit.Entry, fn func(context.Context, *tx) error) error {
	return w.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, _, err := t.growth.next(ctx, t, tenant); err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		found, err := t.exec(ctx, `UPDATE webhook_endpoints SET fence = fence + 1, lease_owner = '', lease_until = 0 WHERE tenant = $1 AND id = $2`, tenant, id)
		if err == nil && found == 0 {
			return webhook.ErrNotFound
		}
		if err == nil {
			err = fn(ctx, t)
		}
		if err != nil {
			return fmt.Errorf("change a webhook: %w", err)
		}
		return t.log(ctx, entry)
	})
}

// Deliveries gives up to limit lines of an endpoint's log before the one with
// this number, newest first; 0 begins with the newest.
func (w *Webhooks) Deliveries(ctx context.Context, tenant, id string, before int64, limit int) ([]webhook.Attempt, error) {
	if _, err := w.Get(ctx, tenant, id); err != nil {
		return nil, err
	}
	page, err := collect(ctx, w.db.engine, scanAttempt, `
		SELECT n, at, event, type, seq, try, status, outcome, took, next FROM webhook_attempts
		WHERE tenant = $1 AND endpoint = $2 AND (n < $3 OR $3 = 0) ORDER BY n DESC LIMIT $4`, tenant, id, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read a delivery log: %w", err)
	}
	return page, nil
}

func scanAttempt(row scanner) (a webhook.Attempt, err error) {
	var at, took, next int64
	err = row.Scan(&a.Number, &at, &a.Event, &a.Type, &a.Sequence, &a.Try, &a.Status, &a.Outcome, &took, &next)
	a.At, a.Took, a.Next = instant(at), time.Duration(took)*time.Microsecond, instant(next)
	return a, err
}

// Note adds a line to the log of an endpoint that no courier has made.
func (w *Webhooks) Note(ctx context.Context, tenant, id string, a webhook.Attempt) error {
	return w.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		var last int64
		err := t.row(ctx, `UPDATE webhook_endpoints SET attempts = attempts + 1 WHERE tenant = $1 AND id = $2 RETURNING attempts`, tenant, id).Scan(&last)
		if err := endpointError("note an attempt", err); err != nil {
			return err
		}
		return t.addAttempts(ctx, id, last, []webhook.Attempt{a})
	})
}

var intoAttempts = into("webhook_attempts", "endpoint text, n bigint, at bigint, event text, type text, seq bigint, try bigint, status bigint, outcome text, took bigint, next bigint", "")

// addAttempts adds lines, the last of them with the number last, and deletes
// some that are old.
func (t *tx) addAttempts(ctx context.Context, id string, last int64, all []webhook.Attempt) error {
	var rows [][]any
	for i, a := range all {
		rows = append(rows, []any{id, last - int64(len(all)-1-i), micros(a.At), a.Event, string(a.Type), a.Sequence, int64(a.Try), int64(a.Status), string(a.Outcome), a.Took.Microseconds(), micros(a.Next)})
	}
	if err := t.all(ctx, t.fill(intoAttempts, t.tenant, rows)); err != nil {
		return fmt.Errorf("write a delivery log: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM webhook_attempts WHERE tenant = $1 AND endpoint = $2 AND at < {now} - $3
		AND n <= (SELECT MIN(n) FROM webhook_attempts WHERE tenant = $1 AND endpoint = $2) + 100`, t.tenant, id, logTime.Microseconds()); err != nil {
		return fmt.Errorf("shorten a delivery log: %w", err)
	}
	return nil
}

// logTime is how long the lines of a delivery log are kept.
const logTime = 30 * 24 * time.Hour

// number is how columns hold what is so or not.
func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
