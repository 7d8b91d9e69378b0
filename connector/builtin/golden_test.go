package builtin_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

var update = flag.Bool("update", false, "write the golden files anew")

// between is a vendor whose people are found by a field of a database, and lead to
// another one. A note of theirs is found by two fields of one row.
const between = `
saas_config:
  fides_key: <instance_fides_key>
  name: Club
  type: club
  connector_params: [{name: domain}]
  client_config: {protocol: https, host: <domain>}
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people, query_params: [{name: mail, value: <mail>}], param_values: [{name: mail, references: [{dataset: shop, field: customer.email, direction: from}]}]}
      update: {method: PUT, path: /people/<id>, body: '{<all_object_fields>}', param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]}
  - name: notes
    requests:
      read:
        method: GET
        path: /lists/<list>/people/<id>/notes
        grouped_inputs: [list, id]
        param_values:
        - {name: list, references: [{dataset: <instance_fides_key>, field: people.list, direction: from}]}
        - {name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}
      delete: {method: DELETE, path: /notes/<no>, param_values: [{name: no, references: [{dataset: <instance_fides_key>, field: notes.no, direction: from}]}]}
  - {name: lists, skip_processing: true, requests: {read: {method: GET, path: /lists, query_params: [{name: of, value: <mail>}], param_values: [{name: mail, identity: email}]}}}
dataset:
- fides_key: <instance_fides_key>
  collections:
  - name: lists
    fields:
    - {name: id, data_categories: [user.behavior], fides_meta: {primary_key: true}}
  - name: people
    fields:
    - {name: id, fides_meta: {primary_key: true, read_only: true}}
    - {name: list, data_categories: [system.operations]}
    - {name: card, data_categories: [user.unique_id]}
    - {name: name, data_categories: [user.name]}
    - {name: since, data_categories: [system.operations], fides_meta: {read_only: true}}
  - name: notes
    fields:
    - {name: no, fides_meta: {primary_key: true}}
    - {name: text, data_categories: [user.content]}
- fides_key: shop
  collections:
  - name: customer
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
- fides_key: loyalty
  collections:
  - name: card
    fields:
    - {name: no, fides_meta: {primary_key: true, references: [{dataset: club, field: people.card, direction: from}]}}
    - {name: holder, data_categories: [user.name]}
policy:
- {key: access, rules: [{key: all, action: access, targets: [user]}]}
- {key: erasure, rules: [{key: all, action: erasure, targets: [user.contact, user.name, user.content], masking: {strategy: null_rewrite}}]}
connection:
- {key: shop_db, type: sqlite, access: write, datasets: [shop], secrets: {url: "sqlite:shop.db"}}
- {key: loyalty_db, type: sqlite, access: write, datasets: [loyalty], secrets: {url: "sqlite:loyalty.db"}}
- {key: club, type: club, access: write, secrets: {domain: club.example}}
`

// texts is a database of one table with columns of text, of which the first is the
// primary key.
func texts(name string, columns ...string) *catalogue.Catalogue {
	t := catalogue.Table{Name: catalogue.Name{Table: name}, PrimaryKey: columns[:1]}
	for _, c := range columns {
		t.Columns = append(t.Columns, catalogue.Column{Name: c, Native: "text", Type: value.Type{Kind: value.String}})
	}
	return &catalogue.Catalogue{Tables: []catalogue.Table{t}}
}

// What is approved is shown in full, so that a change of it is seen.
func TestThePlanFromADatabaseOverAVendorToADatabase(t *testing.T) { // X4, H5, H7, H12
	c, found := config.Read([]source.File{{Name: "a.yml", Data: []byte(between)}}, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe})
	if found = append(found, config.Check(c)...); len(found) > 0 {
		t.Fatal(found)
	}
	club, err := c.Registry["club"].New(connector.Settings{Key: "club", Dataset: "club", Secrets: map[string]string{"domain": "club.example"}})
	if err != nil {
		t.Fatal(err)
	}
	live, err := club.(connector.Describer).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Policies {
		plan, err := graph.Build(graph.Input{
			Datasets: c.Datasets.All(), Policy: p, Identities: []subject.Type{subject.Email}, Configuration: "c", Today: "2026-11-27",
			Connections: []graph.Connection{
				{Key: "shop_db", Write: true, Datasets: []string{"shop"}, Catalogue: texts("customer", "id", "email")},
				{Key: "loyalty_db", Write: true, Datasets: []string{"loyalty"}, Catalogue: texts("card", "no", "holder")},
				{Key: "club", Write: true, Datasets: []string{"club"}, Catalogue: &live},
			},
			Queries: func(n *graph.Node, table *catalogue.Table) ([]string, error) {
				if n.Connection != "club" {
					return []string{"(of the database)"}, nil
				}
				return fulfill.Queries(club.(connector.Reader), n, table)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(plan); err != nil {
			t.Fatal(err)
		}
		file := "testdata/plan-" + p.Key + ".golden"
		if *update {
			if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), text.String()); d != "" {
			t.Errorf("the plan for %s (-want +got):\n%s", p.Key, d)
		}
	}
}
