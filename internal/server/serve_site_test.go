package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/consent/propagate"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/blob"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// site is a server on loopback, over a store with two tenants.
type site struct {
	t     *testing.T
	db    *storetest.Database
	url   string
	key   string // of the default tenant, for everything
	log   *safeBuffer
	stop  context.CancelFunc
	ended chan error
	// Bodies of routes, by what they do, where the example is not to be sent.
	ready map[string]string
	// replies are tokens that stand, by the path of the route that takes them.
	replies map[string]string
	shop    sync.Once // that what requests need is there
	world   *world
	plan    *graph.Plan
	packs   packages
	packed  string // the directory that they are in
	// What the routes of the test do.
	noted   chan string // the name in each note that was taken
	arrived chan struct{}
	proceed chan struct{}
}

const otherTenant = "neighbour"

func newSite(t *testing.T, db *storetest.Database) *site {
	t.Helper()
	return newSiteWith(t, db, func(*Server) {})
}

// newSiteWith starts a server that is set up in another way.
func newSiteWith(t *testing.T, db *storetest.Database, set func(*Server)) *site {
	t.Helper()
	s := &site{
		t: t, db: db, log: &safeBuffer{}, ended: make(chan error, 1), replies: map[string]string{},
		noted: make(chan string, 100), arrived: make(chan struct{}, 100), proceed: make(chan struct{}),
		packed: t.TempDir(),
	}
	s.packs = packages{db.Keys(), blob.Directory{Path: s.packed}}
	s.must(db.CreateTenant(t.Context(), otherTenant))
	s.key = s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	s.url = "http://" + listener.Addr().String()
	server := &Server{
		House: &House{Store: db.DB}, Now: time.Now, Version: "test", AllowPrivateWebhooks: true, pauses: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, time.Hour},
		Routes:        append(api.Table(), s.routes()...),
		Limiter:       &api.Limiter{Most: 1_000_000, Now: time.Now},
		Configuration: config.Options{Registry: kinds(t)}, Packages: s.packed, PublicURL: "https://privacy.example.com",
		Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	set(server)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { s.ended <- server.Serve(ctx, listener); close(s.ended) }()
	t.Cleanup(func() {
		stop()
		if err := <-s.ended; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
	return s
}

type noteInput struct {
	Body struct {
		Name  string `json:"name" minLength:"1" maxLength:"40"`
		Count int    `json:"count" minimum:"1" maximum:"9"`
	}
}

type noteOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     struct {
		Name string `json:"name"`
		ID   string `json:"id"`
	}
}

// routes are such as the table will have: a POST that changes something, one
// that takes its time, one with a mistake.
func (s *site) routes() []api.Route {
	return []api.Route{
		{Method: "POST", Path: "/api/v1/test/notes", Scope: auth.ReadRequests, Does: "Take a note", MaxBody: 1000, Example: `{"name":"n","count":1}`, Act: api.Handle(
			func(_ *api.API, _ context.Context, _ auth.Caller, in *noteInput) (*noteOutput, error) {
				s.noted <- in.Body.Name
				out := &noteOutput{Status: http.StatusCreated, Location: "/api/v1/test/notes/1"}
				out.Body.Name, out.Body.ID = in.Body.Name, uuid.NewString()
				return out, nil
			})},
		{Method: "POST", Path: "/api/v1/test/slow", Scope: auth.ReadRequests, Does: "Wait", Act: api.Handle(
			func(*api.API, context.Context, auth.Caller, *struct{}) (*noteOutput, error) {
				s.arrived <- struct{}{}
				<-s.proceed
				s.noted <- "slow"
				return &noteOutput{Status: http.StatusCreated}, nil
			})},
		{Method: "GET", Path: "/api/v1/test/panic", Scope: auth.ReadRequests, Does: "Fail", Act: api.Handle(
			func(*api.API, context.Context, auth.Caller, *struct{}) (*noteOutput, error) { panic(personal) })},
		{Method: "GET", Path: "/api/v1/test/refuse", Scope: auth.ReadRequests, Does: "Refuse", Act: api.Handle(
			func(*api.API, context.Context, auth.Caller, *struct{}) (*noteOutput, error) {
				return nil, fmt.Errorf("move: %w", request.ErrTransition)
			})},
	}
}

const personal = "canary.5c1d@example.com"

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) makeKey(tenant string, expires time.Time, scopes ...auth.Scope) string {
	s.t.Helper()
	key, token, err := auth.New(tenant, "test", scopes, expires, rand.Reader)
	s.must(err)
	s.must(s.db.APIKeys().Create(s.t.Context(), key, audit.Entry{Act: "apikey.create", Object: "apikey/" + key.ID}))
	return token
}

func (s *site) makeRequest(tenant, policy string, status request.Status) string {
	s.t.Helper()
	r := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: policy, Status: status, PlanHash: "h", Plan: []byte(`{}`)}
	s.must(s.db.Requests().Create(s.t.Context(), r, nil, audit.Entry{Act: "request.create", Object: "request/" + r.ID}))
	return r.ID
}

type reply struct {
	status int
	header http.Header
	body   string
}

// send sends a request with a key; headers are name, value, name, value.
func (s *site) send(method, path, key string, body io.Reader, headers ...string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, body)
	s.must(err)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	s.must(err)
	text, err := io.ReadAll(got.Body)
	s.must(err)
	s.must(got.Body.Close())
	return reply{got.StatusCode, got.Header, string(text)}
}

func (s *site) get(path string) reply {
	s.t.Helper()
	return s.send("GET", path, s.key, nil)
}

// problem checks that an answer is one, with this status.
func (s *site) problem(what string, got reply, status int) {
	s.t.Helper()
	var p api.Problem
	err := json.Unmarshal([]byte(got.body), &p)
	if got.status != status || got.header.Get("Content-Type") != "application/problem+json" || err != nil || p.Status != status || p.Title == "" || p.Detail == "" {
		s.t.Errorf("%s: status %d, want %d; %s %s", what, got.status, status, got.header.Get("Content-Type"), got.body)
	}
}

func (s *site) entries() int {
	s.t.Helper()
	all, err := s.db.Audit().Records(s.t.Context(), store.DefaultTenant, 0, 10000)
	s.must(err)
	return len(all)
}

// path gives the path of a route to an object of a tenant that nobody has
// touched yet; to none that there is when the tenant is "".
func (s *site) path(route api.Route, tenant string) string {
	s.t.Helper()
	id, sequence, version, connection := uuid.Must(uuid.NewV7()).String(), "99999", "never", "none"
	if strings.Contains(route.Path, "/sites/") {
		version = "1"
	}
	system := "none"
	key, visitor := strings.Repeat("a", 16), uuid.NewString() // of a site, and a consent there
	record := uuid.NewString()
	switch {
	case tenant == "" || !strings.Contains(route.Path, "{"):
	case strings.Contains(route.Path, "/webhooks/"):
		id = s.makeWebhook(tenant, "http://127.0.0.1:1/"+uuid.NewString()).ID
		s.must(s.db.Webhooks().Disable(s.t.Context(), tenant, id, act("webhook.disable"))) // only so many can be enabled
	case strings.Contains(route.Path, "/operators/"):
		id = s.makeOperator(tenant, auth.Viewer).ID
	case strings.HasSuffix(route.Path, "link"), strings.HasSuffix(route.Path, "/link/prove"):
		id, key = s.makeDevice(route, tenant)
	case strings.HasSuffix(route.Path, "/sites/{id}/check"):
		id = s.makeSiteAt(tenant, "http://127.0.0.1:1", true).ID // where nobody answers
	case strings.Contains(route.Path, "/sites/"):
		_, last, _ := strings.Cut(route.Path, "{id}/")
		id, key = s.makeSite(tenant, !slices.Contains([]string{"draft", "publish", "sync"}, last)) // which are of the first revision
		if strings.Contains(route.Path, "{consent}") {
			visitor = s.visits(key).choose(true).ID
		}
	case strings.Contains(route.Path, "/deliveries/changes/"):
		record = s.makeDelivery(tenant)
	case strings.Contains(route.Path, "/invitations/"):
		id, _ = auth.InvitationOf(s.invitation(tenant, auth.Viewer))
	case strings.Contains(route.Path, "/apikeys/"):
		id, _, _ = strings.Cut(strings.TrimPrefix(s.makeKey(tenant, time.Time{}, auth.ReadAudit), "vk_"), "_")
	case strings.Contains(route.Path, "/tasks"):
		id = s.makeTask(tenant)
	case strings.HasSuffix(route.Path, "/rebuild"):
		connection = "warehouse-of-" + tenant
		_, err := s.db.Permissions().ClaimTable(s.t.Context(), tenant, connection, "test", time.Minute)
		s.must(err)
	case strings.HasSuffix(route.Path, "/connections/{key}/authorize"):
		connection = s.makeMailer(tenant)
	case strings.Contains(route.Path, "/datasets/") && route.Method != http.MethodGet:
		connection = s.makeDataset(tenant)
	case strings.Contains(route.Path, "/datasets/"):
		connection = s.datasetOf(tenant)
	case strings.HasSuffix(route.Path, "/connections/{key}/test"), strings.HasSuffix(route.Path, "/connections/{key}/describe"):
		connection = s.connectionOf(tenant)
	case strings.Contains(route.Path, "/connections/"), strings.Contains(route.Path, "/systems/"):
		connection, system = s.makeInventory(route, tenant)
	case strings.Contains(route.Path, "/requests/"):
		id = s.makeRequestFor(route, tenant)
	default:
		if tenant == otherTenant { // a sequence that the first tenant has not reached
			again := consent.Entry{Subject: s.makeConsent(tenant, "x@example.com", "analytics", true).Subject, Purpose: "research", Source: consent.API, Reaffirm: true}
			_, err := s.db.Consents().Append(s.t.Context(), tenant, "", slices.Repeat([]consent.Entry{again}, 100))
			s.must(err)
		}
		o := s.makeConsent(tenant, uuid.NewString()+"@example.com", "analytics", true)
		id, sequence, version = o.Subject.String(), strconv.FormatInt(o.Sequence, 10), "of-"+tenant
		s.must(s.db.Consents().Publish(s.t.Context(), tenant, notice.Version{
			Version: version, Texts: []notice.Text{{Language: "en", Body: "A text."}}, ClassifiedBy: "test",
		}, audit.Entry{Act: "notice.publish", Object: "notice"}))
	}
	return strings.NewReplacer("{id}", id, "{sequence}", sequence, "{purpose}", "analytics", "{version}", version, "{connection}", "archive", "{key}", connection, "{system}", system, "{site}", key, "{language}", "en", "{region}", "all", "{consent}", visitor, "{record}", record).Replace(route.Path)
}

// makeSite makes a site of a tenant that can be published, or is.
func (s *site) makeSite(tenant string, published bool) (id, key string) {
	s.t.Helper()
	made := s.makeSiteAt(tenant, "https://shop.example", published)
	return made.ID, made.Key
}

func (s *site) makeSiteAt(tenant, origin string, published bool) banner.Summary {
	s.t.Helper()
	d := banner.Start()
	d.Origins = []string{origin}
	db := sites{s.db.Sites()}
	id, err := db.Create(s.t.Context(), auth.Caller{Tenant: tenant}, "Shop", d)
	s.must(err)
	if published {
		_, _, err := db.Publish(s.t.Context(), tenant, id, 1, banner.Publication{Material: true}, "test", act("site.publish"))
		s.must(err)
	}
	made, _, err := db.Get(s.t.Context(), tenant, id)
	s.must(err)
	return made
}

// makeDelivery records a choice that is not sent to the connection archive, and gives
// its record.
func (s *site) makeDelivery(tenant string) string {
	s.t.Helper()
	record := s.makeConsent(tenant, uuid.NewString()+"@example.com", "analytics", true).Record
	told := propagate.LegacyMap{Record: record, Statuses: map[string]string{"archive": "pending"}}
	_, err := s.db.Propagation().Import(s.t.Context(), tenant, "test", []propagate.Target{{Key: "archive", Off: true}}, []propagate.LegacyMap{told})
	s.must(err)
	return record
}

// makeConsent records a choice.
func (s *site) makeConsent(tenant, email, purpose string, granted bool) consent.Outcome {
	s.t.Helper()
	return s.makeConsentIn(tenant, email, purpose, granted, "")
}

func (s *site) makeConsentIn(tenant, email, purpose string, granted bool, language string) consent.Outcome {
	s.t.Helper()
	anna, err := subject.New(subject.Email, email)
	s.must(err)
	o, err := s.db.Consents().Append(s.t.Context(), tenant, "", []consent.Entry{
		{Identities: []subject.Identity{anna}, Purpose: purpose, Granted: granted, Language: language, Source: consent.API, By: "operator/olga", Note: subject.Conceal("by telephone")},
	})
	s.must(err)
	return o[0]
}

// call sends what a route takes: a valid body.
func (s *site) call(route api.Route, path, key string) reply {
	s.t.Helper()
	if strings.HasSuffix(path, "/stream") {
		return s.begin(path, key)
	}
	if route.Method == http.MethodGet {
		return s.send(route.Method, path, key, nil)
	}
	kind := "application/json"
	if route.Rows {
		kind = "text/csv"
	}
	body := strings.ReplaceAll(route.Example, "/hooks/", "/hooks/"+uuid.NewString()+"/") // a URL has one webhook
	if route.Method == http.MethodPost && strings.HasPrefix(route.Path, "/api/v1/requests") {
		body = s.aboutShop(body)
	}
	if route.Path == "/api/v1/systems" || route.Path == "/api/v1/connections" { // a key is taken once
		body = strings.Replace(body, `{"key":"`, `{"key":"`+uuid.NewString(), 1)
	}
	if strings.HasPrefix(route.Path, "/api/v1/datasets") && s.ready[route.Does] == "" {
		body = s.aboutDataset(path, body)
	}
	body, key = s.proven(route, body, key)
	origin := ""
	if strings.HasPrefix(path, "/api/v1/public/sites/") {
		body, origin = s.visitorsBody(path, body), shopOrigin
	}
	if route.Form {
		body, kind = asForm(s.t, body)
	}
	path = strings.Replace(path, "{token}", s.replies[route.Path], 1)
	return s.send(route.Method, path, key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", kind, "Origin", origin, "Reply-To-Token", s.replies[route.Path])
}

// ask sends a body as JSON and reads the answer into v.
func (s *site) ask(method, path, body string, status int, v any) {
	s.t.Helper()
	got := s.send(method, path, s.key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
	if got.status != status {
		s.t.Fatalf("%s %s: %d, want %d: %s", method, path, got.status, status, got.body)
	}
	if v != nil {
		s.must(json.Unmarshal([]byte(got.body), v))
	}
}

func act(act string) audit.Entry { return audit.Entry{Act: act, Object: "test"} }
