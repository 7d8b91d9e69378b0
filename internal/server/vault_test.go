package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/api"
)

// vaultDescription is a vendor that takes its time: it is polled for people, and posts
// what it has erased, and letters.
const vaultDescription = `
saas_config:
  fides_key: <instance_fides_key>
  name: Vault
  type: vault
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
        headers: [{name: Idempotency-Key, value: <idempotency_key>}]
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
        headers: [{name: Idempotency-Key, value: <idempotency_key>}, {name: Reply-To-Token, value: <reply_to_token>}]
        body: '{"id": "<id>", "set": {<masked_object_fields>}, "reply_to": "<reply_to>"}'
        async_config: {strategy: callback}
        param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]
  - name: letters
    requests:
      read:
        method: POST
        path: /letters
        headers: [{name: Idempotency-Key, value: <idempotency_key>}, {name: Reply-To-Token, value: <reply_to_token>}]
        body: '{"who": "<who>", "reply_to": "<reply_to>"}'
        async_config: {strategy: callback}
        param_values: [{name: who, identity: email}]
dataset:
- fides_key: <instance_fides_key>
  name: Vault
  collections:
  - name: people
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: string}}
    - {name: name, data_categories: [user.name]}
  - name: letters
    fields:
    - {name: no, fides_meta: {primary_key: true, data_type: string}}
    - {name: about, data_categories: [user.behavior]}
`

// vault is that vendor. Like a good one it does once what it is told twice under one key.
type vault struct {
	*httptest.Server
	begun chan vaultCall  // each call that it posts the answer to, when it comes
	early func(vaultCall) // instead: it posts before the call returns

	mu    sync.Mutex
	names map[string]any            // of people
	taken map[string]int            // calls, by "path key"
	made  map[string]map[string]any // exports, by id: the names then
	looks map[string]int            // by export
}

// vaultCall is a call that is answered by a post.
type vaultCall struct{ path, who, to, token string }

func newVault(t *testing.T) *vault {
	v := &vault{begun: make(chan vaultCall, 100), names: map[string]any{"p1": "Anna"}, taken: map[string]int{}, made: map[string]map[string]any{}, looks: map[string]int{}}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

// connection is one to the vault.
func (v *vault) connection() string {
	return fmt.Sprintf("connection:\n- {key: vault, type: vault, access: write, private: true, secrets: {domain: %q}}\n", strings.TrimPrefix(v.URL, "http://"))
}

// ServeHTTP implements http.Handler.
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var body struct {
		ID  string         `json:"id"`
		Who string         `json:"who"`
		Set map[string]any `json:"set"`
		To  string         `json:"reply_to"`
	}
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		v.taken[r.URL.Path+" "+r.Header.Get("Idempotency-Key")]++
	}
	answer := map[string]any{}
	id, rows := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/exports/"), "/rows")
	switch {
	case r.URL.Path == "/exports":
		answer["id"] = r.Header.Get("Idempotency-Key")
		if v.made[r.Header.Get("Idempotency-Key")] == nil {
			v.made[r.Header.Get("Idempotency-Key")] = maps.Clone(v.names)
		}
	case r.Method == http.MethodPost:
		if r.URL.Path == "/erasures" {
			v.names[body.ID] = body.Set["name"]
		}
		call := vaultCall{r.URL.Path, body.Who, body.To, r.Header.Get("Reply-To-Token")}
		if v.early != nil {
			v.early(call)
		} else {
			v.begun <- call
		}
		w.WriteHeader(http.StatusAccepted)
		return
	case rows:
		all := []any{}
		for id, name := range v.made[id] {
			all = append(all, map[string]any{"id": id, "name": name})
		}
		answer["rows"] = all
	default:
		v.looks[id]++
		answer["state"] = map[bool]string{true: "done", false: "running"}[v.looks[id] > 1]
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// asked gives how often each was asked for: "path times" for every key.
func (v *vault) asked() (all []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for call, times := range v.taken {
		path, _, _ := strings.Cut(call, " ")
		all = append(all, fmt.Sprint(path, " ", times))
	}
	slices.Sort(all)
	return all
}

// nameOf gives the name that a person has now.
func (v *vault) nameOf(id string) any {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.names[id]
}

// answer is what the vault posts about a call.
func (c vaultCall) answer() string {
	if c.path == "/letters" {
		return `{"access_results": [{"no": "1", "about": "tulips"}]}`
	}
	return `{"rows_masked": 1}`
}

// postAnswers posts what the vault has to say, again and again while the server is dead.
func (v *vault) postAnswers(t *testing.T, at func() string) {
	go func() {
		for {
			select {
			case <-t.Context().Done():
				return
			case c := <-v.begun:
				go c.post(t, at)
			}
		}
	}()
}

func (c vaultCall) post(t *testing.T, at func() string) {
	for ; t.Context().Err() == nil; <-time.After(20 * time.Millisecond) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at()+api.CallbackPath, strings.NewReader(c.answer()))
		if err != nil {
			return
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Reply-To-Token", c.token)
		if got, err := http.DefaultTransport.RoundTrip(r); err == nil {
			_ = got.Body.Close()
			if got.StatusCode == http.StatusNoContent || got.StatusCode == http.StatusConflict {
				return
			}
		}
	}
}
