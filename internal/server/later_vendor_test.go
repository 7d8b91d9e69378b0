package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"volenti.dev/volenti/request"
)

const archiveDescription = `
saas_config:
  fides_key: <instance_fides_key>
  name: Archive
  type: archive
  description: It takes its time.
  version: 0.1.0
  connector_params: [{name: domain}]
  client_config: {protocol: http, host: <domain>}
  endpoints:
  - name: people
    requests:
      read:
        method: POST
        path: /exports
        body: '{"who": "<who>"}'
        param_values: [{name: who, identity: email}]
        correlation_id_path: id
        async_config:
          strategy: polling
          configuration:
            status_request: {method: GET, path: /exports/<correlation_id>, status_path: state, status_completed_value: done}
            result_request: {method: GET, path: /exports/<correlation_id>/rows, result_path: rows}
            interval: 1
      update:
        method: POST
        path: /erasures
        body: '{"id": "<id>", "to": "<reply_to>", "token": "<reply_to_token>"}'
        async_config: {strategy: callback}
        param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]
dataset:
- fides_key: <instance_fides_key>
  name: Archive
  collections:
  - name: people
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: string}}
    - {name: name, data_categories: [user.name]}
`

// archive is a vendor that exports when it was asked twice how far it is.
type archive struct {
	*httptest.Server

	mu    sync.Mutex
	calls []string
	looks int
}

func newArchive(t *testing.T) *archive {
	a := &archive{}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

// ServeHTTP implements http.Handler.
func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method == http.MethodPost {
		a.calls = append(a.calls, r.URL.Path)
	}
	answer := ""
	switch r.URL.Path {
	case "/exports":
		answer = `{"id": "e1"}`
	case "/exports/e1":
		a.looks++
		answer = `{"state": "running"}`
		if a.looks > 1 {
			answer = `{"state": "done"}`
		}
	case "/exports/e1/rows":
		answer = `{"rows": [{"id": "p1", "name": "Anna"}]}`
	}
	_, _ = fmt.Fprint(w, answer)
}

func TestTheCommandLinePollsAVendorAndCallsNoneThatWouldCallBack(t *testing.T) { // H14
	t.Parallel()
	bothStores(t, func(t *testing.T, kind string) {
		w, a := newWorld(t, kind, "sqlite"), newArchive(t)
		w.configure(archiveDescription, shopDataset, shopPolicies, fmt.Sprintf("connection:\n- {key: archive, type: archive, access: write, private: true, secrets: {domain: %q}}\n", strings.TrimPrefix(a.URL, "http://")))
		d := w.open()
		if found := line(d.run("access", "anna@example.com"), "archive:people", request.Access); found.RowsRead != 1 || found.Attempts != 1 {
			t.Errorf("%+v", found)
		}
		w.equal("what Anna gets", w.access()["archive:people"], []map[string]any{{"name": "Anna"}})
		w.equal("it is asked once", a.calls, []string{"/exports"})
		if report, err := d.Run(t.Context(), d.submit("erasure", "anna@example.com")); err == nil || !strings.Contains(report.Message, "submit the request to a server") {
			t.Errorf("%s, %v", report.Message, err)
		}
		w.equal("it is not asked to erase", a.calls, []string{"/exports", "/exports"})
	})
}
