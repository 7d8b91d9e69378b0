package store_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// submitted makes a request as it comes in over HTTP.
func submitted(t *testing.T, db *storetest.Database, idempotency string) string {
	t.Helper()
	r := request.Request{
		ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "erasure", Status: request.AwaitingApproval,
		PlanHash: "one", Plan: []byte(`{}`), Author: "apikey/a", Idempotency: idempotency,
	}
	must(t, db.Requests().Create(ctx, r, nil, entry("request.vouch")))
	return r.ID
}

func TestApprovalHoldsForThePlanThatWasSeen(t *testing.T) { // X22
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, id := db.Requests(), submitted(t, db, "")
		must(t, s.Replan(ctx, tenant, id, "one", "two", []byte(`{"two":2}`), entry("request.replan")))
		before := db.Dump(t)
		for what, err := range map[string]error{
			"approve": s.Approve(ctx, tenant, id, "one", 5, entry("request.approve")),
			"replan":  s.Replan(ctx, tenant, id, "one", "three", []byte(`{}`), entry("request.replan")),
		} {
			if !errors.Is(err, request.ErrOtherPlan) || !bytes.Equal(before, db.Dump(t)) {
				t.Errorf("%s under a plan that it no longer has: %v, or something changed", what, err)
			}
		}
		must(t, s.Approve(ctx, tenant, id, "two", 5, entry("request.approve")))
		r, err := s.Get(ctx, tenant, id)
		must(t, err)
		if r.Status != request.Approved || r.PlanHash != "two" || string(r.Plan) != `{"two":2}` || r.MaxRows != 5 || r.Author != "apikey/a" {
			t.Errorf("it is %+v", r)
		}
		before = db.Dump(t)
		for what, err := range map[string]error{
			"approve": s.Approve(ctx, tenant, id, "two", 9, entry("request.approve")),
			"replan":  s.Replan(ctx, tenant, id, "two", "three", []byte(`{}`), entry("request.replan")),
			"deny":    s.Decide(ctx, tenant, id, request.Turn{Event: request.Deny, Message: "no"}, entry("request.deny")),
		} {
			if !errors.Is(err, request.ErrTransition) || !bytes.Equal(before, db.Dump(t)) {
				t.Errorf("%s when it is approved: %v, or something changed", what, err)
			}
		}
	})
}

func TestOneKeySubmitsOneRequest(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, id := db.Requests(), submitted(t, db, "k")
		again := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "erasure", Status: request.AwaitingApproval, Author: "apikey/a", Idempotency: "k"}
		if err := s.Create(ctx, again, nil, entry("request.vouch")); !errors.Is(err, store.ErrExists) {
			t.Errorf("a second one: %v", err)
		}
		if r, err := s.Submitted(ctx, tenant, "k"); err != nil || r.ID != id {
			t.Errorf("it finds %s, %v", r.ID, err)
		}
		submitted(t, db, "") // without a key there may be many
		submitted(t, db, "")
		if _, err := s.Submitted(ctx, tenant, ""); !errors.Is(err, request.ErrNotFound) {
			t.Errorf("no key finds %v", err)
		}
	})
}

func TestDueIsWhatNobodyCarriesOut(t *testing.T) { // X2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		due := func(owner string, takeOver bool) []string {
			t.Helper()
			ids, err := s.Due(ctx, tenant, owner, takeOver, 10)
			must(t, err)
			return ids
		}
		create(t, db) // of the command line
		waiting, approved, held, over := submitted(t, db, ""), submitted(t, db, ""), submitted(t, db, ""), submitted(t, db, "")
		for _, id := range []string{approved, held, over} {
			must(t, s.Approve(ctx, tenant, id, "one", 0, entry("request.approve")))
		}
		_, _, err := s.Claim(ctx, tenant, held, "a", time.Hour, false, entry("request.start"))
		must(t, err)
		_, _, err = s.Claim(ctx, tenant, over, "a", -time.Second, false, entry("request.start"))
		must(t, err)
		for _, want := range []struct {
			owner    string
			takeOver bool
			ids      []string
		}{{"b", false, []string{approved, over}}, {"a", false, []string{approved, held, over}}, {"b", true, []string{approved, held, over}}} {
			if got := due(want.owner, want.takeOver); !slices.Equal(got, want.ids) {
				t.Errorf("due for %s, %v: %v; want %v of %s, %s, %s, %s", want.owner, want.takeOver, got, want.ids, waiting, approved, held, over)
			}
		}
		must(t, s.HandBack(ctx, tenant, "b"))
		if got := due("b", false); len(got) != 2 {
			t.Errorf("another's lease was handed back: %v", got)
		}
		must(t, s.HandBack(ctx, tenant, "a"))
		if got := due("b", false); !slices.Equal(got, []string{approved, held, over}) {
			t.Errorf("after it was handed back: %v", got)
		}
	})
}

func TestWhoeverCarriesOutWritesNothingAfterACancel(t *testing.T) { // X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := running(t, db)
		must(t, db.Requests().Apply(ctx, tenant, l.Request, request.Cancel, entry("request.cancel")))
		before := db.Dump(t)
		for what, err := range map[string]error{
			"a chunk": db.Work().Chunk(ctx, l, request.Chunk{Address: people, N: 0, Rows: 1, Sealed: []byte("x")}),
			"a step":  db.Requests().Advance(ctx, l, "erasure"),
			"an end":  db.Requests().Move(ctx, l, request.Turn{Event: request.Finish}, entry("request.complete")),
		} {
			if !errors.Is(err, request.ErrFenced) || !bytes.Equal(before, db.Dump(t)) {
				t.Errorf("%s: %v, or something changed", what, err)
			}
		}
		if _, err := db.Holds().Enter(ctx, l, people); !errors.Is(err, request.ErrFenced) {
			t.Errorf("a batch may commit: %v", err)
		}
	})
}

func TestRetryOfOneCollectionIsForOneStep(t *testing.T) { // X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, l := db.Requests(), running(t, db)
		only := func() string {
			t.Helper()
			r, err := s.Get(ctx, tenant, l.Request)
			must(t, err)
			return r.Only
		}
		again := func() {
			t.Helper()
			must(t, s.Move(ctx, l, request.Turn{Event: request.Fail, Message: "why"}, entry("request.fail")))
			must(t, s.Retry(ctx, tenant, l.Request, people, entry("request.retry")))
			var err error
			l, _, err = s.Claim(ctx, tenant, l.Request, "a", time.Hour, false, entry("request.start"))
			must(t, err)
		}
		must(t, s.Advance(ctx, l, "access"))
		again()
		must(t, s.Advance(ctx, l, "access"))
		if only() != people {
			t.Errorf("in its step it is for %q", only())
		}
		must(t, s.Advance(ctx, l, "erasure"))
		if only() != "" {
			t.Errorf("in the next step it is for %q", only())
		}
		again()
		must(t, s.Move(ctx, l, request.Turn{Event: request.Fail, Message: "why"}, entry("request.fail")))
		if only() != "" {
			t.Errorf("when it has failed again it is for %q", only())
		}
	})
}
