package http

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

const asking = `
  endpoints:
  - name: people
    requests:
      read: [{method: GET, path: /mail/<mail>, param_values: [{name: mail, identity: email}]}, {method: GET, path: /phone/<phone>, param_values: [{name: phone, identity: phone_number}]}]
      update: {method: PUT, path: /people/<id>, body: '{<all_object_fields>}', param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.key.id}]}]}
      delete: {method: DELETE, path: /people/<id>, param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.key.id}]}]}
  - name: everybody
    requests:
      read: {method: GET, path: /everybody, postprocessors: [{strategy: filter, configuration: {field: mail, value: {identity: email}}}]}
  - name: orders
    requests:
      read: {method: GET, path: /orders/<shop>/<no>, grouped_inputs: [shop, no], param_values: [{name: shop, references: [{dataset: s, field: baskets.shop}]}, {name: no, references: [{dataset: s, field: baskets.no}]}]}
      update: {method: PATCH, path: /orders/<no>, body: '{<masked_object_fields>}', param_values: [{name: no, references: [{dataset: s, field: baskets.no}]}]}
  - name: letters
    requests:
      read: {method: GET, path: /letters/<no>, query_params: [{name: to, value: <mail>}], param_values: [{name: no, references: [{dataset: s, field: baskets.no}]}, {name: mail, identity: email}]}
  - name: traces
    requests:
      read: {output: '{"who": "<mail>"}', param_values: [{name: mail, identity: email}]}
      delete: {method: DELETE, path: /traces/<mail>, param_values: [{name: mail, identity: email}]}
`

func TestTheCatalogueSaysHowRowsAreAskedFor(t *testing.T) { // H7, H12
	c := newVendor(t, says(`[]`)).open(t, describe(t, asking))
	live, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]catalogue.Asked{}
	for _, table := range live.Tables {
		got[table.Name.Table] = *table.Asked
	}
	want := map[string]catalogue.Asked{
		"people":    {Column: "_inputs", Beside: []string{"key"}, Masks: catalogue.MasksFields, Whole: true, Deletes: true},
		"everybody": {Column: "_inputs"},
		"orders":    {Column: "_inputs", Masks: catalogue.MasksFields},
		"letters":   {Column: "_inputs", Together: true},
		"traces":    {Column: "_inputs", Masks: catalogue.MasksRow, Deletes: true, Unverified: "not verified: the vendor cannot be asked for it, and was only asked to erase"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// orders of a shop are another collection than orders of the vendor: what a mask takes
// from there is kept beside the rows.
func TestARowIsNotItselfWhereAnotherDatasetHasACollectionOfItsName(t *testing.T) { // H5, H12
	const text = `
  endpoints:
  - name: orders
    requests:
      read: {method: GET, path: /orders/<mail>, param_values: [{name: mail, identity: email}]}
      delete: {method: DELETE, path: /orders/<no>, param_values: [{name: no, references: [{dataset: %s, field: orders.no}]}]}
`
	for of, c := range map[string]struct{ beside, call string }{
		"shop":                 {"mask_no from shop.orders.no", "DELETE /orders/s7"},
		"mine":                 {"", "DELETE /orders/v7"},
		"<instance_fides_key>": {"", "DELETE /orders/v7"},
	} {
		v := newVendor(t, says(""))
		d := describe(t, fmt.Sprintf(text, of))
		opened, err := d.Open(connector.Settings{Key: "k", Dataset: "mine", Secrets: map[string]string{"domain": v.host()}}, Options{Client: v.Client()})
		if err != nil {
			t.Fatal(err)
		}
		beside := ""
		for _, in := range d.Spec().Endpoints(nil, "mine")[0].Inputs[1:] {
			beside += fmt.Sprintf("%s from %s.%s.%s", in.Name, in.References[0].Dataset, in.References[0].Collection, in.References[0].Field)
		}
		change := connector.Change{Before: connector.Row{"no": "v7"}, Key: connector.Tuple{map[string]any{"mail": "a@b.c", "mask_no": []any{"s7"}}}}
		if _, err := opened.Delete(t.Context(), connector.Batch{Table: table("orders"), KeyColumns: []string{InputsColumn}, Changes: []connector.Change{change}}); err != nil {
			t.Fatal(err)
		}
		same(t, of, append(v.made(), beside), []string{c.call, c.beside})
	}
}

func TestEachReadRequestIsAWayToAsk(t *testing.T) { // H5, H13
	ways := map[string][][]string{}
	for _, e := range describe(t, asking).Spec().Endpoints(nil, "s") {
		ways[e.Name] = e.Ways
	}
	want := map[string][][]string{
		"people": {{"mail"}, {"phone"}}, "everybody": {{"filter_email"}}, "orders": {{"shop", "no"}}, "letters": {{"no", "mail"}}, "traces": {{"mail"}},
	}
	if d := cmp.Diff(want, ways); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestInputsAreGivenAsFieldsOfARow(t *testing.T) { // H5, H7
	v := newVendor(t, says(`[]`))
	c := v.open(t, describe(t, asking))
	read(t, c, "letters", match("_inputs.no", int64(7)), match("_inputs.mail", "a@b.c"))
	read(t, c, "orders", connector.Match{Columns: []string{"_inputs.shop", "_inputs.no"}, Tuples: []connector.Tuple{{"x", int64(1)}, {"y", int64(2)}}})
	same(t, "calls", v.made(), []string{"GET /letters/7?to=a%40b.c", "GET /orders/x/1", "GET /orders/y/2"})
	queries, err := c.Queries(connector.Read{Table: table("letters"), Where: []connector.Match{{Columns: []string{"_inputs.no"}}, {Columns: []string{"_inputs.mail"}}}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "queries", queries, []string{"GET /letters/<no>?to=<mail>"})
}

func TestWhatIsGoneHasNoRowsWhenItIsAskedAboutAgain(t *testing.T) { // H13, X17
	status := http.StatusNotFound
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	c := v.open(t, describe(t, asking))
	none := func(connector.Row) error { return nil }
	about := connector.Read{Table: table("people"), Where: []connector.Match{match("_inputs.mail", "a@b.c")}}
	if _, err := c.Read(t.Context(), about, none); err == nil || !strings.Contains(err.Error(), "answered 404") {
		t.Errorf("the first time: %v", err)
	}
	about.Again = true
	for _, status = range []int{http.StatusNotFound, http.StatusGone} {
		if _, err := c.Read(t.Context(), about, none); err != nil {
			t.Errorf("again: %v", err)
		}
	}
}

func TestWithoutDeleteARowIsRemovedByWhatMasksIt(t *testing.T) { // H12
	v := newVendor(t, says(`{}`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people/<mail>, param_values: [{name: mail, identity: email}]}
      delete: {method: DELETE, path: /people/<mail>, param_values: [{name: mail, identity: email}]}
  data_protection_request: {method: POST, path: /forget/<mail>, param_values: [{name: mail, identity: email}]}
`))
	change := connector.Change{Key: connector.Tuple{map[string]any{"mail": "a@b.c"}}}
	if _, err := c.Delete(t.Context(), connector.Batch{Table: table("people"), KeyColumns: []string{InputsColumn}, Changes: []connector.Change{change}}); err != nil {
		t.Fatal(err)
	}
	same(t, "calls", v.made(), []string{"POST /forget/a@b.c"})
}

func TestAConnectionThatMayNotCallSaysSo(t *testing.T) { // H18
	c, err := describe(t, asking).Open(connector.Settings{Key: "k", Secrets: map[string]string{"domain": "vendor.example"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = tryRead(t.Context(), c, "people", match("_inputs.mail", "a@b.c")); connector.KindOf(err) != connector.Denied {
		t.Errorf("%v", err)
	}
}
