package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/webhook"
)

// The life of one consent, in which the parts of the ledger meet: a record for each
// purpose, an event for each record, a notice that asks again, and work that asks a
// gate each time it is done.
func TestOneConsentFromItsGrantToItsEnd(t *testing.T) { // A29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		configure(t, db, consent.Purpose{Key: "analytics", Block: true}, consent.Purpose{Key: "research"})
		publish(t, db, version("1", false))
		anna := give(t, db, says("anna@example.com", "analytics", true), says("anna@example.com", "research", true))[0].Subject
		// May the work on her data be done? Only a gate is asked, and it in any case.
		counted, studied := 0, 0
		g := gate(t, db, time.Now())
		count := consent.Guard(g, "analytics", nil, func(context.Context, int) (int, error) { counted++; return counted, nil })
		study := consent.Guard(g, "research", nil, func(context.Context, int) (int, error) { studied++; return studied, nil })
		works := func(when string, mayCount, mayStudy bool) {
			t.Helper()
			g.Now = time.Now
			before := [2]int{counted, studied}
			_, errCount := count(consent.WithSubject(ctx, anna), 0)
			_, errStudy := study(consent.WithSubject(ctx, anna), 0)
			if (errCount == nil) != mayCount || (errStudy == nil) != mayStudy || (counted > before[0]) != mayCount || (studied > before[1]) != mayStudy {
				t.Errorf("%s: %v %v, done were %d and %d", when, errCount, errStudy, counted, studied)
			}
		}
		works("granted", true, true)
		publish(t, db, version("2", true, "analytics"))
		works("to be asked again", false, true)
		if queueAll(t, db); !slices.Equal(due(t, db), []string{anna.String() + "analytics"}) {
			t.Errorf("due are %v", due(t, db))
		}
		give(t, db, says("anna@example.com", "analytics", true))
		works("asked again", true, true)
		if left := due(t, db); len(left) != 0 {
			t.Errorf("due are still %v", left)
		}
		give(t, db, says("anna@example.com", "research", false))
		works("withdrawn", true, false)

		var told, want []string
		for _, e := range follow(t, db, tenant, 0, 100) {
			told = append(told, string(e.Type)+" "+e.Data.Purpose)
		}
		for _, e := range []struct {
			webhook.Type
			purpose string
		}{
			{webhook.ConsentGranted, "analytics"}, {webhook.ConsentGranted, "research"}, {webhook.ReconsentRequired, ""},
			{webhook.ConsentGranted, "analytics"}, {webhook.ConsentWithdrawn, "research"},
		} {
			want = append(want, string(e.Type)+" "+e.purpose)
		}
		if d := cmp.Diff(want, told); d != "" {
			t.Errorf("what others are told: %s", d)
		}
		history, err := db.Consents().History(ctx, tenant, anna)
		must(t, err)
		if len(history) != 4 || history[2].Supersedes != history[0].Sequence || history[3].Supersedes != history[1].Sequence {
			t.Errorf("the records: %+v", history)
		}
		sound(t, db)
	})
}
