package store_test

import (
	"errors"
	"testing"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/webhook"
)

// Whoever changes the URL says what becomes of what was meant for the earlier one, or
// nothing is changed. Whoever delivers has lost the lease by then.
func TestChangedWebhookGetsWhatWaitsOnlyWhenThatIsSaid(t *testing.T) { // W10
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		for _, pending := range []webhook.Pending{webhook.Send, webhook.Skip} {
			e, _ := hook(t, db, tenant, "https://"+string(pending)+".example/hook")
			outcome := give(t, db, says("anna@example.com", "analytics", true))
			lease, _, _ := claimed(t, db, e.ID, "one")
			event := follow(t, db, tenant, outcome[0].Sequence-1, 1)[0]
			must(t, db.Webhooks().Report(ctx, lease, ttl, webhook.Report{Cursor: event.Sequence, Waits: []webhook.Waiting{{Event: event, Tried: 1, Since: event.Timestamp, Due: event.Timestamp}}}))
			e.URL = "https://" + string(pending) + ".example/other"
			if err := db.Webhooks().Edit(ctx, e, "", entry("webhook.edit")); !errors.Is(err, webhook.ErrPending) {
				t.Errorf("another URL without a word: %v", err)
			}
			if got, err := db.Webhooks().Get(ctx, tenant, e.ID); err != nil || got.URL == e.URL || got.Waiting != 1 {
				t.Errorf("after that it is %+v, %v", got, err)
			}
			must(t, db.Webhooks().Held(ctx, lease))
			e.Description = "Customer relations"
			must(t, db.Webhooks().Edit(ctx, e, pending, entry("webhook.edit")))
			if err := db.Webhooks().Held(ctx, lease); !errors.Is(err, webhook.ErrFenced) {
				t.Errorf("the lease of before: %v", err)
			}
			_, got, waiting := claimed(t, db, e.ID, "two")
			if got.URL != e.URL || got.Description != e.Description || len(got.Secrets) != 1 {
				t.Errorf("changed to %+v", got)
			}
			if sent := len(waiting) == 1; sent != (pending == webhook.Send) {
				t.Errorf("%s: %d wait", pending, len(waiting))
			}
			if left := follow(t, db, tenant, got.Cursor, 10); pending == webhook.Skip && len(left) != 0 {
				t.Errorf("it goes on with %d of before", len(left))
			}
			e.Types = []webhook.Type{webhook.ConsentWithdrawn}
			must(t, db.Webhooks().Edit(ctx, e, "", entry("webhook.edit")))
			if _, got, waiting := claimed(t, db, e.ID, "three"); len(waiting) != 0 || got.Waiting != 0 {
				t.Errorf("what is not sent any more waits: %d", len(waiting))
			}
			other, _ := hook(t, db, tenant, "https://"+string(pending)+".example/third")
			other.URL = e.URL
			if err := db.Webhooks().Edit(ctx, other, pending, entry("webhook.edit")); !errors.Is(err, webhook.ErrExists) {
				t.Errorf("the URL of another webhook: %v", err)
			}
			e.Tenant = "other"
			if err := db.Webhooks().Edit(ctx, e, pending, entry("webhook.edit")); err == nil {
				t.Error("another tenant changes it")
			}
		}
	})
}
