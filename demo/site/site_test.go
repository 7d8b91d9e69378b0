package site_test

import (
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/demo/site"
	"volenti.dev/volenti/internal/chromiumtest"
)

// listen serves a handler under a name of its own on this machine, so that it is
// another site for browsers.
func listen(t *testing.T, name string, handler func(origin string) http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	origin := "http://" + name + ".localhost:" + port
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler(origin)}}
	server.Start()
	t.Cleanup(server.Close)
	return origin
}

func read(t *testing.T, answer *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestShopFillsABasketWithoutScripts(t *testing.T) {
	server := httptest.NewServer(site.Handler(site.Places{Server: "http://127.0.0.1:1", Key: "k", Vendor: "http://127.0.0.1:2"}))
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	for _, want := range []string{"Basket <span>1</span>", "Basket <span>2</span>"} {
		answer, err := client.Post(server.URL+"/basket", "application/x-www-form-urlencoded", nil)
		if err != nil {
			t.Fatal(err)
		}
		if body := read(t, answer); !strings.Contains(body, want) {
			t.Errorf("the page does not say %q:\n%s", want, body)
		}
	}
}

func TestDraftCanBePublished(t *testing.T) {
	for _, origin := range []string{"http://127.0.0.1:8081", "http://shop.localhost:8081", "https://shop.example"} {
		if problems := site.Draft(origin, "http://localhost:8082").Problems(nil); len(problems) > 0 {
			t.Errorf("the draft for %s has problems: %v", origin, problems)
		}
	}
}

func TestShopShowsThatNothingOfOthersIsLoadedWithoutABanner(t *testing.T) { // W18
	vendor := &site.Vendor{}
	vendors := listen(t, "vendor", func(string) http.Handler { return vendor })
	gone := listen(t, "gone", func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	})
	shop := listen(t, "shop", func(string) http.Handler {
		return site.Handler(site.Places{Server: gone, Key: "k", Vendor: vendors})
	})
	b := chromiumtest.StartScripted(t)
	b.WatchShifts()
	b.Open(shop)
	b.Await(`document.querySelector("script[data-vendor=nudgeberry]")`)
	if called := vendor.Calls(); len(called) > 0 {
		t.Errorf("services were called: %v", called)
	}
	if shifts := b.Shifts(); len(shifts) > 0 {
		t.Errorf("the page moved: %q", shifts)
	}
	if cookies := b.Cookies(); len(cookies) > 0 {
		t.Errorf("there are cookies: %v", cookies)
	}
	if text := b.Read(); strings.Count(text, "not loaded") != 5 {
		t.Errorf("the page says\n%s", text)
	}
	axe := chromiumtest.Axe(t)
	for _, screen := range []struct {
		width  int64
		scheme string
	}{{1280, "light"}, {320, "dark"}} {
		b.Screen(screen.width, screen.scheme)
		b.Picture("shop-" + screen.scheme)
		for _, finding := range b.Findings(axe, chromiumtest.Rules()...) {
			t.Error(finding)
		}
		if wider := b.Overflow(); wider > 0 {
			t.Errorf("at %d pixels the page is %d wider", screen.width, wider)
		}
	}
	for _, path := range []string{"/privacy", "/imprint"} {
		b.Open(shop + path)
		for _, finding := range b.Findings(axe, chromiumtest.Rules()...) {
			t.Errorf("%s: %s", path, finding)
		}
	}
	for _, complaint := range b.Complaints() {
		if !strings.Contains(complaint, "502") {
			t.Error(complaint)
		}
	}
	if hosts := b.Hosts(); !slices.Equal(hosts, []string{strings.TrimPrefix(gone, "http://"), strings.TrimPrefix(shop, "http://")}) {
		t.Errorf("asked were %v", hosts)
	}
}
