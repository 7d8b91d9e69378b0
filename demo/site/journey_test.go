package site_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/demo/site"
	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
)

// world is a server and a browser, which all journeys share.
type world struct {
	browser *chromiumtest.Browser
	server  http.Handler
	token   string
	axe     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	house, err := server.Open(t.Context(), server.Config{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := house.Close(); err != nil {
			t.Error(err)
		}
	})
	key, token, err := auth.New(store.DefaultTenant, "journeys", auth.Scopes(), time.Time{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := house.Store.APIKeys().Create(t.Context(), key, audit.Entry{Act: "apikey.create", Object: "apikey/" + key.ID}); err != nil {
		t.Fatal(err)
	}
	s := &server.Server{House: house, Now: time.Now, Version: "test", Log: slog.New(slog.DiscardHandler), Packages: t.TempDir()}
	return &world{
		browser: chromiumtest.StartScripted(t), token: token, axe: chromiumtest.Axe(t),
		server: s.Handler(make(chan struct{})),
	}
}

// stage is a shop of its own for one journey: a site, its pages, its vendors.
type stage struct {
	*testing.T
	world   *world
	id, key string
	shop    string // origin, like those below
	vendors string
	server  string
	vendor  *site.Vendor
	gate    *gate
}

func (w *world) stage(t *testing.T) *stage {
	t.Helper()
	s := &stage{T: t, world: w, vendor: &site.Vendor{}, gate: &gate{to: w.server}}
	s.vendors = listen(t, "vendor", func(string) http.Handler { return s.vendor })
	s.server = listen(t, "consent", func(string) http.Handler { return s.gate })
	s.shop = listen(t, "shop", func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			site.Handler(site.Places{Server: s.server, Key: s.key, Vendor: s.vendors}).ServeHTTP(w, r)
		})
	})
	made := summary{}
	s.ask("POST", "/api/v1/sites", map[string]any{"name": t.Name(), "draft": s.draft()}, &made)
	s.id, s.key = made.ID, made.Key
	s.publish(false, "", func(*banner.Draft) {})
	return s
}

type summary struct {
	ID       string `json:"id"`
	Key      string `json:"key"`
	Revision int64  `json:"revision"`
}

func (s *stage) draft() banner.Draft { return site.Draft(s.shop, s.vendors) }

// publish publishes the shop's draft with a change.
func (s *stage) publish(material bool, summarized string, change func(*banner.Draft)) {
	s.Helper()
	draft := s.draft()
	change(&draft)
	var now summary
	s.ask("GET", "/api/v1/sites/"+s.id, nil, &now)
	s.ask("PUT", "/api/v1/sites/"+s.id+"/draft", map[string]any{"revision": now.Revision, "name": s.Name(), "draft": draft}, &now)
	s.ask("GET", "/api/v1/sites/"+s.id, nil, &now)
	body := map[string]any{"revision": now.Revision, "material": material, "classified_by": "Olga Officer"}
	if summarized != "" {
		summary := map[string]string{}
		for _, language := range draft.Languages {
			summary[language] = summarized
		}
		body["summary"] = summary
	}
	s.ask("POST", "/api/v1/sites/"+s.id+"/publish", body, nil)
}

// ask asks the server as an operator's program does.
func (s *stage) ask(method, path string, body, into any) {
	s.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.Context(), method, strings.Replace(s.server, "consent.localhost", "127.0.0.1", 1)+path, bytes.NewReader(text))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.world.token)
	r.Header.Set("Content-Type", "application/json")
	if method == "POST" {
		r.Header.Set("Idempotency-Key", uuid.NewString())
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	got := read(s.T, answer)
	if answer.StatusCode >= 300 {
		s.Fatalf("%s %s: %s %s", method, path, answer.Status, got)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(got), into); err != nil {
		s.Fatalf("%s %s: %v: %s", method, path, err, got)
	}
}

// gate stands before the server. It notes what is posted to it, and can be shut,
// or hold things up.
type gate struct {
	to     http.Handler
	mu     sync.Mutex
	posted []string                 // paths of what was taken
	shut   func(path string) bool   // nil for nothing
	held   map[string]chan struct{} // paths that wait
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	shut, wait := g.shut, g.held[r.URL.Path]
	g.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-r.Context().Done():
			return
		}
	}
	if shut != nil && shut(r.URL.Path) {
		panic(http.ErrAbortHandler) // as a server that is gone
	}
	answer := &answered{ResponseWriter: w, status: http.StatusOK}
	g.to.ServeHTTP(answer, r)
	if r.Method == http.MethodPost && answer.status < 300 && strings.HasPrefix(r.URL.Path, "/api/v1/public/") {
		g.mu.Lock()
		g.posted = append(g.posted, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		g.mu.Unlock()
	}
}

// close shuts the gate for some paths; nil opens it.
func (g *gate) close(shut func(path string) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
}

// hold lets a path wait until what it gives is called.
func (g *gate) hold(path string) (release func()) {
	wait := make(chan struct{})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = map[string]chan struct{}{path: wait}
	return sync.OnceFunc(func() { close(wait) })
}

// taken is how often something was posted that the server has taken, like
// consents or withdraw.
func (g *gate) taken(what string) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, path := range g.posted {
		if path == what {
			n++
		}
	}
	return n
}

type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// visit lets somebody new come to the shop, who is set up before the page opens.
func (s *stage) visit(before ...func(*chromiumtest.Browser)) *chromiumtest.Browser {
	s.Helper()
	b := s.world.browser.Visitor(s.T)
	s.Cleanup(func() { s.calm(b) })
	b.WatchShifts()
	for _, set := range before {
		set(b)
	}
	b.Open(s.shop)
	return b
}

// calm says that a page has complained of nothing, but of servers that the
// journey has taken away. A style or script that the policy of the page refuses
// would be among it.
func (s *stage) calm(b *chromiumtest.Browser) {
	for _, complaint := range b.Complaints() {
		if strings.Contains(complaint, "net::ERR_") {
			continue
		}
		s.Errorf("the console says: %s", complaint)
	}
}

// asked waits for the first layer.
func (s *stage) asked(b *chromiumtest.Browser) {
	s.Helper()
	b.AwaitThing("button", "Refuse all")
}

// settled waits until the visitor's choice is recorded.
func (s *stage) settled(b *chromiumtest.Browser) {
	s.Helper()
	b.Await(`volenti.state.standing && !volenti.state.queued`)
	b.AwaitGone("button", "Refuse all")
}

// record is what the server holds about the visitor: the latest entry of the
// trail of the consent that the page names.
func (s *stage) record(b *chromiumtest.Browser) banner.Record {
	s.Helper()
	return s.trail(chromiumtest.Evaluate[string](b, `volenti.state.standing.id`))[0].Record
}

type entry struct {
	Act    string        `json:"act"`
	Record banner.Record `json:"record"`
}

func (s *stage) trail(consent string) []entry {
	s.Helper()
	var got struct {
		Trail []entry `json:"trail"`
	}
	s.ask("GET", "/api/v1/sites/"+s.id+"/consents/"+consent, nil, &got)
	if len(got.Trail) == 0 {
		s.Fatalf("there is no record of %s", consent)
	}
	return got.Trail
}

// says tells a record in short: what is granted, in order.
func says(answers map[string]banner.Answer) string {
	var yes []string
	for key, answer := range answers {
		if answer.Granted {
			yes = append(yes, key)
		}
	}
	slices.Sort(yes)
	return strings.Join(yes, " ")
}

// is compares what was recorded: the categories that are granted, and vendors
// that differ, like "functional necessary" and "-tallywell +clipnook".
func (s *stage) is(r banner.Record, categories, vendors string) {
	s.Helper()
	if got := says(r.Categories); got != categories {
		s.Errorf("recorded is %q, want %q", got, categories)
	}
	var differ []string
	for key, answer := range r.Vendors {
		differ = append(differ, map[bool]string{true: "+", false: "-"}[answer.Granted]+key)
	}
	slices.Sort(differ)
	if got := strings.Join(differ, " "); got != vendors {
		s.Errorf("recorded of vendors is %q, want %q", got, vendors)
	}
}

var services = []string{"chatterling", "clipnook", "mapwren", "nudgeberry", "tallywell"}

// runs waits until these services run on the page, and no others.
func (s *stage) runs(b *chromiumtest.Browser, want ...string) {
	s.Helper()
	slices.Sort(want)
	const settled = `document.readyState == "complete" && document.querySelector("script[data-vendor=nudgeberry]")`
	const running = `[...document.querySelectorAll("[data-runs].on")].map(e => e.dataset.runs).sort().join(" ")`
	b.Await(settled + " && " + running + ` == ` + strconv.Quote(strings.Join(want, " ")))
}

// called says that these services were called since the journey began, and no
// others.
func (s *stage) called(want ...string) {
	s.Helper()
	got := map[string]bool{}
	for _, call := range s.vendor.Calls() {
		name, _, _ := strings.Cut(call, "/")
		got[name] = true
	}
	for _, name := range services {
		if got[name] != slices.Contains(want, name) {
			s.Errorf("that %s was called is %v", name, got[name])
		}
	}
}

// traces are what services have left on the page.
func traces(b *chromiumtest.Browser) (left []string) {
	for name := range b.Cookies() {
		if strings.HasPrefix(name, "tw_") || strings.HasPrefix(name, "nb_") || strings.HasPrefix(name, "chat_") {
			left = append(left, name)
		}
	}
	for name := range b.Storage() {
		if strings.HasPrefix(name, "tw_") {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return left
}

// look looks at what is shown with different eyes, on different screens.
func (s *stage) look(b *chromiumtest.Browser, name string) {
	s.Helper()
	for _, screen := range []struct {
		width  int64
		scheme string
	}{{1280, "light"}, {320, "dark"}} {
		b.Screen(screen.width, screen.scheme)
		at := fmt.Sprintf("%s-%d-%s", name, screen.width, screen.scheme)
		b.Window(at)
		for _, finding := range b.Findings(s.world.axe, chromiumtest.Rules()...) {
			s.Errorf("%s: %s", at, finding)
		}
		if wider := b.Overflow(); wider > 0 {
			s.Errorf("%s: the page is %d pixels wider than the screen", at, wider)
		}
	}
	b.Screen(1280, "light")
}
