package site_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
)

// linked is a device that has answered about statistics (analytics) and marketing (ads, mail).
func linked(own int64, statistics, marketing bool, set func(*site.Linked)) site.Linked {
	asked := func(key string, purposes ...string) site.Asked {
		return site.Asked{Category: site.Category{Key: key, Purposes: purposes, Sale: key == "marketing"}, Since: 1, Days: 90}
	}
	answer := func(yes bool) site.Answer {
		return site.Answer{Granted: yes, Expires: noon.AddDate(0, 0, 30), Version: 1}
	}
	necessary := asked("necessary", "safety")
	necessary.Necessary = true
	d := site.Linked{
		Key: "shop", Own: own, Since: 1, Asked: site.Version{Number: 1, Published: noon.AddDate(0, -1, 0), Categories: []site.Asked{
			necessary, asked("statistics", "analytics"), asked("marketing", "ads", "mail"),
		}},
		Standing: site.Standing{
			Version: 1, Digest: "d", Source: site.Banner, Expires: noon.AddDate(0, 0, 30),
			Categories: map[string]site.Answer{"necessary": answer(true), "statistics": answer(statistics), "marketing": answer(marketing)},
		},
	}
	if set != nil {
		set(&d)
	}
	return d
}

func TestForWhomADeviceSpeaks(t *testing.T) { // B28, B29
	yes := func(own int64, set func(*site.Linked)) site.Linked { return linked(own, true, false, set) }
	no := func(own int64, set func(*site.Linked)) site.Linked { return linked(own, false, false, set) }
	const silent = "silent"
	for name, c := range map[string]struct {
		devices []site.Linked
		said    *site.Said
		stands  consent.State
		want    string // of analytics
	}{
		"a yes":                              {devices: []site.Linked{yes(5, nil)}, want: "yes cookie_banner"},
		"a no":                               {devices: []site.Linked{no(5, nil)}, want: "no cookie_banner"},
		"a no by a signal":                   {devices: []site.Linked{no(5, func(d *site.Linked) { d.Source = site.GPC })}, want: "no gpc"},
		"a no beside a later yes":            {devices: []site.Linked{no(5, nil), yes(6, nil)}, want: "no cookie_banner"},
		"what was said later elsewhere":      {devices: []site.Linked{yes(5, nil)}, said: &site.Said{Sequence: 6}, want: silent},
		"what was said before elsewhere":     {devices: []site.Linked{yes(7, nil)}, said: &site.Said{Sequence: 6}, want: "yes cookie_banner"},
		"an answer that was given elsewhere": {devices: []site.Linked{no(5, func(d *site.Linked) { d.Categories["statistics"] = site.Answer{Elsewhere: true} })}, want: silent},
		"an answer that has ended":           {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Expires = noon })}, want: silent},
		"a yes that has ended": {devices: []site.Linked{yes(5, func(d *site.Linked) {
			d.Categories["statistics"] = site.Answer{Granted: true, Version: 1, Expires: noon}
		})}, want: silent},
		"a yes from before it was widened":             {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Asked.Categories[1].Since = 2 })}, want: "no cookie_banner"},
		"a no that stands, and a later yes":            {devices: []site.Linked{yes(5, nil)}, stands: consent.State{Choice: consent.Refused, Sequence: 4}, want: "yes cookie_banner"},
		"a no that stands, and an earlier yes":         {devices: []site.Linked{yes(5, nil)}, stands: consent.State{Choice: consent.Refused, Sequence: 6}, want: silent},
		"a yes from before it was linked":              {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Since = 6 })}, stands: consent.State{Choice: consent.Withdrawn, Sequence: 4}, want: silent},
		"a gap, and a yes from before the link":        {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Since = 6 })}, want: "yes cookie_banner"},
		"a yes that came with a signal":                {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Source = site.GPC })}, stands: consent.State{Choice: consent.Withdrawn, Sequence: 4}, want: silent},
		"a no that stands, and a yes that it outvoted": {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Heard = 5 })}, stands: consent.State{Choice: consent.Withdrawn, Sequence: 4}, want: silent},
		"an end, and a yes from before":                {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Heard = 5 })}, stands: consent.State{Choice: consent.Expired, Sequence: 4}, want: silent},
		"an end, and a yes that came with a signal":    {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Source = site.GPC })}, stands: consent.State{Choice: consent.Expired, Sequence: 4}, want: silent},
		"an end, and a device that was linked since":   {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Since, d.Heard = 7, -1 })}, stands: consent.State{Choice: consent.Expired, Sequence: 6}, want: "yes cookie_banner"},
		"a site that has published nothing":            {devices: []site.Linked{yes(5, func(d *site.Linked) { d.Asked = site.Version{} })}, want: silent},
	} {
		said := map[string]site.Said{}
		if c.said != nil {
			said["analytics"] = *c.said
		}
		got := silent
		entries, _ := site.Words(consent.SubjectID{1}, c.devices, said, map[string]consent.State{"analytics": c.stands}, noon)
		for _, e := range entries {
			switch {
			case e.Purpose == "safety":
				t.Errorf("%s: what is necessary is no choice", name)
			case e.Purpose != "analytics":
				continue
			case *e.Shown != consent.Shown{Version: "site/shop/1", Digest: "d", Published: noon.AddDate(0, -1, 0)}:
				t.Errorf("%s: shown %+v", name, e.Shown)
			}
			got = map[bool]string{true: "yes ", false: "no "}[e.Granted] + string(e.Source)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAYesOfAPersonEndsWithTheLastOfTheirDevices(t *testing.T) { // B14, B29
	until := func(own int64, days int) site.Linked {
		return linked(own, true, true, func(d *site.Linked) {
			d.Asked.Categories[2].Purposes = append(d.Asked.Categories[2].Purposes, "analytics") // of both categories
			for i, key := range []string{"statistics", "marketing"} {
				d.Categories[key] = site.Answer{Granted: true, Version: 1, Expires: noon.AddDate(0, 0, days+i)}
			}
		})
	}
	for name, devices := range map[string][]site.Linked{
		"the later last":  {until(5, 3), until(6, 9)},
		"the later first": {until(5, 9), until(6, 3)},
	} {
		_, ends := site.Words(consent.SubjectID{1}, devices, nil, nil, noon)
		want := map[string]time.Time{"analytics": noon.AddDate(0, 0, 9), "ads": noon.AddDate(0, 0, 10), "mail": noon.AddDate(0, 0, 10)}
		if diff := cmp.Diff(want, ends); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	no := linked(7, false, true, nil)
	if _, ends := site.Words(consent.SubjectID{1}, []site.Linked{until(5, 3), no}, nil, nil, noon); !ends["analytics"].IsZero() {
		t.Errorf("a no ends at %s", ends["analytics"])
	}
}

func TestWhatIsSaidElsewhereBecomesAnAnswerOfTheDevice(t *testing.T) { // B14, B29
	d := linked(5, false, true, func(d *site.Linked) {
		d.Asked.Site, d.Sequence, d.Linked = "s", 5, true
		d.Vendors = map[string]site.Answer{"adco": {Granted: true}, "counter": {Granted: false}}
		d.Asked.Vendors = []site.Named{
			{Vendor: site.Vendor{Key: "adco", Category: "marketing"}},
			{Vendor: site.Vendor{Key: "counter", Category: "statistics", RetentionDays: 3}},
			{Vendor: site.Vendor{Key: "other", Category: "statistics", RetentionDays: 14}},
		}
	})
	said := map[string]site.Said{"analytics": {6, true}, "ads": {7, false}}
	states := map[string]consent.State{"analytics": {Choice: consent.Granted}, "ads": {Choice: consent.Withdrawn}, "mail": {Choice: consent.Granted}}
	categories, changed := d.Reflect(said, states, noon)
	if diff := cmp.Diff(map[string]bool{"necessary": true, "statistics": true, "marketing": false}, categories); diff != "" || !changed {
		t.Fatal(diff)
	}
	o, err := d.Become(categories, noon)
	if err != nil || o.Act != site.ActUpdated {
		t.Fatal(o.Act, err)
	}
	r, s := o.Record, o.Standing
	ends := noon.AddDate(0, 0, 14) // the shortest of the category and its vendors that are not refused
	want := map[string]site.Answer{
		"statistics": {Granted: true, Expires: ends, Version: 1, Elsewhere: true},
		"marketing":  {Version: 1, Elsewhere: true},
	}
	delete(s.Categories, "necessary") // which is on, and renewed
	if diff := cmp.Diff(want, s.Categories); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]site.Answer{"counter": {}}, s.Vendors); diff != "" {
		t.Error("a vendor that was allowed by itself outlives its category: " + diff)
	}
	if !s.Expires.Equal(ends) || s.Source != site.Ledger || !r.Linked || r.Prior == nil || r.Prior.Sequence != 5 || !r.Prior.Categories["marketing"] || r.Site != "s" {
		t.Errorf("record %+v, standing %+v", r, s)
	}
	d.Standing, d.Sequence = s, 8
	if _, changed := d.Reflect(said, states, noon); changed {
		t.Error("it changes once more")
	}
	said["ads"], states["ads"] = site.Said{Sequence: 9, Granted: true}, consent.State{Choice: consent.Granted}
	if categories, changed := d.Reflect(said, states, noon); !changed || !categories["marketing"] {
		t.Errorf("a yes to the last purpose: %v", categories)
	}
	d.Signal = true
	if categories, _ := d.Reflect(said, states, noon); categories["marketing"] {
		t.Error("a sale in spite of the signal")
	}
}
