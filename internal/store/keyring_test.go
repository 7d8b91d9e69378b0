package store_test

import (
	"errors"
	"fmt"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

func TestKeysInMemoryBringNobodyBack(t *testing.T) { // A31, A33
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		ledger := db.Consents()
		traced := func(id consent.SubjectID, granted bool) error {
			_, err := ledger.Append(ctx, tenant, "", []consent.Entry{{
				Subject: id, Purpose: "analytics", Granted: granted, Source: consent.API, Address: subject.Conceal("203.0.113.77"),
			}})
			return err
		}
		anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
		ben := give(t, db, says("ben@example.com", "analytics", true))[0].Subject
		db.Reopen(t)
		ledger = db.Consents()
		must(t, traced(anna, false))
		must(t, traced(ben, false))
		for name, id := range map[string]consent.SubjectID{"anna": anna, "ben": ben} {
			if held, _ := ledger.Ring(tenant, id); !held {
				t.Errorf("the key of %s is not kept", name)
			}
		}
		must(t, ledger.EraseSubject(ctx, tenant, anna, named("subject/"+anna.String())))
		if held, _ := ledger.Ring(tenant, anna); held {
			t.Error("the key of who was erased is still in memory")
		}
		_, err := db.Raw(t).Exec(`DELETE FROM keys WHERE owner = 'subject/` + ben.String() + `'`) // as another process would
		must(t, err)
		for _, id := range []consent.SubjectID{anna, ben} {
			if err := traced(id, true); !errors.Is(err, consent.ErrNotFound) {
				t.Errorf("a choice of nobody: %v", err)
			}
		}
		if held, _ := ledger.Ring(tenant, ben); held {
			t.Error("the key of who was erased elsewhere is still in memory")
		}
	})
}

func TestKeysInMemoryAreBounded(t *testing.T) { // A33
	t.Parallel()
	db := storetest.SQLite(t)
	for i := range store.RingSize/consent.MaxEntries + 2 {
		var entries []consent.Entry
		for n := range consent.MaxEntries {
			entries = append(entries, says(fmt.Sprintf("p%d.%d@example.com", i, n), "analytics", true))
		}
		give(t, db, entries...)
	}
	if _, size := db.Consents().Ring(tenant, consent.SubjectID{}); size > store.RingSize || size < store.RingSize/2 {
		t.Errorf("%d keys are in memory, at most %d may be", size, store.RingSize)
	}
}
