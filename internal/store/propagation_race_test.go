package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// rounds is how often the tests of this file do what could go wrong.
func rounds(few int) int {
	if os.Getenv("SOAK") != "" {
		return 1000
	}
	return few
}

// Eight connections of one system work on the same change at the same time, each
// twice over. The map must hold what each has noted first.
func TestConnectionsOfOneSystemNeverOverwriteEachOther(t *testing.T) { // C6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var targets []propagate.Target
		for i := range 8 {
			targets = append(targets, to(fmt.Sprintf("crm-%d", i)))
		}
		world(t, db, targets...)
		outcomes := []propagate.Status{propagate.Complete, propagate.Failed, propagate.Partial}
		wrong := 0
		for round := range rounds(64) {
			e := says(fmt.Sprintf("p%d@example.com", round), "news", true)
			change := give(t, db, e)[0]
			planAll(t, db, targets...)
			want := map[string]propagate.Status{}
			var all sync.WaitGroup
			for i, target := range targets {
				outcome := outcomes[rand.IntN(len(outcomes))]
				want[target.Key] = outcome
				all.Go(func() {
					if err := twice(ctx, db.DB, target, change.Sequence, outcome, outcomes[(i+round)%len(outcomes)]); err != nil {
						t.Errorf("%s: %v", target.Key, err)
					}
				})
			}
			all.Wait()
			if diff := cmp.Diff(want, statuses(t, db, change.Record)); diff != "" {
				wrong++
				t.Error(diff)
			}
		}
		t.Logf("%d wrong maps of %d", wrong, rounds(64))
	})
}

// twice sends a change by two who think that it is theirs at the same time: both note
// an outcome of the one attempt, and the first one holds.
func twice(ctx context.Context, db *store.DB, target propagate.Target, seq int64, outcome, other propagate.Status) error {
	p := db.Propagation()
	l, _, err := p.Claim(ctx, propagate.Lane{Tenant: tenant, Connection: target.Key, Owner: owner}, ttl)
	if err != nil {
		return err
	}
	begun, err := p.Begin(ctx, l, target, []propagate.Ref{{Sequence: seq}})
	if err != nil || len(begun) != 1 {
		return fmt.Errorf("begun %d: %w", len(begun), err)
	}
	if again, err := p.Begin(ctx, l, target, []propagate.Ref{{Sequence: seq}}); err != nil || len(again) != 0 {
		return fmt.Errorf("begun twice: %w", err)
	}
	if err := p.Settle(ctx, l, []propagate.Settlement{became(begun[0], outcome)}); err != nil {
		return err
	}
	return p.Settle(ctx, l, []propagate.Settlement{became(begun[0], other)})
}

// What several begin at once, one of them does.
func TestOneOfManyBeginsAnAttempt(t *testing.T) { // P1, P2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		for round := range rounds(16) {
			change := give(t, db, says(fmt.Sprintf("p%d@example.com", round), "news", true))[0]
			planAll(t, db, target)
			l := lane(t, db, "a")
			var all sync.WaitGroup
			var mu sync.Mutex
			keys := 0
			for range 8 {
				all.Go(func() {
					begun, err := db.Propagation().Begin(ctx, l, target, []propagate.Ref{{Sequence: change.Sequence}})
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					keys += len(begun)
					mu.Unlock()
				})
			}
			all.Wait()
			if keys != 1 {
				t.Fatalf("%d attempts were begun", keys)
			}
		}
	})
}

// Several processes plan the same ledger while people choose.
func TestSeveralPlanAtOnceWithoutDoublesAndMissNothing(t *testing.T) { // C6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		targets := []propagate.Target{to("a"), to("b")}
		world(t, db, targets...)
		planners := []*store.DB{db.DB, db.DB}
		if !db.Embedded() {
			other, err := store.Open(ctx, db.Config)
			must(t, err)
			t.Cleanup(func() { _ = other.Close() })
			planners = append(planners, other, other)
		}
		var all sync.WaitGroup
		done := make(chan struct{})
		for _, p := range planners {
			all.Go(func() {
				for last := false; ; {
					more, err := p.Propagation().Plan(ctx, tenant, targets, 3)
					if err != nil {
						t.Error(err)
						return
					}
					if last && !more {
						return
					}
					select {
					case <-done:
						last = true
					default:
					}
				}
			})
		}
		var made []consent.Outcome
		for i := range 60 {
			made = append(made, give(t, db, says(fmt.Sprintf("p%d@example.com", i%20), "news", i/20%2 == 0))...)
		}
		close(done)
		all.Wait()
		planAll(t, db, targets...)
		for i, o := range made {
			want := view{"a": "superseded", "b": "superseded"}
			if i >= 40 {
				want = view{"a": "pending", "b": "pending"}
			}
			if diff := cmp.Diff(want, statuses(t, db, o.Record)); diff != "" {
				t.Errorf("choice %d: %s", i, diff)
			}
			plans := 0
			for _, act := range acts(t, db, "change/"+o.Record) {
				if act == "delivery.plan" {
					plans++
				}
			}
			if plans != 1 {
				t.Errorf("choice %d was planned %d times", i, plans)
			}
		}
		verify(t, db, int64(len(leaves(t, db))))
	})
}

// A planner that was held up between reading and writing writes nothing that is not so
// any more.
func TestAPlannerThatComesLateDoesNothingTwice(t *testing.T) { // C6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		a, b := to("a"), to("b")
		world(t, db)
		early := give(t, db, says("early@example.com", "news", true))[0]
		planAll(t, db, a)
		first := give(t, db, says("anna@example.com", "news", true))[0]
		targets := []propagate.Target{a}
		cursor := func() (seq int64) {
			must(t, db.Raw(t).QueryRowContext(ctx, `SELECT seq FROM delivery_cursors`).Scan(&seq))
			return seq
		}
		var reached int64
		must(t, db.Propagation().PlanLate(ctx, tenant, targets, false, func() {
			planAll(t, db, targets...)
			give(t, db, says("carl@example.com", "news", true))
			planAll(t, db, targets...)
			reached = cursor()
		}))
		if got := acts(t, db, "change/"+first.Record); len(got) != 1 || cursor() != reached {
			t.Errorf("acts %v, and the cursor went from %d to %d", got, reached, cursor())
		}
		// Another begins a lane, and then there is something for it.
		targets = append(targets, b)
		var second consent.Outcome
		must(t, db.Propagation().PlanLate(ctx, tenant, targets, true, func() {
			planAll(t, db, targets...)
			second = give(t, db, says("bert@example.com", "news", true))[0]
		}))
		planAll(t, db, targets...)
		if diff := cmp.Diff(view{"a": "pending", "b": "pending"}, statuses(t, db, second.Record)); diff != "" {
			t.Error(diff)
		}
		// What waits elsewhere is taken over once.
		takeOver(t, db, nil, propagate.LegacyMap{Record: early.Record, Statuses: map[string]string{"crm": "pending"}})
		must(t, db.Propagation().PlanLate(ctx, tenant, targets, false, func() { planAll(t, db, targets...) }))
		if got := acts(t, db, "change/"+early.Record); fmt.Sprint(got) != "[delivery.import delivery.plan delivery.unattributed]" {
			t.Errorf("acts %v", got)
		}
	})
}
