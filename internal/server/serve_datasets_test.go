package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// datasetOf applies a configuration for a tenant, and gives the key of a dataset that
// no other tenant has.
func (s *site) datasetOf(tenant string) string {
	s.t.Helper()
	s.openShop()
	if tenant == store.DefaultTenant {
		return "shop"
	}
	s.world.write("dataset: [{fides_key: theirs, collections: []}]\n")
	s.world.apply(&storeOf{s.db.DB, tenant})
	return "theirs"
}

// makeUnsent records a choice that was not sent to the connection letters, and that
// would be now; it gives the record.
func (s *site) makeUnsent(tenant string) string {
	s.t.Helper()
	seen, err := s.db.Connections().Seen(s.t.Context(), tenant)
	s.must(err)
	made, err := config.MadeOf("letters", map[string]any{
		"type": "webhook", "receives": "identities", "secrets": map[string]any{"url": "https://x.example", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
		"consent": map[string]any{"identities": []any{"email"}, "purposes": map[string]any{"analytics": []any{"visits"}}},
	})
	s.must(err)
	err = s.db.Connections().Create(s.t.Context(), tenant, inventory.Connection{Key: "letters", Type: "webhook"}, made.Text, seen, act("connection.create"))
	if !errors.Is(err, inventory.ErrTaken) {
		s.must(err)
	}
	off := []propagate.Target{{Key: "letters", Off: true}}
	for range 50 { // the lane begins; what is chosen then is for it, unless the server was faster
		record := s.makeConsent(tenant, uuid.NewString()+"@example.com", "analytics", true).Record
		for more := true; more; {
			more, err = s.db.Propagation().Plan(s.t.Context(), tenant, off, 100)
			s.must(err)
		}
		planned, err := s.db.Propagation().List(s.t.Context(), tenant, propagate.Filter{Record: record, Connection: "letters", Limit: 1})
		s.must(err)
		if len(planned) == 1 && planned[0].Status == propagate.Skipped {
			return record
		}
	}
	s.t.Fatal("the server was faster each time")
	return ""
}

func TestDatasetsAreShownWithTheirTextAndNoSecret(t *testing.T) { // W9, SE9
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	const text = `policy: [{key: p, rules: [{key: r, action: access, targets: [user]}]}]
connection:
- {key: db, type: postgres, datasets: [crm], secrets: {url: "postgres://u:canary5c1d@db.example/crm"}}
dataset:
- fides_key: crm
  collections:
  - name: people
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: note}
    - {name: boss, fides_meta: {references: [{dataset: crm, field: people.id, direction: from}]}}
`
	files := []source.File{{Name: "/home/olga/config/all.yml", Data: []byte(text)}, {Name: "/home/olga/config/more/one.yml", Data: []byte("dataset: [{fides_key: flat, collections: []}]\n")}}
	_, err := s.db.Configurations().Apply(t.Context(), store.DefaultTenant, files, inventory.Declared{}, 0, act("configuration.apply"))
	s.must(err)
	var list api.DatasetList
	got := s.send("GET", "/api/v1/datasets", s.key, nil)
	s.must(json.Unmarshal([]byte(got.body), &list))
	if len(list.Items) != 2 || list.Items[0].Key != "crm" || list.Items[0].Connection != "db" || list.Items[0].Fields != 4 || list.Items[0].Warnings != 1 || list.Items[0].File != "all.yml" || list.Items[1].File != "more/one.yml" {
		t.Errorf("%s", got.body)
	}
	unserved := func(p api.ConfigurationProblem) bool {
		return p.File == "more/one.yml" && p.Line == 1 && strings.Contains(p.Message, "belongs to no connection")
	}
	if !slices.ContainsFunc(list.Problems, unserved) {
		t.Errorf("%+v", list.Problems)
	}
	one := s.send("GET", "/api/v1/datasets/crm", s.key, nil)
	var crm api.DatasetView
	s.must(json.Unmarshal([]byte(one.body), &crm))
	if !strings.HasPrefix(crm.Text, "- fides_key: crm\n") || !strings.HasSuffix(crm.Text, "direction: from}]}}\n") || crm.Line != 5 {
		t.Errorf("%d: %s", crm.Line, crm.Text)
	}
	if len(crm.Problems) != 1 || crm.Problems[0].Line != 11 || crm.Collections[0].Fields[3].References[0] != (api.DatasetReference{Collection: "crm:people", Field: "id", Direction: "from"}) {
		t.Errorf("%s", one.body)
	}
	if flat := s.send("GET", "/api/v1/datasets/flat", s.key, nil); flat.status != http.StatusOK || strings.Contains(flat.body, `"text"`) {
		t.Errorf("%d %s", flat.status, flat.body)
	}
	for _, body := range []string{got.body, one.body} {
		if strings.Contains(body, "canary") || strings.Contains(body, "olga") {
			t.Errorf("it tells too much: %s", body)
		}
	}
}
