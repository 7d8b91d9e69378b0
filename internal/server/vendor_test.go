package server

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

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/subject"
)

// guild is a vendor: who its people are, on which lists they are and under which name
// of a member, and what was noted there.
type guild struct {
	*httptest.Server

	mu     sync.Mutex
	people map[string]map[string]any // by id
	notes  map[string]string         // by "list/member/id"
	calls  []string
	keys   []string // of idempotency, of writes
	busy   []int    // what the next calls are answered with
	// cascades: with Anna go the letters to her.
	cascades bool
}

func newGuild(t testing.TB) *guild {
	c := &guild{
		people: map[string]map[string]any{
			"c1": {"id": "c1", "mail": "anna@example.com", "name": "Anna", "card": "L7"},
			"c2": {"id": "c2", "mail": "ben@example.com", "name": "Ben", "card": "L9"},
		},
		notes: map[string]string{"l1/x1/n1": "ring Anna", "l2/x2/n2": "write to Anna", "l1/x2/n3": "ring Ben"},
	}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

// ServeHTTP implements http.Handler.
func (c *guild) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	c.calls = append(c.calls, r.Method+" "+r.URL.RequestURI())
	if len(c.busy) > 0 {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(c.busy[0])
		c.busy = c.busy[1:]
		return
	}
	if r.Method != http.MethodGet {
		c.keys = append(c.keys, r.Method+" "+r.Header.Get("Idempotency-Key"))
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var rows []any
	switch {
	case r.URL.Path == "/people":
		for _, id := range slices.Sorted(maps.Keys(c.people)) {
			if c.people[id]["mail"] == r.FormValue("mail") {
				rows = append(rows, c.people[id])
			}
		}
	case c.people["c1"] != nil && r.URL.Path == "/people/c1/memberships":
		rows = []any{map[string]any{"list": "l1", "member": "x1"}, map[string]any{"list": "l2", "member": "x2"}}
	case len(parts) == 3 && parts[0] == "lists":
		rows = []any{map[string]any{"list": parts[1], "to": r.FormValue("to"), "subject": "News of " + parts[1]}}
		if c.people["c1"] == nil && c.cascades {
			rows = nil
		}
	case len(parts) == 5 && r.Method == http.MethodGet:
		for _, at := range slices.Sorted(maps.Keys(c.notes)) {
			if id, of := strings.CutPrefix(at, parts[1]+"/"+parts[3]+"/"); of {
				rows = append(rows, map[string]any{"id": id, "text": c.notes[at]})
			}
		}
	case len(parts) == 6 && r.Method == http.MethodDelete:
		delete(c.notes, parts[1]+"/"+parts[3]+"/"+parts[5])
	case len(parts) == 2 && r.Method == http.MethodDelete:
		delete(c.people, parts[1])
	case r.Method == http.MethodPatch && c.people[parts[1]] != nil:
		into := c.people[parts[1]]
		_ = json.Unmarshal(body, &into)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"rows": rows})
}

// made gives the calls since the last time, each once.
func (c *guild) made() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := slices.Compact(slices.Sorted(slices.Values(c.calls)))
	c.calls = nil
	return calls
}

const clubDescription = `
saas_config:
  fides_key: <instance_fides_key>
  name: Club
  type: club
  description: People on lists.
  version: 0.1.0
  connector_params: [{name: domain}]
  client_config: {protocol: http, host: <domain>}
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people, query_params: [{name: mail, value: <mail>}], data_path: rows, param_values: [{name: mail, references: [{dataset: shop, field: customer.email, direction: from}]}]}
      update:
        method: PATCH
        path: /people/<id>
        headers: [{name: Idempotency-Key, value: <idempotency_key>}]
        body: '{<masked_object_fields>}'
        param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]
  - name: memberships
    requests:
      read: {method: GET, path: /people/<id>/memberships, data_path: rows, param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]}
  - name: notes
    requests:
      read:
        method: GET
        path: /lists/<list>/members/<member>/notes
        data_path: rows
        grouped_inputs: [list, member]
        param_values: &place
        - {name: list, references: [{dataset: <instance_fides_key>, field: memberships.list, direction: from}]}
        - {name: member, references: [{dataset: <instance_fides_key>, field: memberships.member, direction: from}]}
      delete:
        method: DELETE
        path: /lists/<list>/members/<member>/notes/<note>
        param_values:
        - {name: list, references: [{dataset: <instance_fides_key>, field: memberships.list, direction: from}]}
        - {name: member, references: [{dataset: <instance_fides_key>, field: memberships.member, direction: from}]}
        - {name: note, references: [{dataset: <instance_fides_key>, field: notes.id, direction: from}]}
  - name: letters
    requests:
      read:
        method: GET
        path: /lists/<list>/letters
        query_params: [{name: to, value: <email>}]
        data_path: rows
        param_values:
        - {name: email, identity: email}
        - {name: list, references: [{dataset: <instance_fides_key>, field: memberships.list, direction: from}]}
dataset:
- fides_key: <instance_fides_key>
  name: Club
  collections:
  - name: people
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: string}}
    - {name: mail, data_categories: [user.contact.email]}
    - {name: name, data_categories: [user.name]}
    - {name: card, data_categories: [user.unique_id]}
  - name: memberships
    fields:
    - {name: list, data_categories: [system.operations]}
    - {name: member, data_categories: [system.operations]}
  - name: notes
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: string}}
    - {name: text, data_categories: [user.content.private]}
  - name: letters
    fields:
    - {name: list, fides_meta: {primary_key: true, data_type: string}}
    - {name: subject, data_categories: [user.behavior]}
`

const clubShop = `
dataset:
- fides_key: shop
  collections:
  - name: customer
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: integer}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
  - name: card
    fields:
    - {name: no, fides_meta: {primary_key: true, data_type: string, references: [{dataset: club, field: people.card, direction: from}]}}
    - {name: holder, data_categories: [user.name]}
policy:
- {key: access, rules: [{key: all, action: access, targets: [user]}]}
- {key: erasure, rules: [{key: all, action: erasure, targets: [user.contact, user.name, user.content], masking: {strategy: string_rewrite, configuration: {rewrite_value: gone}}}]}
`

// member makes a world of a shop and the club: an address in the shop leads to the
// club, and a card of the club back to the shop.
func member(t testing.TB, description string) (*world, *guild) {
	w, c := newWorld(t, "sqlite", "sqlite"), newGuild(t)
	w.exec("CREATE TABLE card (no VARCHAR(8) PRIMARY KEY, holder VARCHAR(40));\nINSERT INTO card VALUES ('L7', 'Anna A'), ('L9', 'Ben B');\n")
	w.configure(description, clubShop, fmt.Sprintf("connection:\n- {key: club, type: club, access: write, private: true, secrets: {domain: %q}}\n", strings.TrimPrefix(c.URL, "http://")))
	return w, c
}

func TestARequestLeadsFromADatabaseToAVendorAndBack(t *testing.T) { // H5, H7, H12, H13, X6
	t.Parallel()
	w, c := member(t, clubDescription)
	d := w.open()
	plan, err := d.plan("access", person(t, subject.Email, "anna@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	w.equal("inputs", plan.Node("club:notes").Inputs, map[string][]string{
		"_inputs.list": {"club:memberships.list"}, "_inputs.member": {"club:memberships.member"},
	})
	w.equal("queries", plan.Node("club:letters").Queries, []string{"GET /lists/<list>/letters?to=<email>"})

	w.equal("status", d.run("access", "anna@example.com").Status, request.Complete)
	w.equal("what Anna gets", w.access(), map[string][]map[string]any{
		"shop:customer": {{"email": "anna@example.com"}},
		"shop:card":     {{"holder": "Anna A"}},
		"club:people":   {{"mail": "anna@example.com", "name": "Anna", "card": "L7"}},
		"club:notes":    {{"text": "ring Anna"}, {"text": "write to Anna"}},
		"club:letters":  {{"subject": "News of l1"}, {"subject": "News of l2"}},
	})
	w.equal("calls", c.made(), []string{
		"GET /lists/l1/letters?to=anna%40example.com", "GET /lists/l1/members/x1/notes",
		"GET /lists/l2/letters?to=anna%40example.com", "GET /lists/l2/members/x2/notes",
		"GET /people/c1/memberships", "GET /people?mail=anna%40example.com",
	})

	report := d.run("erasure", "anna@example.com")
	w.equal("status", report.Status, request.Complete)
	for _, address := range []string{"shop:customer", "shop:card", "club:people", "club:notes"} {
		if l := line(report, address, request.Erasure); !l.Verified || l.RowsMasked == 0 {
			t.Errorf("%s: %+v", address, l)
		}
	}
	w.equal("people", c.people, map[string]map[string]any{
		"c1": {"id": "c1", "mail": "gone", "name": "gone", "card": "L7"},
		"c2": {"id": "c2", "mail": "ben@example.com", "name": "Ben", "card": "L9"},
	})
	w.equal("notes", c.notes, map[string]string{"l1/x2/n3": "ring Ben"})
	w.equal("cards", w.table("SELECT * FROM card ORDER BY no"), []string{"L7|gone", "L9|Ben B"})
}

func TestAVendorThatIsBusyHoldsARequestUpAndNoMore(t *testing.T) { // H16
	t.Parallel()
	w, c := member(t, clubDescription)
	c.busy = []int{http.StatusInternalServerError, http.StatusTooManyRequests}
	d := w.open()
	report := d.run("erasure", "anna@example.com")
	w.equal("status", report.Status, request.Complete)
	w.equal("answers that were left", c.busy, []int{})
	w.equal("name", c.people["c1"]["name"], any("gone"))
	lines, err := d.House.Store.Work().Log(t.Context(), store.DefaultTenant, report.Request, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	answered := map[string]bool{}
	for _, l := range lines {
		for _, call := range l.Calls {
			answered[fmt.Sprintf("%s %s %d", l.Address, call.Call, call.Status)] = true
			if call.Took <= 0 || call.Times < 1 || call.Attempts < 1 || strings.Contains(fmt.Sprint(call), "anna") {
				t.Errorf("%s: %+v", l.Address, call)
			}
		}
	}
	for _, want := range []string{"club:people GET /people 500", "club:people GET /people 429", "club:people GET /people 200", "club:people PATCH /people/<id> 200", "club:notes DELETE /lists/<list>/members/<member>/notes/<note> 200"} {
		if !answered[want] {
			t.Errorf("the execution log lacks %s: %v", want, answered)
		}
	}
}

func TestARequestThatWasKilledAtAVendorRepeatsItsCallsUnderTheSameKeys(t *testing.T) { // H16, X16
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	w, c := member(t, clubDescription)
	s := &story{world: w, binary: binary}
	s.run("batch.written", -1)
	s.run("", 0)
	var patches []string
	for _, key := range c.keys {
		if strings.HasPrefix(key, "PATCH vr_") {
			patches = append(patches, key)
		}
	}
	if len(patches) != len(slices.DeleteFunc(slices.Clone(c.keys), func(k string) bool { return !strings.HasPrefix(k, "PATCH") })) || len(slices.Compact(patches)) != 1 {
		t.Errorf("keys of the calls: %v", c.keys)
	}
	w.equal("name", c.people["c1"]["name"], any("gone"))
	w.equal("notes", c.notes, map[string]string{"l1/x2/n3": "ring Ben"})
}

func TestWhatAVendorCannotBeAskedAgainIsNotComplete(t *testing.T) { // H12, X17
	t.Parallel()
	w, c := member(t, strings.NewReplacer(
		"read: {method: GET, path: /people/<id>/memberships, data_path: rows,", `read: {output: '{"list": "l1", "member": "<id>"}',`,
		"  - name: notes\n    requests:\n", "  - name: gone\n    requests:\n      read: {output: '{\"who\": \"<email>\"}', param_values: [{name: email, identity: email}]}\n      delete: {method: DELETE, path: /lists/a/members/b/notes/<email>, param_values: [{name: email, identity: email}]}\n  - name: notes\n    requests:\n",
		"  - name: memberships\n    fields:\n", "  - name: gone\n    fields:\n    - {name: who, data_categories: [user.contact]}\n  - name: memberships\n    fields:\n",
	).Replace(clubDescription))
	report := w.open().run("erasure", "anna@example.com")
	w.equal("status", report.Status, request.CompleteWithResidue)
	l := line(report, "club:gone", request.Erasure)
	if l.Verified || l.RowsMasked != 1 || !strings.Contains(l.Message, "not verified") {
		t.Errorf("%+v", l)
	}
	if !strings.Contains(report.Message, "could not be asked whether they are erased: 1") {
		t.Error(report.Message)
	}
	w.equal("calls", slices.Contains(c.made(), "DELETE /lists/a/members/b/notes/anna@example.com"), true)
}

// With a person what depends on them goes too, or does not; the vendor no longer knows
// their memberships then.
func TestRowsThatGoWithOthersAreAskedForAgain(t *testing.T) { // H12, H13, X17
	t.Parallel()
	removing := strings.NewReplacer("      update:\n        method: PATCH", "      delete:\n        method: DELETE", `        body: '{<masked_object_fields>}'`+"\n", "").Replace(clubDescription)
	for _, cascades := range []bool{true, false} {
		w, c := member(t, removing)
		c.cascades = cascades
		w.configure(removing, strings.Replace(clubShop, "targets: [user.contact,", "targets: [user.behavior, user.contact,", 1),
			fmt.Sprintf("connection:\n- {key: club, type: club, access: write, private: true, secrets: {domain: %q}}\n", strings.TrimPrefix(c.URL, "http://")))
		report := w.open().run("erasure", "anna@example.com")
		letters := line(report, "club:letters", request.Erasure)
		if cascades {
			w.equal("status", report.Status, request.Complete)
			w.equal("letters", letters.Fields, []fulfill.FieldReport{{Status: "deleted", Rows: 2, Reason: "gone with club:people"}})
		} else {
			w.equal("status", report.Status, request.CompleteWithResidue)
			w.equal("letters", letters.Message, "not gone with club:people: 2")
		}
		w.equal("verified", letters.Verified, cascades)
		w.equal("rows", letters.RowsRead, int64(2))
		if c.people["c1"] != nil {
			t.Error("Anna is still there")
		}
	}
}
