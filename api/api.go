// Package api is the HTTP interface. Everything that it answers stands in one
// table of routes (Table), from which the dispatcher, the scopes that keys
// need, the OpenAPI document and the tests derive.
//
//	request -> id, headers, log, panics      api.go
//	        -> route, or 404, 405            api.go
//	        -> key, scope                    guard.go
//	        -> Idempotency-Key on POST       idempotency.go
//	        -> decode and check the input    huma
//	        -> audit entry of a revelation   guard.go
//	        -> the act                       requests.go, consents.go, checks.go, ...
//	        -> problem+json on any error     problem.go
//
// What it needs of the other rooms is handed in. It keeps nothing between two
// requests. Neither identities nor secrets belong into a URL; for those who
// put them there all the same, the log has the pattern of the route and not
// what was asked for.
package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Config is what the interface needs of the house.
type Config struct {
	Keys      Keys
	KeyRing   KeyRing
	Operators Operators
	Passwords Passwords // passwords.go
	Requests  Requests
	Desk      Desk
	Front     Front
	Erasures  Erasures
	Intake    Intake
	// Limiter bounds the routes for people; nil for no bound.
	Limiter   *Limiter
	Tasks     Tasks
	Packages  Packages
	Links     Links
	Audit     Audit
	Answers   Answers
	Consents  Consents
	Checks    consent.Checker
	Events    Events
	Webhooks  Webhooks
	Letters   Letters
	Messages  Messages
	Views     Views
	Previews  Previews
	Omissions Omissions
	Deadlines Deadlines
	Reviews   Reviews
	Resumes   Resumes
	Callbacks Callbacks

	Instructions Instructions
	// Authorizations let people allow that connections are used.
	Authorizations Authorizations
	Connections    Connections
	Systems        Systems
	SystemLinks    SystemLinks
	Sites          Sites
	SitePages      SitePages // sites_check.go
	Banners        Banners
	// CountryHeader names a header in which a trusted proxy of Limiter says from
	// which country a visitor comes; "" for none.
	CountryHeader string
	SiteCounts    SiteCounts
	People        People  // people.go
	Records       Records // records.go
	Devices       Devices
	// PermissionTables: permissions.go.
	PermissionTables PermissionTables
	Deliveries       Deliveries
	Policies         Policies
	Preferences      Preferences
	// What pages of systems show: connectors.go, datasets.go, deliveries_matrix.go.
	Connectors Connectors
	Datasets   Datasets
	// MadeDatasets: datasets_made.go.
	MadeDatasets MadeDatasets
	Matrix       Matrix

	// Poll is how often to look for events of which Events.Changed does not
	// tell, because another process made them; 0 when there is none.
	Poll time.Duration
	// Ending is closed when the server ends: streams end then.
	Ending <-chan struct{}
	// Ready says whether the store answers.
	Ready func(context.Context) error
	// Unavailable says of an error that the store takes nothing now, and that
	// the same request may go through later.
	Unavailable func(error) bool
	// Answered, when set, hears of every answer: the method, the pattern of the
	// route, "" where there is none, the status, and how long it took.
	Answered func(method, route string, status int, took time.Duration)
	Log      *slog.Logger
	Now      func() time.Time
	NewID    func() string // of a request to us, not of a privacy request
	Version  string        // of the program
	Random   io.Reader     // of keys
}

// Keys finds API keys by id, of whatever tenant.
type Keys interface {
	Find(ctx context.Context, id string) ([]auth.Key, error)
}

// Requests reads privacy requests.
type Requests interface {
	// Search gives up to limit requests that a query looks for and that come
	// behind a mark, in the order of the query.
	Search(ctx context.Context, tenant string, q request.Query, after request.Mark, limit int) ([]request.Request, error)
	// Count counts those that a query looks for, and stops at most.
	Count(ctx context.Context, tenant string, q request.Query, most int) (int64, error)
	// Digest is what an identity is found by.
	Digest(ctx context.Context, tenant string, i subject.Identity) (string, error)
	// Identities gives those of a request; none once it has ended.
	Identities(ctx context.Context, tenant, id string) ([]subject.Identity, error)
	// Report gives a request and what became of it, or request.ErrNotFound.
	Report(ctx context.Context, tenant, id string) (request.Request, Report, error)
}

// Audit is the log of every act.
type Audit interface {
	Append(ctx context.Context, tenant string, entry audit.Entry) error
	Checkpoint(ctx context.Context, tenant string) ([]byte, error)
	Export(ctx context.Context, tenant string, w io.Writer) error
	// Size is how many records there are.
	Size(ctx context.Context, tenant string) (int64, error)
	// Records gives those with the numbers from from on, limit of them, oldest first.
	Records(ctx context.Context, tenant string, from int64, limit int) ([]audit.Record, error)
}

// API answers HTTP requests.
type API struct {
	config  Config
	mux     *http.ServeMux
	huma    huma.API
	streams streams
	// decoders are what huma makes of each route, by method and path.
	decoders map[string]decoder
}

// New builds the interface from a table of routes. It panics when the table
// is wrong: a route that says neither which scope it needs nor that it is
// public, or two of the same.
func New(c Config, table []Route) *API {
	a := &API{config: c, mux: http.NewServeMux(), decoders: map[string]decoder{}}
	a.huma = huma.NewAPI(document(c.Version), adapter{a})
	paths := map[string]methods{}
	for _, route := range table {
		if err := route.check(); err != nil {
			panic("api: " + err.Error())
		}
		if paths[route.Path] == nil {
			paths[route.Path] = methods{}
		}
		if paths[route.Path][route.Method] != nil {
			panic("api: two routes " + route.Method + " " + route.Path)
		}
		route.Act(a, route, route.operation())
		paths[route.Path][route.Method] = a.limited(route, a.guard(route))
	}
	for p, m := range paths {
		a.mux.Handle(p, a.visited(p, m))
	}
	a.mux.HandleFunc(elsewhere, func(w http.ResponseWriter, _ *http.Request) { write(w, notFound()) })
	return a
}

// ServeHTTP answers a request, whatever it is.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := a.config.Now()
	out := &response{ResponseWriter: w, id: a.config.NewID()}
	for name, value := range securityHeaders {
		out.Header().Set(name, value)
	}
	out.Header().Set("X-Request-Id", out.id)
	defer func() {
		if r.Pattern != elsewhere {
			out.route = r.Pattern
		}
		aborted := a.recovered(out, recover())
		a.answered(r, out, began)
		if aborted {
			panic(http.ErrAbortHandler) // an answer that was cut must not look whole
		}
	}()
	if path.Clean(r.URL.Path) != r.URL.Path { // the mux would redirect
		write(out, notFound())
		return
	}
	a.mux.ServeHTTP(out, r)
}

// elsewhere is the pattern of what no route is for.
const elsewhere = "/"

// answered logs an answer: one of a quiet route only when it went wrong.
func (a *API) answered(r *http.Request, out *response, began time.Time) {
	if a.config.Answered != nil {
		a.config.Answered(knownMethod(r.Method), out.route, out.status, a.config.Now().Sub(began))
	}
	level := slog.LevelInfo
	if out.quiet && out.status < http.StatusBadRequest {
		level = slog.LevelDebug
	}
	if !a.config.Log.Enabled(r.Context(), level) {
		return
	}
	a.config.Log.LogAttrs(r.Context(), level, "answered", slog.String("id", out.id),
		slog.String("method", knownMethod(r.Method)), slog.String("route", out.route), slog.Int("status", out.status),
		slog.Int64("bytes", out.bytes), slog.Duration("took", a.config.Now().Sub(began)),
		slog.String("tenant", out.caller.Tenant), slog.String("caller", out.caller.By()))
}

// recovered answers when a handler has panicked, and says whether it was too
// late for that. What a panic says may be personal; where it was is not.
func (a *API) recovered(out *response, panicked any) (aborted bool) {
	if panicked == nil {
		return false
	}
	if err, _ := panicked.(error); !errors.Is(err, http.ErrAbortHandler) {
		a.config.Log.Error("a handler panicked", "id", out.id, "route", out.route, "kind", fmt.Sprintf("%T", panicked), "stack", string(debug.Stack()))
	}
	if out.status != 0 {
		return true
	}
	write(out, internal())
	return false
}

var securityHeaders = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
}

// knownMethod keeps what a client made up out of the log.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// methods are the handlers of one path.
type methods map[string]http.Handler

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, ok := m[r.Method]; ok {
		h.ServeHTTP(w, r)
		return
	}
	var allowed []string
	for method := range m {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	write(w, &Problem{Status: http.StatusMethodNotAllowed, Detail: "This path is for " + strings.Join(allowed, ", ") + "."})
}

// response sees what is answered.
type response struct {
	http.ResponseWriter
	id     string
	route  string
	quiet  bool
	caller auth.Caller
	status int // 0 until the answer has begun
	bytes  int64
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
