package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/site"
)

// Route is a line of the table.
type Route struct {
	Method string
	Path   string // as http.ServeMux reads it, without the method
	// Scope is what a key must be for. A route has one, or is Public.
	Scope  auth.Scope
	Public bool
	// Proof is what in the body of a public POST proves who asks, like "the
	// password"; it is worth nothing without it.
	Proof string
	// Reveals is the act of a privileged read, like "audit.export": it is in the
	// audit log before anything is read, or nothing is read.
	Reveals string
	// Streams: the answer may take long. Others end after handlerTime.
	Streams bool
	// Quiet: it is asked so often that what went well is logged at debug level.
	Quiet bool
	// Repeats says what comes of a POST that is sent again.
	Repeats Repeats
	MaxBody int64 // in bytes; 0 for defaultBody
	// Example is a body that the route takes, as JSON; with Rows, as CSV; with
	// Form, the parts of multipart/form-data as JSON.
	Example string
	Rows    bool
	Form    bool
	Does    string
	Act     Act
}

// Repeats is how a POST is kept from being done twice.
type Repeats int

const (
	// Answered: it needs an Idempotency-Key, and the answer is kept beside it.
	Answered Repeats = iota
	// Committed: it needs an Idempotency-Key, which the act commits together
	// with the change; see idempotency.
	Committed
	// Convergent: it may be sent again without a key; what was done already is
	// not done twice, or a proof in its body says how often it may be done.
	Convergent
	// Harmless: it changes nothing. It is a POST because what is asked for does
	// not belong into a URL, and its answer must never be an old one.
	Harmless
)

// Act is what a route does; Handle makes one.
type Act func(a *API, route Route, op huma.Operation)

const defaultBody = 64 << 10

// Handle makes an act of a function. In and Out are structs as huma reads
// them: parameters and Body in, headers and Body out.
func Handle[In, Out any](act func(a *API, ctx context.Context, caller auth.Caller, in *In) (*Out, error)) Act {
	return func(a *API, route Route, op huma.Operation) {
		huma.Register(a.huma, op, func(ctx context.Context, in *In) (*Out, error) {
			if strange := strangeIn(ctx); len(strange) > 0 {
				return nil, a.problem(ctx, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: strange})
			}
			caller, _ := ctx.Value(callerKey{}).(auth.Caller)
			if err := a.reveal(ctx, route, caller); err != nil {
				return nil, a.problem(ctx, err)
			}
			out, err := act(a, ctx, caller, in)
			if err != nil {
				return nil, a.problem(ctx, err)
			}
			return out, nil
		})
	}
}

// Plain makes an act of a handler that decodes and answers by itself, for what
// is asked most. In and Out only describe it in the document.
func Plain[In, Out any](act plainAct) Act {
	return func(a *API, route Route, op huma.Operation) {
		huma.Register(a.huma, op, func(context.Context, *In) (*Out, error) { panic("api: a plain act is not called by huma") })
		at := op.Method + " " + op.Path
		d := a.decoders[at]
		d.plain = a.plain(route, act)
		a.decoders[at] = d
	}
}

// plainAct decodes and answers by itself.
type plainAct func(a *API, ctx context.Context, caller auth.Caller, w http.ResponseWriter, r *http.Request) error

func (a *API) plain(route Route, act plainAct) func(http.ResponseWriter, *http.Request) (done bool) {
	return func(w http.ResponseWriter, r *http.Request) bool {
		caller, _ := r.Context().Value(callerKey{}).(auth.Caller)
		err := a.reveal(r.Context(), route, caller)
		if err == nil {
			err = act(a, r.Context(), caller, w, r)
		}
		if errors.Is(err, errThorough) {
			return false
		}
		if err != nil {
			write(w, a.problem(r.Context(), err))
		}
		return true
	}
}

// Quick makes an act that is done in a quick way where the input is in order,
// and else in the thorough way of Handle, which tells all that is wrong.
func Quick[In, Out any](quick plainAct, thorough func(a *API, ctx context.Context, caller auth.Caller, in *In) (*Out, error)) Act {
	return func(a *API, route Route, op huma.Operation) {
		Handle(thorough)(a, route, op)
		at := op.Method + " " + op.Path
		d := a.decoders[at]
		d.plain, d.thorough = a.plain(route, quick), true
		a.decoders[at] = d
	}
}

// answerJSON answers with v.
func answerJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}

func (r Route) check() error {
	at := r.Method + " " + r.Path
	switch {
	case r.Act == nil:
		return errors.New(at + " does nothing")
	case r.Does == "":
		return errors.New(at + " does not say what it does")
	case r.Public == (r.Scope != ""):
		return errors.New(at + " needs either a scope or to be public")
	case r.Public && r.Reveals != "":
		return errors.New(at + " reveals something and is public")
	case r.Public && r.Method != http.MethodGet && (r.Proof == "" || r.keyed()):
		return errors.New(at + " changes something and is public: it needs a proof in its body, and no Idempotency-Key, which is somebody's")
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodDelete:
		return errors.New(at + " has a method that Idempotency-Key does not cover")
	case r.Repeats != Answered && r.Method != http.MethodPost:
		return errors.New(at + " is no POST and says how one is repeated")
	case r.Example != "" && (r.Method == http.MethodGet || r.Method == http.MethodDelete):
		return errors.New(at + " has an example of a body, and takes none")
	}
	if r.Scope != "" && r.Scope != auth.OwnSession {
		_, err := auth.ParseScope(string(r.Scope))
		return err
	}
	return nil
}

// operation describes the route in OpenAPI.
func (r Route) operation() huma.Operation {
	op := huma.Operation{
		OperationID:  r.operationID(),
		Method:       r.Method,
		Path:         r.Path,
		Summary:      r.Does,
		MaxBodyBytes: r.maxBody() + 1, // huma refuses a body of just this size; ours is checked before
		Responses: map[string]*huma.Response{"default": {
			Description: "What went wrong",
			Content: map[string]*huma.MediaType{"application/problem+json": {
				Schema: &huma.Schema{Ref: "#/components/schemas/Problem"},
			}},
		}},
	}
	if r.Example != "" && !r.Rows && !r.Form {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Example: json.RawMessage(r.Example)}}}
	}
	if !r.Public {
		op.Security = []map[string][]string{{"apiKey": {string(r.Scope)}}}
		op.Description = "Needs the scope " + string(r.Scope) + "."
	}
	if r.keyed() {
		op.Parameters = []*huma.Param{{
			Name: "Idempotency-Key", In: "header", Required: true,
			Description: "Made up by the client, up to 255 characters of printable ASCII. The same key with the same request gives the same answer, for 24 hours at least.",
			Schema:      &huma.Schema{Type: huma.TypeString},
		}}
	}
	return op
}

func (r Route) operationID() string {
	words := strings.FieldsFunc(strings.TrimPrefix(r.Path, "/api/v1"), func(c rune) bool { return strings.ContainsRune("/{}.", c) })
	return strings.ToLower(r.Method) + "-" + strings.Join(words, "-")
}

// keyed says whether the route needs an Idempotency-Key.
func (r Route) keyed() bool { return r.Method == http.MethodPost && r.Repeats < Convergent }

func (r Route) maxBody() int64 {
	if r.MaxBody == 0 {
		return defaultBody
	}
	return r.MaxBody
}

// decoder is a route as huma has registered it.
type decoder struct {
	op     *huma.Operation
	handle func(huma.Context)
	plain  func(http.ResponseWriter, *http.Request) (done bool) // nil: it is huma's
	// thorough: what plain leaves is huma's.
	thorough bool
}

// adapter takes from huma what it makes of each route.
type adapter struct{ a *API }

func (h adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	h.a.decoders[op.Method+" "+op.Path] = decoder{op: op, handle: handle}
}

func (h adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.a.ServeHTTP(w, r) }

// decoded is the part of a route that huma does.
func (a *API) decoded(route Route) http.HandlerFunc {
	d, ok := a.decoders[route.Method+" "+route.Path]
	if !ok {
		panic(fmt.Sprintf("api: the act of %s %s was not made by Handle", route.Method, route.Path))
	}
	known := map[string]bool{}
	for _, p := range d.op.Parameters {
		known[p.Name] = known[p.Name] || p.In == "query"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		strange := strangers(r.URL.RawQuery, known)
		switch {
		case d.plain == nil:
		case len(strange) == 0 && d.plain(w, r):
			return
		case !d.thorough:
			write(w, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: strange})
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), strangeKey{}, strange))
		d.handle(humago.NewContext(d.op, r, w))
	}
}

type strangeKey struct{}

// strangeIn gives what strangers found, so that it is answered together with
// what huma finds.
func strangeIn(ctx context.Context) []Violation {
	found, _ := ctx.Value(strangeKey{}).([]Violation)
	return found
}

// strangers are parts of a query that the route does not know or cannot read:
// what is misspelt must not count as not said.
func strangers(query string, known map[string]bool) []Violation {
	if len(query) > maxQuery {
		return []Violation{{"query", fmt.Sprintf("it is longer than %d bytes", maxQuery)}}
	}
	if query == "" {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return []Violation{{"query", "it cannot be read"}}
	}
	var found []Violation
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !known[name]:
			found = append(found, Violation{"query." + name, "there is no such parameter"})
		case len(values[name]) > 1:
			found = append(found, Violation{"query." + name, "it is given more than once"})
		}
	}
	return found
}

const maxQuery = 4 << 10

// schemaName tells what is of banners from what has the same name elsewhere.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.PkgPath() == reflect.TypeFor[site.Draft]().PkgPath() {
		return "Banner" + name
	}
	return name
}

// document is the frame of the OpenAPI document. Nothing of what huma would
// serve by itself is switched on.
func document(version string) huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	registry.Schema(problemType, true, "Problem")
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Volenti", Version: version,
				Description: "Privacy requests and consent. Errors are application/problem+json (RFC 9457).",
			},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"apiKey": {Type: "http", Scheme: "bearer", Description: "An API key, as volenti apikey create shows it."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{ourProblem},
	}
}
