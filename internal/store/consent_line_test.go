package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

func TestASingleChoiceWaitsForOneSliceOfAnImport(t *testing.T) { // A34
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const imports, slice = 10, 400
		ledger := db.Consents()
		tx, err := db.Raw(t).Begin()
		must(t, err)
		_, err = tx.Exec(`UPDATE audit_heads SET size = size`) // whoever has the turn waits for this
		must(t, err)
		var all sync.WaitGroup
		waits := func(n int, entries ...consent.Entry) *consent.Outcome {
			var last consent.Outcome
			all.Go(func() { last = give(t, db, entries...)[len(entries)-1] })
			until(func() bool { return ledger.Waiting(tenant) == n })
			return &last
		}
		all.Go(func() { give(t, db, says("first@example.com", "analytics", true)) })
		until(func() bool { return ledger.Leading(tenant) })
		for i := range imports {
			var entries []consent.Entry
			for n := range slice {
				entries = append(entries, says(fmt.Sprintf("i%d.%d@example.com", i, n), "analytics", true))
			}
			waits(i+1, entries...)
		}
		single := waits(imports+1, says("anna@example.com", "analytics", true))
		must(t, tx.Rollback())
		all.Wait()
		if single.Sequence > 2+4*slice {
			t.Errorf("a single choice came after %d records of imports", single.Sequence)
		}
		if n := records(t, db); n != 1+1+imports*slice+1 {
			t.Errorf("%d records", n)
		}
		sound(t, db)
	})
}

// until waits for what gives no signal.
func until(done func() bool) {
	for range time.Tick(time.Millisecond) {
		if done() {
			return
		}
	}
}
