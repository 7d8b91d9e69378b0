package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/store/storetest"
)

// vendor takes all that it is told, and notes under which keys.
type vendor struct {
	mu    sync.Mutex
	keys  map[string]int             // calls
	of    map[string]map[string]bool // keys, by person
	pause func()
}

func newVendor(pause func()) *vendor {
	return &vendor{keys: map[string]int{}, of: map[string]map[string]bool{}, pause: pause}
}

func (v *vendor) Prefer(_ context.Context, all []connector.Preference) (done [][]connector.Call, err error) {
	v.pause()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range all {
		v.keys[p.Key]++
		if v.of[p.Subject] == nil {
			v.of[p.Subject] = map[string]bool{}
		}
		v.of[p.Subject][p.Key] = true
		done = append(done, []connector.Call{{Name: "list", Outcome: connector.Arrived}})
	}
	return done, nil
}

// down is a vendor that is not there.
type down struct{}

func (down) Prefer(context.Context, []connector.Preference) ([][]connector.Call, error) {
	return nil, &connector.Error{Kind: connector.Unreachable, Connection: "down", Doing: "call", Reason: "nobody answers"}
}

// carry starts what sends, until the test ends.
func carry(t testing.TB, db *storetest.Database, s propagate.Store, owner string, ttl time.Duration, vendors map[string]connector.Preferrer) {
	t.Helper()
	e := &propagate.Edition{Connect: func(key string) (connector.Preferrer, int, error) { return vendors[key], 1, nil }}
	for key := range vendors {
		e.Targets = append(e.Targets, to(key))
	}
	c := &propagate.Carriers{
		Store: s, Tenants: func(context.Context) ([]string, error) { return []string{tenant}, nil }, Changed: db.Events().Changed,
		Edition: func(context.Context, string) (*propagate.Edition, func(), error) { return e, func() {}, nil },
		Owner:   owner, TTL: ttl, Poll: 50 * time.Millisecond, Random: rand.Float64, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	c.Start()
	t.Cleanup(c.Stop)
}

// counts are those of a connection.
func counts(t testing.TB, db *storetest.Database, connection string) map[propagate.Status]int64 {
	t.Helper()
	all, err := db.Propagation().Lanes(ctx, tenant)
	must(t, err)
	for _, l := range all {
		if l.Connection == connection {
			return l.Counts
		}
	}
	return nil
}

func agreeing(n int) (all []consent.Entry) {
	for i := range n {
		all = append(all, says(fmt.Sprintf("p%d@example.com", i), "news", true))
	}
	return all
}

// paused is a store that sometimes answers late, as if the process had slept.
type paused struct{ propagate.Store }

func (p paused) sleep() { <-time.After(rand.N(200 * time.Millisecond)) }

func (p paused) Begin(ctx context.Context, l propagate.Lane, t propagate.Target, refs []propagate.Ref) ([]propagate.Begun, error) {
	p.sleep()
	return p.Store.Begin(ctx, l, t, refs)
}

func (p paused) Settle(ctx context.Context, l propagate.Lane, all []propagate.Settlement) error {
	p.sleep()
	return p.Store.Settle(ctx, l, all)
}

// Sixteen processes, whose leases are shorter than what they sleep: what one learns
// after its lease was over is dropped, so that each choice becomes complete once, and
// whoever repeats a call does so under the same key.
func TestCarriersWhoseLeaseIsOverWriteNothing(t *testing.T) { // R4, P1, P2
	t.Parallel()
	db := storetest.Postgres(t)
	v := newVendor(func() { <-time.After(rand.N(40 * time.Millisecond)) })
	world(t, db, to("a"))
	const people = 12
	given := give(t, db, agreeing(people)...)
	for n := range 16 {
		carry(t, db, paused{db.Propagation()}, fmt.Sprint("process ", n), 150*time.Millisecond, map[string]connector.Preferrer{"a": v})
	}
	for deadline := time.Now().Add(2 * time.Minute); counts(t, db, "a")[propagate.Complete] < people; <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%v", counts(t, db, "a"))
		}
	}
	repeated, completed := 0, map[string]int{}
	for _, l := range leaves(t, db) {
		if l.Act == "delivery.complete" {
			completed[l.Object]++
		}
	}
	for _, o := range given {
		attempts, err := db.Propagation().Attempts(ctx, tenant, o.Record, "a")
		must(t, err)
		if n := completed["delivery/"+o.Record+"/a"]; n != 1 || len(v.of[o.Subject.String()]) != 1 {
			t.Errorf("completed %d times, under %d keys", n, len(v.of[o.Subject.String()]))
		}
		for _, a := range attempts[1:] {
			repeated++
			if !a.Repeats || a.Key != attempts[0].Key {
				t.Errorf("%+v", a)
			}
		}
	}
	if repeated == 0 {
		t.Error("no lease was over before its end")
	}
}

// In make test it is a few hundred, with SOAK=1 all of ten thousand.
func TestBacklogIsDrainedWhileOneConnectionIsDown(t *testing.T) { // P6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		people := 300
		if os.Getenv("SOAK") != "" {
			people = 10_000
		}
		v := newVendor(func() {})
		world(t, db, to("well"), to("down"))
		for all := agreeing(people); len(all) > 0; all = all[min(len(all), 100):] {
			give(t, db, all[:min(len(all), 100)]...)
		}
		began := time.Now()
		carry(t, db, db.Propagation(), owner, time.Minute, map[string]connector.Preferrer{"well": v, "down": down{}})
		for deadline := time.Now().Add(10 * time.Minute); counts(t, db, "well")[propagate.Complete] < int64(people); <-time.After(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%v", counts(t, db, "well"))
			}
		}
		t.Logf("%d in %v", people, time.Since(began))
		if len(v.keys) != people {
			t.Errorf("%d keys for %d choices", len(v.keys), people)
		}
		for key, n := range v.keys {
			if n != 1 {
				t.Errorf("%s was told %d times", key, n)
			}
		}
		if left := counts(t, db, "down"); left[propagate.Pending]+left[propagate.Sending] != int64(people) {
			t.Errorf("at the one that is down: %v", left)
		}
	})
}
