package http

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/internal/safehttp"
)

// describe parses a description that must be good. Its endpoints and all else
// come after a head that leads to the vendor.
func describe(t testing.TB, rest string) *Description {
	t.Helper()
	return must(t, described(rest))
}

func must(t testing.TB, text string) *Description {
	t.Helper()
	var r source.Report
	d := Parse("vendor.yml", []byte(text), &r)
	if len(r.Problems()) > 0 {
		t.Fatalf("the description is not good: %v", r.Problems())
	}
	return d
}

func described(rest string) string {
	const head = `saas_config:
  fides_key: vendor
  name: A vendor
  type: Vendor
  version: 0.1
  connector_params:
  - name: domain
  - {name: secret, sensitive: true, default_value: canary-secret}
  client_config:
    protocol: http
    host: <domain>
`
	return head + strings.ReplaceAll(strings.TrimRight(rest, "\n\t "), "\t", "  ") + "\n"
}

// vendor is a server that answers as it is told and remembers what it was
// asked.
type vendor struct {
	*httptest.Server
	mu    sync.Mutex
	calls []string // METHOD /path?query body
	heads []http.Header
}

func newVendor(t testing.TB, answer http.HandlerFunc) *vendor {
	v := &vendor{}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		v.mu.Lock()
		v.calls = append(v.calls, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		v.heads = append(v.heads, r.Header)
		v.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) made() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.calls)
}

func (v *vendor) host() string { return strings.TrimPrefix(v.URL, "http://") }

// says answers every call with the same JSON.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// open gives a connection to the vendor.
func (v *vendor) open(t testing.TB, d *Description, more ...func(*Options)) *Connector {
	t.Helper()
	o := Options{Client: safehttp.NewClient(safehttp.Options{AllowPrivate: true, Timeout: 20 * time.Second})}
	for _, change := range more {
		change(&o)
	}
	c, err := d.Open(connector.Settings{Key: "shop-vendor", Secrets: map[string]string{"domain": v.host()}}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func match(name string, all ...any) connector.Match {
	m := connector.Match{Columns: []string{name}}
	for _, v := range all {
		m.Tuples = append(m.Tuples, connector.Tuple{v})
	}
	return m
}

func table(name string) *catalogue.Table {
	return &catalogue.Table{Name: catalogue.Name{Table: name}, Open: true}
}

// read gives the rows of an endpoint as JSON, without what they were found by.
func read(t testing.TB, c *Connector, endpoint string, where ...connector.Match) []string {
	t.Helper()
	rows, err := tryRead(t.Context(), c, endpoint, where...)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func tryRead(ctx context.Context, c *Connector, endpoint string, where ...connector.Match) ([]string, error) {
	rows := []string{}
	_, err := c.Read(ctx, connector.Read{Table: table(endpoint), Where: where}, func(r connector.Row) error {
		rows = append(rows, shown(r))
		return nil
	})
	return rows, err
}

func shown(r connector.Row) string {
	row := map[string]any{}
	for name, v := range r {
		if name != InputsColumn {
			row[name] = v
		}
	}
	return string(appendJSON(nil, row))
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestAPersonIsReadFromAVendor(t *testing.T) { // H13
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("email") != "ann+x@example.com" {
			t.Errorf("asked for %s", r.URL)
		}
		_, _ = io.WriteString(w, `{"data": {"people": [{"id": 12345678901234567890, "n": 5, "f": 0.5, "tags": ["a"]}, {"id": 2}]}}`)
	})
	d := describe(t, `
  endpoints:
  - name: people
    requests:
      read:
        method: GET
        path: /v1/people
        query_params: [{name: email, value: <email>}, {name: phone, value: <phone?>}]
        headers: [{name: X-Version, value: "7"}, {name: X-Phone, value: <phone>}]
        param_values: [{name: email, identity: email}, {name: phone, identity: phone_number}]
        data_path: data.people
`)
	c := v.open(t, d)
	same(t, "rows", read(t, c, "people", match("email", "ann+x@example.com")), []string{
		`{"f":0.5,"id":12345678901234567890,"n":5,"tags":["a"]}`, `{"id":2}`,
	})
	same(t, "calls", v.made(), []string{"GET /v1/people?email=ann%2Bx%40example.com"})
	if v.heads[0].Get("X-Version") != "7" || v.heads[0].Values("X-Phone") != nil {
		t.Errorf("headers are %v", v.heads[0])
	}
	if queries, err := c.Queries(connector.Read{Table: table("people"), Where: []connector.Match{match("email", "x")}}); err != nil || queries[0] != "GET /v1/people?email=<email>&phone=<phone?>" {
		t.Errorf("queries are %v, %v", queries, err)
	}
}

func TestRowsHoldWhatTheyWereFoundBy(t *testing.T) {
	v := newVendor(t, says(`{"id": 1}`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people/<who>, param_values: [{name: who, identity: email}]}
`))
	var found []any
	_, err := c.Read(t.Context(), connector.Read{Table: table("people"), Columns: []string{"id", InputsColumn}, Where: []connector.Match{match("who", "a@b.c")}}, func(r connector.Row) error {
		found = append(found, map[string]any(r))
		return nil
	})
	if text, _ := json.Marshal(found); err != nil || string(text) != `[{"_inputs":{"who":"a@b.c"},"id":1}]` {
		t.Errorf("found %s, %v", text, err)
	}
}

func TestNothingIsAskedWithoutAValue(t *testing.T) { // H13
	v := newVendor(t, says(`[{"id": 1}]`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: people
    requests:
      read:
      - {method: GET, path: /by-mail/<email>, param_values: [{name: email, identity: email}]}
      - {method: GET, path: /by-phone, query_params: [{name: phone, value: <phone>}], param_values: [{name: phone, identity: phone_number}]}
      - {method: GET, path: /both/<email>, query_params: [{name: phone, value: <phone>}], param_values: [{name: email, identity: email}, {name: phone, identity: phone_number}]}
  - name: orders
    requests:
      read: {method: GET, path: /orders, query_params: [{name: id, value: <id>}], param_values: [{name: id, references: [{dataset: shop, field: customers.id, direction: from}]}]}
`))
	same(t, "rows", read(t, c, "people", match("phone", nil), match("other", "x")), []string{})
	same(t, "rows", read(t, c, "orders", match("id")), []string{})
	same(t, "rows", read(t, c, "people", match("phone", "", "  ")), []string{})
	same(t, "rows", read(t, c, "orders", match("id", "", " ")), []string{})
	same(t, "calls", v.made(), nil)
	same(t, "rows", read(t, c, "people", match("email", "a@b.c")), []string{`{"id":1}`})
	same(t, "calls", v.made(), []string{"GET /by-mail/a@b.c", "GET /both/a@b.c"})
	v.calls = nil
	same(t, "rows", read(t, c, "people", match("phone", "+1")), []string{`{"id":1}`})
	same(t, "calls", v.made(), []string{"GET /by-phone?phone=%2B1"})
}

func TestProductsAndGroups(t *testing.T) { // H7
	v := newVendor(t, says(`[]`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: single
    requests:
      read:
        method: GET
        path: /<a>/<b>
        param_values:
        - {name: a, identity: email}
        - {name: b, references: [{dataset: shop, field: orders.id}]}
  - name: grouped
    requests:
      read:
        method: GET
        path: /<project>/<user>
        grouped_inputs: [project, user]
        param_values:
        - {name: project, references: [{dataset: shop, field: members.project}]}
        - {name: user, references: [{dataset: shop, field: members.users}], unpack: true}
`))
	read(t, c, "single", match("a", "x", "y", "x"), match("b", int64(1), int64(2)))
	same(t, "the product", v.made(), []string{"GET /x/1", "GET /x/2", "GET /y/1", "GET /y/2"})
	v.calls = nil
	read(t, c, "grouped", connector.Match{Columns: []string{"user", "project"}, Tuples: []connector.Tuple{
		{[]any{"ann", "", "bob"}, "p"}, {[]any{"eve"}, "q"}, {nil, "r"}, {[]any{"sue"}, ""},
	}})
	same(t, "the groups", v.made(), []string{"GET /p/ann", "GET /p/bob", "GET /q/eve"})
	if inputs := c.Inputs("grouped", "x"); len(inputs) != 2 || !inputs[0].Group || inputs[0].Name != "project" {
		t.Errorf("inputs are %v", inputs)
	}
}

func TestValuesCannotLeadElsewhere(t *testing.T) {
	v := newVendor(t, says(`[]`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people/<who>/data, param_values: [{name: who, identity: email}]}
`))
	read(t, c, "people", match("who", "a/../b?x=1&y#z", "%2e"))
	same(t, "calls", v.made(), []string{"GET /people/a%2F..%2Fb%3Fx=1&y%23z/data", "GET /people/%252e/data"})
	for _, bad := range []string{"..", "."} {
		if _, err := tryRead(t.Context(), c, "people", match("who", bad)); err == nil {
			t.Errorf("%q is taken for a part of a path", bad)
		}
	}
	if n := len(v.made()); n != 2 {
		t.Errorf("%d calls were made", n)
	}
}
