// Package vendortest gives tests simulated vendors: small HTTP servers that
// behave as the vendors' public documentation says. Each has tables of
// objects, demands its secret, gives lists in pages, can be too busy to answer,
// finishes later what it does asynchronously, and notes every call.
//
//	call -> too busy? -> secret? -> route -> tables -> answer, noted
//
// A vendor knows the endpoints that our descriptions use, and refuses all
// others. What the documentation does not say it does not do: it is no proof of
// what the real vendor does beside that.
package vendortest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Row is an object of a vendor, as it is in JSON.
type Row = map[string]any

// Call is a call that was made.
type Call struct {
	Method string
	Host   string
	Path   string // with its query
	Header http.Header
	Body   string
	Status int // of the answer
}

// Vendor is a simulated vendor: an http.Handler.
type Vendor struct {
	Secret string // the only one that is accepted

	rules rules
	mux   *http.ServeMux

	mu     sync.Mutex
	tables map[string][]Row
	later  []func()
	calls  []Call
	busy   int
	made   int // ids
	tokens int // that have ended
}

// perPage is how many objects are on a page, at most, where the vendor says in
// each answer whether there are more.
const perPage = 2

// rules are what is different from vendor to vendor.
type rules struct {
	hosts []string // of the documentation
	// allowed says whether the call shows the secret.
	allowed func(v *Vendor, r *http.Request) bool
	// denied and busy are the answers to a wrong secret and to too many calls.
	denied, busy answer
	// unknown is the answer to what is not there, routes among it.
	unknown answer
	// routes are patterns of http.ServeMux.
	routes map[string]func(*Vendor, request) answer
}

// request is a call, its body decoded.
type request struct {
	*http.Request
	body Row
}

// answer is what a call is answered with; a nil body is an empty one.
type answer struct {
	status int
	body   any
	header map[string]string
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func vendor(secret string, r rules) *Vendor {
	v := &Vendor{Secret: secret, rules: r, mux: http.NewServeMux(), tables: map[string][]Row{}}
	v.mux.HandleFunc("/", v.serve(func(*Vendor, request) answer { return r.unknown }))
	for pattern, route := range r.routes {
		v.mux.HandleFunc(pattern, v.serve(route))
	}
	return v
}

// ServeHTTP implements http.Handler.
func (v *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) { v.mux.ServeHTTP(w, r) }

// Serve lets the vendor listen until the test ends, and gives its address.
func (v *Vendor) Serve(t testing.TB) (url string) {
	t.Helper()
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	return server.URL
}

// Client reaches vendors under the hosts of their documentation, by HTTPS and
// no others. There is no network in between, so that it can be used where time
// is synctest's.
func Client(vendors ...*Vendor) *http.Client {
	return &http.Client{Transport: wire(vendors)}
}

type wire []*Vendor

// RoundTrip implements http.RoundTripper.
func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, v := range w {
		if r.URL.Scheme == "https" && slices.Contains(v.rules.hosts, r.URL.Host) {
			answered := httptest.NewRecorder()
			received := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
			received.Header = r.Header.Clone()
			v.ServeHTTP(answered, received)
			return answered.Result(), nil
		}
	}
	return nil, fmt.Errorf("no vendor is at %s://%s", r.URL.Scheme, r.URL.Host)
}

func (v *Vendor) serve(route func(*Vendor, request) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		a := v.answer(route, r, text)
		v.calls = append(v.calls, Call{r.Method, r.Host, r.URL.RequestURI(), r.Header.Clone(), string(text), a.status})
		for name, value := range a.header {
			w.Header().Set(name, value)
		}
		if a.body == nil {
			w.WriteHeader(a.status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		_ = json.NewEncoder(w).Encode(a.body) // who has hung up misses it
	}
}

func (v *Vendor) answer(route func(*Vendor, request) answer, r *http.Request, text []byte) answer {
	if v.busy > 0 {
		v.busy--
		return v.rules.busy
	}
	if !v.rules.allowed(v, r) {
		return v.rules.denied
	}
	body, err := decode(r.Header.Get("Content-Type"), text)
	if err != nil {
		return answer{status: http.StatusBadRequest, body: Row{"message": err.Error()}}
	}
	return route(v, request{r, body})
}

// Put adds objects to a table. Objects without an id get one.
func (v *Vendor) Put(table string, rows ...Row) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, row := range rows {
		row = maps.Clone(row)
		if row["id"] == nil {
			row["id"] = v.id(table)
		}
		v.tables[table] = append(v.tables[table], row)
	}
}

// Rows gives what is in a table.
func (v *Vendor) Rows(table string) []Row {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.tables[table])
}

// Busy lets the vendor answer that many calls with 429.
func (v *Vendor) Busy(calls int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.busy = calls
}

// Finish ends what the vendor does asynchronously.
func (v *Vendor) Finish() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, end := range v.later {
		end()
	}
	v.later = nil
}

// Calls gives what was called so far, in order.
func (v *Vendor) Calls() []Call {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.calls)
}

// Holding tells which fields hold a text, in whatever case:
// "customers/cus_1/shipping/name".
func (v *Vendor) Holding(text string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var found []string
	for table, rows := range v.tables {
		for _, row := range rows {
			found = append(found, holding(fmt.Sprintf("%s/%v", table, row["id"]), row, strings.ToLower(text))...)
		}
	}
	slices.Sort(found)
	return found
}

func holding(at string, value any, text string) (found []string) {
	switch value := value.(type) {
	case Row:
		for name, inner := range value {
			found = append(found, holding(at+"/"+name, inner, text)...)
		}
	case []Row:
		for i, inner := range value {
			found = append(found, holding(fmt.Sprintf("%s/%d", at, i), inner, text)...)
		}
	case []any:
		for i, inner := range value {
			found = append(found, holding(fmt.Sprintf("%s/%d", at, i), inner, text)...)
		}
	default:
		if strings.Contains(strings.ToLower(fmt.Sprint(value)), text) {
			found = append(found, at)
		}
	}
	return found
}
