package registry

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"volenti.dev/volenti/consent/site"
)

// draft has the usual categories.
func draft(vendors ...site.Vendor) site.Draft {
	return site.Draft{
		Origins: []string{"https://shop.example"},
		Categories: []site.Category{
			{Key: "necessary", Necessary: true}, {Key: "functional"}, {Key: "statistics"}, {Key: "marketing"},
		},
		Vendors: vendors,
	}
}

// counter is the service counter, and chat another one.
func services(change func(*Service)) []Service {
	chat := sound("chat", func(s *Service) { s.Name, s.Category, s.Cookies = "Chat", Functional, nil })
	return []Service{chat, sound("counter", change)}
}

func mustSync(t *testing.T, d site.Draft, services []Service, o Options) (site.Draft, Report) {
	t.Helper()
	got, report, err := Sync(d, services, o)
	if err != nil {
		t.Fatal(err)
	}
	again, second, err := Sync(got, services, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("the same again changed the draft (-want +got):\n%s", diff)
	}
	if second.Changes() {
		t.Errorf("the same again: %+v", second)
	}
	return got, report
}

func TestServiceBecomesAVendor(t *testing.T) { // B31
	got, report := mustSync(t, draft(), services(nil), Options{Use: []string{"counter"}})
	want := draft(site.Vendor{
		Key: "counter", Service: "counter", Name: "Counter", Provider: "Counter GmbH", Country: "DE", Category: "statistics",
		Purposes: []string{"Counts visits"}, Privacy: "https://counter.example/privacy", RetentionDays: 60,
		Cookies: []site.Cookie{{Name: "_count*", Days: 60, Purpose: "tells visitors apart"}}, Hosts: []string{"counter.example"},
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("draft (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Report{Added: []string{"counter"}}, report, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestVendorFollowsItsService(t *testing.T) { // B31
	d, _ := mustSync(t, draft(), services(nil), Options{Use: []string{"chat", "counter"}})
	newer := services(func(s *Service) {
		s.RetentionDays, s.Country, s.Cookies = 90, "FR", nil
	})
	got, report := mustSync(t, d, newer, Options{})
	v := got.Vendors[1]
	if v.RetentionDays != 90 || v.Country != "FR" || len(v.Cookies) != 0 {
		t.Errorf("%+v", v)
	}
	want := Report{Changed: []Fields{{"counter", []string{"country", "retention_days", "cookies"}}}}
	if diff := cmp.Diff(want, report, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestEveryFieldFollowsTheServiceAndStaysWhenItIsKept(t *testing.T) { // B31
	fresh := services(nil)[1].vendor("statistics")
	stale := site.Vendor{
		Key: "counter", Service: "counter", Name: "a", Provider: "b", Country: "AT", Category: "marketing", Purposes: []string{"c"},
		Privacy: "https://d.example", RetentionDays: 1, Cookies: []site.Cookie{{Name: "eee"}}, Hosts: []string{"f.example"}, Scripts: []string{"/ggggg.js"},
	}
	got, report := mustSync(t, draft(stale), services(nil), Options{})
	if diff := cmp.Diff(fresh, got.Vendors[0]); diff != "" {
		t.Errorf("vendor (-want +got):\n%s", diff)
	}
	all := report.Changed[0].Fields
	if len(all) != 10 {
		t.Errorf("changed: %v", all)
	}
	for _, name := range all {
		kept := stale
		kept.Kept = []string{name}
		_, report := mustSync(t, draft(kept), services(nil), Options{})
		if diff := cmp.Diff([]Fields{{"counter", []string{name}}}, report.Kept); diff != "" {
			t.Errorf("%s kept (-want +got):\n%s", name, diff)
		}
		if slices.Contains(report.Changed[0].Fields, name) || len(report.Changed[0].Fields) != len(all)-1 {
			t.Errorf("%s kept, and changed: %v", name, report.Changed[0].Fields)
		}
	}
	stale.Kept = all
	got, report = mustSync(t, draft(stale), services(nil), Options{})
	if diff := cmp.Diff(stale, got.Vendors[0]); diff != "" || len(report.Changed) > 0 {
		t.Errorf("all kept, and changed %v (-want +got):\n%s", report.Changed, diff)
	}
}

func TestVendorWhoseServiceIsGoneIsSwitchedOff(t *testing.T) { // B31
	d, _ := mustSync(t, draft(), services(nil), Options{Use: []string{"chat", "counter"}})
	got, report := mustSync(t, d, services(nil)[:1], Options{})
	if got.Vendors[0].Inactive || !got.Vendors[1].Inactive {
		t.Errorf("%+v", got.Vendors)
	}
	if diff := cmp.Diff(Report{Removed: []string{"counter"}}, report, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if d.Vendors[1].Inactive {
		t.Error("the draft that was given changed")
	}
}

func TestVendorThatIsOffStaysOff(t *testing.T) { // B31
	off := services(nil)[1].vendor("statistics")
	off.Inactive, off.Country = true, "AT"
	got, report := mustSync(t, draft(off), services(nil), Options{Use: []string{"counter"}})
	if len(got.Vendors) != 1 || !got.Vendors[0].Inactive || got.Vendors[0].Country != "DE" {
		t.Errorf("%+v", got.Vendors)
	}
	if !slices.Equal(report.Inactive, []string{"counter"}) {
		t.Errorf("%+v", report)
	}
}

func TestVendorOfTheSitesOwnIsLeftAlone(t *testing.T) { // B31
	own := site.Vendor{Key: "counter", Name: "Our counter", Category: "statistics"}
	got, report := mustSync(t, draft(own), services(nil), Options{Use: []string{"chat"}})
	if diff := cmp.Diff(own, got.Vendors[0]); diff != "" || !slices.Equal(report.Added, []string{"chat"}) {
		t.Errorf("%+v (-want +got):\n%s", report, diff)
	}
	_, _, err := Sync(draft(own), services(nil), Options{Use: []string{"chat", "counter"}})
	if wrong := (*Invalid)(nil); !errors.As(err, &wrong) || wrong.Field != "services[1]" {
		t.Errorf("a key that is taken: %v", err)
	}
}

func TestVendorKeepsTheKeyThatItHas(t *testing.T) { // B31
	renamed := services(nil)[1].vendor("statistics")
	renamed.Key, renamed.Country = "our_counter", "AT"
	got, report := mustSync(t, draft(renamed), services(nil), Options{Use: []string{"counter"}})
	if len(got.Vendors) != 1 || got.Vendors[0].Key != "our_counter" || report.Changed[0].Vendor != "our_counter" {
		t.Errorf("%+v %+v", got.Vendors, report)
	}
}

func TestCategoriesOfTheRegistryAreThoseOfTheSite(t *testing.T) { // B31
	d := draft()
	d.Categories = []site.Category{{Key: "necessary"}, {Key: "measuring"}, {Key: "comfort"}}
	mapped := Options{Use: []string{"chat", "counter"}, Categories: map[Category]string{Statistics: "measuring", Functional: "comfort"}}
	got, _ := mustSync(t, d, services(nil), mapped)
	if got.Vendors[0].Category != "comfort" || got.Vendors[1].Category != "measuring" {
		t.Errorf("%+v", got.Vendors)
	}
	got, report := mustSync(t, got, services(nil), Options{})
	if got.Vendors[1].Category != "measuring" || len(report.Changed) > 0 {
		t.Errorf("without the map: %+v", report)
	}
	got, report = mustSync(t, got, services(func(s *Service) { s.Category = Functional }), Options{Categories: mapped.Categories})
	if got.Vendors[1].Category != "comfort" || report.Changed[0].Fields[0] != "category" {
		t.Errorf("another category: %+v", report)
	}
	tests := map[string]struct {
		o    Options
		want string
	}{
		"not mapped":          {Options{Use: []string{"counter"}}, "services[0]"},
		"mapped to nowhere":   {Options{Categories: map[Category]string{Statistics: "nowhere"}}, "categories.statistics"},
		"mapped from nowhere": {Options{Categories: map[Category]string{"nowhere": "measuring"}}, "categories"},
		"unknown service":     {Options{Use: []string{"no_such"}}, "services[0]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, err := Sync(d, services(nil), test.o)
			if wrong := (*Invalid)(nil); !errors.As(err, &wrong) || wrong.Field != test.want {
				t.Errorf("%v", err)
			}
			if diff := cmp.Diff(d, got); diff != "" {
				t.Errorf("the draft changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReportSaysWhatCategoriesLack(t *testing.T) { // B31
	selling := services(func(s *Service) { s.Sale, s.Google = true, []string{"ad_storage", "ad_user_data"} })
	d := draft()
	d.Categories[2].Google = []string{"ad_storage"}
	got, report := mustSync(t, d, selling, Options{Use: []string{"chat", "counter"}})
	want := []Lack{{Category: "statistics", Sale: true, Google: []string{"ad_user_data"}}}
	if diff := cmp.Diff(want, report.Lacks); diff != "" {
		t.Errorf("lacks (-want +got):\n%s", diff)
	}
	got.Categories = draft().Categories
	got.Categories[2].Sale, got.Categories[2].Google = true, []string{"ad_storage", "ad_user_data"}
	if _, report := mustSync(t, got, selling, Options{}); len(report.Lacks) > 0 {
		t.Errorf("it lacks nothing: %+v", report.Lacks)
	}
	second := sound("second", func(s *Service) { s.Google = []string{"ad_user_data"} })
	_, report = mustSync(t, d, append(selling, second), Options{Use: []string{"counter", "second"}})
	if diff := cmp.Diff(want, report.Lacks); diff != "" {
		t.Errorf("two that ask for the same (-want +got):\n%s", diff)
	}
	off := selling[1].vendor("statistics")
	off.Inactive = true
	d.Vendors = []site.Vendor{off}
	if _, report := mustSync(t, d, selling, Options{}); len(report.Lacks) > 0 {
		t.Errorf("nobody asks: %+v", report.Lacks)
	}
}

func TestEmptyListIsNoChange(t *testing.T) { // B31
	v := services(nil)[0].vendor("functional")
	v.Cookies, v.Scripts = []site.Cookie{}, []string{}
	if _, report := mustSync(t, draft(v), services(nil), Options{}); len(report.Changed) > 0 {
		t.Errorf("%+v", report.Changed)
	}
}

func TestDraftSharesNothingWithTheRegistry(t *testing.T) {
	all := services(nil)
	got, _ := mustSync(t, draft(), all, Options{Use: []string{"counter"}})
	v := got.Vendors[0]
	v.Cookies[0].Name, v.Hosts[0], v.Purposes[0] = "changed", "changed", "changed"
	if diff := cmp.Diff(services(nil), all); diff != "" {
		t.Errorf("the services changed (-want +got):\n%s", diff)
	}
}

func TestVendorOfACategoryWithoutDocumentedDaysHasNone(t *testing.T) { // B14, B31
	unknown := services(func(s *Service) { s.Retention, s.RetentionDays = OfCategory, 790 })
	got, _ := mustSync(t, draft(), unknown, Options{Use: []string{"counter"}})
	if got.Vendors[0].RetentionDays != 0 {
		t.Errorf("%d days", got.Vendors[0].RetentionDays)
	}
}

// Whatever of the registry a site uses and has changed, a sync leaves what is
// not the registry's, and the same again changes nothing.
func TestSyncSettles(t *testing.T) { // B31
	all := All()
	rapid.Check(t, func(r *rapid.T) {
		d := draft()
		for _, s := range rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, 8, func(s Service) string { return s.Key }).Draw(r, "there") {
			v := s.vendor(string(s.Category))
			v.Inactive = rapid.Bool().Draw(r, "inactive")
			v.Kept = rapid.SliceOfN(rapid.SampledFrom([]string{"name", "country", "cookies", "category"}), 0, 2).Draw(r, "kept")
			if rapid.Bool().Draw(r, "own") {
				v.Service = ""
			}
			if rapid.Bool().Draw(r, "gone") {
				v.Service, v.Key = "gone", "gone_"+v.Key
			}
			v.Country = "AT"
			d.Vendors = append(d.Vendors, v)
		}
		o := Options{Use: rapid.SliceOfN(rapid.Map(rapid.SampledFrom(all), func(s Service) string { return s.Key }), 0, 5).Draw(r, "use")}
		got, _, err := Sync(d, all, o)
		if err != nil {
			if diff := cmp.Diff(d, got); diff != "" {
				r.Fatalf("refused, and changed (-want +got):\n%s", diff)
			}
			return
		}
		for i, was := range d.Vendors {
			is := got.Vendors[i]
			if was.Service == "" && !cmp.Equal(was, is) || is.Key != was.Key || was.Inactive && !is.Inactive || is.Service == "gone" && !is.Inactive {
				r.Fatalf("%+v became %+v", was, is)
			}
			if slices.Contains(was.Kept, "country") && is.Country != "AT" {
				r.Fatalf("kept, and changed: %+v", is)
			}
		}
		again, report, err := Sync(got, all, o)
		if err != nil || !cmp.Equal(got, again) || report.Changes() {
			r.Fatalf("the same again: %v %+v", err, report)
		}
	})
}
