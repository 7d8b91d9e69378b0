package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// bodyOf is a body with a text for a connection.
func bodyOf(connection, text string) string {
	return jsonOf(map[string]string{"connection": connection, "text": text})
}

// makeDataset makes a dataset of the connection warehouse, and gives its key.
func (s *site) makeDataset(tenant string) string {
	s.t.Helper()
	seen, err := s.db.Connections().Seen(s.t.Context(), tenant)
	s.must(err)
	made, err := config.MadeOf("warehouse", map[string]any{"type": "postgres", "secrets": map[string]any{"url": "postgres://u:p@db.invalid/x"}})
	s.must(err)
	if err := s.db.Connections().Create(s.t.Context(), tenant, inventory.Connection{Key: "warehouse", Type: "postgres"}, made.Text, seen, act("connection.create")); !errors.Is(err, inventory.ErrTaken) {
		s.must(err)
	}
	key := "d" + uuid.NewString()
	seen, err = s.db.Connections().Seen(s.t.Context(), tenant)
	s.must(err)
	m, wrong := config.DatasetOf("warehouse", []byte("dataset: [{fides_key: "+key+", collections: []}]\n"))
	if len(wrong) > 0 {
		s.t.Fatal(wrong)
	}
	s.must(s.db.Datasets().Create(s.t.Context(), tenant, m, seen, act("dataset.create")))
	return key
}

// aboutDataset is an example of a dataset that is under the key of a path, or has one of
// its own, and that no plan leads to.
func (s *site) aboutDataset(path, body string) string {
	s.t.Helper()
	key := strings.TrimPrefix(path, "/api/v1/datasets/")
	if key == path {
		key = s.makeDataset(store.DefaultTenant) + "x"
	}
	return strings.NewReplacer("fides_key: warehouse", "fides_key: "+key, ", data_categories: [user.contact.email], fides_meta: {identity: email}", "").Replace(body)
}

// policiesOnly applies the policies of the shop, and connects its database over HTTP.
func (s *site) policiesOnly() *world {
	s.t.Helper()
	w := newWorld(s.t, "sqlite", "postgres")
	w.write(shopPolicies)
	w.apply(&storeOf{s.db.DB, store.DefaultTenant})
	s.inventory(s.key, "POST", "/connections", `{"key":"db","type":"postgres","access":"write","secrets":{"url":"`+strings.Replace(w.url, "postgres@", "postgres:any@", 1)+`"}}`, 201)
	return w
}

func TestADatabaseIsDescribedOverHTTPAndServesARequestAtOnce(t *testing.T) { // D5, X19, SE9
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.policiesOnly()

		var found api.DatasetProposals
		answer := s.inventory(s.key, "POST", "/connections/db/describe", `{"samples":100}`, 200)
		s.must(json.Unmarshal([]byte(answer), &found))
		if len(found.Items) != 1 || found.Items[0].Key != "db" || len(found.Items[0].Collections) != 3 || found.Items[0].Identities != 1 {
			t.Fatalf("%s", answer)
		}
		if strings.Contains(answer, "anna@") || strings.Contains(answer, "Hauptweg") {
			t.Errorf("a value is shown: %s", answer)
		}
		text := found.Items[0].Text

		// What is wrong is said with its line, all at once, and nothing is kept.
		wrong := strings.Replace(strings.Replace(text, "user.contact.email", "user.contact.emial", 1), "- name: orders", "- nmae: orders", 1)
		refused := s.inventory(s.key, "POST", "/datasets", bodyOf("db", wrong), 422)
		line := func(what string) string {
			lines := strings.Split(wrong, "\n")
			at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, what) })
			return `"where":"body.text:` + jsonOf(at+1) + `:`
		}
		for _, want := range []string{line("emial"), "did you mean user.contact.email?", line("nmae"), "did you mean name?"} {
			if !strings.Contains(refused, want) {
				t.Errorf("%s is not in %s", want, refused)
			}
		}
		var checked api.DatasetView
		s.must(json.Unmarshal([]byte(s.inventory(s.key, "POST", "/datasets/check", bodyOf("db", wrong), 200)), &checked))
		if checked.Errors < 2 || checked.Text != wrong || checked.Managed {
			t.Errorf("%+v", checked.DatasetSummary)
		}
		s.inventory(s.key, "POST", "/datasets", bodyOf("db", text+"policy: []\n"), 422)
		s.inventory(s.key, "POST", "/datasets", bodyOf("nothing", text), 422)
		s.inventory(s.key, "GET", "/datasets/db", "", 404)

		made := s.inventory(s.key, "POST", "/datasets", bodyOf("db", text), 201)
		if !strings.Contains(made, `"key":"db"`) || !strings.Contains(made, `"managed":false`) || !strings.Contains(made, `"connection":"db"`) {
			t.Errorf("%s", made)
		}
		s.inventory(s.key, "POST", "/datasets", bodyOf("db", text), 409)
		var again api.DatasetProposals
		s.must(json.Unmarshal([]byte(s.inventory(s.key, "POST", "/connections/db/describe", `{"samples":0}`, 200)), &again))
		if len(again.Items) != 0 || len(again.Drift) != 0 {
			t.Errorf("what is described is proposed again: %+v", again)
		}

		// The plan that was approved is carried out as it was seen, whatever becomes of the
		// dataset meanwhile: changed, and then gone.
		r := s.submit("access", "anna@example.com")
		changed := strings.Replace(text, "identity: email", "identity: email, read_only: true", 1)
		if changed == text {
			t.Fatal(text)
		}
		s.inventory(s.key, "PUT", "/datasets/db", jsonOf(map[string]string{"text": changed}), 200)
		if got := s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`); got.status != 409 {
			t.Errorf("a plan of before was approved: %d %s", got.status, got.body)
		}
		s.inventory(s.key, "PUT", "/datasets/db", jsonOf(map[string]string{"text": text}), 200)
		var now api.RequestWithReport
		for range 2 { // the plan of before is made again when somebody approves it
			now = api.RequestWithReport{}
			s.ask("GET", "/api/v1/requests/"+r.ID, "", http.StatusOK, &now)
			if now.PlanHash != r.PlanHash {
				s.act(r.ID, "approve", `{"plan_hash":"`+now.PlanHash+`"}`)
			}
		}
		if now.PlanHash != r.PlanHash {
			t.Errorf("the same text gives the plans %s and %s", r.PlanHash, now.PlanHash)
		}
		s.approve(now.Request)
		s.inventory(s.key, "DELETE", "/datasets/db", "", 204)
		if done := s.await(r.ID, request.Complete, request.Errored); done.Status != string(request.Complete) {
			t.Errorf("%+v", done)
		}
		s.inventory(s.key, "DELETE", "/datasets/db", "", 404)
		entries := s.get("/api/v1/audit/export").body
		for act, times := range map[string]int{"connection.describe": 2, "dataset.create": 1, "dataset.edit": 2, "dataset.remove": 1} {
			if got := strings.Count(entries, `"`+act+`"`); got != times {
				t.Errorf("%s is in the log %d times, want %d", act, got, times)
			}
		}
	})
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of what tests send
	}
	return string(text)
}

func TestADatasetThatOthersNeedStays(t *testing.T) {
	s := newSite(t, storetest.SQLite(t))
	const people = "dataset:\n- fides_key: people\n  collections:\n  - name: people\n    fields:\n    - {name: id, fides_meta: {primary_key: true}}\n    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}\n"
	const visits = "dataset:\n- fides_key: visits\n  collections:\n  - name: visits\n    fields:\n    - {name: id, fides_meta: {primary_key: true}}\n    - {name: of, fides_meta: {references: [{dataset: people, field: people.id, direction: from}]}}\n"
	s.must(applyText(s, "policy: [{key: p, rules: [{key: r, action: access, targets: [user]}]}]\ndataset: [{fides_key: theirs, collections: []}]\n"))
	for _, key := range []string{"a", "b"} {
		s.inventory(s.key, "POST", "/connections", `{"key":"`+key+`","type":"postgres","secrets":{"url":"postgres://u:p@db.invalid/x"}}`, 201)
	}
	s.inventory(s.key, "POST", "/datasets", bodyOf("a", people), 201)
	s.inventory(s.key, "POST", "/datasets", bodyOf("b", visits), 201)
	refuse := func(method, path, body string, status int, want string) {
		t.Helper()
		if got := s.inventory(s.key, method, path, body, status); !strings.Contains(got, want) {
			t.Errorf("%s %s: %s, want %s", method, path, got, want)
		}
	}
	refuse("DELETE", "/datasets/people", "", 422, "dataset/visits:7: ")
	refuse("PUT", "/datasets/people", bodyOf("a", strings.Replace(people, "name: id", "name: no", 1)), 422, "dataset/visits:7: ")
	refuse("DELETE", "/connections/a", "", 422, "the dataset people is one of the connection a, which is not there")
	refuse("PUT", "/datasets/people", bodyOf("a", strings.Replace(people, "fides_key: people", "fides_key: persons", 1)), 422, "the key of a dataset stays")
	refuse("PUT", "/datasets/people", bodyOf("b", people), 200, `"connection":"b"`)
	refuse("PUT", "/datasets/theirs", bodyOf("a", people), 409, "configuration directory")
	refuse("DELETE", "/datasets/theirs", "", 409, "configuration directory")
	refuse("PUT", "/datasets/none", bodyOf("a", people), 404, "There is no dataset with this key.")
	refuse("POST", "/datasets", bodyOf("a", strings.Replace(people, "fides_key: people", "fides_key: theirs", 1)), 422, "the dataset theirs is already described at a.yml:2")
	refuse("POST", "/connections/none/describe", `{"samples":1}`, 404, "There is no connection with this key.")
	refuse("POST", "/connections/a/describe", `{"samples":1}`, 409, "The database cannot be looked at.")

	// A directory that describes what was made here is refused, too.
	var clash *inventory.Clash
	if err := applyText(s, people); !errors.As(err, &clash) || clash.What != "dataset" || clash.Key != "people" {
		t.Errorf("a directory took a dataset: %v", err)
	}
	refuse("DELETE", "/datasets/visits", "", 204, "")
	refuse("DELETE", "/datasets/people", "", 204, "")
}

func TestTwoDatabasesAreLookedAtAtOnceAndNoMore(t *testing.T) {
	db := storetest.SQLite(t)
	d := newDatasetDesk(db.DB, NewLatest(db.DB, config.Options{}), time.Now)
	for range mostProposals {
		d.proposing <- struct{}{}
	}
	if _, err := d.Propose(t.Context(), auth.Caller{Tenant: store.DefaultTenant}, "db", 1); !errors.Is(err, api.ErrProposing) {
		t.Errorf("a third is looked at: %v", err)
	}
}

func TestTablesThatThereIsNoTimeForAreJudgedByTheirNames(t *testing.T) { // X19
	t.Parallel()
	w := newWorld(t, "sqlite", "sqlite")
	w.configure(strings.ReplaceAll(shopDataset, "key: shop", "key: other"))
	systems := NewSystems(loaded(t, filepath.Join(w.dir, "config"), nil, true), builtin.Registry())
	defer func() { _ = systems.Close() }()
	over, end := context.WithCancel(t.Context())
	end()
	d, err := systems.discover(t.Context(), over, "db", func(tables int) int { return 10 * tables }, "2026-11-26")
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Unsampled) != 3 || proposed(d.Drafts...)["identities"]["shop:customer.email"] != "email" {
		t.Errorf("not looked into: %v, proposed %v", d.Unsampled, proposed(d.Drafts...))
	}
	if _, err := systems.discover(over, over, "db", func(int) int { return 10 }, "2026-11-26"); err == nil {
		t.Error("who broke it off gets an answer")
	}
}
