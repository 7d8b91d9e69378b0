package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
)

const oddDescription = `
saas_config:
  fides_key: <instance_fides_key>
  name: Odd
  type: odd
  description: It does what no vendor should.
  version: 0.1.0
  connector_params: [{name: domain}, {name: secret, sensitive: true}]
  client_config:
    protocol: http
    host: <domain>
    authentication:
      strategy: oauth2_client_credentials
      configuration: {token_request: {method: POST, path: /token, body: '{"secret": "<secret>"}'}}
  endpoints:
  - name: people
    requests:
      read:
        method: GET
        path: /people
        query_params: [{name: mail, value: <email>}, {name: page, value: 1}]
        data_path: rows
        pagination: {strategy: offset, configuration: {incremental_param: page, increment_by: 1}}
        param_values: [{name: email, identity: email}]
      delete: {method: DELETE, path: /people/<id>, param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]}
dataset:
- fides_key: <instance_fides_key>
  name: Odd
  collections:
  - name: people
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: integer}}
    - {name: name, data_categories: [user.name]}
`

// odd is a vendor whose pages a test writes, and which asks for its latest token.
type odd struct {
	page   func(w http.ResponseWriter, r *http.Request)
	tokens atomic.Int64
	gone   atomic.Int64 // rows that were deleted
}

// ServeHTTP implements http.Handler.
func (o *odd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/token":
		_, _ = fmt.Fprintf(w, `{"access_token": "t%d", "expires_in": 3600}`, o.tokens.Add(1))
	case r.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", o.tokens.Load()):
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodDelete:
		o.gone.Add(1)
	default:
		o.page(w, r)
	}
}

// oddly makes a world of a shop and the odd vendor.
func oddly(t *testing.T) (*world, *odd) {
	w, o := newWorld(t, "sqlite", "sqlite"), &odd{}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	w.configure(oddDescription, shopDataset, registryPolicies, fmt.Sprintf("connection:\n- {key: odd, type: odd, access: write, private: true, secrets: {domain: %q, secret: canary}}\n", strings.TrimPrefix(server.URL, "http://")))
	return w, o
}

// It runs alone: what others take would be counted along.
func TestWhatAVendorShouldNotAnswerEndsTheRequestBeforeAnythingIsErased(t *testing.T) { // SE4, H9, H16, X17
	w, o := oddly(t)
	d := w.open()
	for name, c := range map[string]struct {
		page func(w http.ResponseWriter, r *http.Request)
		says string
	}{
		"a page that never ends": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"rows": [{"id": 1, "name": "Anna"}]}`)
		},
			"there are more than 10000 pages: the vendor's answers lead on without end, or pagination is described wrong"},
		"an answer of a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, `{"rows": [`)
			for piece := strings.Repeat(`{"id": 1},`, 100_000); err == nil; {
				_, err = io.WriteString(w, piece)
			}
		}, "the answer is larger than 10 MiB: ask for smaller pages"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>anna@example.com") }, "the answer is no JSON: look at the host and the path, it may be a page for people"},
		"a redirect to a private address": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://10.0.0.1/people", http.StatusFound)
		}, "the vendor answered 302, which leads elsewhere: redirects are not followed, so describe the address that it leads to"},
	} {
		o.page = c.page
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		report, err := d.Run(t.Context(), d.submit("erasure", "anna@example.com"))
		runtime.ReadMemStats(&after)
		want := "odd: read people: GET /people: " + c.says
		if err == nil || report.Status != request.Errored || !strings.Contains(report.Message, want) || report.Parked == nil || report.Parked.Collection != "odd:people" {
			t.Errorf("%s: %s %q, %v", name, report.Status, report.Message, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; strings.Contains(name, "gigabyte") && grown > 150<<20 {
			t.Errorf("%s: %d MiB were taken", name, grown>>20)
		}
		lines, err := d.House.Store.Work().Log(t.Context(), store.DefaultTenant, report.Request, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for _, l := range lines {
			if l.Address == "odd:people" {
				last = l.Status + " " + l.Message
			}
		}
		w.equal("the execution log: "+name, last, "error "+want)
	}
	w.equal("nothing was erased", w.table("SELECT name FROM customer WHERE id = 0"), []string{"Anna"})
	w.equal("rows that are gone", o.gone.Load(), int64(0))
	for _, secret := range []string{"anna@example.com", "canary"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}

func TestATokenThatEndsBetweenPagesIsRenewedAndNoRowIsLost(t *testing.T) { // H8
	t.Parallel()
	w, o := oddly(t)
	o.page = func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Query().Get("page")
		if page == "2" && o.tokens.Load() == 1 {
			o.tokens.Add(1) // the vendor takes another one from now on
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		rows := map[string]string{"1": `{"id": 1, "name": "Anna"}`, "2": `{"id": 2, "name": "Anna Maria"}`, "3": `{"id": 3, "name": "A."}`}
		_, _ = fmt.Fprintf(w, `{"rows": [%s]}`, rows[page])
	}
	report := w.open().run("access", "anna@example.com")
	if found := line(report, "odd:people", request.Access); report.Status != request.Complete || found.RowsRead != 3 || found.Attempts != 1 {
		t.Errorf("%s: %+v", report.Status, found)
	}
	w.equal("tokens", o.tokens.Load(), int64(3))
}
