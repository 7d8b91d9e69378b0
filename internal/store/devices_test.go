package store_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// askingShop publishes a shop that asks for two categories: statistics stands for
// analytics, marketing
// for two purposes, and is a sale.
func askingShop(t testing.TB, db *storetest.Database) {
	t.Helper()
	must(t, db.PublishSite(ctx, tenant, "shop", site.Version{Number: 1, Categories: []site.Asked{
		{Category: site.Category{Key: "necessary", Necessary: true, Purposes: []string{"research"}}, Since: 1, Days: 365},
		{Category: site.Category{Key: "statistics", Purposes: []string{"analytics"}}, Since: 1, Days: 790},
		{Category: site.Category{Key: "marketing", Sale: true, Purposes: []string{"marketing_email", "third_party_sharing"}}, Since: 1, Days: 90},
	}}))
}

// visitor is a device that chooses on a site.
type visitor struct {
	t    testing.TB
	db   *storetest.Database
	site string
	name string // its digest
}

// chooses records a choice, not bridged yet, and gives the id of the consent.
func (v visitor) chooses(source site.Source, statistics, marketing bool) string {
	v.t.Helper()
	answer := func(yes bool) site.Answer {
		a := site.Answer{Granted: yes, Version: 1}
		if yes {
			a.Expires = time.Now().AddDate(0, 1, 0)
		}
		return a
	}
	id, err := v.db.ChooseOn(ctx, tenant, v.site, v.name, site.Standing{
		Version: 1, Source: source, Signal: source == site.GPC, Expires: time.Now().AddDate(0, 1, 0),
		Categories: map[string]site.Answer{"necessary": answer(true), "statistics": answer(statistics), "marketing": answer(marketing)},
	})
	must(v.t, err)
	return id
}

// says is chooses, bridged.
func (v visitor) says(source site.Source, statistics, marketing bool) {
	v.t.Helper()
	must(v.t, v.db.Devices().Bridge(ctx, tenant, v.chooses(source, statistics, marketing)))
}

func (v visitor) links(email string) consent.SubjectID {
	v.t.Helper()
	id, err := v.db.Devices().Link(ctx, tenant, v.site, v.name, person(email), map[string]any{"how": "vouched"})
	must(v.t, err)
	return id
}

// granted gives which of its categories stand granted, and the source.
func (v visitor) granted(person consent.SubjectID) (categories string, source site.Source) {
	v.t.Helper()
	var id string
	must(v.t, v.db.Raw(v.t).QueryRow(`SELECT id FROM site_consents WHERE site = $1 AND device = $2`, v.site, v.name).Scan(&id))
	all, err := v.db.Devices().Of(ctx, tenant, person)
	must(v.t, err)
	for _, d := range all {
		if d.ID != id {
			continue
		}
		for _, key := range []string{"statistics", "marketing"} {
			if d.Categories[key].Granted {
				categories += key + " "
			}
		}
		return strings.TrimSpace(categories), d.Source
	}
	v.t.Fatal("the device is not the person's")
	return "", ""
}

// choices are the choices that stand about a person, by purpose.
func choices(t testing.TB, db *storetest.Database, id consent.SubjectID) map[string]consent.Choice {
	t.Helper()
	states, err := db.Consents().States(ctx, tenant, id)
	must(t, err)
	all := map[string]consent.Choice{}
	for purpose, s := range states {
		all[purpose] = s.Choice
	}
	return all
}

func toDevices(t testing.TB, db *storetest.Database) {
	t.Helper()
	for {
		more, err := db.Devices().Follow(ctx, tenant, 3)
		must(t, err)
		if !more {
			return
		}
	}
}

func TestWhatALinkedDeviceChoosesIsInTheLedgerOfItsPerson(t *testing.T) { // B20, B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone := visitor{t, db, "shop", "phone"}
		phone.says(site.Banner, true, false)
		anna := phone.links("anna@example.com")
		want := map[string]consent.Choice{"analytics": consent.Granted, "marketing_email": consent.Refused, "third_party_sharing": consent.Refused}
		if diff := cmp.Diff(want, choices(t, db, anna)); diff != "" {
			t.Error("linked: " + diff)
		}
		records, err := db.Consents().History(ctx, tenant, anna)
		must(t, err)
		for _, r := range records {
			if r.Source != consent.CookieBanner || r.Notice != "site/shop/1" || r.Digest != "digest-of-shop" {
				t.Errorf("record %+v", r)
			}
		}
		phone.says(site.Preferences, true, true)
		if got := choices(t, db, anna)["marketing_email"]; got != consent.Granted {
			t.Errorf("marketing is %s", got)
		}
		phone.says(site.GPC, true, false)
		if states, err := db.Consents().States(ctx, tenant, anna); err != nil || states["marketing_email"].Choice != consent.Withdrawn {
			t.Errorf("after a signal %v, %v", states["marketing_email"], err)
		}
		records, err = db.Consents().History(ctx, tenant, anna)
		must(t, err)
		if got := records[len(records)-1].Source; got != consent.GPC {
			t.Errorf("the signal is recorded as %s", got)
		}
		phone.says(site.Withdrawal, false, false)
		if d := gate(t, db, time.Now()).Allowed(ctx, anna, "analytics"); d.Allowed {
			t.Error("withdrawn on the device, and the gate says yes")
		}
		sound(t, db)
	})
}

func TestABridgeThatIsCrossedAgainChangesNothing(t *testing.T) { // B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone := visitor{t, db, "shop", "phone"}
		id := phone.chooses(site.Banner, true, true)
		anna := phone.links("anna@example.com")
		before := records(t, db)
		for range 3 {
			must(t, db.Devices().Bridge(ctx, tenant, id))
			must(t, db.Devices().BridgeRest(ctx, tenant))
			toDevices(t, db)
			if again := phone.links("anna@example.com"); again != anna {
				t.Error("linked to somebody else")
			}
		}
		if n := records(t, db) - before; n != 0 {
			t.Errorf("%d records more", n)
		}
	})
}

func TestWhatACrashLeftBeforeTheBridgeIsFinished(t *testing.T) { // B29, Promise 3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone := visitor{t, db, "shop", "phone"}
		phone.chooses(site.Banner, true, true)
		anna := phone.links("anna@example.com")
		phone.chooses(site.Withdrawal, false, false) // and the process is killed
		db.Reopen(t)
		must(t, db.Devices().BridgeRest(ctx, tenant))
		if got := choices(t, db, anna)["analytics"]; got != consent.Withdrawn {
			t.Errorf("analytics is %s", got)
		}
		must(t, db.Devices().BridgeRest(ctx, tenant))
		sound(t, db)
	})
}

func TestWhereDevicesDisagreeTheRefusalWins(t *testing.T) { // B28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone, desk := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "desk"}
		phone.says(site.Banner, true, true)
		desk.says(site.Banner, false, true)
		anna := phone.links("anna@example.com")
		if again := desk.links("anna@example.com"); again != anna {
			t.Fatal("one address, two people")
		}
		stands := func(what string, analytics, marketing consent.Choice) {
			t.Helper()
			if got := choices(t, db, anna); got["analytics"] != analytics || got["marketing_email"] != marketing {
				t.Errorf("%s: %v", what, got)
			}
		}
		stands("both linked", consent.Withdrawn, consent.Granted)
		phone.says(site.Preferences, true, false)
		stands("the phone refuses marketing", consent.Withdrawn, consent.Withdrawn)
		desk.says(site.Preferences, true, true)
		stands("the desk agrees to all", consent.Granted, consent.Withdrawn)
		phone.says(site.GPC, true, false)
		stands("a signal on the phone", consent.Granted, consent.Withdrawn)
		if got, _ := phone.granted(anna); got != "statistics" {
			t.Errorf("on the phone itself: %s", got)
		}
		sound(t, db)
	})
}

func TestAnOlderYesDoesNotComeBackWhenTheDeviceThatRefusedIsUnlinked(t *testing.T) { // B28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone, desk := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "desk"}
		phone.says(site.Banner, true, false)
		desk.says(site.Banner, false, false)
		anna := phone.links("anna@example.com")
		desk.links("anna@example.com")
		must(t, db.Devices().Unlink(ctx, tenant, "shop", "desk", nil))
		third := visitor{t, db, "shop", "third"}
		third.says(site.Banner, true, true)
		third.links("anna@example.com")
		if got := choices(t, db, anna); got["analytics"] != consent.Withdrawn || got["marketing_email"] != consent.Refused {
			t.Errorf("stands %v", got)
		}
		third.says(site.Preferences, true, false)
		if got := choices(t, db, anna); got["analytics"] != consent.Granted {
			t.Errorf("chosen anew, and stands %v", got)
		}
	})
}

func TestADeviceBelongsToOnePersonAtMost(t *testing.T) { // B28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone := visitor{t, db, "shop", "phone"}
		phone.says(site.Banner, true, false)
		anna := phone.links("anna@example.com")
		if _, err := db.Devices().Link(ctx, tenant, "shop", "phone", person("ben@example.com"), nil); !errors.Is(err, site.ErrLinked) {
			t.Errorf("linked to another one: %v", err)
		}
		must(t, db.Devices().Unlink(ctx, tenant, "shop", "phone", map[string]any{"how": "device"}))
		must(t, db.Devices().Unlink(ctx, tenant, "shop", "phone", nil)) // once more
		ben := phone.links("ben@example.com")
		if all, err := db.Devices().Of(ctx, tenant, anna); err != nil || len(all) != 0 || anna == ben {
			t.Errorf("the first person still has %d devices, %v", len(all), err)
		}
		if got := choices(t, db, anna)["analytics"]; got != consent.Granted {
			t.Errorf("what was recorded for the first is %s", got)
		}
		_, err := db.Devices().Link(ctx, tenant, "shop", "nobody", person("ben@example.com"), nil)
		if !errors.Is(err, site.ErrNotFound) || !errors.Is(db.Devices().Unlink(ctx, tenant, "shop", "nobody", nil), site.ErrNotFound) {
			t.Errorf("an unknown device: %v", err)
		}
		acts := map[string]int{}
		all, err := db.Audit().Records(ctx, tenant, 0, 1000)
		must(t, err)
		for _, r := range all {
			if acts[r.Act]++; strings.Contains(string(r.Details), "example.com") {
				t.Errorf("the log shows who: %s", r.Details)
			}
		}
		if acts[site.ActLinked] != 2 || acts[site.ActUnlinked] != 1 {
			t.Errorf("acts %v", acts)
		}
	})
}

func TestWhatAPersonSaysElsewhereReachesTheirDevices(t *testing.T) { // B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone, desk := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "desk"}
		phone.says(site.Banner, true, true)
		desk.says(site.GPC, true, false)
		anna := phone.links("anna@example.com")
		give(t, db, says("anna@example.com", "analytics", false), says("anna@example.com", "third_party_sharing", false))
		desk.links("anna@example.com")
		stand := func(what, onPhone, onDesk string) {
			t.Helper()
			toDevices(t, db)
			gotPhone, _ := phone.granted(anna)
			gotDesk, _ := desk.granted(anna)
			if gotPhone != onPhone || gotDesk != onDesk {
				t.Errorf("%s: phone %q, desk %q", what, gotPhone, gotDesk)
			}
		}
		stand("a no to one purpose refuses the category", "", "")
		if _, source := phone.granted(anna); source != site.Ledger {
			t.Errorf("the source is %s", source)
		}
		give(t, db, says("anna@example.com", "analytics", true), says("anna@example.com", "marketing_email", true))
		stand("a yes to one of two purposes does not grant it", "statistics", "statistics")
		give(t, db, says("anna@example.com", "third_party_sharing", true))
		stand("a yes to all does, but not against a signal", "statistics marketing", "statistics")
		phone.says(site.Preferences, false, true)
		stand("a later choice of a device stays its own", "marketing", "statistics")
		sound(t, db)
	})
}

func TestAChoiceElsewhereIsNotUndoneByWhatADeviceSaidBefore(t *testing.T) { // B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone, desk := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "desk"}
		phone.says(site.Banner, true, false)
		desk.says(site.Banner, true, false)
		anna := phone.links("anna@example.com")
		desk.links("anna@example.com")
		give(t, db, says("anna@example.com", "marketing_email", true), says("anna@example.com", "analytics", false))
		phone.says(site.GPC, true, false) // before the devices have followed
		if got := choices(t, db, anna); got["analytics"] != consent.Withdrawn {
			t.Errorf("a signal turned a no: %v", got)
		}
		give(t, db, says("anna@example.com", "marketing_email", true))
		desk.says(site.Banner, true, true)
		if got := choices(t, db, anna); got["analytics"] != consent.Withdrawn && got["marketing_email"] != consent.Granted {
			t.Errorf("stands %v", got)
		}
	})
}

func TestWhoIsErasedTakesTheirDevicesAlong(t *testing.T) { // B27, A31
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone, other := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "other"}
		id := phone.chooses(site.Banner, true, true)
		other.chooses(site.Banner, true, true)
		anna, ben := phone.links("anna@example.com"), other.links("ben@example.com")
		must(t, db.Consents().EraseSubject(ctx, tenant, anna, entry("subject.erase")))
		if all, err := db.Devices().Of(ctx, tenant, anna); err != nil || len(all) != 0 {
			t.Errorf("%d devices left, %v", len(all), err)
		}
		if all, err := db.Devices().Of(ctx, tenant, ben); err != nil || len(all) != 1 {
			t.Errorf("of another person %d devices, %v", len(all), err)
		}
		all, err := db.Audit().Records(ctx, tenant, 0, 1000)
		must(t, err)
		erased, kept := 0, 0
		for _, r := range all {
			if r.Object == site.Object(id) {
				kept++
				if r.Act == site.ActErased {
					erased++
				}
			}
		}
		if erased != 1 || kept != 3 { // chosen, linked, erased
			t.Errorf("%d acts of it, %d that it was erased", kept, erased)
		}
		sound(t, db)
		verify(t, db, int64(records(t, db)))
	})
}

func TestOtherTenantFindsNoDevice(t *testing.T) { // B33, SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const other = "other"
		must(t, db.CreateTenant(ctx, other))
		askingShop(t, db)
		phone := visitor{t, db, "shop", "phone"}
		id := phone.chooses(site.Banner, true, true)
		anna := phone.links("anna@example.com")
		phone.chooses(site.Withdrawal, false, false)
		if all, err := db.Devices().Of(ctx, other, anna); err != nil || len(all) != 0 {
			t.Errorf("%d devices, %v", len(all), err)
		}
		must(t, db.Devices().Bridge(ctx, other, id))
		must(t, db.Devices().BridgeRest(ctx, other))
		if got := choices(t, db, anna)["analytics"]; got != consent.Granted {
			t.Errorf("another tenant bridged it: %s", got)
		}
		for what, err := range map[string]error{
			"unlink": db.Devices().Unlink(ctx, other, "shop", "phone", nil),
			"link":   second(db.Devices().Link(ctx, other, "shop", "phone", person("anna@example.com"), nil)),
			"code":   db.Devices().SendCode(ctx, codeFor(t, db, other, "phone", "anna@example.com")),
		} {
			if !errors.Is(err, site.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := db.Devices().JudgeCode(ctx, other, "shop", "phone"); !errors.Is(err, site.ErrRefused) {
			t.Errorf("judge: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// codeFor draws a code; its letter holds it.
func codeFor(t testing.TB, db *storetest.Database, tenant, device, email string) store.DeviceCode {
	t.Helper()
	keys, err := db.Tenant(ctx, tenant)
	must(t, err)
	to, err := subject.New(subject.Email, email)
	must(t, err)
	c, code, err := site.NewChallenge(tenant, "shop", device, to, keys.RecallKey(), rand.Reader)
	must(t, err)
	letter, err := message.New(message.Letter{Kind: message.DeviceCode, To: to.Value, Values: message.Values{"code": code}})
	must(t, err)
	return store.DeviceCode{Challenge: c, Letter: letter}
}

// answer answers with a code for a device.
func answer(db *storetest.Database, device, code string) (consent.SubjectID, error) {
	none := consent.SubjectID{}
	keys, err := db.Tenant(ctx, tenant)
	if err != nil {
		return none, err
	}
	c, err := db.Devices().JudgeCode(ctx, tenant, "shop", device)
	if err != nil {
		return none, err
	}
	proof, err := c.Answer(code, keys.RecallKey())
	if err != nil {
		return none, err
	}
	return db.Devices().Prove(ctx, proof)
}

func TestACodeLinksADeviceOnce(t *testing.T) { // B25, B28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		phone, other := visitor{t, db, "shop", "phone"}, visitor{t, db, "shop", "other"}
		phone.chooses(site.Banner, true, true)
		other.chooses(site.Banner, true, true)
		c := codeFor(t, db, tenant, "phone", canary)
		must(t, db.Devices().SendCode(ctx, c))
		code := c.Values["code"].(string)
		if strings.Contains(string(db.Dump(t)), canary) {
			t.Error("the address stands in the database")
		}
		if _, err := answer(db, "other", code); !errors.Is(err, site.ErrRefused) {
			t.Errorf("on another device: %v", err)
		}
		var all sync.WaitGroup
		linked, refused := make(chan consent.SubjectID, 4), make(chan error, 4)
		for range 4 {
			all.Go(func() {
				if id, err := answer(db, "phone", code); err == nil {
					linked <- id
				} else {
					refused <- err
				}
			})
		}
		all.Wait()
		if len(linked) != 1 || len(refused) != 3 {
			t.Fatalf("one code has linked %d times", len(linked))
		}
		for range 3 {
			if err := <-refused; !errors.Is(err, site.ErrRefused) {
				t.Errorf("the others: %v", err)
			}
		}
		found, err := db.Consents().Find(ctx, tenant, person(canary)[0])
		if err != nil || found != <-linked {
			t.Errorf("linked to somebody else: %v", err)
		}
		if err := db.Devices().SendCode(ctx, codeFor(t, db, tenant, "phone", "ben@example.com")); !errors.Is(err, site.ErrLinked) {
			t.Errorf("a code for a device that is linked: %v", err)
		}
		sound(t, db)
	})
}

func TestCodesOfDevicesAreFewAndShort(t *testing.T) { // SE2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		visitor{t, db, "shop", "phone"}.chooses(site.Banner, true, true)
		visitor{t, db, "shop", "desk"}.chooses(site.Banner, true, true)
		c := codeFor(t, db, tenant, "phone", "anna@example.com")
		must(t, db.Devices().SendCode(ctx, c))
		code := c.Values["code"].(string)
		for range site.CodeTries {
			if _, err := answer(db, "phone", "0000000x"); !errors.Is(err, site.ErrRefused) {
				t.Errorf("a wrong code: %v", err)
			}
		}
		if _, err := answer(db, "phone", code); !errors.Is(err, site.ErrRefused) {
			t.Errorf("a right one after so many: %v", err)
		}
		c = codeFor(t, db, tenant, "phone", "anna@example.com")
		must(t, db.Devices().SendCode(ctx, c))
		must(t, db.AgeCodes(ctx, site.CodeLasts))
		if _, err := answer(db, "phone", c.Values["code"].(string)); !errors.Is(err, site.ErrRefused) {
			t.Errorf("an old code: %v", err)
		}
		must(t, db.Devices().SweepCodes(ctx, tenant))
		for i := range 4 { // with those before, 5 to one address and 6 on one device
			err := db.Devices().SendCode(ctx, codeFor(t, db, tenant, "phone", []string{"anna@example.com", "ben@example.com"}[i%2]))
			if (i < 3) != (err == nil) {
				t.Errorf("code %d on the device: %v", i+3, err)
			}
		}
		must(t, db.Devices().SendCode(ctx, codeFor(t, db, tenant, "desk", "anna@example.com")))
		if err := db.Devices().SendCode(ctx, codeFor(t, db, tenant, "desk", "anna@example.com")); !errors.Is(err, site.ErrRefused) {
			t.Errorf("the sixth code to an address: %v", err)
		}
	})
}
