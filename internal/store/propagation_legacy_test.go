package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/store/storetest"
)

// orphan is a target that belongs to no system, with a name of its own.
func orphan(key, name string) propagate.Target {
	return to(key, func(t *propagate.Target) { t.System, t.Name = "", name })
}

func takeOver(t testing.TB, db *storetest.Database, targets []propagate.Target, maps ...propagate.LegacyMap) {
	t.Helper()
	n, err := db.Propagation().Import(ctx, tenant, "olga", targets, maps)
	must(t, err)
	if n != len(maps) {
		t.Fatalf("%d changes of %d", n, len(maps))
	}
}

type view = map[string]propagate.Status

func TestWhatIsInFlightUnderAnOldKeyMovesToTheNewOne(t *testing.T) { // C10, C12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		targets := []propagate.Target{to("crm-eu"), orphan("letters", "Newsletter")}
		world(t, db)
		early := give(t, db, says("anna@example.com", "news", true))[0] // before there were connections
		planAll(t, db, targets...)
		takeOver(t, db, targets, propagate.LegacyMap{Record: early.Record, Statuses: map[string]string{"crm": "PENDING", "Newsletter": "in_progress", "gone": "Complete"}})
		if diff := cmp.Diff(view{"crm-eu": "pending", "letters": "pending", "gone": "complete"}, statuses(t, db, early.Record)); diff != "" {
			t.Fatal(diff)
		}
		l := lane(t, db, "crm-eu")
		begun := begin(t, db, l, targets[0], refs(next(t, db, l))...)
		must(t, db.Propagation().Settle(ctx, l, []propagate.Settlement{became(begun[0], propagate.Complete)}))
		if diff := cmp.Diff(view{"crm-eu": "complete", "letters": "pending", "gone": "complete"}, statuses(t, db, early.Record)); diff != "" {
			t.Error(diff)
		}
		if got := acts(t, db, "delivery/"+early.Record+"/letters"); !slices.Equal(got, []string{"delivery.normalise"}) {
			t.Errorf("acts %v", got)
		}
	})
}

func TestWhatIsOverElsewhereIsNotSentAgain(t *testing.T) { // C9, C10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		targets := []propagate.Target{to("crm-eu"), orphan("letters", "Newsletter")}
		world(t, db)
		early := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, targets...)
		now := give(t, db, says("anna@example.com", "ads", true))[0] // not planned yet
		takeOver(t, db, targets,
			propagate.LegacyMap{Record: early.Record, Statuses: map[string]string{"crm": "complete"}},
			propagate.LegacyMap{Identity: &person("anna@example.com")[0], Purpose: "ads", Statuses: map[string]string{"crm": "complete", "Newsletter": "failed"}})
		planAll(t, db, targets...)
		if diff := cmp.Diff(view{"crm": "complete"}, statuses(t, db, early.Record)); diff != "" {
			t.Error(diff)
		}
		got, err := db.Propagation().Change(ctx, tenant, now.Record)
		must(t, err)
		if diff := cmp.Diff(view{"crm-eu": "complete", "letters": "error"}, got.Statuses); diff != "" {
			t.Error(diff)
		}
		if got.Rows[0].Reason != propagate.Legacy || len(got.Legacy) != 0 {
			t.Errorf("view %+v", got)
		}
		if due := next(t, db, lane(t, db, "crm-eu")); len(due) != 0 {
			t.Errorf("due %+v", due)
		}
	})
}

func TestAKeyThatSeveralConnectionsShareIsNobodys(t *testing.T) { // C11, C12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		eu, us := to("crm-eu"), to("crm-us")
		world(t, db)
		early := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, eu)
		late := give(t, db, says("anna@example.com", "ads", true))[0]
		takeOver(t, db, nil, // nobody has it yet
			propagate.LegacyMap{Record: early.Record, Statuses: map[string]string{"crm": "pending"}},
			propagate.LegacyMap{Record: late.Record, Statuses: map[string]string{"crm": "complete"}})
		before, err := db.Propagation().Change(ctx, tenant, early.Record)
		must(t, err)
		if diff := cmp.Diff(view{"crm": "pending"}, before.Legacy); diff != "" {
			t.Error(diff)
		}
		planAll(t, db, eu, us)
		// The pending one is there for both; the other one stays until both have a row.
		if diff := cmp.Diff([]view{{"crm-eu": "pending", "crm-us": "pending"}, {"crm": "complete", "crm-eu": "pending"}}, []view{statuses(t, db, early.Record), statuses(t, db, late.Record)}); diff != "" {
			t.Error(diff)
		}
		if got := acts(t, db, "change/"+early.Record); !slices.Equal(got, []string{"delivery.import", "delivery.plan", "delivery.unattributed"}) {
			t.Errorf("acts %v", got)
		}
	})
}

func TestTheKeyOfAConnectionWinsOverThatOfASystem(t *testing.T) { // C12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		targets := []propagate.Target{to("crm-eu"), orphan("crm", "Old one")} // and the system is called crm
		world(t, db)
		early := give(t, db, says("anna@example.com", "news", true))[0]
		planAll(t, db, targets...)
		takeOver(t, db, targets, propagate.LegacyMap{Record: early.Record, Statuses: map[string]string{"crm": "pending"}})
		if diff := cmp.Diff(view{"crm": "pending"}, statuses(t, db, early.Record)); diff != "" {
			t.Error(diff)
		}
		if due := next(t, db, lane(t, db, "crm")); len(due) != 1 {
			t.Errorf("due %+v", due)
		}
	})
}

func TestWhatWasPendingElsewhereIsJudgedAsItStandsNow(t *testing.T) { // P3, P10, C12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		target := to("crm-eu")
		world(t, db)
		old := give(t, db, says("anna@example.com", "news", true))[0]
		give(t, db, says("anna@example.com", "news", false))
		gone := give(t, db, says("bert@example.com", "news", true))[0]
		must(t, db.Consents().EraseSubject(ctx, tenant, gone.Subject, entry("subject.erase")))
		planAll(t, db, target)
		takeOver(t, db, []propagate.Target{target},
			propagate.LegacyMap{Record: old.Record, Statuses: map[string]string{"crm": "pending"}},
			propagate.LegacyMap{Record: gone.Record, Statuses: map[string]string{"crm": "pending"}})
		if diff := cmp.Diff([]view{{"crm-eu": "superseded"}, {"crm-eu": "skipped"}}, []view{statuses(t, db, old.Record), statuses(t, db, gone.Record)}); diff != "" {
			t.Error(diff)
		}
	})
}

func TestABadStatusMapImportsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		world(t, db)
		anna := give(t, db, says("anna@example.com", "news", true))[0]
		good := propagate.LegacyMap{Record: anna.Record, Statuses: map[string]string{"crm": "complete"}}
		stranger := person("nobody@example.com")[0]
		for name, bad := range map[string]propagate.LegacyMap{
			"a word":           {Record: anna.Record, Statuses: map[string]string{"crm": "perhaps"}},
			"an empty key":     {Record: anna.Record, Statuses: map[string]string{"": "complete"}},
			"a record":         {Record: "0198c0de-0000-7000-8000-000000000000", Statuses: map[string]string{"crm": "complete"}},
			"no record":        {Statuses: map[string]string{"crm": "complete"}},
			"another purpose":  {Record: anna.Record, Purpose: "ads", Statuses: map[string]string{"crm": "complete"}},
			"a person":         {Identity: &stranger, Purpose: "news", Statuses: map[string]string{"crm": "complete"}},
			"nothing about it": {Identity: &person("anna@example.com")[0], Purpose: "ads", Statuses: map[string]string{"crm": "complete"}},
		} {
			before := len(leaves(t, db))
			_, err := db.Propagation().Import(ctx, tenant, "olga", nil, []propagate.LegacyMap{good, bad})
			var wrong propagate.LegacyProblems
			if !errors.Is(err, propagate.ErrLegacy) || !errors.As(err, &wrong) || len(wrong) != 1 || wrong[1] == "" {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := db.Propagation().Change(ctx, tenant, anna.Record); !errors.Is(err, propagate.ErrNotFound) || len(leaves(t, db)) != before {
				t.Errorf("%s: something was imported: %v", name, err)
			}
		}
	})
}
