package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent/page"
	"volenti.dev/volenti/internal/safehttp"
	"volenti.dev/volenti/internal/store/storetest"
)

// What servers may answer when a page is asked for, by its path.
func strange(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch r.URL.Path {
	case "/moved":
		http.Redirect(w, r, "/", http.StatusMovedPermanently)
	case "/circle":
		http.Redirect(w, r, "/circle", http.StatusFound)
	case "/elsewhere":
		http.Redirect(w, r, "https://elsewhere.example/private?of=somebody", http.StatusFound)
	case "/gone":
		w.WriteHeader(http.StatusGone)
	case "/picture":
		w.Header().Set("Content-Type", "image/png")
	case "/untold":
		w.Header()["Content-Type"] = nil
	case "/packed":
		w.Header().Set("Content-Encoding", "br")
	case "/endless":
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, strings.Repeat(" ", 1<<16))
		}
	case "/slow":
		_, _ = io.WriteString(w, "<!doctype html>")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default:
		w.Header().Add("Content-Security-Policy", "default-src *")
		w.Header().Add("Content-Security-Policy", "img-src *")
		_, _ = io.WriteString(w, "<p>"+r.Header.Get("Cookie")+r.Header.Get("Referer"))
	}
}

func TestPageThatCannotBeReadIsSaidInWords(t *testing.T) { // W7, SE4
	t.Parallel()
	shop := httptest.NewServer(http.HandlerFunc(strange))
	t.Cleanup(shop.Close)
	reader := sitePages{safehttp.NewClient(safehttp.Options{AllowPrivate: true}), time.Minute, ""}
	here := func(u *url.URL) bool { return "http://"+u.Host == shop.URL }
	read := func(p sitePages, address string) (page.Answer, string) {
		t.Helper()
		at, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := p.Read(t.Context(), at, here)
		var unread *page.Unread
		if err != nil && !errors.As(err, &unread) {
			t.Fatalf("%s: %v", address, err)
		}
		if unread == nil {
			return answer, ""
		}
		return answer, strings.TrimSpace(string(unread.Kind) + " " + unread.About)
	}
	for path, want := range map[string]string{
		"/": "", "/moved": "", "/circle": "status 3xx, again and again", "/elsewhere": "elsewhere https://elsewhere.example",
		"/gone": "status 410", "/picture": "no_html image/png", "/untold": "no_html of no type", "/packed": "no_html br", "/endless": "too_large 4",
	} {
		if _, got := read(reader, shop.URL+path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	answer, _ := read(reader, shop.URL+"/moved")
	if answer.At.String() != shop.URL+"/" || len(answer.Policies) != 2 || string(answer.Body) != "<p>" {
		t.Errorf("a page behind a redirect: %s, %q, %q", answer.At, answer.Policies, answer.Body)
	}
	hasty := reader
	hasty.time = 50 * time.Millisecond
	if _, got := read(hasty, shop.URL+"/slow"); got != "timeout 0" {
		t.Errorf("a page that does not end: %q", got)
	}
	if _, got := read((&Server{}).sitePages(), shop.URL); got != "refused" {
		t.Errorf("a page in a private network: %q", got)
	}
	shop.Close()
	if _, got := read(reader, shop.URL); got != "unreachable" {
		t.Errorf("nobody answers: %q", got)
	}
}

func TestOnlyPagesOfTheSiteAreRead(t *testing.T) { // W7, SE4
	t.Parallel()
	asked := make(chan string, 10)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<script src="https://privacy.example.com/sdk/banner.js" data-site="`+r.URL.Query().Get("key")+`"></script>`)
	}))
	t.Cleanup(shop.Close)
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		made := s.makeSiteAt("default", shop.URL, true)
		at := "/api/v1/sites/" + made.ID + "/check"
		var got api.SiteCheck
		s.ask("POST", at, `{"page":"/about?key=`+made.Key+`#top"}`, 200, &got)
		if !got.Found || got.Page != shop.URL+"/about?key="+made.Key || <-asked != "/about" {
			t.Errorf("a page with the banner: %+v", got)
		}
		if s.ask("POST", at, `{}`, 200, &got); got.Found || got.Findings[0].Kind != page.NoKey || <-asked != "/" {
			t.Errorf("the first page, with a banner that does not begin: %+v", got)
		}
		for _, other := range []string{"http://127.0.0.1:1/", "https://169.254.169.254/", "//elsewhere.example", "http://user:password@" + strings.TrimPrefix(shop.URL, "http://"), "file:///etc/passwd", "http://%"} {
			s.ask("POST", at, `{"page":"`+other+`"}`, 422, nil)
		}
		s.ask("POST", "/api/v1/sites/"+s.makeSiteAt("default", "no origin", false).ID+"/check", `{}`, 422, nil)
		if len(asked) > 0 {
			t.Errorf("%s was read", <-asked)
		}
	})
}
