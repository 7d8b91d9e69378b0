package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

const shopDraft = `{"origins":["https://shop.example"],"languages":["en","de"],
	"categories":[{"key":"necessary","necessary":true},{"key":"statistics","purposes":["analytics"],"google":["analytics_storage"]}],
	"regions":[{"key":"eu","countries":["DE"],"mode":"opt_in"},{"key":"rest","mode":"opt_out"}]}`

// From a draft with problems to what visitors get, and to a second version.
func TestSiteIsMadePublishedAndShown(t *testing.T) { // W7, B21, B22, B30
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, func(server *Server) {
			server.CountryHeader = "CF-IPCountry"
			server.Limiter = &api.Limiter{Most: 1_000_000, Now: time.Now, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
		})
		var made api.Site
		s.ask("POST", "/api/v1/sites", `{"name":"Shop"}`, 201, &made)
		at, public := "/api/v1/sites/"+made.ID, "/api/v1/public/sites/"+made.Key
		if len(made.Problems) != 1 || made.Problems[0].Field != "origins" {
			t.Errorf("a new site has other problems than its origins: %v", made.Problems)
		}
		s.ask("POST", at+"/publish", `{"revision":1,"material":true,"classified_by":"x"}`, 422, nil)
		s.problem("a site that is not published", s.send("GET", public+"/configuration", "", nil), 404)

		s.ask("PUT", at+"/draft", `{"revision":1,"name":"Store","draft":`+shopDraft+`}`, 200, &made)
		if len(made.Problems) != 0 || made.Revision != 2 || made.Name != "Store" {
			t.Errorf("%+v", made)
		}
		s.ask("PUT", at+"/draft", `{"revision":1,"name":"Late","draft":`+shopDraft+`}`, 409, nil)
		var preview banner.Document
		s.ask("GET", at+"/preview?language=de&region=eu", "", 200, &preview)

		var v api.SiteVersion
		s.ask("POST", at+"/publish", `{"revision":2,"material":true,"classified_by":"Olga Officer"}`, 201, &v)
		if v.Number != 1 || v.ClassifiedBy != "Olga Officer" || v.PublishedAt.IsZero() || v.Categories[1].Purposes[0] != "analytics" {
			t.Errorf("%+v", v)
		}
		shown := func(language, country string, headers ...string) (reply, banner.Document) {
			t.Helper()
			got := s.send("GET", public+"/configuration?language="+language, "", nil, append(headers, "CF-IPCountry", country)...)
			var d banner.Document
			if got.status == 200 {
				s.must(json.Unmarshal([]byte(got.body), &d))
			}
			return got, d
		}
		got, d := shown("de-AT", "DE")
		if d.Version != 1 || d.Language != "de" || d.Region != "eu" || d.Mode != banner.OptIn || d.Digest != v.Digest || len(d.Categories) != 2 {
			t.Errorf("%+v", d)
		}
		if preview.Digest == "" || fmt.Sprint(preview.Categories, preview.Texts) != fmt.Sprint(d.Categories, d.Texts) {
			t.Error("visitors get something else than the preview")
		}
		for name, want := range map[string]string{
			"Cache-Control": "public, max-age=60", "Vary": "CF-IPCountry", "Access-Control-Allow-Origin": "*", "Content-Type": "application/json",
			"Cross-Origin-Resource-Policy": "cross-origin", "X-Content-Type-Options": "nosniff", "Set-Cookie": "",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
			}
		}
		if _, d := shown("", "FR"); d.Language != "en" || d.Region != "rest" {
			t.Errorf("%s, %s", d.Language, d.Region)
		}
		tag := got.header.Get("ETag")
		if again, _ := shown("de", "DE", "If-None-Match", `"x", W/`+tag); again.status != 304 || again.body != "" || again.header.Get("ETag") != tag {
			t.Errorf("%d %s", again.status, again.body)
		}
		first := s.send("GET", d.URL, "", nil)
		if first.status != 200 || first.body != got.body || first.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || first.header.Get("ETag") != tag || first.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%d %v %s", first.status, first.header, first.body)
		}

		// The second version asks for more.
		wider := strings.Replace(shopDraft, `"regions"`, `"vendors":[{"key":"counter","name":"Counter","category":"statistics"}],"regions"`, 1)
		s.ask("PUT", at+"/draft", `{"revision":3,"name":"Store","draft":`+wider+`}`, 200, &made)
		var change api.SiteChanges
		s.ask("GET", at+"/changes", "", 200, &change)
		if !change.Material || change.Version != 1 || change.Revision != 4 || len(change.Differences) != 2 {
			t.Errorf("%+v", change)
		}
		refused := s.send("POST", at+"/publish", s.key, strings.NewReader(`{"revision":4,"material":false,"classified_by":"x"}`), "Idempotency-Key", "k1", "Content-Type", "application/json")
		s.problem("what widens and is not called so", refused, 422)
		if !strings.Contains(refused.body, `"where":"body.material"`) || !strings.Contains(refused.body, "counter") {
			t.Errorf("it does not say what is wider: %s", refused.body)
		}
		s.ask("POST", at+"/publish", `{"revision":4,"material":true,"summary":{"en":"We count."},"classified_by":"x"}`, 201, &v)
		if _, d := shown("de", "DE"); d.Version != 2 || d.Material != 2 || d.Changes[0].Summary != "We count." || d.Categories[1].Since != 2 || d.Categories[0].Since != 1 {
			t.Errorf("%+v", d)
		}
		if got := s.send("GET", d.URL, "", nil); got.body != first.body {
			t.Error("what was published has changed")
		}
		s.ask("POST", at+"/publish", `{"revision":5,"material":true,"summary":{"en":"Again."},"classified_by":"x"}`, 200, &v)
		var editions api.SiteVersions
		s.ask("GET", at+"/versions", "", 200, &editions)
		if v.Number != 2 || len(editions.Items) != 2 || editions.Items[0].Digest != v.Digest {
			t.Errorf("%+v", editions)
		}

		for path, says := range map[string]string{
			"/api/v1/public/sites/aaaaaaaaaaaaaaaa/configuration":        "no site with this key",
			"/api/v1/public/sites/%00%ff/configuration":                  "no site with this key",
			"/api/v1/public/sites/aaaaaaaaaaaaaaaa/versions/1/en/eu":     "no site with this key",
			public + "/versions/3/en/eu":                                 "no such version",
			public + "/versions/0/en/eu":                                 "no such version",
			public + "/versions/x/en/eu":                                 "no such version",
			public + "/versions/99999999999999999999/en/eu":              "no such version",
			public + "/versions/1/fr/eu":                                 "no such version",
			public + "/versions/1/en/%00":                                "no such version",
			public + "/versions/1/en/__proto__":                          "no such version",
			"/api/v1/public/sites/" + made.ID + "/configuration":         "no site with this key",
			"/api/v1/public/sites/" + s.unpublished() + "/configuration": "is published yet",
		} {
			got := s.send("GET", path, "", nil)
			s.problem(path, got, 404)
			if !strings.Contains(got.body, says) || got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s %v", path, got.body, got.header)
			}
		}
		s.problem("a long language", s.send("GET", public+"/configuration?language="+strings.Repeat("a", 201), "", nil), 422)
	})
}

// unpublished gives the key of a site of which nothing is published.
func (s *site) unpublished() string {
	s.t.Helper()
	_, key := s.makeSite(store.DefaultTenant, false)
	return key
}

func TestHostileDraftsAreRefusedWithAReason(t *testing.T) { // SE7
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	id, _ := s.makeSite(store.DefaultTenant, false)
	put := func(body string) reply {
		return s.send("PUT", "/api/v1/sites/"+id+"/draft", s.key, strings.NewReader(body), "Content-Type", "application/json")
	}
	draft := func(rest string) string {
		return `{"revision":1,"name":"Shop","draft":{"origins":[],"languages":["en"],"categories":[]` + rest + `}}`
	}
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"an unknown key":   {draft(`,"nonsense":1`), 422},
		"another type":     {draft(`,"vendors":"x"`), 422},
		"not JSON":         {`{`, 400},
		"too much":         {draft(`,"texts":{"en":{"accept":"` + strings.Repeat("x", banner.MaxDraft) + `"}}`), 422},
		"far too much":     {strings.Repeat(" ", 2<<20), 413},
		"deeply nested":    {draft(`,"texts":` + strings.Repeat(`{"a":`, 2000) + `1` + strings.Repeat(`}`, 2000)), 422},
		"no revision":      {strings.Replace(draft(""), `"revision":1,`, "", 1), 422},
		"a stale revision": {strings.Replace(draft(""), `"revision":1`, `"revision":9`, 1), 409},
		"a name of spaces": {strings.Replace(draft(""), `"Shop"`, `"  "`, 1), 422},
	} {
		s.problem(name, put(c.body), c.want)
	}
	var kept api.Site
	s.ask("GET", "/api/v1/sites/"+id, "", 200, &kept)
	if kept.Revision != 1 {
		t.Error("something of them was kept")
	}
	got := put(draft(`,"texts":{"__proto__":{"constructor":"<script>alert(1)</script>"}},"links":{"privacy":{"":"javascript:alert(1)"}}`))
	if got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	s.must(json.Unmarshal([]byte(got.body), &kept))
	fields := ""
	for _, p := range kept.Problems {
		fields += p.Field + " "
	}
	for _, want := range []string{"texts.__proto__ ", "texts.__proto__.constructor ", "links.privacy. "} {
		if !strings.Contains(fields, want) {
			t.Errorf("nothing is said of %s: %s", want, fields)
		}
	}
	s.ask("POST", "/api/v1/sites/"+id+"/publish", `{"revision":2,"material":true,"classified_by":"x"}`, 422, nil)
}
