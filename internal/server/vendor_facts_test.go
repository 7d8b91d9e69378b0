package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

const registryDescription = `
saas_config:
  fides_key: <instance_fides_key>
  name: Registry
  type: registry
  description: It asks for more than an address, and takes rows as a whole.
  version: 0.1.0
  connector_params: [{name: domain}]
  client_config: {protocol: http, host: <domain>}
  endpoints:
  - name: people
    requests:
      read:
        method: GET
        path: /people/<custom_privacy_request_fields.number>
        query_params:
        - {name: mail, value: <email>}
        - {name: case, value: <privacy_request_id>}
        - {name: by, value: <privacy_request.source>}
        - {name: place, value: <privacy_request.location>}
        - {name: since, value: <custom_privacy_request_fields.since>}
        param_values: [{name: email, identity: email}]
        postprocessors:
        - {strategy: extract_for_execution_log, configuration: {path: note}}
      update:
        method: PUT
        path: /people/<id>
        body: '{"case": "<privacy_request.id>", "policy": "<privacy_request.policy.key>", "asked": "<privacy_request.requested_at>", "due": "<privacy_request.due_date?>", "proven": "<privacy_request.identity_verified_at?>", "sure": <custom_privacy_request_fields.sure>, "person": {<all_object_fields>}}'
        param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]
dataset:
- fides_key: <instance_fides_key>
  name: Registry
  collections:
  - name: people
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: string, read_only: true}}
    - {name: name, data_categories: [user.name]}
    - {name: colour}
    - {name: joined, fides_meta: {read_only: true}}
    - name: home
      fides_meta: {data_type: object}
      fields:
      - {name: street, data_categories: [user.contact.address.street]}
      - {name: floor}
      - {name: checked, fides_meta: {read_only: true}}
`

const registryPolicies = `
policy:
- {key: access, rules: [{key: all, action: access, targets: [user]}]}
- {key: erasure, rules: [{key: all, action: erasure, targets: [user.contact, user.name], masking: {strategy: string_rewrite, configuration: {rewrite_value: gone}}}]}
`

// registry is a vendor of one person, and remembers what it was asked and told.
type registry struct {
	*httptest.Server

	mu   sync.Mutex
	made []string
	row  string
}

func newRegistry(t testing.TB) *registry {
	r := &registry{row: `{"id": "p1", "name": "Anna", "colour": "red", "joined": "2001-02-03", "home": {"street": "Hauptweg 1", "floor": 3, "checked": true}, "note": "ticket of number K-17", "internal": 9}`}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP implements http.Handler.
func (g *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	g.made = append(g.made, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	if r.Method == http.MethodPut {
		g.row = strings.NewReplacer("Anna", "gone", "Hauptweg 1", "gone").Replace(g.row)
	}
	_, _ = io.WriteString(w, g.row)
}

// asks submits a request as a form does, with answers to its questions.
func (d *desk) asks(policy, email, answers string) string {
	d.t.Helper()
	who := person(d.t, subject.Email, email)
	plan, err := d.plan(policy, who)
	if err != nil {
		d.t.Fatal(err)
	}
	var papers []store.Paper
	if answers != "" {
		papers = []store.Paper{{Kind: request.AnswersPaper, Name: formName, Plain: subject.Conceal([]byte(answers))}}
	}
	due := time.Date(2027, 1, 31, 23, 0, 0, 0, time.UTC)
	id, err := d.keep(d.t.Context(), request.Request{Source: "form", Place: "DE", Received: due.AddDate(0, -1, 0), Due: due}, plan, who, "", papers...)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.Prepare(d.t.Context(), id, plan); err != nil {
		d.t.Fatal(err)
	}
	return id
}

func TestAVendorIsToldOfTheRequestAndItsAnswersAndTakesTheRowWhole(t *testing.T) { // H6, H12
	t.Parallel()
	bothStores(t, func(t *testing.T, kind string) {
		w, g := newWorld(t, kind, "sqlite"), newRegistry(t)
		w.configure(registryDescription, shopDataset, registryPolicies, fmt.Sprintf("connection:\n- {key: registry, type: registry, access: write, private: true, secrets: {domain: %q}}\n", strings.TrimPrefix(g.URL, "http://")))
		d := w.open()
		id := d.asks("erasure", "anna@example.com", `{"number":"K-17","sure":true}`)
		report, err := d.Run(t.Context(), id)
		if err != nil || report.Status != request.Complete {
			t.Fatalf("%s, %v\n%s", report.Status, err, w.log)
		}
		read := "GET /people/K-17?mail=anna%40example.com&case=" + id + "&by=form&place=DE"
		w.equal("calls", slices.Compact(g.made), []string{
			read,
			fmt.Sprintf(`PUT /people/p1 {"case": %q, "policy": "erasure", "asked": "2026-12-31T23:00:00Z", "due": "2027-01-31T23:00:00Z", "proven": null, "sure": true, "person": {"colour":"red","home":{"floor":3,"street":"gone"},"name":"gone"}}`, id),
			read, // whether it is done
		})
		lines, err := d.House.Store.Work().Log(t.Context(), store.DefaultTenant, id, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprint(lines); strings.Contains(text, "K-17") || !strings.Contains(text, "ticket of number …") { // H16
			t.Errorf("the execution log: %s", text)
		}
	})
}

func TestARequestWithoutTheAnswerThatAVendorNeedsSaysWhichAndDoesNothing(t *testing.T) { // H6
	t.Parallel()
	w, g := newWorld(t, "sqlite", "sqlite"), newRegistry(t)
	w.configure(registryDescription, shopDataset, registryPolicies, fmt.Sprintf("connection:\n- {key: registry, type: registry, access: write, private: true, secrets: {domain: %q}}\n", strings.TrimPrefix(g.URL, "http://")))
	d := w.open()
	report, err := d.Run(t.Context(), d.asks("erasure", "anna@example.com", ""))
	const want = "there is no value for <custom_privacy_request_fields.number> in the path: the policy does not ask for number, or it was not answered; make it a required field of its intake"
	if err == nil || report.Status != request.Errored || !strings.Contains(report.Message, want) {
		t.Errorf("%s %q, %v", report.Status, report.Message, err)
	}
	w.equal("calls", g.made, []string(nil))
	w.equal("the database", w.table("SELECT name FROM customer WHERE id = 0"), []string{"Anna"})
}

// pages is a vendor that has very much about one person, and answers at once.
type pages struct {
	most  int
	made  int
	first uint64 // bytes of the heap at the fourth page
	peak  uint64
}

// Do implements connector.Client.
func (p *pages) Do(r *http.Request) (*http.Response, error) {
	p.made++
	w := httptest.NewRecorder()
	if p.made > p.most {
		_, _ = io.WriteString(w, "[]")
		return w.Result(), nil
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	p.peak = max(p.peak, m.HeapAlloc)
	if p.made == 4 {
		p.first = m.HeapAlloc
	}
	_, _ = fmt.Fprintf(w, `[{"id": "%[1]da", "name": %[2]q}, {"id": "%[1]db", "name": %[2]q}]`, p.made, strings.Repeat("x", 512<<10))
	return w.Result(), nil
}

// It runs alone: others would be counted along.
func TestRowsOfAVendorThatAnswersAtOnceAreNotHeld(t *testing.T) { // H9
	w := newWorld(t, "sqlite", "sqlite")
	description := strings.NewReplacer("/people/<custom_privacy_request_fields.number>", "/people", "        query_params:\n", "        pagination: {strategy: offset, configuration: {incremental_param: page, increment_by: 1}}\n        query_params:\n        - {name: page, value: 1}\n").Replace(registryDescription)
	w.configure(description, shopDataset, registryPolicies, "connection:\n- {key: registry, type: registry, secrets: {domain: registry.example}}\n")
	d, vendor := w.open(), &pages{most: 40}
	d.Systems.Calling(func(bool) connector.Client { return vendor })
	if report := d.run("access", "anna@example.com"); line(report, "registry:people", request.Access).RowsRead != 80 {
		t.Errorf("%+v", report)
	}
	if grown := int64(vendor.peak) - int64(vendor.first); grown > 16<<20 { // all pages have 40 MiB
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}
