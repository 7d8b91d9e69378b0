package server

import (
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// closing counts the connections that are open.
type closing struct {
	connector.Connector
	open *atomic.Int64
}

func (c closing) Close() error {
	c.open.Add(-1)
	return c.Connector.Close()
}

func TestConnectionsOfAnEarlierConfigurationAreClosedWhenNobodyUsesThem(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var open atomic.Int64
		spec := builtin.Registry()["sqlite"]
		inner := spec.New
		spec.New = func(s connector.Settings) (connector.Connector, error) {
			c, err := inner(s)
			open.Add(1)
			return closing{c, &open}, err
		}
		w, mine := newWorld(t, "sqlite", "sqlite"), &storeOf{db.DB, store.DefaultTenant}
		w.apply(mine)
		latest := NewLatest(db.DB, config.Options{Registry: connector.Registry{"sqlite": spec}})
		use := func() (*edition, func()) {
			t.Helper()
			e, release, err := latest.Use(t.Context(), store.DefaultTenant)
			if err == nil {
				_, err = e.systems.Connect("db")
			}
			if err != nil {
				t.Fatal(err)
			}
			return e, release
		}
		first, release := use()
		same, releaseToo := use()
		if same != first || open.Load() != 1 {
			t.Errorf("one version is read twice, or has %d connections", open.Load())
		}
		w.configure(shopDataset, shopPolicies, "data_use: []\n")
		w.apply(mine)
		second, releaseSecond := use()
		if second == first || second.seen.Configuration != 2 {
			t.Errorf("the version in use is %d", second.seen.Configuration)
		}
		w.equal("the earlier one is in use", open.Load(), int64(2))
		release()
		w.equal("by one still", open.Load(), int64(2))
		releaseToo()
		w.equal("by nobody", open.Load(), int64(1))
		releaseSecond()
		w.equal("the one that holds stays open", open.Load(), int64(1))
		if _, releaseSecond = use(); open.Load() != 1 {
			t.Errorf("it was opened again: %d", open.Load())
		}
		if err := latest.Close(); err != nil {
			t.Fatal(err)
		}
		w.equal("the last one is in use", open.Load(), int64(1))
		releaseSecond()
		w.equal("by nobody", open.Load(), int64(0))
	})
}
