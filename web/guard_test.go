package web

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pagesOver gives all pages over an interface that counts what it is asked, and
// refuses it.
func pagesOver(publicURL string) (p *Pages, asked *int) {
	asked = new(int)
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*asked++
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"status":403,"detail":"no"}`)
	})
	return New(Config{API: api, PublicURL: publicURL, Log: slog.New(slog.DiscardHandler), Random: rand.Reader}, Table()), asked
}

func TestNobodyIsLedElsewhereWhenTheyHaveSignedIn(t *testing.T) { // SE15
	p, _ := pagesOver("https://privacy.example.org")
	for next, want := range map[string]string{
		"/admin/requests?page=2": "/admin/requests?page=2", "": "/admin", "/admin": "/admin", "https://evil.example/admin/": "/admin", "//evil.example/admin/": "/admin",
		"/admin/..//evil.example": "/admin", "/admin/../../evil": "/admin", `/admin/\..\..\evil`: `/admin/\..\..\evil`, "/adminevil.example": "/admin",
		"javascript:alert(1)": "/admin", "/requests/vr_token": "/admin", "/admin/%zz": "/admin",
	} {
		v := p.visit(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/sign-in?next="+url.QueryEscape(next), nil))
		if got := v.next(); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
		form := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader(url.Values{"next": {next}}.Encode()))
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if err := form.ParseForm(); err != nil {
			t.Fatal(err)
		}
		if got := p.visit(httptest.NewRecorder(), form).next(); got != want {
			t.Errorf("%q in the form leads to %q, want %q", next, got, want)
		}
	}
}

func TestOnlyOurFormsReachTheInterface(t *testing.T) { // SE15
	p, asked := pagesOver("https://privacy.example.org")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://privacy.example.org/sign-in", nil))
	cookies := w.Result().Cookies()
	token := regexp.MustCompile(`name="` + tokenField + `" value="([^"]+)"`).FindStringSubmatch(w.Body.String())
	if len(cookies) != 1 || token == nil {
		t.Fatalf("the form has %v, %v", cookies, token)
	}
	if c := cookies[0]; !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("the cookie is %v", c)
	}
	send := func(form url.Values, cookie bool, headers ...string) bool {
		r := httptest.NewRequest(http.MethodPost, "https://privacy.example.org/sign-in", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for h := range slices.Chunk(headers, 2) {
			r.Header.Set(h[0], h[1])
		}
		if cookie {
			r.AddCookie(cookies[0])
		}
		before := *asked
		p.ServeHTTP(httptest.NewRecorder(), r)
		return *asked > before
	}
	ours := url.Values{tokenField: {token[1]}, "email": {"a@example.org"}, "password": {"x"}}
	if !send(ours, true) || !send(ours, true, "Sec-Fetch-Site", "same-origin") || !send(ours, true, "Origin", "https://privacy.example.org") || !send(ours, true, "Origin", "null") {
		t.Error("our own form is refused")
	}
	for what, c := range map[string]struct {
		form    url.Values
		cookie  bool
		headers []string
	}{
		"no token":                  {url.Values{"email": {"a@example.org"}}, true, nil},
		"another token":             {url.Values{tokenField: {token[1] + "A"}}, true, nil},
		"no cookie":                 {ours, false, nil},
		"a page elsewhere":          {ours, true, []string{"Sec-Fetch-Site", "cross-site"}},
		"a page of a neighbour":     {ours, true, []string{"Sec-Fetch-Site", "same-site"}},
		"another origin":            {ours, true, []string{"Origin", "https://evil.example"}},
		"an origin that begins so":  {ours, true, []string{"Origin", "https://privacy.example.org.evil.example"}},
		"text, as scripts can send": {ours, true, []string{"Content-Type", "text/plain"}},
	} {
		if send(c.form, c.cookie, c.headers...) {
			t.Errorf("%s: the interface was asked", what)
		}
	}
}

func TestFormsShowNoSecretAgain(t *testing.T) { // SE9
	f := blank(url.Values{"name": {"shown"}, "password": {"p"}, "old_password": {"p"}, "secret.api_key": {"k"}, tokenField: {"t"}})
	if f.Value("name") != "shown" {
		t.Error("the name must be entered again")
	}
	for _, name := range []string{"password", "old_password", "secret.api_key", tokenField} {
		if f.Value(name) != "" {
			t.Errorf("%s is shown again", name)
		}
	}
}
