package http

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/connector"
)

func TestParamValuesComeFromEverywhere(t *testing.T) { // H5 H6
	d := must(t, strings.Replace(described(`
  external_references: [{name: account}]
  endpoints:
  - name: rows
    requests:
      read:
      - method: POST
        path: /first/<list>
        body: '{"account": "<account_id>", "ids": <ids>, "request": "<privacy_request_id>", "kind": "<custom_privacy_request_fields.kind?>", "of": "<privacy_request.policy.key>", "fields": "<field_list>"}'
        param_values:
        - {name: list, connector_param: lists, unpack: true}
        - {name: account_id, references: [account]}
        - {name: ids, references: [{dataset: <instance_fides_key>, field: orders.ids}]}
      - {method: GET, path: /second, query_params: [{name: w, value: <account_id>}], headers: [{name: X-At, value: '<iso_8601_datetime> <uuid>'}], param_values: [{name: account_id, identity: email}]}
      - {method: GET, path: /third/<nothing>, skip_missing_param_values: true, param_values: [{name: nothing, connector_param: empty}]}
`), "  - name: domain\n", "  - name: domain\n  - {name: lists, options: [l1, l2], multiselect: true}\n  - {name: empty, default_value: ''}\n", 1))
	v := newVendor(t, says(`{"a": 1}`))
	c, err := d.Open(connector.Settings{Key: "k", Secrets: map[string]string{"domain": v.host(), "lists": "l1, l2", "account": "shop.people.account"}}, Options{Client: v.Client()})
	if err != nil {
		t.Fatal(err)
	}
	c = c.About(connector.Facts{RequestID: "r-1", Custom: map[string]any{"kind": "vip"}, Request: map[string]any{"policy": map[string]any{"key": "erase"}}}).(*Connector)
	_, err = c.Read(t.Context(), connector.Read{Table: table("rows"), Columns: []string{"a", "b", InputsColumn}, Where: []connector.Match{
		match("account_id", "x"), match("ids", []any{int64(1), int64(2)}), match("account_id_2", "m@b.c"),
	}}, func(connector.Row) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	const body = ` {"account": "x", "ids": [1,2], "request": "r-1", "kind": "vip", "of": "erase", "fields": "a,b"}`
	same(t, "calls", v.made(), []string{"POST /first/l1" + body, "POST /first/l2" + body, "GET /second?w=m%40b.c"})
	if at, id, _ := strings.Cut(v.heads[2].Get("X-At"), " "); len(at) != len("2006-01-02T15:04:05Z") || len(id) != 36 {
		t.Errorf("the header is %q", v.heads[2].Get("X-At"))
	}
	want := []Input{
		{Name: "account_id", References: []Reference{{Dataset: "shop", Field: "people.account", External: "account"}}},
		{Name: "ids", References: []Reference{{Dataset: "mine", Field: "orders.ids"}}},
		{Name: "account_id_2", Identity: "email"},
	}
	if got := c.Inputs("rows", "mine"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the inputs are %v", got)
	}
}

// TestInputsAreMultipliedAsSlowlyAsCanBe compares with nested loops over all
// that was given.
func TestInputsAreMultipliedAsSlowlyAsCanBe(t *testing.T) { // H7
	e := &Endpoint{Read: []Request{{
		Path: "/<a>/<b>/<p>/<q>", Grouped: []string{"p", "q"},
		Values: []Value{
			{Name: "a", Identity: "email"}, {Name: "b", References: []Reference{{Dataset: "d", Field: "c.b"}}, Unpack: true},
			{Name: "p", References: []Reference{{Dataset: "d", Field: "g.p"}}}, {Name: "q", References: []Reference{{Dataset: "d", Field: "g.q"}}, Unpack: true},
		},
	}}}
	small := rapid.SampledFrom([]any{"x", "y", "z", nil})
	rapid.Check(t, func(t *rapid.T) {
		as := rapid.SliceOfN(small, 0, 4).Draw(t, "a")
		bs := rapid.SliceOfN(rapid.SliceOfN(small, 0, 3), 0, 3).Draw(t, "b")
		ps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) connector.Tuple {
			return connector.Tuple{rapid.SliceOfN(small, 0, 3).Draw(t, "q"), small.Draw(t, "p")}
		}), 0, 4).Draw(t, "groups")

		want := map[string]bool{}
		for _, a := range as {
			for _, b := range bs {
				for _, one := range b {
					for _, g := range ps {
						for _, q := range g[0].([]any) {
							if a != nil && one != nil && q != nil && g[1] != nil {
								want[fmt.Sprint(a, one, g[1], q)] = true
							}
						}
					}
				}
			}
		}
		where := []connector.Match{match("a", as...), {Columns: []string{"b"}}, {Columns: []string{"q", "p"}, Tuples: ps}}
		for _, b := range bs {
			where[1].Tuples = append(where[1].Tuples, connector.Tuple{b})
		}
		got := map[string]bool{}
		if factors, made := e.factors(0, take(where), nil); made {
			if size(factors) > 1000 {
				t.Fatalf("%d choices", size(factors))
			}
			for one := range product(factors) {
				got[fmt.Sprint(one["a"], one["b"], one["p"], one["q"])] = true
			}
		}
		if !slices.Equal(keys(got), keys(want)) {
			t.Fatalf("got %v, want %v", keys(got), keys(want))
		}
	})
}

func keys(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func TestTooManyCallsAreRefusedBeforeTheFirst(t *testing.T) {
	v := newVendor(t, says(`[]`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: rows
    requests:
      read: {method: GET, path: /<a>/<b>, param_values: [{name: a, identity: email}, {name: b, references: [{dataset: x, field: y.z}]}]}
`))
	many := make([]any, 400)
	for i := range many {
		many[i] = int64(i)
	}
	_, err := tryRead(t.Context(), c, "rows", match("a", many...), match("b", many...))
	if err == nil || err.Error() != "shop-vendor: read rows: what the request was given makes more than 100000 calls" || len(v.made()) > 0 {
		t.Errorf("%d calls, %v", len(v.made()), err)
	}
}
