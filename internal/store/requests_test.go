package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

func TestRequestComesBackAsItWasStored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		want := request.Request{
			ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "p", Status: request.AwaitingApproval,
			Step: "access", PlanHash: "abc", Plan: []byte(`{"a": 1}`), MaxRows: 7, Message: "m", Round: 1, Author: "apikey/a", Idempotency: "k",
			Source: "letter", Language: "de", Place: "US-CA", Law: "ccpa", Due: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC),
		}
		before := time.Now().Add(-time.Second)
		must(t, db.Requests().Create(ctx, want, person(canary), entry("request.create")))
		db.Reopen(t)
		got, err := db.Requests().Get(ctx, tenant, want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(request.Request{}, "Created", "Received")); diff != "" {
			t.Error(diff)
		}
		if d := got.Received.Sub(got.Created); d < 0 || d > time.Second {
			t.Errorf("received %v, created %v", got.Received, got.Created)
		}
		if got.Created.Before(before) || got.Created.Location() != time.UTC {
			t.Errorf("created %v", got.Created)
		}
		if err := db.Requests().Create(ctx, want, nil, entry("request.create")); !errors.Is(err, store.ErrExists) {
			t.Errorf("created twice: %v", err)
		}
	})
}

func TestIdentitiesOpenWithTheRequestsKeyOnly(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id, other := create(t, db), create(t, db)
		sealed, err := db.Requests().Identities(ctx, tenant, id)
		must(t, err)
		key, err := db.Keys().RequestKey(ctx, tenant, id)
		must(t, err)
		got, err := sealed[0].Unseal(key, tenant, id)
		must(t, err)
		if got.Value.Reveal() != canary {
			t.Error("another value came back")
		}
		key, err = db.Keys().RequestKey(ctx, tenant, other)
		must(t, err)
		if _, err := sealed[0].Unseal(key, tenant, id); err == nil {
			t.Error("opened with another request's key")
		}
	})
}

func TestRequestIsFoundByAllItsIdentitiesInAnyOrder(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		phone := subject.Identity{Type: subject.Phone, Value: subject.Conceal("+491701234567")}
		email := person("a@example.com")[0]
		r := request.Request{ID: "0198c0de-0000-7000-8000-000000000001", Tenant: tenant, Policy: "p", Status: request.AwaitingApproval}
		must(t, db.Requests().Create(ctx, r, []subject.Identity{phone, email}, entry("request.create")))

		find := func(policy string, who ...subject.Identity) int {
			found, err := db.Requests().Find(ctx, tenant, policy, who)
			must(t, err)
			return len(found)
		}
		if n := find("p", email, phone); n != 1 {
			t.Errorf("found %d", n)
		}
		if find("p", email)+find("q", email, phone)+find("p", phone, person("b@example.com")[0]) != 0 {
			t.Error("found by some of its identities, or under another policy")
		}
	})
}

func TestListGoesFromTheNewestToTheOldestInPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var want, got []string
		for range 5 {
			want = append([]string{create(t, db)}, want...)
		}
		for before := ""; ; before = got[len(got)-1] {
			page, err := db.Requests().List(ctx, tenant, before, 2)
			must(t, err)
			for _, r := range page {
				got = append(got, r.ID)
			}
			if len(page) < 2 {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestIllegalTransitionChangesNothingAndLogsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := create(t, db)
		before := records(t, db)
		for _, e := range []request.Event{request.Start, request.Pause, request.Finish, "no such event"} {
			if err := db.Requests().Apply(ctx, tenant, id, e, entry("request.x")); !errors.Is(err, request.ErrTransition) {
				t.Errorf("%s: %v", e, err)
			}
		}
		if _, _, err := db.Requests().Claim(ctx, tenant, id, owner, ttl, true, entry("request.start")); !errors.Is(err, request.ErrTransition) {
			t.Errorf("claim: %v", err)
		}
		if got := status(t, db, id); got != request.AwaitingApproval || records(t, db) != before {
			t.Errorf("status %s, %d records more", got, records(t, db)-before)
		}
	})
}

func TestOfManyWhoMoveARequestExactlyOneWins(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := create(t, db)
		before := records(t, db)
		events := []request.Event{request.Approve, request.Deny}
		outcomes := make([]error, 64)
		var all sync.WaitGroup
		for i := range outcomes {
			all.Go(func() { outcomes[i] = db.Requests().Apply(ctx, tenant, id, events[i%2], entry("request.decide")) })
		}
		all.Wait()
		won := 0
		for _, err := range outcomes {
			if err == nil {
				won++
			} else if !errors.Is(err, request.ErrTransition) {
				t.Error(err)
			}
		}
		if won != 1 || records(t, db) != before+1 {
			t.Errorf("%d won, %d records", won, records(t, db)-before)
		}
	})
}

func TestLeaseIsClaimedByOneUntilItRunsOut(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		first := running(t, db)
		take := func(owner string, ttl time.Duration, takeOver bool) (request.Lease, error) {
			l, r, err := s.Claim(ctx, tenant, first.Request, owner, ttl, takeOver, entry("request.start"))
			if err == nil && (r.Status != request.InProcessing || r.ID != first.Request) {
				t.Errorf("claimed %+v", r)
			}
			return l, err
		}
		if _, err := take("node-b", ttl, false); !errors.Is(err, request.ErrLeased) {
			t.Fatalf("a second claim: %v", err)
		}
		must(t, s.Renew(ctx, first, 0)) // runs out at once
		second, err := take("node-b", ttl, false)
		must(t, err)
		if second.Fence <= first.Fence {
			t.Errorf("fence %d after %d", second.Fence, first.Fence)
		}
		third, err := take("node-b", ttl, false) // its own
		must(t, err)
		fourth, err := take("node-c", ttl, true)
		must(t, err)
		if !(second.Fence < third.Fence && third.Fence < fourth.Fence) {
			t.Errorf("fences %d, %d, %d", second.Fence, third.Fence, fourth.Fence)
		}
	})
}

func TestOfManyWhoClaimARequestExactlyOneGetsIt(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := create(t, db)
		must(t, db.Requests().Apply(ctx, tenant, id, request.Approve, entry("request.approve")))
		outcomes := make([]error, 16)
		var all sync.WaitGroup
		for i := range outcomes {
			all.Go(func() {
				_, _, outcomes[i] = db.Requests().Claim(ctx, tenant, id, numbered("node-"), ttl, false, entry("request.start"))
			})
		}
		all.Wait()
		won := 0
		for _, err := range outcomes {
			if err == nil {
				won++
			} else if !errors.Is(err, request.ErrLeased) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d got the lease", won)
		}
	})
}

func TestStoppedRequestGivesItsLeaseBackAndGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		l := running(t, db)
		must(t, s.Advance(ctx, l, "erasure"))
		must(t, s.Move(ctx, l, request.Turn{Event: request.Pause, Message: "a cap"}, entry("request.pause")))
		nobody := l
		nobody.Owner = ""
		for _, l := range []request.Lease{l, nobody} {
			if err := s.Advance(ctx, l, "x"); !errors.Is(err, request.ErrFenced) {
				t.Errorf("wrote after the lease was given back: %v", err)
			}
		}
		_, r, err := s.Claim(ctx, tenant, l.Request, "node-b", ttl, false, entry("request.start"))
		must(t, err)
		if r.Step != "erasure" || r.Message != "a cap" {
			t.Errorf("goes on at %q with %q", r.Step, r.Message)
		}
	})
}
