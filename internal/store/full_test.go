package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/powertest"
)

// The room ends at another place of a group in each round. What was refused
// has not happened, to the gate either; nothing needs repair when there is
// room again.
func TestAFullDiskRefusesChoicesAndDoesNotBelieveThem(t *testing.T) { // R5
	t.Parallel()
	disk := powertest.New()
	db, err := openOn(t, disk, "")
	must(t, err)
	defer func() { must(t, db.Close()) }()
	checks, err := db.Consents().Checks(ctx, tenant)
	must(t, err)
	<-checks.Loaded() // the gate goes by what is in memory
	g := &consent.Gate{Tenant: tenant, States: checks, Now: time.Now}
	type one struct {
		id     consent.SubjectID
		choice consent.Choice // acknowledged last
	}
	people := make([]one, 8)
	for i := range people {
		people[i].id = give(t, db, says(fmt.Sprintf("p%d@example.com", i), "analytics", false))[0].Subject
	}
	choose := func(p *one) error {
		o, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{{Subject: p.id, Purpose: "analytics", Granted: p.choice != consent.Granted, Source: consent.API}})
		if err == nil {
			p.choice = o[0].Choice
		}
		return err
	}
	check := func() {
		t.Helper()
		for _, p := range people {
			if d := g.Allowed(ctx, p.id, "analytics"); d.Allowed != (p.choice == consent.Granted) || d.Reason == consent.Unavailable {
				t.Fatalf("%q was acknowledged, the gate says %v", p.choice, d)
			}
			states, err := db.Consents().States(ctx, tenant, p.id)
			must(t, err)
			if s := states["analytics"].Choice; s != p.choice && p.choice != "" {
				t.Fatalf("%q was acknowledged, %q stands", p.choice, s)
			}
		}
	}
	for room := int64(0); room < 200_000; room += 7_777 {
		disk.Limit(room)
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() {
				for n := 0; ; n++ {
					err := choose(&people[i])
					if err != nil && !errors.Is(err, store.ErrUnavailable) {
						t.Error(err)
					}
					if err == nil && n == 1000 {
						t.Error("the disk does not fill up")
					} else if err == nil {
						continue
					}
					return
				}
			})
		}
		all.Wait()
		check()
		disk.Limit(-1)
		for i := range people {
			must(t, choose(&people[i]))
		}
		check()
	}
	sound(t, db)
	verify(t, db, int64(records(t, db)))
	whole(t, db)
}
