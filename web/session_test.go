package web

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"volenti.dev/volenti/auth"
)

// pagesOf gives pages over an interface in which an owner is signed in, and which
// answers all else with a status and no reason.
func pagesOf(status *int) *Pages {
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == base+"/sessions/current" {
			_, _ = fmt.Fprintf(w, `{"name":"Olga","role":"owner","scopes":[%q]}`, auth.OwnSession)
			return
		}
		w.WriteHeader(*status)
		if *status >= http.StatusBadRequest {
			_, _ = fmt.Fprintf(w, `{"status":%d,"detail":"It is not done."}`, *status)
			return
		}
		_, _ = io.WriteString(w, `{"token":"vs_new"}`)
	})
	return New(Config{API: api, PublicURL: "http://127.0.0.1", Log: slog.New(slog.DiscardHandler), Random: rand.Reader}, sessionPages())
}

// sent sends a form of a browser that has a session, or one that has a secret only.
func sent(p *Pages, path, session string, form url.Values) *http.Response {
	v := &visit{token: session, secret: "a secret"}
	form.Set(tokenField, v.formToken())
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(&http.Cookie{Name: formCookie, Value: v.secret})
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: session})
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result()
}

func TestWhatBecameOfAPasswordIsSaidAsItIs(t *testing.T) { // SE12
	var status int
	p := pagesOf(&status)
	const guess = "a guess of mine"
	body := func(r *http.Response) string {
		text, err := io.ReadAll(r.Body)
		if err != nil || strings.Contains(string(text), guess) {
			t.Errorf("it shows the password: %v %s", err, text)
		}
		return string(text)
	}
	done := p.languages.all[0].words["password.done"]
	if done == "" {
		t.Fatal("there is no word for it")
	}
	for _, status = range []int{http.StatusCreated, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable} {
		good := status == http.StatusCreated
		in := sent(p, "/sign-in", "", url.Values{"email": {"olga@example.org"}, "password": {guess}})
		want := status
		if good {
			want = http.StatusSeeOther
		}
		set := strings.Join(in.Header.Values("Set-Cookie"), " ")
		if body(in); in.StatusCode != want || strings.Contains(set, sessionCookie+"=vs_new;") != good {
			t.Errorf("signing in, which the interface answers with %d: %d, %q", status, in.StatusCode, set)
		}
		if want = status; good {
			want = http.StatusOK
		}
		changed := sent(p, "/admin/password", "vs_old", url.Values{"old_password": {guess}, "new_password": {guess}, "password_again": {guess}})
		if got := strings.Contains(body(changed), done); changed.StatusCode != want || got != good {
			t.Errorf("another password, which the interface answers with %d: %d, and it is said to be changed: %v", status, changed.StatusCode, got)
		}
	}
	status = http.StatusCreated
	differ := sent(p, "/admin/password", "vs_old", url.Values{"old_password": {guess}, "new_password": {guess}, "password_again": {"another"}})
	if strings.Contains(body(differ), done) || differ.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("two that differ: %d", differ.StatusCode)
	}
}
