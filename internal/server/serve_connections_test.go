package server

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

func TestConnectionsAreTriedOutOverHTTP(t *testing.T) { // E14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		s.world.configure(shopDataset, shopPolicies, others)
		s.world.apply(&storeOf{db.DB, store.DefaultTenant})
		test := func(key string) (result api.ConnectionTest) {
			s.ask("POST", "/api/v1/connections/"+key+"/test", "", http.StatusOK, &result)
			return result
		}
		if r := test("db"); !r.Succeeded || r.Reason != "" {
			t.Errorf("%+v", r)
		}
		standing := func(key string) *api.ConnectionTrial {
			t.Helper()
			var c api.Connection
			s.ask("GET", "/api/v1/connections/"+key, "", http.StatusOK, &c)
			if c.Standing.Authorization != nil {
				t.Errorf("a person would have to allow %s", key)
			}
			return c.Standing.Tried
		}
		if tried := standing("db"); tried == nil || !tried.Succeeded || time.Since(tried.At) > time.Minute {
			t.Errorf("%+v", tried)
		}
		if tried := standing("club"); tried != nil {
			t.Errorf("%+v", tried)
		}
		if r := test("club"); r.Succeeded || !strings.Contains(r.Reason, "test_email") || strings.Contains(r.Reason, "@") {
			t.Errorf("%+v", r)
		}
		if tried := standing("club"); tried == nil || tried.Succeeded || tried.Kind != connector.Permanent || tried.Reason == "" {
			t.Errorf("%+v", tried)
		}
		s.problem("none", s.send("POST", "/api/v1/connections/none/test", s.key, nil, "Idempotency-Key", uuid.NewString()), http.StatusNotFound)
		s.world.equal("acts", s.actsOn("connection/club"), []string{"connection.test"})
	})
}

func TestAConnectionIsTriedOutBeforeItIsKept(t *testing.T) { // W8
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.openShop()
	s.world.configure(shopDataset, shopPolicies, others)
	s.world.apply(&storeOf{s.db.DB, store.DefaultTenant})
	engineer := s.session(s.makeOperator(store.DefaultTenant, auth.Engineer))
	try := func(body string) reply {
		return s.send("POST", "/api/v1/connections/try", engineer, strings.NewReader(body), "Content-Type", "application/json")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a port where nobody answers
	s.must(err)
	s.must(listener.Close())
	url := "postgres://u:canary@" + listener.Addr().String() + "/d"
	if got := try(`{"name":"CRM","type":"postgres","datasets":[],"secrets":{"url":"` + url + `"}}`); got.status != http.StatusOK || !strings.Contains(got.body, `"kind":"unreachable"`) || strings.Contains(got.body, "canary") {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.problem("what could not be made", try(`{"key":"x","type":"postgres","secrets":{}}`), http.StatusUnprocessableEntity)
	s.problem("what is there", try(`{"key":"db","type":"email","secrets":{"to_email":"a@example.org"}}`), http.StatusUnprocessableEntity)
	s.problem("as one who may not make it", s.send("POST", "/api/v1/connections/try", s.session(s.makeOperator(store.DefaultTenant, auth.PrivacyOfficer)), strings.NewReader(`{}`), "Content-Type", "application/json"), http.StatusForbidden)
	s.problem("nothing is kept", s.send("GET", "/api/v1/connections/crm", engineer, nil), http.StatusNotFound)
	s.world.equal("acts", s.actsOn("connection/crm"), []string{"connection.try"})
}

func TestTypesOfConnectionsAreThoseOfTheTenant(t *testing.T) { // W8, H1
	t.Parallel()
	s := newSiteWith(t, storetest.SQLite(t), func(srv *Server) { srv.Configuration.Describe = builtin.Describe })
	of := func(tenant string) map[string]api.ConnectorType {
		t.Helper()
		got, all := s.send("GET", "/api/v1/connectors", s.makeKey(tenant, time.Time{}, auth.ReadSystems), nil), api.ConnectorList{}
		s.must(json.Unmarshal([]byte(got.body), &all))
		types := map[string]api.ConnectorType{}
		for _, one := range all.Items {
			types[one.Type] = one
		}
		return types
	}
	if _, there := of(store.DefaultTenant)["letters"]; there || len(of(store.DefaultTenant)) < 10 {
		t.Error("a type is there that nobody has described, or few are")
	}
	text := `policy: [{key: p, rules: [{key: r, action: access, targets: [user]}]}]
saas_config:
  fides_key: letters
  name: Letters
  type: letters
  connector_params: [{name: domain, type: endpoint, allowed_values: ["*.letters.example"]}, {name: region, options: [eu, us], default_value: eu}, {name: api_key, sensitive: true}]
  client_config: {protocol: https, host: <domain>}
  rate_limit_config: {limits: [{rate: 10, period: minute}]}
  endpoints:
  - {name: people, requests: {read: {method: GET, path: /p/<email>, param_values: [{name: email, identity: email}]}, delete: {method: DELETE, path: /p/<id>, param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]}}}
  - {name: mails, requests: {read: {method: GET, path: /m/<id>, param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]}}}
`
	_, err := s.db.Configurations().Apply(t.Context(), store.DefaultTenant, []source.File{{Name: "a.yml", Data: []byte(text)}}, inventory.Declared{}, 0, act("configuration.apply"))
	s.must(err)
	if _, there := of(otherTenant)["letters"]; there {
		t.Error("another tenant has the type")
	}
	got := of(store.DefaultTenant)["letters"]
	want := api.ConnectorType{
		Type: "letters", Name: "Letters", Summary: "Letters, by its HTTP API.",
		Secrets: []api.ConnectorNeed{
			{Name: "domain", Required: true, Help: "(*.letters.example)", Plain: true},
			{Name: "region", Help: "(one of eu, us)", Plain: true, Options: []string{"eu", "us"}, Default: "eu"},
			{Name: "api_key", Required: true},
		},
		Collections: []api.ConnectorCollection{{Name: "people", Identities: []string{"email"}, Erases: "removes"}, {Name: "mails", Fields: []string{"people.id"}}},
		Hosts:       []string{"*.letters.example"}, Rates: []api.ConnectorRate{{Calls: 10, Seconds: 60}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
