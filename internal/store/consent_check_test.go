package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

// No check that begins after a withdrawal was acknowledged says yes, also
// while the states are still being loaded.
func TestNoCheckAfterAnAcknowledgedWithdrawalSaysYes(t *testing.T) { // A27
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var anna consent.SubjectID
		for i := range 20 {
			anna = give(t, db, says(fmt.Sprintf("p%d@example.com", i), "analytics", true))[0].Subject
		}
		db.Reopen(t)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				g := gate(t, db, time.Now())
				purpose := consent.DefaultPurposes()[i%6].Key
				for n := range 20 {
					granted := n%2 == 0
					e := consent.Entry{Subject: anna, Purpose: purpose, Granted: granted, Source: consent.API}
					if i >= 6 { // somebody of their own
						e = says(fmt.Sprintf("q%d@example.com", i), purpose, granted)
					}
					o := give(t, db, e)[0]
					if got := g.Allowed(ctx, o.Subject, purpose); i >= 2 && got.Allowed != granted {
						t.Errorf("%s acknowledged, and the gate says %v", o.Choice, got)
					}
				}
			})
		}
		all.Wait()
		g := gate(t, db, time.Now())
		states, err := db.Consents().States(ctx, tenant, anna)
		must(t, err)
		for purpose, s := range states {
			if g.Allowed(ctx, anna, purpose).Allowed != (s.Choice == consent.Granted) {
				t.Errorf("%s is %s, and the gate says %v", purpose, s.Choice, g.Allowed(ctx, anna, purpose))
			}
		}
	})
}

func TestAnotherProcessSeesAWithdrawalAtOnce(t *testing.T) { // A27
	t.Parallel()
	db := storetest.Postgres(t)
	other := storetest.Open(t, db.Config.URL)
	anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
	g := gate(t, other, time.Now())
	if d := g.Allowed(ctx, anna, "analytics"); !d.Allowed {
		t.Fatal(d)
	}
	give(t, db, says("anna@example.com", "analytics", false))
	if d := g.Allowed(ctx, anna, "analytics"); d.Reason != consent.WasWithdrawn {
		t.Errorf("decision %v", d)
	}
	give(t, other, says("anna@example.com", "analytics", true))
	if d := gate(t, db, time.Now()).Allowed(ctx, anna, "analytics"); !d.Allowed { // db knows the rules now
		t.Fatal(d)
	}
	must(t, other.Consents().Configure(ctx, tenant, []consent.Purpose{{Key: "research"}}, nil, entry("purposes.set")))
	if d := gate(t, db, time.Now()).Allowed(ctx, anna, "analytics"); d.Reason != consent.UnknownPurpose {
		t.Errorf("a purpose that is no more: %v", d)
	}
	var invalid *consent.Invalid
	if _, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{says("anna@example.com", "analytics", true)}); !errors.As(err, &invalid) {
		t.Errorf("recorded for a purpose that is no more: %v", err)
	}
	if d := gate(t, db, time.Now()).Allowed(ctx, anna, "research"); d.Reason != consent.Absent {
		t.Errorf("decision %v", d)
	}
}

func TestAGateThatCannotAskSaysNo(t *testing.T) { // A15
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
		g := gate(t, db, time.Now())
		g.Tenant = "nobody"
		if d := g.Allowed(ctx, anna, "analytics"); d.Allowed || d.Reason != consent.Unavailable {
			t.Errorf("unknown tenant: %v", d)
		}
		must(t, db.CreateTenant(ctx, "other"))
		other, err := db.Consents().Checks(ctx, "other")
		must(t, err)
		g = &consent.Gate{Tenant: "other", States: other, Now: time.Now}
		if d := g.Allowed(ctx, anna, "analytics"); d.Reason != consent.Absent { // SE14
			t.Errorf("another tenant: %v", d)
		}
	})
}

// When it is not known whether a commit stands, memory is not believed.
func TestAfterACommitInDoubtTheDatabaseIsAsked(t *testing.T) { // A27
	t.Parallel()
	db := storetest.SQLite(t)
	anna := give(t, db, says("anna@example.com", "analytics", true))[0].Subject
	g := gate(t, db, time.Now())
	db.Consents().Doubt(tenant)
	give(t, db, says("anna@example.com", "analytics", false))
	if d := g.Allowed(ctx, anna, "analytics"); d.Reason != consent.WasWithdrawn {
		t.Errorf("decision %v", d)
	}
	if d := gate(t, db, time.Now()).Allowed(ctx, anna, "analytics"); d.Reason != consent.WasWithdrawn { // loaded anew
		t.Errorf("decision %v", d)
	}
}
