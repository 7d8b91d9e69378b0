package http

import (
	"testing"

	"volenti.dev/volenti/connector"
)

func TestNullInAFormUnsets(t *testing.T) { // H12
	v := newVendor(t, says(`{}`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: customers
    requests:
      read: {method: GET, path: /customers, query_params: [{name: email, value: <email>}], param_values: [{name: email, identity: email}]}
      update:
        method: POST
        path: /customers/<id>
        headers: [{name: Content-Type, value: application/x-www-form-urlencoded}]
        param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: customers.id}]}]
        body: '{<masked_object_fields>}'
`))
	outcomes, err := c.Mask(t.Context(), connector.Batch{
		Table: table("customers"), KeyColumns: []string{"id", InputsColumn}, Columns: []string{"name", "shipping"},
		Changes: []connector.Change{{
			Key:    connector.Tuple{"c1", map[string]any{"email": "a@b.c"}},
			Before: connector.Row{"name": "Ann", "shipping": map[string]any{"name": "Ann", "city": "Bonn"}},
			After:  connector.Row{"name": nil, "shipping": map[string]any{"name": nil, "city": "Bonn"}},
		}},
	})
	if err != nil || outcomes[0].Status != connector.Changed {
		t.Fatalf("%v, %v", outcomes, err)
	}
	same(t, "calls", v.made(), []string{"POST /customers/c1 name=&shipping%5Bname%5D="})
}
