package store_test

import (
	"errors"
	"fmt"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

func find(t testing.TB, db *storetest.Database, mail string) consent.SubjectID {
	t.Helper()
	id, err := db.Consents().Find(ctx, tenant, person(mail)[0])
	if err != nil && !errors.Is(err, consent.ErrNotFound) {
		t.Fatal(err)
	}
	return id
}

func TestWhoWasFoundIsForgottenWithTheErasure(t *testing.T) { // A31, A36
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		none := consent.SubjectID{}
		if id := find(t, db, "anna@example.com"); id != none {
			t.Errorf("found %v before she was there", id)
		}
		anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
		ben := give(t, db, says("ben@example.com", "analytics", true))[0].Subject
		for range 2 { // the second time without the database, where that is right
			if find(t, db, "anna@example.com") != anna || find(t, db, "ben@example.com") != ben {
				t.Error("not found")
			}
		}
		must(t, db.Consents().EraseSubject(ctx, tenant, anna, entry("subject.erase")))
		if id := find(t, db, "anna@example.com"); id != none {
			t.Errorf("found %v after the erasure", id)
		}
		again := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
		if id := find(t, db, "anna@example.com"); id != again || id == anna {
			t.Errorf("found %v, she is %v now and was %v", id, again, anna)
		}
		if find(t, db, "ben@example.com") != ben {
			t.Error("not found after another's erasure")
		}
		must(t, db.CreateTenant(ctx, "other")) // SE14
		if id, err := db.Consents().Find(ctx, "other", person("ben@example.com")[0]); !errors.Is(err, consent.ErrNotFound) {
			t.Errorf("found %v for another tenant, %v", id, err)
		}
		must(t, db.Close())
		if _, err := db.Consents().Find(ctx, tenant, person("ben@example.com")[0]); err == nil {
			t.Error("found in a database that is closed")
		}
	})
}

// What was read before an erasure is not kept after it.
func TestAnErasureOvertakesWhoIsBeingFound(t *testing.T) { // A31
	t.Parallel()
	db := storetest.SQLite(t)
	anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
	db.Consents().FindSlowly(ctx, tenant, person("anna@example.com")[0], func() {
		must(t, db.Consents().EraseSubject(ctx, tenant, anna, entry("subject.erase")))
	})
	if id := find(t, db, "anna@example.com"); id != (consent.SubjectID{}) {
		t.Errorf("found %v after the erasure", id)
	}
}

func TestAnotherProcessErasesWhoWasFound(t *testing.T) { // A31
	t.Parallel()
	db := storetest.Postgres(t)
	other := storetest.Open(t, db.Config.URL)
	anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
	if find(t, other, "anna@example.com") != anna {
		t.Error("not found")
	}
	must(t, db.Consents().EraseSubject(ctx, tenant, anna, entry("subject.erase")))
	if id := find(t, other, "anna@example.com"); id != (consent.SubjectID{}) {
		t.Errorf("found %v after the erasure", id)
	}
}

func TestFewOfThoseFoundStayInMemory(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	for i := range 10 {
		give(t, db, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))
	}
	if n := db.Consents().Keep(tenant, 120_000); n > 100_000 || n < 50_000 {
		t.Errorf("%d are kept", n)
	}
	if find(t, db, "p3@example.com") == (consent.SubjectID{}) {
		t.Error("not found")
	}
}

// BenchmarkFind measures finding a subject by an identity again, and in the
// database. F4, A36
func BenchmarkFind(b *testing.B) {
	db := storetest.SQLite(b)
	for i := range 100 {
		give(b, db, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))
	}
	who := person("p50@example.com")[0]
	for name, ask := range map[string]func() error{
		"again":    func() error { _, err := db.Consents().Find(ctx, tenant, who); return err },
		"database": func() error { _, err := db.Consents().FindAnew(ctx, tenant, who); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			cpu := spent()
			for b.Loop() {
				must(b, ask())
			}
			b.ReportMetric(float64(spent()-cpu)/float64(b.N), "cpu-ns/op")
		})
	}
}
