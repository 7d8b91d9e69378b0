package api

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/registry"
)

// asker asks an interface with the one key that there is.
func asker(t *testing.T, c Config, scopes ...auth.Scope) func(method, path, body string) (int, string) {
	t.Helper()
	key, token, err := auth.New("default", "", scopes, time.Time{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.Keys, c.Log, c.Now = oneKey{key}, slog.New(slog.DiscardHandler), time.Now
	c.NewID, c.Unavailable = func() string { return "id" }, func(error) bool { return false }
	a := New(c, Table())
	return func(method, path, body string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
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
