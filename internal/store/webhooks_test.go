package store_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/webhook"
)

// hook makes an endpoint.
func hook(t testing.TB, db *storetest.Database, tenant, url string) (webhook.Endpoint, webhook.Secret) {
	t.Helper()
	e := webhook.Endpoint{Tenant: tenant, ID: uuid.Must(uuid.NewV7()).String(), URL: url, Types: []webhook.Type{webhook.ConsentGranted}, Cloud: true}
	s, err := webhook.NewSecret(rand.Reader)
	must(t, err)
	must(t, db.Webhooks().Create(ctx, e, s, entry("webhook.create")))
	return e, s
}

// claimed is a lease on an endpoint.
func claimed(t testing.TB, db *storetest.Database, id, owner string) (webhook.Lease, webhook.Endpoint, []webhook.Waiting) {
	t.Helper()
	l, e, waiting, err := db.Webhooks().Claim(ctx, webhook.Lease{Tenant: tenant, Endpoint: id, Owner: owner}, ttl)
	must(t, err)
	return l, e, waiting
}

func TestWebhookIsKeptWithItsSecretsSealed(t *testing.T) { // SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		give(t, db, says("anna@example.com", "analytics", true))
		e, first := hook(t, db, tenant, "https://a.example/hook")
		e.Enabled = true
		got, err := db.Webhooks().WithSecrets(ctx, tenant, e.ID)
		must(t, err)
		if d := cmp.Diff(e, got, cmpopts.IgnoreFields(webhook.Endpoint{}, "Created", "Cursor", "Secrets")); d != "" {
			t.Error(d)
		}
		if left := follow(t, db, tenant, got.Cursor, 10); len(left) != 0 || got.Cursor == 0 {
			t.Errorf("a new webhook is told of what was before: %v", left)
		}
		second, err := webhook.NewSecret(rand.Reader)
		must(t, err)
		must(t, db.Webhooks().Rotate(ctx, tenant, e.ID, second, time.Hour, entry("webhook.rotate")))
		db.Reopen(t)
		got, err = db.Webhooks().WithSecrets(ctx, tenant, e.ID)
		must(t, err)
		if len(got.Secrets) != 2 || got.Secrets[0].Reveal() != second.Reveal() || !got.Secrets[0].Expires.IsZero() ||
			got.Secrets[1].Reveal() != first.Reveal() || time.Until(got.Secrets[1].Expires) > time.Hour || time.Until(got.Secrets[1].Expires) < 50*time.Minute {
			t.Errorf("%d secrets", len(got.Secrets))
		}
		// A secret opens in its own row only.
		raw := db.Raw(t)
		_, err = raw.ExecContext(ctx, `UPDATE webhook_secrets SET sealed = (SELECT o.sealed FROM webhook_secrets o WHERE o.n = 1) WHERE n = 2`)
		must(t, err)
		if _, err := db.Webhooks().WithSecrets(ctx, tenant, e.ID); err == nil {
			t.Error("a secret was taken from another row")
		}
		// When the overlap is over, the earlier one signs no more and is destroyed.
		_, err = raw.ExecContext(ctx, `DELETE FROM webhook_secrets WHERE n = 2`)
		must(t, err)
		_, err = raw.ExecContext(ctx, `UPDATE webhook_secrets SET expires = 1`)
		must(t, err)
		if got, err = db.Webhooks().WithSecrets(ctx, tenant, e.ID); err != nil || len(got.Secrets) != 0 {
			t.Errorf("%d secrets, %v", len(got.Secrets), err)
		}
		must(t, db.Webhooks().Rotate(ctx, tenant, e.ID, second, time.Hour, entry("webhook.rotate")))
		var n int
		must(t, raw.QueryRowContext(ctx, `SELECT COUNT(*) FROM webhook_secrets`).Scan(&n))
		if n != 1 {
			t.Errorf("%d secrets are stored", n)
		}
	})
}

func TestWhatACourierReportsIsWhatTheNextOneFinds(t *testing.T) { // R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e, _ := hook(t, db, tenant, "https://a.example/hook")
		give(t, db, says("anna@example.com", "analytics", true), says("ben@example.com", "analytics", true))
		publish(t, db, version("1", true))
		events := follow(t, db, tenant, e.Cursor, 10)
		l, _, waiting := claimed(t, db, e.ID, owner)
		if len(waiting) != 0 {
			t.Errorf("%v waits", waiting)
		}
		at := time.Date(2026, 11, 26, 10, 0, 0, 123000, time.UTC)
		waits := []webhook.Waiting{{Event: events[0], Tried: 2, Since: at, Due: at.Add(time.Hour)}, {Event: events[2]}}
		attempts := []webhook.Attempt{
			{At: at, Event: events[0].ID, Type: events[0].Type, Sequence: events[0].Sequence, Try: 1, Status: 500, Outcome: webhook.Answered, Took: time.Second, Next: at.Add(time.Minute)},
			{At: at, Event: events[1].ID, Type: events[1].Type, Sequence: events[1].Sequence, Try: 1, Status: 200, Outcome: webhook.Delivered},
		}
		must(t, db.Webhooks().Report(ctx, l, ttl, webhook.Report{Cursor: events[2].Sequence, Attempts: attempts, Waits: waits}))
		must(t, db.Webhooks().Report(ctx, l, ttl, webhook.Report{Cursor: events[2].Sequence})) // changes nothing
		db.Reopen(t)
		_, got, found := claimed(t, db, e.ID, owner)
		if d := cmp.Diff(waits, found); d != "" {
			t.Error(d)
		}
		if got.Cursor != events[2].Sequence || !got.Succeeded.Equal(at) || len(got.Secrets) != 1 || got.Waiting != 2 {
			t.Errorf("%+v", got)
		}
		lines, err := db.Webhooks().Deliveries(ctx, tenant, e.ID, 0, 10)
		must(t, err)
		attempts[0].Number, attempts[1].Number = 1, 2
		if d := cmp.Diff([]webhook.Attempt{attempts[1], attempts[0]}, lines); d != "" {
			t.Error(d)
		}
	})
}

func TestLeaseThatIsOverWritesNothing(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e, s := hook(t, db, tenant, "https://a.example/hook")
		w := db.Webhooks()
		for what, over := range map[string]func() error{
			"claimed by another": func() error {
				_, err := db.Raw(t).ExecContext(ctx, `UPDATE webhook_endpoints SET lease_until = 1`)
				claimed(t, db, e.ID, "node-b")
				return err
			},
			"claimed again": func() error {
				claimed(t, db, e.ID, owner)
				return nil
			},
			"disabled": func() error { return w.Disable(ctx, tenant, e.ID, entry("webhook.disable")) },
			"rotated":  func() error { return w.Rotate(ctx, tenant, e.ID, s, time.Hour, entry("webhook.rotate")) },
			"replayed": func() error { return w.Replay(ctx, tenant, e.ID, 0, entry("webhook.replay")) },
			"released": func() error { return nil },
		} {
			must(t, w.Enable(ctx, tenant, e.ID, entry("webhook.enable")))
			l, _, _ := claimed(t, db, e.ID, owner)
			must(t, w.Held(ctx, l))
			if what == "released" {
				must(t, w.Release(ctx, l))
			}
			must(t, over())
			before := db.Dump(t)
			for _, err := range []error{
				w.Held(ctx, l), w.Report(ctx, l, ttl, webhook.Report{Cursor: 99, Disable: webhook.Gone, Attempts: []webhook.Attempt{{At: time.Now()}}}),
			} {
				if !errors.Is(err, webhook.ErrFenced) {
					t.Errorf("%s: %v", what, err)
				}
			}
			must(t, w.Release(ctx, l))
			if d := cmp.Diff(string(before), string(db.Dump(t))); d != "" {
				t.Errorf("%s: it wrote %s", what, d)
			}
		}
	})
}

// Of many processes one delivers for an endpoint.
func TestEndpointIsClaimedOnce(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e, _ := hook(t, db, tenant, "https://a.example/hook")
		if db.Embedded() { // its leases of other owners are dead ones
			l, _, _ := claimed(t, db, e.ID, "before")
			claimed(t, db, e.ID, owner)
			if err := db.Webhooks().Held(ctx, l); !errors.Is(err, webhook.ErrFenced) {
				t.Error(err)
			}
			return
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 16 {
			all.Go(func() {
				_, _, _, err := db.Webhooks().Claim(ctx, webhook.Lease{Tenant: tenant, Endpoint: e.ID, Owner: fmt.Sprint("node-", i)}, ttl)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, webhook.ErrFenced) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		vacant, err := db.Webhooks().Vacant(ctx, "another")
		must(t, err)
		if won != 1 || len(vacant) != 0 {
			t.Errorf("%d hold it, %v is vacant", won, vacant)
		}
	})
}

func TestReplayForgetsWhatWaitsBehindItAndGoesNeverAhead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e, _ := hook(t, db, tenant, "https://a.example/hook")
		give(t, db, says("anna@example.com", "analytics", true), says("ben@example.com", "analytics", true))
		events := follow(t, db, tenant, 0, 10)
		l, _, _ := claimed(t, db, e.ID, owner)
		must(t, db.Webhooks().Report(ctx, l, ttl, webhook.Report{Cursor: events[1].Sequence, Waits: []webhook.Waiting{{Event: events[0], Tried: 1}, {Event: events[1], Tried: 1}}}))
		if err := db.Webhooks().Replay(ctx, tenant, e.ID, events[1].Sequence+2, entry("webhook.replay")); !errors.Is(err, webhook.ErrAhead) {
			t.Errorf("ahead: %v", err)
		}
		must(t, db.Webhooks().Replay(ctx, tenant, e.ID, events[1].Sequence, entry("webhook.replay")))
		_, got, waiting := claimed(t, db, e.ID, owner)
		if got.Cursor != events[0].Sequence || len(waiting) != 1 || waiting[0].Event.ID != events[0].ID {
			t.Errorf("cursor %d, %v waits", got.Cursor, waiting)
		}
	})
}

func TestSoManyWebhooksAndNoMore(t *testing.T) { // SE7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		secret, err := webhook.NewSecret(rand.Reader)
		must(t, err)
		create := func(n int) error {
			return db.Webhooks().Create(ctx, webhook.Endpoint{Tenant: tenant, ID: fmt.Sprint(n), URL: fmt.Sprint("https://a.example/", n)}, secret, entry("webhook.create"))
		}
		for n := range webhook.MaxEndpoints {
			must(t, create(n))
		}
		if err := create(-1); !errors.Is(err, webhook.ErrTooMany) {
			t.Errorf("one too many: %v", err)
		}
		must(t, db.Webhooks().Disable(ctx, tenant, "0", entry("webhook.disable")))
		if err := db.Webhooks().Create(ctx, webhook.Endpoint{Tenant: tenant, ID: "x", URL: "https://a.example/0"}, secret, entry("webhook.create")); !errors.Is(err, webhook.ErrExists) {
			t.Errorf("the same URL: %v", err)
		}
		must(t, create(-1))
		if err := db.Webhooks().Enable(ctx, tenant, "0", entry("webhook.enable")); !errors.Is(err, webhook.ErrTooMany) {
			t.Errorf("enabled: %v", err)
		}
	})
}

func TestOldLinesOfTheDeliveryLogGo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e, _ := hook(t, db, tenant, "https://a.example/hook")
		for _, at := range []time.Time{time.Now().Add(-31 * 24 * time.Hour), time.Now().Add(-29 * 24 * time.Hour), time.Now()} {
			must(t, db.Webhooks().Note(ctx, tenant, e.ID, webhook.Attempt{At: at}))
		}
		lines, err := db.Webhooks().Deliveries(ctx, tenant, e.ID, 0, 10)
		must(t, err)
		if len(lines) != 2 || lines[0].Number != 3 || lines[1].Number != 2 {
			t.Errorf("%+v", lines)
		}
	})
}

func TestOtherTenantsWebhooksAreNotThere(t *testing.T) { // SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const other = "other"
		must(t, db.CreateTenant(ctx, other))
		e, s := hook(t, db, tenant, "https://a.example/hook")
		hook(t, db, other, e.URL) // the same URL is another's too
		l, _, _ := claimed(t, db, e.ID, owner)
		foreign, w := l, db.Webhooks()
		foreign.Tenant = other
		_, get := w.Get(ctx, other, e.ID)
		_, secrets := w.WithSecrets(ctx, other, e.ID)
		_, lines := w.Deliveries(ctx, other, e.ID, 0, 10)
		_, _, _, claim := w.Claim(ctx, foreign, ttl)
		for what, err := range map[string]error{
			"get": get, "secrets": secrets, "lines": lines, "claim": claim,
			"disable": w.Disable(ctx, other, e.ID, entry("webhook.disable")), "enable": w.Enable(ctx, other, e.ID, entry("webhook.enable")),
			"rotate": w.Rotate(ctx, other, e.ID, s, time.Hour, entry("webhook.rotate")), "replay": w.Replay(ctx, other, e.ID, 0, entry("webhook.replay")),
			"note": w.Note(ctx, other, e.ID, webhook.Attempt{}), "held": w.Held(ctx, foreign), "report": w.Report(ctx, foreign, ttl, webhook.Report{Cursor: 9}),
		} {
			if !errors.Is(err, webhook.ErrNotFound) && !errors.Is(err, webhook.ErrFenced) {
				t.Errorf("%s: %v", what, err)
			}
		}
		must(t, w.Release(ctx, foreign))
		must(t, w.Held(ctx, l))
		list, err := w.List(ctx, other)
		must(t, err)
		if len(list) != 1 || list[0].ID == e.ID {
			t.Errorf("%+v", list)
		}
	})
}

// A change of a webhook and its entry in the log stand together or not at all.
func TestNoWebhookIsChangedWithoutItsEntry(t *testing.T) { // SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		e, s := hook(t, db, tenant, "https://a.example/hook")
		l, _, _ := claimed(t, db, e.ID, owner)
		give(t, db, says("anna@example.com", "analytics", true))
		w, bad := db.Webhooks(), entry("no act")
		before := db.Dump(t)
		fresh := e
		fresh.ID, fresh.URL = "new", "https://b.example"
		for what, err := range map[string]error{
			"create": w.Create(ctx, fresh, s, bad), "disable": w.Disable(ctx, tenant, e.ID, bad), "enable": w.Enable(ctx, tenant, e.ID, bad),
			"rotate": w.Rotate(ctx, tenant, e.ID, s, time.Hour, bad), "replay": w.Replay(ctx, tenant, e.ID, 0, bad),
		} {
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if d := cmp.Diff(string(before), string(db.Dump(t))); d != "" {
			t.Error(d)
		}
		must(t, w.Report(ctx, l, ttl, webhook.Report{Cursor: 1, Disable: webhook.Failing}))
		all, err := db.Audit().Records(ctx, tenant, 0, 100)
		must(t, err)
		if last := all[len(all)-1]; last.Act != "webhook.disable" || last.Object != "webhook/"+e.ID || !strings.Contains(string(last.Details), "failing") {
			t.Errorf("%+v", last)
		}
	})
}
