package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// hold places a hold on a target.
func hold(t *testing.T, db *storetest.Database, target string) request.Hold {
	t.Helper()
	h := request.Hold{ID: uuid.Must(uuid.NewV7()).String(), Target: target, Ground: "HGB 257", By: canary}
	must(t, db.Holds().Place(ctx, tenant, []request.Hold{h}, []audit.Entry{entry("hold.place")}))
	return h
}

// identity gives the target of a hold on the person of the tests' requests.
func identity(t *testing.T, db *storetest.Database) string {
	t.Helper()
	keys, err := db.Tenant(ctx, tenant)
	must(t, err)
	return request.HeldIdentity(person(canary)[0], keys.RecallKey())
}

func TestHoldIsInForceUntilItEndsOrIsLifted(t *testing.T) { // X28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Holds()
		inForce := func(targets ...string) int {
			found, err := s.On(ctx, tenant, targets)
			must(t, err)
			return len(found)
		}
		before := records(t, db)
		h := hold(t, db, "shop:orders")
		hold(t, db, "crm")
		all, err := s.List(ctx, tenant, false)
		must(t, err)
		if diff := cmp.Diff(h, all[0], cmpopts.IgnoreFields(request.Hold{}, "Placed")); diff != "" || all[0].Placed.IsZero() {
			t.Error(diff)
		}
		for target, want := range map[string]int{"shop:orders": 1, "shop:notes": 0, "shop": 0, "crm:people": 1, "crm": 1, "email x": 0} {
			if got := inForce(target); got != want {
				t.Errorf("%d holds on %s", got, target)
			}
		}
		must(t, s.Lift(ctx, tenant, h.ID, entry("hold.lift")))
		for _, id := range []string{h.ID, uuid.NewString()} {
			if err := s.Lift(ctx, tenant, id, entry("hold.lift")); !errors.Is(err, store.ErrNoHold) {
				t.Errorf("lifted again, or nothing: %v", err)
			}
		}
		if inForce("shop:orders") != 0 || records(t, db) != before+3 {
			t.Errorf("%d in force, %d records", inForce("shop:orders"), records(t, db)-before)
		}
		// The second one ends by itself, by the database's clock.
		_, err = db.Raw(t).Exec(`UPDATE holds SET until = placed + 1 WHERE target = 'crm'`)
		must(t, err)
		all, err = s.List(ctx, tenant, false)
		must(t, err)
		over, err := s.List(ctx, tenant, true)
		must(t, err)
		if inForce("crm") != 0 || len(all) != 0 || len(over) != 2 || over[0].Lifted.IsZero() {
			t.Errorf("%d in force, listed %d, with those that are over %+v", inForce("crm"), len(all), over)
		}
		must(t, db.CreateTenant(ctx, "other"))
		elsewhere, err := s.List(ctx, "other", true)
		must(t, err)
		if len(elsewhere) != 0 {
			t.Error("a hold of another tenant") // SE14
		}
	})
}

func TestHoldOnAPersonIsFoundByDigestAndShowsNobody(t *testing.T) { // X28, SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := running(t, db)
		hold(t, db, identity(t, db))
		found, err := db.Holds().Held(ctx, tenant, l.Request, []string{people})
		must(t, err)
		if len(found) != 1 || found[0].By != canary {
			t.Errorf("held by %+v", found)
		}
		if bytes.Contains(db.Dump(t), []byte(canary)) {
			t.Error("a name stands in the clear")
		}
	})
}

func TestBatchEntersOnlyWhereNothingIsHeldAndTheLeaseIsItsOwn(t *testing.T) { // X28, R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := running(t, db)
		must(t, db.Work().Begin(ctx, l, request.Progress{Address: people, Action: request.Erasure}))
		enter := func(l request.Lease) error {
			release, err := db.Holds().Enter(ctx, l, people)
			if err == nil {
				release()
			}
			return err
		}
		must(t, enter(l))
		var held *request.HeldError
		for _, target := range []string{people, "shop", identity(t, db)} {
			h := hold(t, db, target)
			if err := enter(l); !errors.As(err, &held) || held.Holds[0].ID != h.ID {
				t.Errorf("entered under a hold on %s: %v", target, err)
			}
			must(t, db.Holds().Lift(ctx, tenant, h.ID, entry("hold.lift")))
			must(t, enter(l))
		}
		claim(t, db, l.Request, "node-b")
		if err := enter(l); !errors.Is(err, request.ErrFenced) {
			t.Errorf("entered without the lease: %v", err)
		}
	})
}

func TestPlacingAHoldWaitsForTheBatchUnderWay(t *testing.T) { // X28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := running(t, db)
		for i := range 20 {
			address := fmt.Sprint("shop:", i)
			must(t, db.Work().Begin(ctx, l, request.Progress{Address: address, Action: request.Erasure}))
			release, err := db.Holds().Enter(ctx, l, address)
			must(t, err)
			var released atomic.Bool
			placed := make(chan struct{})
			go func() {
				defer close(placed)
				hold(t, db, address)
				if !released.Load() {
					t.Error("placed while a batch was under way that did not know")
				}
			}()
			for found := 0; found == 0; { // it stands already, and still waits
				holds, err := db.Holds().On(ctx, tenant, []string{address})
				must(t, err)
				found = len(holds)
			}
			<-time.After(2 * time.Millisecond) // for a Place that does not wait
			released.Store(true)
			release()
			<-placed
			if _, err := db.Holds().Enter(ctx, l, address); err == nil {
				t.Error("entered after it was placed")
			}
		}
	})
}
