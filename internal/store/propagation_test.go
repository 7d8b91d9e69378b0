package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

// to is a target that takes every choice about marketing.
func to(key string, of ...func(*propagate.Target)) propagate.Target {
	t := propagate.Target{
		Key: key, Name: key, System: "crm", Write: true, Uses: []taxonomy.Use{"marketing"}, Identities: []subject.Type{subject.Email},
	}
	for _, f := range of {
		f(&t)
	}
	return t
}

// world has the purposes of these tests, and lanes for the targets.
func world(t testing.TB, db *storetest.Database, targets ...propagate.Target) {
	t.Helper()
	configure(t, db,
		consent.Purpose{Key: "news", Uses: []string{"marketing.communications.email"}},
		consent.Purpose{Key: "ads", Uses: []string{"marketing.advertising"}},
		consent.Purpose{Key: "analytics", Uses: []string{"analytics"}})
	planAll(t, db, targets...)
}

func planAll(t testing.TB, db *storetest.Database, targets ...propagate.Target) {
	t.Helper()
	for {
		more, err := db.Propagation().Plan(ctx, tenant, targets, 100)
		must(t, err)
		if !more {
			return
		}
	}
}

func lane(t testing.TB, db *storetest.Database, connection string) propagate.Lane {
	t.Helper()
	l, _, err := db.Propagation().Claim(ctx, propagate.Lane{Tenant: tenant, Connection: connection, Owner: owner}, ttl)
	must(t, err)
	return l
}

func next(t testing.TB, db *storetest.Database, l propagate.Lane, busy ...propagate.Ref) []propagate.Delivery {
	t.Helper()
	due, _, err := db.Propagation().Next(ctx, l, busy, 100)
	must(t, err)
	return due
}

func refs(all []propagate.Delivery) (refs []propagate.Ref) {
	for _, d := range all {
		refs = append(refs, propagate.Ref{Sequence: d.Sequence, Attempt: d.Attempt})
	}
	return refs
}

func begin(t testing.TB, db *storetest.Database, l propagate.Lane, target propagate.Target, refs ...propagate.Ref) []propagate.Begun {
	t.Helper()
	begun, err := db.Propagation().Begin(ctx, l, target, refs)
	must(t, err)
	return begun
}

// became is an outcome of an attempt.
func became(b propagate.Begun, s propagate.Status) propagate.Settlement {
	return propagate.Settlement{Ref: propagate.Ref{Sequence: b.Sequence, Attempt: b.Attempt}, Status: s, Known: true, At: time.Now(), Took: time.Millisecond}
}

// statuses are those of a change, by connection.
func statuses(t testing.TB, db *storetest.Database, record string) map[string]propagate.Status {
	t.Helper()
	view, err := db.Propagation().Change(ctx, tenant, record)
	must(t, err)
	return view.Statuses
}

func leaves(t testing.TB, db *storetest.Database) []audit.Record {
	t.Helper()
	all, err := db.Audit().Records(ctx, tenant, 0, 1_000_000)
	must(t, err)
	return all
}

func TestAChoiceReachesEachConnectionOfASystemWithItsOwnOutcome(t *testing.T) { // C1, C2, C5, C16, C17, P1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		eu, us := to("newsletter-eu"), to("newsletter-us")
		alone := to("crm", func(t *propagate.Target) { t.System, t.Uses = "", []taxonomy.Use{"marketing"} }) // called like the system
		world(t, db, eu, us, alone)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, eu, us, alone)
		if diff := cmp.Diff(map[string]propagate.Status{"newsletter-eu": "pending", "newsletter-us": "pending", "crm": "pending"}, statuses(t, db, anna.Record)); diff != "" {
			t.Fatal(diff)
		}
		for connection, outcome := range map[string]propagate.Status{"newsletter-eu": propagate.Complete, "newsletter-us": propagate.Failed} {
			l, target := lane(t, db, connection), to(connection)
			begun := begin(t, db, l, target, refs(next(t, db, l))...)
			if len(begun) != 1 || begun[0].Preference.Identities[0].Value.Reveal() != "anna@example.com" || !begun[0].Preference.Granted || begun[0].Repeats {
				t.Fatalf("begun %+v", begun)
			}
			must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{became(begun[0], outcome)}))
		}
		view, err := db.Propagation().Change(ctx, tenant, anna.Record)
		must(t, err)
		if diff := cmp.Diff(map[string]propagate.Status{"newsletter-eu": "complete", "newsletter-us": "error", "crm": "pending"}, view.Statuses); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]propagate.Status{"crm": "error"}, view.Systems); diff != "" { // C13
			t.Error(diff)
		}
		if got := acts(t, db, "delivery/"+anna.Record+"/newsletter-us"); !slices.Equal(got, []string{"delivery.send", "delivery.error"}) {
			t.Errorf("acts %v", got)
		}
		if got := acts(t, db, "change/"+anna.Record); !slices.Equal(got, []string{"delivery.plan"}) {
			t.Errorf("acts %v", got)
		}
		verify(t, db, int64(len(leaves(t, db))))
	})
}

func TestAConnectionGetsWhatWasChosenSinceItWasFirstSeen(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		world(t, db, to("a"))
		first := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, to("a"), to("b"))
		second := give(t, db, says("anna@example.com", "ads", true))[0]
		planAll(t, db, to("a"), to("b"))
		planAll(t, db, to("a"), to("b"))
		if diff := cmp.Diff([]map[string]propagate.Status{{"a": "pending"}, {"a": "pending", "b": "pending"}}, []map[string]propagate.Status{statuses(t, db, first.Record), statuses(t, db, second.Record)}); diff != "" {
			t.Error(diff)
		}
	})
}

func TestANewerChoiceSupersedesAndOptOutsGoFirst(t *testing.T) { // P3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		grant := give(t, db, says("anna@example.com", "news", true))[0]
		other := give(t, db, says("bert@example.com", "news", true))[0]
		planAll(t, db, target)
		withdrawal := give(t, db, says("anna@example.com", "news", false))[0]
		planAll(t, db, target)
		l := lane(t, db, "a")
		due := next(t, db, l)
		if len(due) != 2 || due[0].Record != withdrawal.Record || due[1].Record != other.Record {
			t.Fatalf("due %+v", due)
		}
		if got := acts(t, db, "delivery/"+grant.Record+"/a"); !slices.Equal(got, []string{"delivery.supersede"}) {
			t.Errorf("acts %v", got)
		}
		begun := begin(t, db, l, target, refs(due)...)
		if len(begun) != 2 || begun[0].Record != withdrawal.Record || begun[0].Preference.Granted {
			t.Errorf("begun %+v", begun)
		}
	})
}

func TestWhatStandsIsReadAgainBeforeEachAttempt(t *testing.T) { // P3, P4, P10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		names := []string{"anna@example.com", "bert@example.com", "carl@example.com", "dora@example.com"}
		var all []consent.Outcome
		for _, name := range names[:3] {
			all = append(all, give(t, db, says(name, "news", true))[0])
		}
		dora := says(names[3], "news", true)
		dora.Identities = []subject.Identity{{Type: subject.ExternalID, Value: subject.Conceal("d-4")}}
		all = append(all, give(t, db, dora)[0])
		planAll(t, db, target)
		l := lane(t, db, "a")
		due := next(t, db, l)
		give(t, db, says(names[0], "news", false)) // not planned yet
		must(t, db.Consents().EraseSubject(ctx, tenant, all[1].Subject, entry("subject.erase")))
		begun := begin(t, db, l, target, refs(due)...)
		if len(begun) != 1 || begun[0].Record != all[2].Record {
			t.Fatalf("begun %+v", begun)
		}
		want := []propagate.Reason{propagate.Newer, propagate.Erased, "", propagate.MissingIdentity}
		for i, o := range all {
			view, err := db.Propagation().Change(ctx, tenant, o.Record)
			must(t, err)
			if view.Rows[0].Reason != want[i] {
				t.Errorf("%s: %+v", names[i], view.Rows[0])
			}
		}
	})
}

func TestAResultThatComesTooLateChangesNothing(t *testing.T) { // P1, P2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, target)
		l := lane(t, db, "a")
		first := begin(t, db, l, target, refs(next(t, db, l))...)[0]
		must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{became(first, propagate.Pending)}))
		must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{became(first, propagate.Failed)})) // the same attempt again
		second := begin(t, db, l, target, refs(next(t, db, l))...)[0]
		must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{became(first, propagate.Failed)}))
		if got := statuses(t, db, anna.Record)["a"]; got != propagate.Sending {
			t.Errorf("it is %s", got)
		}
		if again := begin(t, db, l, target, propagate.Ref{Sequence: first.Sequence, Attempt: first.Attempt}); len(again) != 0 {
			t.Errorf("begun %+v", again)
		}
		must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{became(second, propagate.Complete)}))
		other := lane(t, db, "a")
		err := db.Propagation().Settle(ctx, l, []propagate.Settlement{became(second, propagate.Failed)})
		if !errors.Is(err, propagate.ErrFenced) {
			t.Errorf("settled under an old fence: %v", err)
		}
		if _, err := db.Propagation().Begin(ctx, l, target, refs(nil)); !errors.Is(err, propagate.ErrFenced) {
			t.Errorf("begun under an old fence: %v", err)
		}
		must(t, db.Propagation().Settle(ctx, other, []propagate.Settlement{became(second, propagate.Failed)}))
		if got := statuses(t, db, anna.Record)["a"]; got != propagate.Complete {
			t.Errorf("it is %s", got)
		}
		_, err = db.Propagation().Retry(ctx, tenant, "a", "olga", []propagate.Ref{{Sequence: second.Sequence, Attempt: second.Attempt}})
		if !errors.Is(err, propagate.ErrStale) {
			t.Errorf("retried what is complete: %v", err)
		}
		want := []string{"delivery.send", "delivery.wait", "delivery.send", "delivery.complete"}
		if got := acts(t, db, "delivery/"+anna.Record+"/a"); !slices.Equal(got, want) {
			t.Errorf("acts %v", got)
		}
	})
}

func TestOnlyAnUnknownOutcomeKeepsTheKey(t *testing.T) { // P2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("a")
		world(t, db, target)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, target)
		l := lane(t, db, "a")
		var keys []string
		var repeats []bool
		try := func(settle func(propagate.Begun)) {
			b := begin(t, db, l, target, refs(next(t, db, l))...)[0]
			keys, repeats = append(keys, b.Preference.Key), append(repeats, b.Repeats)
			settle(b)
		}
		try(func(b propagate.Begun) { // nobody knows
			s := became(b, propagate.Pending)
			s.Known = false
			must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{s}))
		})
		try(func(propagate.Begun) { l = lane(t, db, "a") }) // killed
		try(func(b propagate.Begun) {                       // answered
			must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{became(b, propagate.Failed)}))
		})
		retried, err := db.Propagation().Retry(ctx, tenant, "a", "olga", []propagate.Ref{{Sequence: anna.Sequence, Attempt: 3}})
		must(t, err)
		try(func(propagate.Begun) {})
		if keys[0] != keys[1] || keys[1] != keys[2] || keys[2] == keys[3] || !slices.Equal(repeats, []bool{false, true, true, false}) || retried != 1 {
			t.Errorf("keys %v, repeats %v", keys, repeats)
		}
		if !strings.HasPrefix(keys[0], "vc_") || len(keys[0]) != 43 {
			t.Errorf("key %q", keys[0])
		}
		all, err := db.Propagation().Attempts(ctx, tenant, anna.Record, "a")
		must(t, err)
		for i, a := range all {
			if a.Number != i+1 || a.Key != keys[i] || a.Repeats != repeats[i] {
				t.Errorf("attempt %+v", a)
			}
		}
		if len(all) != 4 || all[2].Status != propagate.Failed || all[3].Status != propagate.Sending {
			t.Errorf("attempts %+v", all)
		}
	})
}
