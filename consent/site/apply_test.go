package site_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
)

const device = "d0123456789_ABCDEFGHIJ-x"

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// shop is a version with a sale, two vendors and a way to be asked after.
func shop(n int) site.Version {
	return site.Version{
		Site: "s", Number: n, Languages: []string{"en", "de"}, Material: 1,
		Regions: []site.Region{{Key: "us", Countries: []string{"US"}, Mode: site.OptOut}, {Key: "all", Mode: site.OptIn}},
		Categories: []site.Asked{
			asked("necessary", 365, func(c *site.Asked) { c.Necessary = true }),
			asked("functional", 365, nil),
			asked("statistics", 790, nil),
			asked("marketing", 90, func(c *site.Asked) { c.Sale = true }),
		},
		Vendors: []site.Named{vendor("counter", "statistics", 60), vendor("maps", "functional", 0), vendor("ads", "marketing", 30), vendor("pay", "necessary", 1)},
	}
}

func asked(key string, days int, set func(*site.Asked)) site.Asked {
	c := site.Asked{Category: site.Category{Key: key}, Days: days, Since: 1}
	if set != nil {
		set(&c)
	}
	return c
}

func vendor(key, category string, days int) site.Named {
	return site.Named{Vendor: site.Vendor{Key: key, Category: category, RetentionDays: days}, Since: 1}
}

func digestOf(n int) string { return fmt.Sprintf("%064d", n) }

// says is a submission to version 1 in which these categories are agreed to.
func says(source site.Source, yes ...string) site.Submission {
	s := site.Submission{Device: device, ID: "0198c0de-0000-4000-8000-000000000001", Version: 1, Digest: digestOf(1), Language: "en", Region: "all", Source: source, Categories: map[string]bool{}}
	for _, key := range yes {
		s.Categories[key] = true
	}
	return s
}

func apply(t *testing.T, prior *site.Standing, s site.Submission, now time.Time) site.Outcome {
	t.Helper()
	o, err := site.Apply(shop(s.Version), digestOf(s.Version), prior, s, now)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// runs is what a page would let run, straight from the contract.
func runs(v site.Version, s *site.Standing, now time.Time) map[string]bool {
	all := map[string]bool{}
	holds := func(a site.Answer, since int) bool { return a.Granted && a.Version >= since && now.Before(a.Expires) }
	for _, c := range v.Categories {
		all[c.Key] = c.Necessary || s != nil && s.Stands(now) && holds(s.Categories[c.Key], c.Since)
		for _, n := range v.Vendors {
			if n.Category != c.Key {
				continue
			}
			all[n.Key] = all[c.Key]
			if s == nil || !s.Stands(now) || c.Necessary {
				continue
			}
			if own, ok := s.Vendors[n.Key]; ok {
				all[n.Key] = holds(own, n.Since)
			}
		}
	}
	return all
}

func TestWhatIsNotNamedIsRefusedAndNecessaryIsOn(t *testing.T) { // B8
	s := says(site.Banner, "statistics")
	s.Categories["necessary"] = false
	o := apply(t, nil, s, noon)
	if want := map[string]bool{"necessary": true, "functional": false, "statistics": true, "marketing": false, "counter": true, "maps": false, "ads": false, "pay": true}; !maps.Equal(runs(shop(1), &o.Standing, noon), want) {
		t.Errorf("%+v", o.Standing)
	}
	if len(o.Standing.Categories) != 4 || o.Act != site.ActGiven || o.Record.Prior != nil {
		t.Errorf("%+v", o)
	}
}

func TestASubmissionSaysWhatWasShown(t *testing.T) { // B8 B18
	for what, change := range map[string]func(*site.Submission){
		"digest":                   func(s *site.Submission) { s.Digest = digestOf(2) },
		"digest of another case":   func(s *site.Submission) { s.Digest += " " },
		"version":                  func(s *site.Submission) { s.Version = 2 },
		"language":                 func(s *site.Submission) { s.Language = "fr" },
		"region":                   func(s *site.Submission) { s.Region = "eu" },
		"no region":                func(s *site.Submission) { s.Region = "" },
		"unknown category":         func(s *site.Submission) { s.Categories["x"] = true },
		"unknown category refused": func(s *site.Submission) { s.Categories["x"] = false },
		"hostile category":         func(s *site.Submission) { s.Categories["__proto__"] = true },
		"unknown vendor":           func(s *site.Submission) { s.Vendors = map[string]bool{"constructor": true} },
		"category as a vendor":     func(s *site.Submission) { s.Vendors = map[string]bool{"statistics": true} },
		"source":                   func(s *site.Submission) { s.Source = "x" },
		"source of ours":           func(s *site.Submission) { s.Source = site.Expiry },
		"withdrawal":               func(s *site.Submission) { s.Source = site.Withdrawal },
		"short device":             func(s *site.Submission) { s.Device = device[:21] },
		"long device":              func(s *site.Submission) { s.Device = strings.Repeat("a", 65) },
		"device with a space":      func(s *site.Submission) { s.Device = device + " " },
		"no id":                    func(s *site.Submission) { s.ID = "" },
		"consent string":           func(s *site.Submission) { s.ConsentString = strings.Repeat("x", 4097) },
	} {
		s := says(site.Banner, "statistics")
		change(&s)
		_, err := site.Apply(shop(1), digestOf(1), nil, s, noon)
		if wrong := (*consent.Invalid)(nil); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", what, err)
		} else if text := err.Error(); strings.Contains(text, "proto") || strings.Contains(text, device) {
			t.Errorf("%s: repeats what was sent: %s", what, text)
		}
	}
}

func TestWithoutAConfigurationRecordingWorks(t *testing.T) { // B13 B19
	s := says(site.Banner, "statistics", "marketing")
	s.Version, s.Digest, s.Language, s.Region = 0, "", "", ""
	o, err := site.Apply(site.Unpublished("s"), "", nil, s, noon)
	if err != nil || o.Record.Digest != "" || o.Record.Version != 0 || !o.Standing.Categories["marketing"].Granted {
		t.Errorf("%+v, %v", o, err)
	}
	if want := noon.AddDate(0, 0, 365); !o.Standing.Expires.Equal(want) {
		t.Errorf("expires %v, want %v", o.Standing.Expires, want)
	}
	s.Categories["x"] = true
	if _, err := site.Apply(site.Unpublished("s"), "", nil, s, noon); err == nil {
		t.Error("an unknown category was taken")
	}
}

func TestDaysThatAYesHolds(t *testing.T) { // B11 B12 B13 B14
	for key, want := range map[string]int{"necessary": 365, "functional": 365, "statistics": 790, "marketing": 90, "social": 365} {
		if got := site.UsualDays(key); got != want {
			t.Errorf("%s: %d days, want %d", key, got, want)
		}
	}
	days := func(s site.Submission) (category func(string) int, whole int) {
		o := apply(t, nil, s, noon)
		in := func(end time.Time) int { return int(end.Sub(noon) / (24 * time.Hour)) }
		if !o.Record.Expires.Equal(o.Standing.Expires) {
			t.Error("the record says another end")
		}
		return func(key string) int { return in(o.Standing.Categories[key].Expires) }, in(o.Standing.Expires)
	}
	of, whole := days(says(site.Banner, "functional", "statistics", "marketing"))
	if of("functional") != 365 || of("statistics") != 60 || of("marketing") != 30 || whole != 30 {
		t.Errorf("all: %d %d %d, whole %d", of("functional"), of("statistics"), of("marketing"), whole)
	}
	s := says(site.Banner, "statistics")
	s.Vendors = map[string]bool{"counter": false} // a vendor that is refused keeps nothing
	if of, whole = days(s); of("statistics") != 790 || whole != 790 {
		t.Errorf("without the vendor: %d, whole %d", of("statistics"), whole)
	}
	if _, whole = days(says(site.Banner)); whole != 365 { // and not the day that a necessary vendor keeps
		t.Errorf("nothing: %d", whole)
	}
	s = says(site.Banner)
	s.Vendors = map[string]bool{"ads": true}
	if _, whole = days(s); whole != 30 {
		t.Errorf("a vendor alone: %d", whole)
	}
}

func TestAVendorThatIsAsItsCategoryIsLeftOut(t *testing.T) {
	s := says(site.Preferences, "statistics")
	s.Vendors = map[string]bool{"counter": true, "maps": false, "ads": true, "pay": false}
	o := apply(t, nil, s, noon)
	if got := slices.Sorted(maps.Keys(o.Standing.Vendors)); !slices.Equal(got, []string{"ads"}) {
		t.Errorf("%v", got)
	}
	if !runs(shop(1), &o.Standing, noon)["pay"] {
		t.Error("a vendor of what is necessary was refused")
	}
}

func TestTheSignalRefusesASaleAndGrantsNothing(t *testing.T) {
	first := apply(t, nil, says(site.GPC, "statistics", "marketing"), noon)
	if yes := runs(shop(1), &first.Standing, noon); yes["marketing"] || yes["statistics"] || !first.Record.Signal || first.Record.Source != site.GPC {
		t.Errorf("%+v", first)
	}
	if again := apply(t, &first.Standing, says(site.GPC), noon.Add(time.Hour)); again.Act != "" {
		t.Errorf("a signal that changes nothing makes a record: %+v", again)
	}
	yes := apply(t, nil, says(site.Banner, "statistics", "marketing"), noon)
	signal := apply(t, &yes.Standing, says(site.GPC), noon.Add(time.Hour))
	if may := runs(shop(1), &signal.Standing, noon.Add(time.Hour)); may["marketing"] || may["ads"] || !may["statistics"] || signal.Act != site.ActUpdated {
		t.Errorf("%+v", signal)
	}
	if !signal.Standing.Categories["statistics"].Expires.Equal(yes.Standing.Categories["statistics"].Expires) {
		t.Error("the signal made a yes last longer")
	}
	// In a region where people are asked after, a signal says nothing of what is no sale.
	s := says(site.GPC)
	s.Region = "us"
	open := apply(t, nil, s, noon)
	if _, said := open.Standing.Categories["functional"]; said || open.Standing.Categories["marketing"].Granted || len(open.Standing.Categories) != 2 {
		t.Errorf("%+v", open.Standing.Categories)
	}
}

func TestAnExplicitChoiceOverridesTheSignalWithEvidence(t *testing.T) {
	s := says(site.Preferences, "marketing")
	s.Signal = true
	explicit := apply(t, nil, s, noon)
	if !explicit.Record.Signal || !explicit.Record.Categories["marketing"].Granted || !explicit.Record.Categories["marketing"].Despite {
		t.Errorf("%+v", explicit.Record)
	}
	if again := apply(t, &explicit.Standing, says(site.GPC), noon.Add(time.Hour)); again.Act != "" {
		t.Errorf("the signal changed it: %+v", again)
	}
	s = says(site.Script, "marketing")
	s.Signal = true
	if o := apply(t, nil, s, noon); o.Standing.Categories["marketing"].Granted {
		t.Error("a script overrides the signal")
	}
}

// What is material is asked of everybody again, also of those whose browser
// sends a signal under the new version.
func TestASignalIsNoAnswerToAMaterialVersion(t *testing.T) {
	yes := apply(t, nil, says(site.Banner, "statistics"), noon)
	yes.Standing.ID, yes.Standing.Sequence = "c", 7
	s := says(site.GPC)
	s.Version, s.Digest = 2, digestOf(2)
	o := apply(t, &yes.Standing, s, noon.Add(time.Hour))
	if o.Standing.Version != 1 || o.Standing.Digest != digestOf(1) || o.Record.Version != 2 || o.Record.Prior.Sequence != 7 {
		t.Errorf("%+v", o)
	}
	refused := apply(t, nil, says(site.Banner), noon)
	if o = apply(t, &refused.Standing, s, noon.Add(time.Hour)); o.Standing.Version != 2 {
		t.Errorf("who agreed to nothing is asked again over the signal: %+v", o.Standing)
	}
}

func TestAWithdrawalAndAnEndLeaveNothingAndSayWhatStood(t *testing.T) { // B4 B6
	s := says(site.Banner, "statistics")
	s.Vendors = map[string]bool{"ads": true}
	o := apply(t, nil, s, noon)
	o.Standing.ID, o.Standing.Sequence = "c", 7
	for act, end := range map[string]site.Outcome{
		site.ActWithdrawn: site.Withdraw("s", o.Standing, noon.Add(time.Hour)),
		site.ActExpired:   site.Expire("s", o.Standing, noon.Add(time.Hour)),
	} {
		if end.Act != act || end.Standing.Stands(noon.Add(time.Hour)) || end.Standing.Categories["statistics"].Granted || end.Standing.ID != "c" {
			t.Errorf("%s: %+v", act, end)
		}
		if p := end.Record.Prior; p == nil || p.Sequence != 7 || !p.Categories["statistics"] || p.Categories["functional"] || !p.Vendors["ads"] || end.Record.Digest != digestOf(1) {
			t.Errorf("%s: prior %+v", act, p)
		}
	}
	back := apply(t, ptr(site.Withdraw("s", o.Standing, noon.Add(time.Hour)).Standing), says(site.Banner), noon.Add(2*time.Hour))
	if back.Act != site.ActGiven || back.Record.Prior != nil || back.Standing.ID != "c" {
		t.Errorf("after a withdrawal: %+v", back)
	}
}

func TestARecordThatNoLeafTakesIsRefused(t *testing.T) {
	v, s := shop(1), says(site.Banner)
	s.Vendors = map[string]bool{}
	for i := range 500 {
		key := fmt.Sprintf("vendor_%03d", i)
		v.Vendors = append(v.Vendors, vendor(key, "functional", 0))
		s.Vendors[key] = true
	}
	o, err := site.Apply(v, digestOf(1), nil, s, noon)
	if err != nil {
		t.Fatal(err)
	}
	o.Standing.Sequence = 3
	if o, err = site.Apply(v, digestOf(1), &o.Standing, s, noon); err != nil || o.Record.Prior.Sequence != 3 {
		t.Errorf("%+v, %v", o.Record.Prior, err)
	}
	if text, err := json.Marshal(o.Record); err != nil || len(text) > audit.MaxDetails {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	for i := range v.Vendors {
		key := v.Vendors[i].Key
		v.Vendors[i].Key = key + strings.Repeat("x", 64)
		delete(s.Vendors, key)
		s.Vendors[v.Vendors[i].Key] = true
	}
	if _, err := site.Apply(v, digestOf(1), nil, s, noon); err == nil {
		t.Error("it was taken")
	}
}

func ptr[T any](v T) *T { return &v }

// obvious says what may run after a submission, out of what might before: the
// contract in its own words, without answers, versions and ends.
func obvious(v site.Version, before map[string]bool, despite map[string]bool, s site.Submission) map[string]bool {
	may := map[string]bool{}
	explicit := s.Source == site.Banner || s.Source == site.Preferences
	rule := func(key, category string, wanted bool) {
		for _, c := range v.Categories {
			if c.Key != category {
				continue
			}
			signal := s.Source == site.GPC || s.Signal
			switch {
			case c.Necessary:
				may[key] = true
			case s.Source == site.GPC:
				may[key] = before[key] && (!c.Sale || despite[key])
			case c.Sale && signal && !explicit:
				may[key] = wanted && before[key] && despite[key]
			default:
				may[key] = wanted
			}
		}
	}
	for _, c := range v.Categories {
		rule(c.Key, c.Key, s.Categories[c.Key])
	}
	for _, n := range v.Vendors {
		wanted, said := s.Vendors[n.Key]
		if !said {
			wanted = s.Categories[n.Category]
		}
		rule(n.Key, n.Category, wanted)
	}
	return may
}

// Whatever comes in whatever order: what may run is what the contract says, a
// signal lets nothing run that did not before, and no yes lasts longer than the
// shortest of what it is for. B8 B14
func TestWhatRunsIsWhatTheContractSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := shop(1)
		var prior *site.Standing
		despite := map[string]bool{}
		now := noon
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40*24).Draw(t, "hours")) * time.Hour)
			s := says(rapid.SampledFrom([]site.Source{site.Banner, site.Preferences, site.GPC, site.Script}).Draw(t, "source"))
			s.Signal = s.Source == site.GPC || rapid.Bool().Draw(t, "signal")
			s.Categories = rapid.MapOf(rapid.SampledFrom([]string{"necessary", "functional", "statistics", "marketing"}), rapid.Bool()).Draw(t, "categories")
			// A vendor of a sale has no answer of its own here: what overrides the
			// signal is told by category in the model.
			s.Vendors = rapid.MapOf(rapid.SampledFrom([]string{"counter", "maps", "pay"}), rapid.Bool()).Draw(t, "vendors")
			before := runs(v, prior, now)
			if prior != nil && !prior.Stands(now) {
				clear(despite)
			}
			o, err := site.Apply(v, digestOf(1), prior, s, now)
			if err != nil {
				t.Fatal(err)
			}
			may, want := runs(v, &o.Standing, now), obvious(v, before, despite, s)
			if !maps.Equal(may, want) {
				t.Fatalf("may run %v, want %v", may, want)
			}
			for _, key := range []string{"marketing", "ads"} {
				explicit := s.Source == site.Banner || s.Source == site.Preferences
				despite[key] = may[key] && (explicit && s.Signal || !explicit && s.Signal && despite[key])
			}
			for key := range may {
				if s.Source == site.GPC && may[key] && !before[key] {
					t.Fatalf("the signal let %s run", key)
				}
			}
			shortest(t, v, o.Standing, may, now)
			if (s.Source == site.Banner || s.Source == site.Preferences) && o.Act == "" {
				t.Fatal("a visitor's choice made no record")
			}
			o.Standing.Sequence++
			prior = &o.Standing
		}
	})
}

// shortest: the whole ends no later than any yes may last.
func shortest(t *rapid.T, v site.Version, s site.Standing, may map[string]bool, now time.Time) {
	for _, c := range v.Categories {
		if c.Necessary {
			continue
		}
		if end := now.AddDate(0, 0, c.Days); may[c.Key] && (s.Categories[c.Key].Expires.After(end) || s.Expires.After(end)) {
			t.Fatalf("%s lasts until %v, the whole until %v", c.Key, s.Categories[c.Key].Expires, s.Expires)
		}
		for _, n := range v.Vendors {
			if end := now.AddDate(0, 0, n.RetentionDays); n.Category == c.Key && n.RetentionDays > 0 && may[n.Key] && s.Expires.After(end) {
				t.Fatalf("%s runs until %v", n.Key, s.Expires)
			}
		}
	}
}
