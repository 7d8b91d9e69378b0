package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Links, cursors, filters and names that are values: a recording leads on by
// them, and holds none of them.
func TestRecordingLeadsOnWithoutItsValues(t *testing.T) { // H17
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RequestURI() {
		case "/token":
			_, _ = w.Write([]byte(`{"access_token": "canary-token", "expires_in": 3600}`))
		case "/people?email=canary%40example.com":
			_, _ = w.Write([]byte(`{"rows": [{"id": 900001, "mail": "canary@example.com", "state": "open", "canary@example.com": 1}, {"id": 900002, "mail": "canary-other@example.com", "state": "open", "canary-other@example.com": 1}], "next": "/people?page=canary-2"}`))
		case "/people?page=canary-2":
			_, _ = w.Write([]byte(`{"rows": [{"id": 900003, "mail": "canary@example.com", "state": "canary-closed", "canary-secret": 1}]}`))
		case "/things/900001":
			_, _ = w.Write([]byte(`{"rows": [{"thing": "canary-a", "on": true}], "more": true, "at": "canary-cursor"}`))
		case "/things/900001?at=canary-cursor":
			_, _ = w.Write([]byte(`{"rows": [{"thing": "canary-b", "on": true}], "more": false, "at": "canary-cursor-2"}`))
		default:
			t.Errorf("%s was called", r.URL.RequestURI())
		}
	})
	text := described(`
  endpoints:
  - name: people
    requests:
      read:
        method: GET
        path: /people
        query_params: [{name: email, value: <email>}]
        param_values: [{name: email, identity: email}]
        data_path: rows
        postprocessors:
        - {strategy: extract_for_execution_log, configuration: {path: 1.mail}}
        - {strategy: filter, configuration: {field: mail, value: {identity: email}}}
        - {strategy: filter, configuration: {field: state, value: open}}
        pagination: {strategy: link, configuration: {source: body, path: next}}
  - name: things
    requests:
      read:
        method: GET
        path: /things/<id>
        param_values:
        - name: id
          references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]
        data_path: rows
        pagination: {strategy: cursor, configuration: {cursor_param: at, field: at, has_next: more}}
`)
	text = strings.Replace(text, "    host: <domain>\n", `    host: <domain>
    authentication:
      strategy: oauth2_client_credentials
      configuration:
        token_request: {method: POST, path: /token, body: '{"secret": "<secret>"}'}
`, 1)
	trial := Trial{
		About: must(t, text), Endpoint: "things", Person: map[string][]string{"email": {"canary@example.com"}},
		Secrets: map[string]string{"domain": strings.TrimPrefix(v.URL, "http://"), "secret": "canary-secret"},
		Client:  &http.Client{Timeout: 10 * time.Second},
	}
	tried, recording, err := trial.Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(tried.Rows) != 2 || !slices.Equal(tried.Fields, []string{"on", "thing"}) {
		t.Errorf("%d rows with %v, want 2 with on and thing", len(tried.Rows), tried.Fields)
	}
	if seen := fmt.Sprint(tried.Calls); strings.Contains(seen, "canary") || len(tried.Calls) != 5 {
		t.Errorf("%d calls show %s", len(tried.Calls), seen)
	}
	kept, err := json.Marshal(recording)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"canary", "90000", v.URL, "example.com"} {
		if strings.Contains(string(kept), value) {
			t.Errorf("the recording holds %q: %s", value, kept)
		}
	}
	before := len(v.made())
	again, err := recording.Replay(t.Context(), trial.About)
	if err != nil || len(again.Rows) != 2 || len(v.made()) != before {
		t.Errorf("the replay gave %d rows and made %d calls: %v", len(again.Rows), len(v.made())-before, err)
	}
}
