package site

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config/source"
)

const written = `origins: [https://shop.example]
languages: [en, de]
links:
  privacy: {de: https://shop.example/datenschutz, en: https://shop.example/privacy}
  imprint: https://shop.example/imprint
texts:
  de: {accept: Ja}
categories:
- {key: necessary, necessary: true}
- key: chat
  title: {en: Chat, de: Chat}
  purposes: [analytics]
  retention_days: 30
  google: [analytics_storage]
  sale: true
  cookies: [{name: _chat, days: 3, purpose: Talks}]
vendors:
- key: counter
  name: Counter
  provider: Counter Inc.
  country: NO
  category: chat
  purposes: [Counts visits]
  privacy: https://counter.example/privacy
  retention_days: 60
  hosts: ["*.counter.example"]
  scripts: [/count.js]
  inactive: true
  service: counter
  kept: [name]
regions:
- {key: eu, countries: [DE, NO], mode: opt_in}
- {key: rest, mode: opt_out}
`

func TestDraftIsReadFromYAML(t *testing.T) {
	var r source.Report
	got := ParseDraft("shop.yml", []byte(written), ledger, &r)
	if p := r.Problems(); len(p) > 0 {
		t.Fatal(p)
	}
	want := Draft{
		Origins: []string{"https://shop.example"}, Languages: []string{"en", "de"},
		Links: map[string]map[string]string{
			"privacy": {"de": "https://shop.example/datenschutz", "en": "https://shop.example/privacy"}, "imprint": {"": "https://shop.example/imprint"},
		},
		Texts: map[string]map[string]string{"de": {"accept": "Ja"}},
		Categories: []Category{
			{Key: "necessary", Necessary: true},
			{
				Key: "chat", Title: map[string]string{"en": "Chat", "de": "Chat"}, Purposes: []string{"analytics"}, RetentionDays: 30,
				Google: []string{"analytics_storage"}, Sale: true, Cookies: []Cookie{{"_chat", 3, "Talks"}},
			},
		},
		Vendors: []Vendor{{
			Key: "counter", Name: "Counter", Provider: "Counter Inc.", Country: "NO", Category: "chat", Purposes: []string{"Counts visits"},
			Privacy: "https://counter.example/privacy", RetentionDays: 60, Hosts: []string{"*.counter.example"}, Scripts: []string{"/count.js"},
			Inactive: true, Service: "counter", Kept: []string{"name"},
		}},
		Regions: []Region{{"eu", []string{"DE", "NO"}, OptIn}, {Key: "rest", Mode: OptOut}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWhatIsWrongInYAMLHasItsLine(t *testing.T) { // SE7
	for name, c := range map[string]struct{ old, new, want string }{
		"an unknown key":       {"sale: true", "sold: true", `shop.yml:15: error: unknown key "sold"`},
		"one of a vendor":      {"service: counter", "servce: counter", `shop.yml:29: error: unknown key "servce" (did you mean service?)`},
		"one of a cookie":      {"days: 3,", "day: 3,", `shop.yml:16: error: unknown key "day"`},
		"one of a region":      {"mode: opt_out", "modus: opt_out", `shop.yml:33: error: unknown key "modus"`},
		"one of a site":        {"regions:", "areas:", `shop.yml:31: error: unknown key "areas"`},
		"a hostile key":        {"de: {accept: Ja}", "__proto__: {accept: Ja}", "shop.yml:7: error: __proto__ is not allowed"},
		"another type":         {"retention_days: 30", "retention_days: soon", "shop.yml:13: error: retention_days must be a whole number"},
		"a problem":            {"country: NO", "country: ZZ", "shop.yml:21: error: vendors[0].country: "},
		"a problem in a list":  {"[analytics_storage]", "[ads]", "shop.yml:14: error: categories[1].google[0]: "},
		"a problem of nothing": {"origins: [https://shop.example]\n", "", "shop.yml:1: error: origins: name one at least"},
		"a link":               {"https://shop.example/imprint", "javascript:x", "shop.yml:5: error: links.imprint.: "},
		"a text":               {"accept: Ja", "accept: ' '", "shop.yml:7: error: texts.de.accept: it is empty"},
		"two documents":        {"regions:", "---\nregions:", "shop.yml: error: a site is one document, found 2"},
		"no YAML":              {"[en, de]", "[en, de", "error: this is not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			var r source.Report
			ParseDraft("shop.yml", []byte(strings.Replace(written, c.old, c.new, 1)), ledger, &r)
			for _, p := range r.Problems() {
				if strings.Contains(p.String(), c.want) {
					return
				}
			}
			t.Errorf("%v, want %s", r.Problems(), c.want)
		})
	}
}

func FuzzParseDraft(f *testing.F) {
	f.Add([]byte(written))
	f.Add([]byte("links: {privacy: [x]}\nvendors: [{cookies: {}}]"))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r source.Report
		d := ParseDraft("f.yml", data, ledger, &r)
		if r.Errors() > 0 {
			return
		}
		v, err := Publish(d, nil, Publication{Ledger: ledger})
		if err != nil {
			t.Fatalf("it had no problem: %v", err)
		}
		if _, err := Render(v, "k"); err != nil {
			t.Fatal(err)
		}
	})
}
