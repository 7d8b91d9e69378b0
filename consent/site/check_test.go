package site

import (
	"slices"
	"strings"
	"testing"
)

// shop is a draft that can be published.
func shop() Draft {
	return Draft{
		Origins: []string{"https://shop.example"}, Languages: []string{"en", "de"},
		Links: map[string]map[string]string{"privacy": {"": "https://shop.example/privacy", "de": "https://shop.example/datenschutz"}},
		Categories: []Category{
			{Key: "necessary", Necessary: true},
			{Key: "statistics", Purposes: []string{"analytics"}, Google: []string{"analytics_storage"}},
			{Key: "marketing", Sale: true, RetentionDays: 60, Cookies: []Cookie{{Name: "_ads*", Days: 30, Purpose: "Ads"}}},
		},
		Vendors: []Vendor{{
			Key: "counter", Name: "Counter", Provider: "Counter Inc.", Country: "US", Category: "statistics", Purposes: []string{"Counts visits"},
			Privacy: "https://counter.example/privacy", RetentionDays: 30, Cookies: []Cookie{{Name: "_count", Days: 30}},
			Hosts: []string{"*.counter.example"}, Scripts: []string{"/count.js"}, Service: "counter", Kept: []string{"name"},
		}},
		Regions: []Region{{Key: "eu", Countries: []string{"DE", "FR"}, Mode: OptIn}, {Key: "rest", Mode: OptOut}},
	}
}

var ledger = map[string]bool{"analytics": true, "research": true}

func TestDraftThatIsInOrderHasNoProblem(t *testing.T) {
	for name, d := range map[string]Draft{"a shop": shop(), "what a site begins with": func() Draft {
		d := Start()
		d.Origins = []string{"http://localhost:3000"}
		return d
	}()} {
		if p := d.Problems(ledger); len(p) > 0 {
			t.Errorf("%s: %v", name, p)
		}
	}
}

func TestNamesOfCookiesAreTokens(t *testing.T) { // RFC 6265, section 4.1.1
	d := shop()
	for _, name := range []string{"ad-id", "intercom-id-*", "crisp-client/session/*", "_hp2_id.*", "__Host-a", "a:b", "!#$%&'+.^`|~9"} {
		d.Vendors[0].Cookies = append(d.Vendors[0].Cookies, Cookie{Name: name})
	}
	if p := d.Problems(ledger); len(p) > 0 {
		t.Errorf("%v", p)
	}
}

func TestEachThingThatIsWrongIsToldAtItsField(t *testing.T) { // B8, SE7
	long := strings.Repeat("x", MaxText+1)
	for name, c := range map[string]struct {
		field string
		spoil func(*Draft)
	}{
		"no origin":            {"origins", func(d *Draft) { d.Origins = nil }},
		"a path":               {"origins[0]", func(d *Draft) { d.Origins[0] += "/x" }},
		"a slash":              {"origins[0]", func(d *Draft) { d.Origins[0] += "/" }},
		"a user":               {"origins[0]", func(d *Draft) { d.Origins[0] = "https://u@shop.example" }},
		"a wildcard":           {"origins[0]", func(d *Draft) { d.Origins[0] = "https://*.shop.example" }},
		"http elsewhere":       {"origins[0]", func(d *Draft) { d.Origins[0] = "http://shop.example" }},
		"nearly loopback":      {"origins[0]", func(d *Draft) { d.Origins[0] = "http://localhost.example" }},
		"the usual port":       {"origins[0]", func(d *Draft) { d.Origins[0] += ":443" }},
		"an empty port":        {"origins[0]", func(d *Draft) { d.Origins[0] += ":" }},
		"upper case":           {"origins[0]", func(d *Draft) { d.Origins[0] = "https://Shop.example" }},
		"letters beyond ASCII": {"origins[0]", func(d *Draft) { d.Origins[0] = "https://bücher.example" }},
		"a space":              {"origins[0]", func(d *Draft) { d.Origins[0] = "https://shop.example https://x.example" }},
		"null":                 {"origins[0]", func(d *Draft) { d.Origins[0] = "null" }},
		"javascript":           {"origins[0]", func(d *Draft) { d.Origins[0] = "javascript://shop.example" }},
		"an origin twice":      {"origins[1]", func(d *Draft) { d.Origins = append(d.Origins, d.Origins[0]) }},
		"no language":          {"languages", func(d *Draft) { d.Languages = nil }},
		"unusual spelling":     {"languages[1]", func(d *Draft) { d.Languages[1] = "DE" }},
		"no language at all":   {"languages[1]", func(d *Draft) { d.Languages[1] = "../x" }},
		"undetermined":         {"languages[1]", func(d *Draft) { d.Languages[1] = "und" }},
		"a language twice":     {"languages[2]", func(d *Draft) { d.Languages = append(d.Languages, "de") }},
		"no built-in texts":    {"texts.tlh", func(d *Draft) { d.Languages = append(d.Languages, "tlh") }},
		"an unknown text":      {"texts.de.nonsense", func(d *Draft) { d.Texts = map[string]map[string]string{"de": {"nonsense": "x"}} }},
		"a text nobody reads":  {"texts.fr", func(d *Draft) { d.Texts = map[string]map[string]string{"fr": {"accept": "Oui"}} }},
		"an empty button":      {"texts.de.accept", func(d *Draft) { d.Texts = map[string]map[string]string{"de": {"accept": " "}} }},
		"a long text":          {"texts.de.accept", func(d *Draft) { d.Texts = map[string]map[string]string{"de": {"accept": long}} }},
		"a control character":  {"texts.de.accept", func(d *Draft) { d.Texts = map[string]map[string]string{"de": {"accept": "a\x00b"}} }},
		"no UTF-8":             {"texts.de.accept", func(d *Draft) { d.Texts = map[string]map[string]string{"de": {"accept": "a\xff"}} }},
		"a hostile kind":       {"links.__proto__", func(d *Draft) { d.Links["__proto__"] = map[string]string{"": "https://x.example"} }},
		"script in a link":     {"links.privacy.", func(d *Draft) { d.Links["privacy"][""] = "javascript:alert(1)" }},
		"data in a link":       {"links.privacy.de", func(d *Draft) { d.Links["privacy"]["de"] = "data:text/html,x" }},
		"a relative link":      {"links.privacy.", func(d *Draft) { d.Links["privacy"][""] = "/privacy" }},
		"a link nobody reads":  {"links.privacy.fr", func(d *Draft) { d.Links["privacy"]["fr"] = "https://x.example" }},
		"a hostile key":        {"categories[1].key", func(d *Draft) { d.Categories[1].Key = "__proto__" }},
		"constructor":          {"categories[1].key", func(d *Draft) { d.Categories[1].Key = "constructor" }},
		"a method of objects":  {"categories[1].key", func(d *Draft) { d.Categories[1].Key = "toString" }},
		"a category twice":     {"categories[2].key", func(d *Draft) { d.Categories[2].Key = "statistics" }},
		"no title":             {"categories[1].title", func(d *Draft) { d.Categories[1].Key = "chat"; d.Vendors = nil }},
		"a title too few": {"categories[1].title", func(d *Draft) {
			d.Categories[1] = Category{Key: "chat", Title: map[string]string{"en": "Chat"}}
			d.Vendors = nil
		}},
		"a description too few": {"categories[1].description", func(d *Draft) {
			d.Categories[1] = Category{Key: "chat", Title: map[string]string{"en": "Chat", "de": "Chat"}, Description: map[string]string{"en": "Talk"}}
			d.Vendors = nil
		}},
		"an unknown purpose":       {"categories[1].purposes[0]", func(d *Draft) { d.Categories[1].Purposes[0] = "nonsense" }},
		"no key of a purpose":      {"categories[1].purposes[0]", func(d *Draft) { d.Categories[1].Purposes[0] = "__proto__" }},
		"consent to the necessary": {"categories[0].purposes", func(d *Draft) { d.Categories[0].Purposes = []string{"research"} }},
		"a necessary sale":         {"categories[0].sale", func(d *Draft) { d.Categories[0].Sale = true }},
		"negative days":            {"categories[2].retention_days", func(d *Draft) { d.Categories[2].RetentionDays = -1 }},
		"too many days":            {"categories[2].retention_days", func(d *Draft) { d.Categories[2].RetentionDays = 36501 }},
		"no type of Google":        {"categories[1].google[0]", func(d *Draft) { d.Categories[1].Google[0] = "ads" }},
		"a type twice":             {"categories[2].google[0]", func(d *Draft) { d.Categories[2].Google = []string{"analytics_storage"} }},
		"every cookie":             {"categories[2].cookies[0].name", func(d *Draft) { d.Categories[2].Cookies[0].Name = "*" }},
		"a star inside":            {"categories[2].cookies[0].name", func(d *Draft) { d.Categories[2].Cookies[0].Name = "a*b" }},
		"two cookies in one":       {"categories[2].cookies[0].name", func(d *Draft) { d.Categories[2].Cookies[0].Name = "a; b" }},
		"nothing necessary":        {"categories", func(d *Draft) { d.Categories[0].Necessary = false }},
		"nothing necessary shown":  {"categories", func(d *Draft) { d.Categories[0].Inactive = true }},
		"an unknown category":      {"vendors[0].category", func(d *Draft) { d.Vendors[0].Category = "nonsense" }},
		"a hidden category":        {"vendors[0].category", func(d *Draft) { d.Categories[1].Inactive = true }},
		"a vendor twice":           {"vendors[1].key", func(d *Draft) { d.Vendors = append(d.Vendors, d.Vendors[0]) }},
		"a vendor without a name":  {"vendors[0].name", func(d *Draft) { d.Vendors[0].Name = "" }},
		"a long name":              {"vendors[0].name", func(d *Draft) { d.Vendors[0].Name = long[:300] }},
		"no country":               {"vendors[0].country", func(d *Draft) { d.Vendors[0].Country = "ZZ" }},
		"a union":                  {"vendors[0].country", func(d *Draft) { d.Vendors[0].Country = "EU" }},
		"an old code":              {"vendors[0].country", func(d *Draft) { d.Vendors[0].Country = "UK" }},
		"no address":               {"vendors[0].privacy", func(d *Draft) { d.Vendors[0].Privacy = "vbscript:x" }},
		"days of a vendor":         {"vendors[0].retention_days", func(d *Draft) { d.Vendors[0].RetentionDays = -1 }},
		"days of a cookie":         {"vendors[0].cookies[0].days", func(d *Draft) { d.Vendors[0].Cookies[0].Days = -1 }},
		"every host":               {"vendors[0].hosts[0]", func(d *Draft) { d.Vendors[0].Hosts[0] = "*" }},
		"every host of a country":  {"vendors[0].hosts[0]", func(d *Draft) { d.Vendors[0].Hosts[0] = "*.de" }},
		"a star in a host":         {"vendors[0].hosts[0]", func(d *Draft) { d.Vendors[0].Hosts[0] = "a.*.example" }},
		"a host with a path":       {"vendors[0].hosts[0]", func(d *Draft) { d.Vendors[0].Hosts[0] = "a.example/x" }},
		"every script":             {"vendors[0].scripts[0]", func(d *Draft) { d.Vendors[0].Scripts[0] = "js" }},
		"an unknown mode":          {"regions[0].mode", func(d *Draft) { d.Regions[0].Mode = "" }},
		"a region twice":           {"regions[1].key", func(d *Draft) { d.Regions[1].Key = "eu" }},
		"no region for others":     {"regions[1].countries", func(d *Draft) { d.Regions[1].Countries = []string{"US"} }},
		"two regions for others":   {"regions[0].countries", func(d *Draft) { d.Regions[0].Countries = nil }},
		"an unknown country":       {"regions[0].countries[0]", func(d *Draft) { d.Regions[0].Countries[0] = "XX" }},
		"a part of no country":     {"regions[0].countries[0]", func(d *Draft) { d.Regions[0].Countries[0] = "XX-CA" }},
		"a country twice":          {"regions[0].countries[1]", func(d *Draft) { d.Regions[0].Countries[1] = "DE" }},
		"too many categories": {"categories", func(d *Draft) {
			for range MaxCategories {
				d.Categories = append(d.Categories, Category{Key: "x", Inactive: true})
			}
		}},
		"too many vendors": {"vendors", func(d *Draft) { d.Vendors = slices.Repeat(d.Vendors, MaxVendors+1) }},
		"too much": {"", func(d *Draft) {
			d.Texts = map[string]map[string]string{"de": {"accept": strings.Repeat("x", MaxDraft)}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := shop()
			c.spoil(&d)
			found := d.Problems(ledger)
			if !slices.ContainsFunc(found, func(p Problem) bool { return p.Field == c.field && p.Text != "" }) {
				t.Errorf("%v, and nothing of %s", found, c.field)
			}
			if len(found) > maxProblems {
				t.Errorf("%d problems are told", len(found))
			}
			for _, p := range found {
				if len(p.Text) > 2000 || len(p.Field) > 200 {
					t.Errorf("a problem of %d bytes", len(p.Field)+len(p.Text))
				}
			}
		})
	}
}

// What the banner shows is text: a draft may hold what would be script in HTML,
// and it comes out as it went in.
func TestScriptInATextIsText(t *testing.T) {
	d := shop()
	const hostile = `</script><img src=x onerror=alert(1)> & "ok" 🍪`
	d.Texts = map[string]map[string]string{"de": {"title": hostile}}
	if p := d.Problems(ledger); len(p) > 0 {
		t.Fatal(p)
	}
	v, err := Publish(d, nil, Publication{Site: "s", Ledger: ledger})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Document("k", "de", "eu").Texts["title"]; got != hostile {
		t.Errorf("%q", got)
	}
	all, err := Render(v, "k")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if strings.ContainsAny(string(r.Body), "<>&") {
			t.Error("a document would be markup where it is put into a page")
		}
	}
}

func TestSiteThatNobodyHasToldOfRegionsAsksEverybody(t *testing.T) {
	d := shop()
	d.Regions = nil
	v, err := Publish(d, nil, Publication{Ledger: ledger})
	if err != nil {
		t.Fatal(err)
	}
	for _, country := range []string{"", "US", "DE"} {
		if r := v.Region(country); r.Key != "all" || r.Mode != OptIn {
			t.Errorf("%q: %+v", country, r)
		}
	}
}
