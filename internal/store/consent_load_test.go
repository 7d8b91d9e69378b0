package store_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

// watched opens an embedded store that tells what fails in the background.
func watched(t testing.TB) (*storetest.Database, chan error) {
	t.Helper()
	db := storetest.SQLite(t)
	trouble := make(chan error, 1000)
	db.Config.Trouble = func(err error) { trouble <- err }
	db.Reopen(t)
	return db, trouble
}

// loaded gives a gate whose states are in memory.
func loaded(t testing.TB, db *storetest.Database) *consent.Gate {
	t.Helper()
	checks, err := db.Consents().Checks(ctx, tenant)
	must(t, err)
	<-checks.Loaded()
	return &consent.Gate{Tenant: tenant, States: checks, Now: time.Now}
}

// A start does not wait for the states, and loads them again when it could
// not: meanwhile each check asks the database.
func TestChecksAreAnsweredWhileTheStatesCannotBeLoaded(t *testing.T) { // F5
	t.Parallel()
	db, trouble := watched(t)
	anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
	must(t, db.Statement(ctx, `ALTER TABLE consent_state RENAME COLUMN era TO age`))
	checks, err := db.Consents().Checks(ctx, tenant)
	must(t, err)
	g := &consent.Gate{Tenant: tenant, States: checks, Now: time.Now}
	if err := <-trouble; !strings.Contains(err.Error(), "load the states for checks") {
		t.Error(err)
	}
	if d := g.Allowed(ctx, anna, "analytics"); d.Reason != consent.Unavailable {
		t.Errorf("decision %v", d)
	}
	must(t, db.Statement(ctx, `ALTER TABLE consent_state RENAME COLUMN age TO era`))
	if d := g.Allowed(ctx, anna, "analytics"); !d.Allowed {
		t.Errorf("decision %v", d)
	}
	<-checks.Loaded()
	if d := g.Allowed(ctx, anna, "analytics"); !d.Allowed {
		t.Errorf("decision %v", d)
	}
	must(t, db.Close())
	if d := g.Allowed(ctx, anna, "analytics"); d.Reason != consent.Unavailable { // A27: another process may write now
		t.Errorf("after the end: %v", d)
	}
	if _, err := db.Consents().Checks(ctx, tenant); err == nil {
		t.Error("checks of a closed database")
	}
}

func TestAllStatesAreLoadedHoweverManyThereAre(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	const people = 7000 // more than two slices; the slices end within a subject
	fillStates(t, db, people)
	g := loaded(t, db)
	for i := range people {
		for _, p := range consent.DefaultPurposes() {
			if d := g.Allowed(ctx, filled(i), p.Key); !d.Allowed {
				t.Fatalf("subject %d, %s: %v", i, p.Key, d)
			}
		}
	}
}

// fillStates stores states of many people behind the store's back.
func fillStates(t testing.TB, db *storetest.Database, people int) {
	t.Helper()
	tx, err := db.Raw(t).BeginTx(ctx, nil)
	must(t, err)
	insert, err := tx.PrepareContext(ctx, `
		INSERT INTO consent_state (tenant, subject, purpose, seq, record, choice, given, notice, digest, language, era)
		VALUES ($1, $2, $3, 0, $2, 'granted', $4, '1', $5, 'en', 0)`)
	must(t, err)
	given := time.Now().UnixMicro()
	for i := range people {
		for _, p := range consent.DefaultPurposes() {
			_, err := insert.ExecContext(ctx, tenant, filled(i).String(), p.Key, given, fmt.Sprintf("%064x", 1))
			must(t, err)
		}
	}
	must(t, tx.Commit())
}

// filled is the id of one of them.
func filled(i int) (id consent.SubjectID) {
	binary.BigEndian.PutUint32(id[:], uint32(i)+1)
	binary.BigEndian.PutUint64(id[8:], uint64(i)*0x9e3779b97f4a7c15)
	return id
}
