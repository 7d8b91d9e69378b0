package store_test

import (
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store/storetest"
)

const day = 24 * time.Hour

// holds lets a device agree, by hand, to statistics and marketing for so many
// days each; 0 is a no. As in the field, all ends with the first of them, unless
// days says when.
func (v visitor) holds(statistics, marketing int, all ...int) {
	v.t.Helper()
	answer, first := func(days int) site.Answer {
		a := site.Answer{Granted: days > 0, Version: 1}
		if a.Granted {
			a.Expires = time.Now().Add(time.Duration(days) * day)
		}
		return a
	}, 365
	for _, days := range []int{statistics, marketing} {
		if days > 0 {
			first = min(first, days)
		}
	}
	if len(all) > 0 {
		first = all[0]
	}
	id, err := v.db.ChooseOn(ctx, tenant, v.site, v.name, site.Standing{
		Version: 1, Source: site.Preferences, Expires: time.Now().Add(time.Duration(first) * day),
		Categories: map[string]site.Answer{"statistics": answer(statistics), "marketing": answer(marketing)},
	})
	must(v.t, err)
	must(v.t, v.db.Devices().Bridge(ctx, tenant, id))
}

// passes lets days pass, and the sweeps run as the server has them.
func passes(t testing.TB, db *storetest.Database, days int) {
	t.Helper()
	must(t, db.Pass(ctx, tenant, time.Duration(days)*day))
	sweep(t, db)
}

func sweep(t testing.TB, db *storetest.Database) {
	t.Helper()
	_, err := db.Consents().Sweep(ctx, tenant, 100)
	must(t, err)
	_, err = db.SiteConsents().Sweep(ctx, tenant, 100)
	must(t, err)
	must(t, db.Devices().BridgeRest(ctx, tenant))
	toDevices(t, db)
}

func TestAGrantEndsWithTheLastDeviceThatGaveIt(t *testing.T) { // B5, B14, B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		publish(t, db, version("1", true)) // so that grants have an era
		askingShop(t, db)
		phone, desk := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "desk"}
		phone.holds(30, 0)
		desk.holds(60, 0)
		anna := phone.links("anna@example.com")
		desk.links("anna@example.com")
		stands := func(what string, want consent.Choice, reason consent.Reason) {
			t.Helper()
			d := gate(t, db, time.Now()).Allowed(ctx, anna, "analytics")
			if got := choices(t, db, anna); got["analytics"] != want || d.Reason != reason || got["marketing_email"] != consent.Refused {
				t.Errorf("%s: %v, and the gate says %+v", what, got, d)
			}
		}
		passes(t, db, 29)
		stands("both hold", consent.Granted, consent.Given)
		passes(t, db, 1)
		stands("one has ended", consent.Granted, consent.Given)
		passes(t, db, 30)
		stands("both have ended", consent.Expired, consent.HasExpired)
		sound(t, db)
		history, err := db.Consents().History(ctx, tenant, anna)
		must(t, err)
		last := history[len(history)-1]
		if last.Source != consent.SourceExpiry || last.Notice != "site/shop/1" || last.Digest != "digest-of-shop" {
			t.Errorf("the record of the end: %+v", last)
		}
		size := records(t, db)
		sweep(t, db)
		if again := records(t, db); again != size {
			t.Errorf("%d records more", again-size)
		}
		phone.holds(30, 0) // asked anew, and linked anew
		if again := phone.links("anna@example.com"); again != anna {
			t.Error("linked to somebody else")
		}
		stands("agreed to anew", consent.Granted, consent.Given)
		sound(t, db)
	})
}

func TestACategoryThatEndsFirstEndsAlone(t *testing.T) { // B14, B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone := visitor{t, db, "shop", "phone"}
		phone.holds(60, 30, 60)
		anna := phone.links("anna@example.com")
		passes(t, db, 30)
		if got := choices(t, db, anna); got["analytics"] != consent.Granted || got["marketing_email"] != consent.Expired || got["third_party_sharing"] != consent.Expired {
			t.Errorf("marketing has ended: %v", got)
		}
		give(t, db, says("anna@example.com", "research", true)) // the bridge is crossed once more
		sweep(t, db)
		if got := choices(t, db, anna); got["analytics"] != consent.Granted || got["marketing_email"] != consent.Expired {
			t.Errorf("crossed once more: %v", got)
		}
		sound(t, db)
	})
}

func TestWhatThePersonGrantedElsewhereDoesNotEndWithABanner(t *testing.T) { // B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone, desk := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "desk"}
		phone.holds(30, 30)
		anna := phone.links("anna@example.com")
		give(t, db, says("anna@example.com", "analytics", true), says("anna@example.com", "marketing_email", true)) // after a banner
		desk.holds(30, 30)                                                                                          // and before one
		desk.links("anna@example.com")
		desk.holds(30, 30)
		if got := choices(t, db, anna)["third_party_sharing"]; got != consent.Granted {
			t.Errorf("what the devices alone say is %s", got)
		}
		passes(t, db, 30)
		if got := choices(t, db, anna); got["analytics"] != consent.Granted || got["marketing_email"] != consent.Granted || got["third_party_sharing"] != consent.Expired {
			t.Errorf("stands %v", got)
		}
		sound(t, db)
	})
}

func TestAnOutvotedYesDoesNotCountOnceTheNoHasEnded(t *testing.T) { // B28, Promise 4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone, desk := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "desk"}
		phone.holds(0, 0)
		desk.holds(0, 0)
		anna := phone.links("anna@example.com")
		desk.links("anna@example.com")
		desk.holds(0, 0, 30)
		phone.holds(90, 0)
		stands := func(what string, want consent.Choice) {
			t.Helper()
			give(t, db, says("anna@example.com", "research", what == "outvoted")) // something else, so that the bridge is crossed
			sweep(t, db)
			if got := choices(t, db, anna)["analytics"]; got != want {
				t.Errorf("%s: %s", what, got)
			}
		}
		stands("outvoted", consent.Refused)
		passes(t, db, 30)
		stands("the no has ended", consent.Refused)
		phone.holds(90, 0)
		stands("chosen anew", consent.Granted)
	})
}

func TestAYesDoesNotRenewAGrantThatThePurposeHasEnded(t *testing.T) { // A13, B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone := visitor{t, db, "shop", "phone"}
		phone.holds(90, 0)
		anna := phone.links("anna@example.com")
		must(t, db.Consents().Configure(ctx, tenant, []consent.Purpose{{Key: "analytics", Expires: time.Microsecond}, {Key: "research"}}, nil, entry("purposes.set")))
		give(t, db, says("anna@example.com", "research", true))
		toDevices(t, db) // before the sweep
		sweep(t, db)
		give(t, db, says("anna@example.com", "research", false))
		toDevices(t, db) // and after it
		history, err := db.Consents().History(ctx, tenant, anna)
		must(t, err)
		granted := 0
		for _, r := range history {
			if r.Purpose == "analytics" && r.Choice == consent.Granted {
				granted++
			}
		}
		if got := choices(t, db, anna)["analytics"]; got != consent.Expired || granted != 1 {
			t.Errorf("it is %s, and was granted %d times", got, granted)
		}
	})
}

func TestServersThatSweepAtOnceEndAGrantOnce(t *testing.T) { // B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		for _, name := range []string{"phone", "desk", "third"} {
			v := visitor{t, db, "shop", name}
			v.holds(30, 30)
			v.links(name + "@example.com")
		}
		erased := visitor{t, db, "shop", "erased"}
		erased.holds(30, 30)
		must(t, db.Consents().EraseSubject(ctx, tenant, erased.links("erased@example.com"), entry("subject.erase")))
		must(t, db.Pass(ctx, tenant, 30*day))
		before := records(t, db)
		var all sync.WaitGroup
		ended := make(chan int, 4)
		for range 4 {
			all.Go(func() {
				n, err := db.Consents().Sweep(ctx, tenant, 4) // which is less than there is
				if err == nil && n >= 4 {
					var more int
					more, err = db.Consents().Sweep(ctx, tenant, 100)
					n += more
				}
				if err != nil {
					t.Error(err)
				}
				ended <- n
			})
		}
		all.Wait()
		close(ended)
		total := 0
		for n := range ended {
			total += n
		}
		if grew := records(t, db) - before; total != 9 || grew != 9 {
			t.Errorf("%d grants have ended, with %d records", total, grew)
		}
		sound(t, db)
		verify(t, db, int64(records(t, db)))
	})
}

// Its row leads to nobody, and its end is kept with the grant.
func TestAGrantEndsAlsoWhereItsDeviceWasUnlinked(t *testing.T) { // B5, B28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone := visitor{t, db, "shop", "phone"}
		phone.holds(30, 0)
		anna := phone.links("anna@example.com")
		must(t, db.Devices().Unlink(ctx, tenant, "shop", "phone", nil))
		passes(t, db, 29)
		if got := choices(t, db, anna)["analytics"]; got != consent.Granted {
			t.Errorf("before its end it is %s", got)
		}
		passes(t, db, 1)
		if got := choices(t, db, anna)["analytics"]; got != consent.Expired {
			t.Errorf("after its end it is %s", got)
		}
	})
}
