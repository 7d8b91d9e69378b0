package site

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func published(t testing.TB, d Draft, before *Version, material bool) Version {
	t.Helper()
	p := Publication{Site: "s", At: noon, Material: material, Ledger: ledger}
	if material && before != nil {
		p.Summary = map[string]string{"en": "It is wider."}
	}
	v, err := Publish(d, before, p)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func refused(t testing.TB, d Draft, before *Version, p Publication) []Problem {
	t.Helper()
	p.Ledger = ledger
	_, err := Publish(d, before, p)
	var wrong *Invalid
	if !errors.As(err, &wrong) {
		t.Fatalf("it was published: %v", err)
	}
	return wrong.Problems
}

func TestFirstVersionShowsWhatIsActive(t *testing.T) { // B21
	d := shop()
	d.Categories = slices.Insert(d.Categories, 1, Category{Key: "functional", Inactive: true})
	d.Vendors = append(d.Vendors, Vendor{Key: "gone", Name: "Gone", Inactive: true})
	v := published(t, d, nil, false)
	var keys []string
	for _, k := range v.Categories {
		keys = append(keys, k.Key)
		if k.Since != 1 || k.Title["en"] == "" || k.Title["de"] == "" || k.Description["en"] == k.Description["de"] {
			t.Errorf("%+v", k)
		}
	}
	if d := cmp.Diff([]string{"necessary", "statistics", "marketing"}, keys); d != "" {
		t.Error(d)
	}
	if v.Number != 1 || v.Material != 1 || len(v.Changes) != 0 || len(v.Vendors) != 1 || v.Vendors[0].Since != 1 {
		t.Errorf("%+v", v)
	}
	if v.Vendors[0].Service != "" || v.Vendors[0].Kept != nil {
		t.Error("visitors are shown what is for operators")
	}
	if got := v.Links["en"]["privacy"] + " " + v.Links["de"]["privacy"]; got != "https://shop.example/privacy https://shop.example/datenschutz" {
		t.Error(got)
	}
	for _, l := range d.Languages {
		for key := range builtin["en"] {
			if !ofCategory(key) && v.Texts[l][key] == "" {
				t.Errorf("there is no text %s in %s", key, l)
			}
		}
	}
}

func TestYesHoldsAsLongAsIsUsualUnlessTheSiteSays(t *testing.T) { // B11
	for key, want := range map[string]int{"necessary": 365, "functional": 365, "statistics": 790, "marketing": 90, "chat": 365} {
		if got := (Category{Key: key}).days(); got != want {
			t.Errorf("%s: %d days, want %d", key, got, want)
		}
		if got := (Category{Key: key, RetentionDays: 7}).days(); got != 7 {
			t.Errorf("%s: %d days, the site says 7", key, got)
		}
	}
}

func TestDraftWithProblemsIsNotPublished(t *testing.T) {
	d := shop()
	d.Categories[1].Purposes = []string{"nonsense"}
	if p := refused(t, d, nil, Publication{}); p[0].Field != "categories[1].purposes[0]" {
		t.Error(p)
	}
}

func TestWhatWidensConsentMustBeMaterial(t *testing.T) { // B31
	for name, c := range map[string]struct {
		change             func(*Draft)
		categories, vendor string // that are wider
	}{
		"a category": {func(d *Draft) {
			d.Categories = append(d.Categories, Category{Key: "functional"})
		}, "functional", ""},
		"a vendor": {func(d *Draft) {
			d.Vendors = append(d.Vendors, Vendor{Key: "ads", Name: "Ads", Category: "marketing"})
		}, "marketing", "ads"},
		"a vendor of what is necessary": {func(d *Draft) {
			d.Vendors = append(d.Vendors, Vendor{Key: "cdn", Name: "CDN", Category: "necessary"})
		}, "necessary", "cdn"},
		"a vendor moves":                   {func(d *Draft) { d.Vendors[0].Category = "marketing" }, "marketing", "counter"},
		"a vendor hides among the needed":  {func(d *Draft) { d.Vendors[0].Category = "necessary" }, "necessary", "counter"},
		"another provider":                 {func(d *Draft) { d.Vendors[0].Provider = "Other Inc." }, "statistics", "counter"},
		"a vendor's further purpose":       {func(d *Draft) { d.Vendors[0].Purposes = append(d.Vendors[0].Purposes, "Sells") }, "statistics", "counter"},
		"a vendor keeps it longer":         {func(d *Draft) { d.Vendors[0].RetentionDays++ }, "statistics", "counter"},
		"a vendor keeps it nobody knows":   {func(d *Draft) { d.Vendors[0].RetentionDays = 0 }, "statistics", "counter"},
		"a further purpose of the ledger":  {func(d *Draft) { d.Categories[2].Purposes = []string{"research"} }, "marketing", ""},
		"a yes holds longer":               {func(d *Draft) { d.Categories[2].RetentionDays++ }, "marketing", ""},
		"a yes holds as long as is usual":  {func(d *Draft) { d.Categories[2].RetentionDays = 0 }, "marketing", ""},
		"a sale":                           {func(d *Draft) { d.Categories[1].Sale = true }, "statistics", ""},
		"a category cannot be refused now": {func(d *Draft) { d.Categories[1].Necessary, d.Categories[1].Purposes = true, nil }, "statistics", ""},
	} {
		t.Run(name, func(t *testing.T) {
			first := published(t, shop(), nil, false)
			d := shop()
			c.change(&d)
			wrong := refused(t, d, &first, Publication{})
			if wrong[0].Field != "material" || !strings.Contains(wrong[0].Text, c.categories) || !strings.Contains(wrong[0].Text, c.vendor) {
				t.Errorf("refused for another reason: %v", wrong)
			}
			if change := d.Change(&first); !change.Material || len(change.Differences) == 0 {
				t.Errorf("nobody was told before: %+v", change)
			}
			if wrong = refused(t, d, &first, Publication{Material: true}); wrong[0].Field != "summary" {
				t.Errorf("visitors are asked again and not told why: %v", wrong)
			}
			v := published(t, d, &first, true)
			for _, k := range v.Categories {
				if want := since(k.Key == c.categories); k.Since != want {
					t.Errorf("%s holds since %d, want %d", k.Key, k.Since, want)
				}
			}
			for _, n := range v.Vendors {
				if want := since(n.Key == c.vendor); n.Since != want {
					t.Errorf("%s holds since %d, want %d", n.Key, n.Since, want)
				}
			}
			want := Changed{Version: 2, At: noon, Summary: map[string]string{"en": "It is wider."}, Categories: []string{c.categories}}
			if c.vendor != "" {
				want.Vendors = []string{c.vendor}
			}
			if diff := cmp.Diff([]Changed{want}, v.Changes); diff != "" || v.Material != 2 {
				t.Errorf("material %d: %s", v.Material, diff)
			}
		})
	}
}

func since(wider bool) int {
	if wider {
		return 2
	}
	return 1
}

func TestWhatWasNecessaryIsAskedAfresh(t *testing.T) {
	d := shop()
	d.Categories[1].Necessary, d.Categories[1].Purposes = true, nil
	first := published(t, d, nil, false)
	d.Categories[1].Necessary = false
	if v := published(t, d, &first, true); v.Categories[1].Since != 2 {
		t.Error("a yes that nobody has given is taken over")
	}
}

func TestWhatComesBackIsAskedAgain(t *testing.T) {
	first := published(t, shop(), nil, false)
	d := shop()
	d.Vendors[0].Inactive, d.Categories[2].Inactive = true, true
	second := published(t, d, &first, false)
	third := published(t, shop(), &second, true)
	if third.Categories[2].Since != 3 || third.Vendors[0].Since != 3 || third.Categories[0].Since != 1 {
		t.Errorf("%+v", third.Categories)
	}
}

func TestWhatDoesNotWidenNeedNotBeMaterial(t *testing.T) {
	for name, change := range map[string]func(*Draft){
		"a text":               func(d *Draft) { d.Texts = map[string]map[string]string{"de": {"accept": "Ja"}} },
		"a link":               func(d *Draft) { d.Links["imprint"] = map[string]string{"": "https://shop.example/imprint"} },
		"a language":           func(d *Draft) { d.Languages = []string{"en"}; d.Links = nil },
		"an order":             func(d *Draft) { d.Categories[1], d.Categories[2] = d.Categories[2], d.Categories[1] },
		"no vendor":            func(d *Draft) { d.Vendors = nil },
		"no category":          func(d *Draft) { d.Categories = d.Categories[:2] },
		"a shorter time":       func(d *Draft) { d.Vendors[0].RetentionDays = 1 },
		"a purpose less":       func(d *Draft) { d.Vendors[0].Purposes = nil },
		"no purpose of ledger": func(d *Draft) { d.Categories[1].Purposes = nil },
		"no sale":              func(d *Draft) { d.Categories[2].Sale = false },
		"a region":             func(d *Draft) { d.Regions = nil },
		"a cookie":             func(d *Draft) { d.Vendors[0].Cookies = nil },
		"a privacy policy":     func(d *Draft) { d.Vendors[0].Privacy = "" },
	} {
		t.Run(name, func(t *testing.T) {
			first := published(t, shop(), nil, false)
			d := shop()
			change(&d)
			c := d.Change(&first)
			if c.Material || len(c.Differences) == 0 {
				t.Errorf("%+v", c)
			}
			v := published(t, d, &first, false)
			if v.Number != 2 || v.Material != 1 || len(v.Changes) != 0 {
				t.Errorf("version %d, material %d", v.Number, v.Material)
			}
			if v := published(t, d, &first, true); v.Material != 2 || len(v.Changes) != 1 {
				t.Errorf("who wants to ask all the same cannot: %d", v.Material)
			}
			if p := refused(t, d, &first, Publication{Summary: map[string]string{"en": "x"}}); p[0].Field != "summary" {
				t.Errorf("a summary that nobody would see was taken: %v", p)
			}
		})
	}
}

func TestSameContentIsNoNewVersion(t *testing.T) {
	first := published(t, shop(), nil, false)
	d := shop()
	d.Origins = []string{"https://other.example"}
	d.Vendors[0].Kept, d.Vendors[0].Service = nil, "other"
	d.Vendors = append(d.Vendors, Vendor{Key: "hidden", Name: "Hidden", Inactive: true})
	for _, material := range []bool{false, true} {
		if v := published(t, d, &first, material); v.Number != 1 || v.Digest() != first.Digest() {
			t.Errorf("version %d", v.Number)
		}
	}
	if c := d.Change(&first); c.Material || len(c.Differences) != 0 {
		t.Errorf("%+v", c)
	}
	// Also when the version was kept and read again.
	var again Version
	if err := json.Unmarshal(first.Canonical(), &again); err != nil {
		t.Fatal(err)
	}
	if v := published(t, d, &again, false); v.Number != 1 {
		t.Error("a version that was read is another one")
	}
}

func TestOnlySoManyChangesAreTold(t *testing.T) {
	v := published(t, shop(), nil, false)
	d := shop()
	for range maxChanges + 5 {
		d.Vendors[0].RetentionDays++
		v = published(t, d, &v, true)
	}
	if len(v.Changes) != maxChanges || v.Changes[0].Version != v.Number || v.Changes[1].Version != v.Number-1 {
		t.Errorf("%d changes", len(v.Changes))
	}
}
