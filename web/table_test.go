package web

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"volenti.dev/volenti/auth"
)

func TestTableThatIsWrongIsNotServed(t *testing.T) { // SE13
	act := func(*visit) error { return nil }
	for what, table := range map[string][]Page{
		"neither scope nor public": {{Method: "GET", Path: "/x", Does: "x", Act: act}},
		"both":                     {{Method: "GET", Path: "/x", Does: "x", Act: act, Public: true, Scope: auth.ReadAudit}},
		"no such scope":            {{Method: "GET", Path: "/x", Does: "x", Act: act, Scope: "x:y"}},
		"no act":                   {{Method: "GET", Path: "/x", Does: "x", Public: true}},
		"no sentence":              {{Method: "GET", Path: "/x", Act: act, Public: true}},
		"no method of a form":      {{Method: "PUT", Path: "/x", Does: "x", Act: act, Public: true}},
		"twice":                    {{Method: "GET", Path: "/x", Does: "x", Act: act, Public: true}, {Method: "GET", Path: "/x", Does: "x", Act: act, Public: true}},
	} {
		if said := panics(table); !strings.HasPrefix(said, "web: ") {
			t.Errorf("%s is served, or says %q", what, said)
		}
	}
	if said := panics([]Page{{Method: "GET", Path: "/x", Does: "x", Act: act, Public: true}, {Method: "POST", Path: "/x", Does: "x", Act: act, Scope: auth.OwnSession}}); said != "" {
		t.Errorf("a table in order: %s", said)
	}
}

func panics(table []Page) (said string) {
	defer func() {
		if r := recover(); r != nil {
			said = fmt.Sprint(r)
		}
	}()
	New(Config{Log: slog.New(slog.DiscardHandler), Random: rand.Reader}, table)
	return ""
}

func TestPagesOverTLSStayThere(t *testing.T) { // SE15
	for at, want := range map[string]string{"https://privacy.example.org": "max-age=31536000", "http://127.0.0.1:8080": ""} {
		p := New(Config{PublicURL: at, Log: slog.New(slog.DiscardHandler), Random: rand.Reader}, sessionPages())
		for _, path := range []string{"/sign-in", "/nowhere"} {
			w := httptest.NewRecorder()
			p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if got := w.Header().Get("Strict-Transport-Security"); got != want {
				t.Errorf("%s%s: %q, want %q", at, path, got, want)
			}
			if c := w.Header().Get("Set-Cookie"); path == "/sign-in" && strings.Contains(c, "__Host-volenti-form=") != (want != "") {
				t.Errorf("%s%s sets %s", at, path, c)
			}
		}
	}
}

func TestDocumentationNamesEveryPage(t *testing.T) {
	text, err := os.ReadFile("../docs/pages.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range Table() {
		path := strings.TrimSuffix(page.Path, "{$}")
		if page.Method == http.MethodGet && !strings.Contains(string(text), "`"+path+"`") {
			t.Errorf("docs/pages.md does not name %s", path)
		}
	}
}

func TestPageThatIsAskedInAnotherWaySaysHowItCanBe(t *testing.T) { // SE7
	p := New(Config{PublicURL: "http://127.0.0.1", Log: slog.New(slog.DiscardHandler), Random: rand.Reader}, sessionPages())
	for at, want := range map[string]string{"PUT /sign-in": "405 GET, HEAD, POST", "GET /sign-out": "405 POST", "HEAD /sign-in": "200 ", "POST /nowhere": "404 ", "GET /sign-in/": "404 ", "POST /sign-in": "415 "} {
		method, path, _ := strings.Cut(at, " ")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if got := fmt.Sprint(w.Code, " ", w.Header().Get("Allow")); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
		for name, value := range securityHeaders {
			if got := w.Header().Get(name); got != value {
				t.Errorf("%s: %s: %q", at, name, got)
			}
		}
	}
}
