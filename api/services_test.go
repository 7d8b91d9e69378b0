package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/registry"
	"volenti.dev/volenti/consent/site"
)

// asker asks an interface with the one key that there is.
func asker(t *testing.T, c Config, scopes ...auth.Scope) func(method, path, body string) (int, string) {
	t.Helper()
	key, token, err := auth.New("default", "", scopes, time.Time{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.Keys, c.Answers, c.Log, c.Now = oneKey{key}, forgetful{}, slog.New(slog.DiscardHandler), time.Now
	c.NewID, c.Unavailable = func() string { return "id" }, func(error) bool { return false }
	a := New(c, Table())
	return func(method, path, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", rand.Text())
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
}

func TestServicesAreListedInPages(t *testing.T) { // B32
	ask := asker(t, Config{}, auth.ReadConsents)
	var keys []string
	cursor := ""
	for range 100 {
		status, body := ask("GET", "/api/v1/services?limit=50&cursor="+cursor, "")
		var page ServicePage
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		for _, s := range page.Items {
			keys = append(keys, s.Key)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	var want []string
	for _, s := range registry.All() {
		want = append(want, s.Key)
	}
	if !slices.Equal(keys, want) {
		t.Errorf("%d services, not the %d that there are: %v", len(keys), len(want), keys)
	}
	if status, body := ask("GET", "/api/v1/services?q=matomo&limit=1", ""); status != http.StatusOK || !strings.Contains(body, `"key":"matomo"`) || strings.Contains(body, "next") {
		t.Errorf("%d %s", status, body)
	}
}

func TestServicesOfAPageAreRecognised(t *testing.T) { // B32
	ask := asker(t, Config{}, auth.ReadConsents)
	status, body := ask("POST", "/api/v1/services/recognise", exampleAddresses)
	var page ServicePage
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if len(page.Items) != 2 || page.Items[0].Key != "google_analytics" || page.Items[1].Key != "vimeo" {
		t.Errorf("%s", body)
	}
	if status, body := ask("POST", "/api/v1/services/recognise", `{"addresses":["shop.example"]}`); status != http.StatusOK || body != `{"items":[]}`+"\n" {
		t.Errorf("nothing: %d %s", status, body)
	}
	many := `{"addresses":[` + strings.TrimSuffix(strings.Repeat(`"a",`, 1001), ",") + `]}`
	if status, body := ask("POST", "/api/v1/services/recognise", many); status != http.StatusUnprocessableEntity {
		t.Errorf("too many: %d %s", status, body)
	}
}

// forgetful keeps no answers.
type forgetful struct{}

func (forgetful) Claim(context.Context, string, string, []byte) (int64, bool, []byte, error) {
	return 1, true, nil, nil
}
func (forgetful) Keep(context.Context, string, string, int64, []byte) error { return nil }
func (forgetful) Release(context.Context, string, string, int64) error      { return nil }

// noPurposes is a ledger without any.
type noPurposes struct{ Consents }

func (noPurposes) Rules(context.Context, string) (*consent.Rules, error) {
	return &consent.Rules{}, nil
}

// oneSite is the only site there is.
type oneSite struct {
	Sites
	revision int64
	draft    site.Draft
	entries  []audit.Entry
}

const siteID = "0198c0de-0000-7000-8000-000000000001"

func (o *oneSite) Get(_ context.Context, _, id string) (site.Summary, site.Draft, error) {
	if id != siteID {
		return site.Summary{}, site.Draft{}, site.ErrNotFound
	}
	return site.Summary{ID: id, Name: "Shop", Revision: o.revision}, o.draft, nil
}

func (o *oneSite) Edit(_ context.Context, _, _ string, revision int64, name string, d site.Draft, entry audit.Entry) error {
	if revision != o.revision || name != "Shop" {
		return site.ErrRevision
	}
	o.draft, o.revision, o.entries = d, revision+1, append(o.entries, entry)
	return nil
}

func TestSyncEditsTheDraftOnce(t *testing.T) { // B31
	s := &oneSite{revision: 1, draft: site.Start()}
	ask := asker(t, Config{Sites: s, Consents: noPurposes{}}, auth.ManageConsents)
	sync := func(body string) (SiteSync, int, string) {
		var got SiteSync
		status, answer := ask("POST", "/api/v1/sites/"+siteID+"/sync", body)
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatalf("%d %s: %v", status, answer, err)
		}
		return got, status, answer
	}
	got, status, answer := sync(`{"revision":1,"services":["matomo","google_ads"]}`)
	if status != http.StatusOK || got.Revision != 2 || !slices.Equal(got.Added, []string{"matomo", "google_ads"}) || len(s.draft.Vendors) != 2 {
		t.Fatalf("%d %s", status, answer)
	}
	if strings.Contains(answer, "null") || len(got.Problems) == 0 {
		t.Errorf("%s", answer)
	}
	e := s.entries[0]
	if e.Act != "site.sync" || e.Object != "site/"+siteID || e.Details["added"] != 2 || e.Details["changed"] != 0 || e.Details["removed"] != 0 || e.Details["by"] == "" {
		t.Errorf("%+v", e)
	}
	if got, status, answer := sync(`{"revision":2,"services":["matomo"]}`); status != http.StatusOK || got.Revision != 2 || len(s.entries) != 1 {
		t.Errorf("the same again: %d %s, %d entries", status, answer, len(s.entries))
	}
	s.draft.Vendors[0].Name, s.draft.Vendors[0].Country, s.draft.Vendors[0].Kept = "Our counter", "DE", []string{"name"}
	if got, status, answer := sync(`{"revision":2}`); status != http.StatusOK || s.draft.Vendors[0].Name != "Our counter" || s.draft.Vendors[0].Country != "NZ" ||
		got.Changed[0].Fields[0] != "country" || got.Kept[0].Fields[0] != "name" {
		t.Errorf("after an operator: %d %s", status, answer)
	}
}

func TestSyncThatCannotBeChangesNothing(t *testing.T) { // B31, B33
	s := &oneSite{revision: 3, draft: site.Start()}
	ask := asker(t, Config{Sites: s, Consents: noPurposes{}}, auth.ManageConsents)
	for name, test := range map[string]struct {
		id, body string
		status   int
		says     string
	}{
		"an earlier revision":  {siteID, `{"revision":2,"services":["matomo"]}`, http.StatusConflict, "Read it again"},
		"another site":         {"0198c0de-0000-7000-8000-000000000002", `{"revision":3}`, http.StatusNotFound, "nothing here"},
		"no id":                {"x", `{"revision":3}`, http.StatusUnprocessableEntity, "path.id"},
		"no revision":          {siteID, `{"services":["matomo"]}`, http.StatusUnprocessableEntity, "revision"},
		"an unknown service":   {siteID, `{"revision":3,"services":["matomo","no_such"]}`, http.StatusUnprocessableEntity, "body.services[1]"},
		"an unknown category":  {siteID, `{"revision":3,"categories":{"marketing":"nowhere"}}`, http.StatusUnprocessableEntity, "body.categories.marketing"},
		"no such kind":         {siteID, `{"revision":3,"categories":{"ads":"marketing"}}`, http.StatusUnprocessableEntity, "body.categories"},
		"too many services":    {siteID, `{"revision":3,"services":[` + strings.TrimSuffix(strings.Repeat(`"matomo",`, 501), ",") + `]}`, http.StatusUnprocessableEntity, "body.services"},
		"a field that is none": {siteID, `{"revision":3,"service":["matomo"]}`, http.StatusUnprocessableEntity, "body.service"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := ask("POST", "/api/v1/sites/"+test.id+"/sync", test.body)
			if status != test.status || !strings.Contains(answer, test.says) {
				t.Errorf("%d %s", status, answer)
			}
			if len(s.entries) > 0 || len(s.draft.Vendors) > 0 {
				t.Errorf("the draft changed: %+v", s.draft.Vendors)
			}
		})
	}
}
