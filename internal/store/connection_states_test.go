package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

func TestStateOfAConnectionIsThatOfTheConnectionAsItIs(t *testing.T) { // W8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		shelf, states := shelf{t, db}, db.ConnectionStates()
		shelf.connection("crm")
		is := func(what, of string, want store.ConnectionState) {
			t.Helper()
			got, err := states.Get(ctx, of, "crm")
			must(t, err)
			if d := cmp.Diff(want, got, cmpopts.EquateApproxTime(time.Minute)); d != "" {
				t.Errorf("%s: %s", what, d)
			}
		}
		now := time.Now()
		is("at first", tenant, store.ConnectionState{})
		must(t, states.Tried(ctx, tenant, "crm", &connector.Error{Kind: connector.Denied, Reason: "no such user"}))
		must(t, states.Returned(ctx, tenant, "crm", "it was not allowed"))
		is("after what failed", tenant, store.ConnectionState{Tried: now, Kind: connector.Denied, Reason: "no such user", Returned: now, Refusal: "it was not allowed"})
		must(t, states.Tried(ctx, tenant, "crm", nil))
		must(t, states.Returned(ctx, tenant, "crm", ""))
		is("after what did not", tenant, store.ConnectionState{Tried: now, Returned: now})
		is("of another tenant", "other", store.ConnectionState{})

		must(t, db.Connections().Edit(ctx, tenant, inventory.Connection{Key: "crm", Type: "webhook"}, []byte("more"), shelf.seen(), entry("connection.edit")))
		is("of another connection by now", tenant, store.ConnectionState{})
		must(t, states.Tried(ctx, tenant, "crm", nil))
		must(t, db.Connections().Remove(ctx, tenant, "crm", shelf.seen(), entry("connection.remove")))
		must(t, states.Tried(ctx, tenant, "crm", nil)) // it was under way
		shelf.connection("crm")
		is("of one with the key of another", tenant, store.ConnectionState{})
	})
}
