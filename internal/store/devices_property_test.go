package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store/storetest"
)

// story is one person with two devices, and whatever happens to them.
type story struct {
	*rapid.T
	db     *storetest.Database
	email  string
	person consent.SubjectID
	here   map[string]visitor // the two devices
	yes    map[string][2]bool // what they say: statistics, marketing
	linked map[string]bool

	unlinked bool // some device was: what it has granted stays until its end
}

func (s *story) must(err error) {
	if err != nil {
		s.Fatal(err)
	}
}

// act lets something happen, and says whether it was a yes by hand.
func (s *story) act() (by string) {
	device := rapid.SampledFrom([]string{"phone", "desk"}).Draw(s.T, "device")
	v := s.here[device]
	switch what := rapid.SampledFrom([]string{"choose", "choose", "signal", "withdraw", "settings", "settings", "link", "unlink", "pass"}).Draw(s.T, "what"); what {
	case "choose":
		s.yes[device] = [2]bool{rapid.Bool().Draw(s.T, "statistics"), rapid.Bool().Draw(s.T, "marketing")}
		v.chooses(site.Preferences, s.yes[device][0], s.yes[device][1])
		return what
	case "signal":
		s.yes[device] = [2]bool{s.yes[device][0], false}
		v.chooses(site.GPC, s.yes[device][0], false)
		return what
	case "withdraw":
		s.yes[device] = [2]bool{}
		v.chooses(site.Withdrawal, false, false)
		return what
	case "settings":
		purpose := rapid.SampledFrom([]string{"analytics", "marketing_email", "third_party_sharing"}).Draw(s.T, "purpose")
		_, err := s.db.Consents().Append(ctx, tenant, "", []consent.Entry{says(s.email, purpose, rapid.Bool().Draw(s.T, "granted"))})
		s.must(err)
		return what
	case "link":
		_, err := s.db.Devices().Link(ctx, tenant, "shop", v.name, person(s.email), nil)
		s.must(err)
		s.linked[device] = true
		return what
	case "pass":
		s.must(s.db.Pass(ctx, tenant, 20*day)) // a choice holds for a month
		return what
	default:
		s.must(s.db.Devices().Unlink(ctx, tenant, "shop", v.name, nil))
		s.linked[device], s.unlinked = false, true
		return "unlink"
	}
}

// settle lets everything follow: as the server does, or as it does after it was
// killed.
func (s *story) settle() {
	_, err := s.db.Consents().Sweep(ctx, tenant, 100)
	s.must(err)
	s.must(s.db.Devices().BridgeRest(ctx, tenant))
	for more := true; more; {
		var err error
		more, err = s.db.Devices().Follow(ctx, tenant, 2)
		s.must(err)
	}
}

// holds checks what must hold at every moment when all has followed.
func (s *story) holds(by string, before map[string]consent.Choice) map[string]consent.Choice {
	states, err := s.db.Consents().States(ctx, tenant, s.person)
	s.must(err)
	history, err := s.db.Consents().History(ctx, tenant, s.person)
	s.must(err)
	elsewhere := map[string]int64{}
	for _, r := range history {
		if r.Source == consent.SettingsPage {
			elsewhere[r.Purpose] = r.Sequence
		}
	}
	all, err := s.db.Devices().Of(ctx, tenant, s.person)
	s.must(err)
	after := map[string]consent.Choice{}
	for purpose, state := range states {
		after[purpose] = state.Choice
		category := "marketing"
		if purpose == "analytics" {
			category = "statistics"
		}
		granted := state.Choice == consent.Granted
		if refused := before[purpose] == consent.Refused || before[purpose] == consent.Withdrawn; granted && refused && by != "choose" && by != "settings" {
			s.Errorf("%s became a yes by %s", purpose, by)
		}
		if granted && before[purpose] == consent.Expired && by != "choose" && by != "settings" && by != "link" {
			s.Errorf("%s had ended, and became a yes by %s", purpose, by)
		}
		if granted && notice.FromSite(state.Notice) && !s.unlinked && !slices.ContainsFunc(all, func(d site.Linked) bool {
			a := d.Categories[category] // a no from elsewhere may be to another of its purposes
			return time.Now().Before(d.Expires) && (a.Granted || a.Elsewhere)
		}) {
			s.Errorf("%s is granted, and no device says so any more", purpose)
		}
		if !granted || state.Sequence == elsewhere[purpose] {
			continue
		}
		for _, d := range all {
			if a := d.Categories[category]; time.Now().Before(d.Expires) && !a.Granted && !a.Elsewhere && d.Own > elsewhere[purpose] {
				s.Errorf("%s is granted, and a device says no", purpose)
			}
		}
	}
	return after
}

func TestDevicesAndLedgerFollowEachOther(t *testing.T) { // B28, B29, Promise 4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		askingShop(t, db)
		raw, n := db.Raw(t), 0
		size := func() (n int) { // of the log
			must(t, raw.QueryRow(`SELECT size FROM audit_heads WHERE tenant = '`+tenant+`'`).Scan(&n))
			return n
		}
		rapid.Check(t, func(r *rapid.T) {
			if n++; n > 30 && !db.Embedded() {
				return // the rest is on the embedded one
			}
			s := &story{T: r, db: db, email: fmt.Sprintf("person%d@example.com", n), here: map[string]visitor{}, yes: map[string][2]bool{}, linked: map[string]bool{}}
			for _, device := range []string{"phone", "desk"} {
				s.here[device] = visitor{t, db, "shop", fmt.Sprint(device, n)}
				s.here[device].chooses(site.Banner, false, false)
			}
			s.person = s.here["phone"].links(s.email)
			stands := map[string]consent.Choice{}
			for range rapid.IntRange(1, 8).Draw(r, "acts") {
				by, before := s.act(), size()
				if rapid.IntRange(0, 2).Draw(r, "settles") == 0 && by != "settings" && by != "choose" {
					continue // the process is killed, and what comes next finds it so
				}
				s.settle()
				if grew := size() - before; grew > 5 {
					r.Errorf("%s: %d records", by, grew)
				}
				stands = s.holds(by, stands)
				before = size()
				s.settle()
				if grew := size() - before; grew != 0 {
					r.Errorf("after %s, %d records come by themselves", by, grew)
				}
			}
			must(t, db.Pass(ctx, tenant, 60*day))
			s.settle()
			states, err := db.Consents().States(ctx, tenant, s.person)
			must(t, err)
			for purpose, state := range states {
				if state.Choice == consent.Granted && notice.FromSite(state.Notice) {
					r.Errorf("all has ended, and %s stands granted", purpose)
				}
			}
		})
		sound(t, db)
	})
}
