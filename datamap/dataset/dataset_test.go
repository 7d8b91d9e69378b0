package dataset_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

// read decodes the list entries of a text and checks them together.
func read(t testing.TB, text string) (dataset.Set, []string) {
	t.Helper()
	var r source.Report
	var set dataset.Set
	for _, document := range source.Parse("f.yml", []byte(text), &r) {
		for _, n := range document.List("dataset", &r) {
			d, _ := dataset.Decode(n, &r, taxonomy.Standard())
			set.Add(d, &r)
		}
	}
	set.CheckOrder(&r)
	set.CheckReferences(&r)
	var problems []string
	for _, p := range r.Problems() {
		problems = append(problems, p.String())
	}
	return set, problems
}

func TestTheWholeFormatIsRead(t *testing.T) { // D1, D2
	set, problems := read(t, `
- fides_key: shop
  name: Shop
  description: what we sell
  organization_fides_key: default_organization
  tags: [a]
  meta: {x: 1}
  data_categories: null
  fides_meta: {resource_id: x, after: [a.other], namespace: {schema: public, database_name: app}, redact: name}
  collections:
  - name: orders
    description: one row each
    data_categories: [user.contact]
    fides_meta:
      after: [shop.customer]
      erase_after: [shop.address, a.other.log]
      skip_processing: true
      masking_strategy_override: {strategy: delete}
      partitioning: {where_clauses: ["`+"`created` >= '2024-01-01' AND \\\"region\\\" != 'o''hara'"+`", "n<5"]}
      redact: name
    fields:
    - name: id
      data_categories: [user.unique_id]
      data_qualifier: aggregated
      fides_meta:
        primary_key: true
        identity: loyalty_id
        data_type: string
        length: 40
        references: [{dataset: shop, field: customer.parts.id, direction: from}, {dataset: shop, field: address.id}]
        custom_request_field: site_id
        masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: "x"}}
        redact: name
    - name: lines
      fides_meta: {data_type: "object[]", return_all_elements: true, read_only: true}
      fields:
      - {name: sku, fides_meta: null}
      - name: gift
        fides_meta: {}
        fields: [{name: to, fides_meta: {data_type: "string[]"}}]
  - name: customer
    fields: [{name: parts, fides_meta: {primary_key: true, identity: email}, fields: [{name: id}]}]
  - {name: address, fields: [{name: id}]}
- fides_key: a.other
  collections: [{name: log, fields: []}]
`)
	if problems != nil {
		t.Fatal(problems)
	}
	want := dataset.Dataset{
		Key: "shop", Name: "Shop", Description: "what we sell", After: []string{"a.other"}, Redact: true,
		Namespace: dataset.Namespace{Schema: "public", Database: "app"},
		Collections: []dataset.Collection{
			{
				Address:    dataset.Address{Dataset: "shop", Collection: "orders"},
				Categories: []taxonomy.Category{"user.contact"},
				After:      []dataset.Address{{Dataset: "shop", Collection: "customer"}},
				EraseAfter: []dataset.Address{{Dataset: "shop", Collection: "address"}, {Dataset: "a.other", Collection: "log"}},
				Skip:       true, Redact: true,
				Masking: &masking.Spec{Strategy: "delete"},
				Partitions: []dataset.Partition{
					{{Column: "created", Operator: ">=", Constant: "2024-01-01"}, {Column: "region", Operator: "<>", Constant: "o'hara"}},
					{{Column: "n", Operator: "<", Constant: int64(5)}},
				},
				Fields: []dataset.Field{
					{
						Name: "id", Path: "id", Categories: []taxonomy.Category{"user.unique_id"}, PrimaryKey: true, Identity: "loyalty_id",
						Type: value.Type{Kind: value.String}, Length: 40, CustomRequestField: "site_id", Redact: true,
						References: []dataset.Reference{
							{Target: dataset.Address{Dataset: "shop", Collection: "customer"}, Field: "parts.id", Direction: dataset.From},
							{Target: dataset.Address{Dataset: "shop", Collection: "address"}, Field: "id", Direction: dataset.Either},
						},
						Masking: &masking.Spec{Strategy: "string_rewrite", Configuration: map[string]any{"rewrite_value": "x"}},
					},
					{
						Name: "lines", Path: "lines", Type: value.Type{Kind: value.Object, Array: true}, ReturnAllElements: true, ReadOnly: true,
						Fields: []dataset.Field{
							{Name: "sku", Path: "lines.sku", ReturnAllElements: true, ReadOnly: true},
							{Name: "gift", Path: "lines.gift", ReturnAllElements: true, ReadOnly: true, Fields: []dataset.Field{
								{Name: "to", Path: "lines.gift.to", Type: value.Type{Kind: value.String, Array: true}, ReturnAllElements: true, ReadOnly: true},
							}},
						},
					},
				},
			},
			{
				Address: dataset.Address{Dataset: "shop", Collection: "customer"},
				Fields: []dataset.Field{{
					Name: "parts", Path: "parts", PrimaryKey: true, Identity: "email",
					Fields: []dataset.Field{{Name: "id", Path: "parts.id"}},
				}},
			},
			{Address: dataset.Address{Dataset: "shop", Collection: "address"}, Fields: []dataset.Field{{Name: "id", Path: "id"}}},
		},
	}
	if diff := cmp.Diff(want, set[0], cmpopts.IgnoreTypes(source.Position{})); diff != "" {
		t.Error(diff)
	}
	if at := set[0].Collections[0].Fields[0].At; at != (source.Position{File: "f.yml", Line: 22, Column: 7}) {
		t.Error(at)
	}
	if set.Collection(dataset.Address{Dataset: "a.other", Collection: "log"}) == nil || set.Collection(dataset.Address{Dataset: "shop", Collection: "log"}) != nil {
		t.Error("collections are not found by address")
	}
}

func TestTheFormerNameOfMetaIsAccepted(t *testing.T) { // D1
	former := strings.ReplaceAll(`
- fides_key: a
  META: {after: [b], redact: name}
  collections: [{name: c, META: {skip_processing: true}, fields: [{name: f, META: {primary_key: true}}]}]
- {fides_key: b, collections: []}
`, "META", "fidesops_meta")
	old, problems := read(t, former)
	if problems != nil {
		t.Fatal(problems)
	}
	now, _ := read(t, strings.ReplaceAll(former, "fidesops_meta", "fides_meta"))
	if diff := cmp.Diff(now, old, cmpopts.IgnoreTypes(source.Position{})); diff != "" || !old[0].Collections[0].Fields[0].PrimaryKey {
		t.Error(diff)
	}
	_, problems = read(t, "- {fides_key: a, fides_meta: {}, fidesops_meta: {}, collections: []}")
	if diff := cmp.Diff([]string{"f.yml:1: error: fides_meta and fidesops_meta are the same and both given (keep fides_meta)"}, problems); diff != "" {
		t.Error(diff)
	}
}

// field wraps meta of a field into a dataset; the meta stands on line 5.
func field(meta string) string {
	return "- fides_key: a\n  collections:\n  - name: c\n    fields:\n    - {name: f, fides_meta: {" + meta + "}}\n    - {name: ok}\n"
}

func TestWhatIsWrongIsReportedWhereItIs(t *testing.T) { // D1, D2, D5
	tests := map[string]string{
		"- {fides_key: a b, collections: []}":                                                                                      `f.yml:1: error: "a b" cannot be the key of a dataset (use letters, digits and _ . < > -)`,
		"- {fides_key: __proto__, collections: []}":                                                                                `f.yml:1: error: __proto__ is not allowed as a key (use another name)`, // SE8
		"- {fides_key: a}":                                                                                                         `f.yml:1: error: collections is missing (add collections: ...)`,
		"- {fides_key: a, collections: [], fides_mta: {}}":                                                                         `f.yml:1: error: unknown key "fides_mta" (did you mean fides_meta?)`,
		"- {fides_key: a, collections: []}\n- {fides_key: a, collections: []}":                                                     `f.yml:2: error: the dataset a is already described at f.yml:1 (rename or remove one of them)`,
		"- {fides_key: a, collections: [{name: c, fields: []}, {name: c, fields: []}]}":                                            `f.yml:1: error: the collection c is already described at f.yml:1 (rename or remove one of them)`,
		"- {fides_key: a, collections: [{name: c.d, fields: []}]}":                                                                 `f.yml:1: error: the name of a collection cannot contain any of ".:": it has a place in addresses (nested fields are listed under fields; other systems need a view with a plain name)`,
		"- {fides_key: a, collections: [{name: c, fields: [{name: ''}]}]}":                                                         `f.yml:1: error: the name of a field is empty (give it a name)`,
		"- {fides_key: a, collections: [{name: c, fields: [{name: a.b}]}]}":                                                        `f.yml:1: error: the name of a field cannot contain any of ".": it has a place in addresses (nested fields are listed under fields; other systems need a view with a plain name)`,
		"- {fides_key: a, collections: [{name: c, fields: [{name: x}, {name: x}]}]}":                                               `f.yml:1: error: the field x is already described at f.yml:1 (rename or remove one of them)`,
		"- {fides_key: a, collections: [{name: c, fields: [{name: x, fides_meta: {data_type: string}, fields: [{name: y}]}]}]}":    `f.yml:1: error: the field x has fields below it, so its data_type cannot be string (write object or object[], or leave it out)`,
		"- {fides_key: a, data_categories: [user], collections: []}":                                                               `f.yml:1: warning: categories of a whole dataset are not used by policies (write them on the collections or fields that hold such data)`,
		"- {fides_key: a, collections: [{name: c, data_categories: [user.nam], fields: []}]}":                                      `f.yml:1: error: unknown data category "user.nam" (did you mean user.name?)`,
		"- {fides_key: a, collections: [{name: c, fides_meta: {after: [x]}, fields: []}]}":                                         `f.yml:1: error: "x" in after does not name a collection (write dataset.collection)`,
		"- {fides_key: a, collections: [{name: c, fides_meta: {masking_strategy_override: {strategy: null_rewrit}}, fields: []}]}": `f.yml:1: error: there is no masking strategy "null_rewrit"`,
		"- {fides_key: a, fides_meta: {namespace: {shcema: x}}, collections: []}":                                                  `f.yml:1: error: unknown key "shcema" (did you mean schema?)`,
		"- 5":                              `f.yml:1: error: a dataset must be a mapping, found a whole number (write its keys below it, one a line)`,
		field("data_type: strnig"):         `f.yml:5: error: unknown data_type "strnig" (did you mean string?)`,
		field("data_type: text"):           `f.yml:5: error: unknown data_type "text" (use string, integer, float, boolean, object_id or object, each also with [] behind it)`,
		field("data_type: 'string[][]'"):   `f.yml:5: error: unknown data_type "string[][]" (did you mean string[]?)`,
		field("length: 0"):                 `f.yml:5: error: length is out of range (write how many characters the field holds, 1 or more)`,
		field("length: -1"):                `f.yml:5: error: length is out of range (write how many characters the field holds, 1 or more)`,
		field("length: forty"):             `f.yml:5: error: length must be a whole number, found text (write digits without quotes)`,
		field("identity: E-Mail"):          `f.yml:5: error: "E-Mail" cannot be the type of an identity (use lower case letters, digits and _, such as loyalty_id)`,
		field("redact: value"):             `f.yml:5: error: redact cannot be "value" (write redact: name)`,
		field("primary_key: yes"):          `f.yml:5: error: primary_key must be true or false, found text (write true or false)`,
		field("primay_key: true"):          `f.yml:5: error: unknown key "primay_key" (did you mean primary_key?)`,
		field("return_all_elements: true"): `f.yml:5: error: return_all_elements is for arrays, and f is not declared as one (declare the data_type of the array, such as string[] or object[], or remove return_all_elements)`,
		field("masking_strategy_override: {strategy: delete}"):            `f.yml:5: error: delete removes whole rows and cannot mask the field f (write it on the collection, or use null_rewrite here)`,
		field("masking_strategy_override: {}"):                            `f.yml:5: error: strategy is missing (add strategy: ...)`,
		field("references: [{dataset: a, field: c}]"):                     `f.yml:5: error: "c" does not name a field (write collection.field, with dots also between the parts of a nested field)`,
		field("references: [{dataset: a, field: c..f}]"):                  `f.yml:5: error: "c..f" does not name a field (write collection.field, with dots also between the parts of a nested field)`,
		field("references: [{dataset: a, field: c.ok, direction: form}]"): `f.yml:5: error: direction cannot be "form" (write from (the other field is read first), to (this one is), or leave it out)`,
		field("references: [{dataset: b, field: c.ok}]"):                  `f.yml:5: error: a:c.f refers to the dataset b, which is not described (describe the dataset, or mend the name)`,
		field("references: [{dataset: a, field: zz.ok}]"):                 `f.yml:5: error: a:c.f refers to the collection zz, which the dataset a does not have (describe the collection, or mend the name)`,
		field("references: [{dataset: a, field: c.okk}]"):                 `f.yml:5: error: a:c.f refers to the field okk, which a:c does not have (did you mean ok?)`,
		field("references: [{dataset: a}]"):                               `f.yml:5: error: field is missing (add field: ...)`,
	}
	for text, want := range tests {
		_, problems := read(t, text)
		if len(problems) != 1 || !strings.HasPrefix(problems[0], want) {
			t.Errorf("%s\n got %q\nwant %q", text, problems, want)
		}
	}
}

func TestAReferenceToWhatIsNotProcessedIsAWarning(t *testing.T) {
	_, problems := read(t, `
- fides_key: a
  collections:
  - {name: c, fields: [{name: f, fides_meta: {references: [{dataset: a, field: d.f}]}}]}
  - {name: d, fides_meta: {skip_processing: true}, fields: [{name: f}]}
`)
	want := []string{"f.yml:4: warning: a:c.f refers to a:d, which is not processed: nothing is found through it (remove the reference, or skip_processing from a:d)"}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
}

func TestCirclesAreSpelledOut(t *testing.T) { // D12, D5
	collection := func(name, meta string) string {
		return fmt.Sprintf("  - {name: %s, fides_meta: {%s}, fields: []}\n", name, meta)
	}
	tests := map[string]struct {
		text string
		want []string
	}{
		"erase_after": {
			"- fides_key: a\n  collections:\n" + collection("x", "erase_after: [a.y]") + collection("y", "erase_after: [a.z]") + collection("z", "erase_after: [a.x]"),
			[]string{"f.yml:3: error: erase_after leads around in a circle, so that nothing can be erased first: a:x after a:y after a:z after a:x (remove one erase_after of the circle, on a collection or on its dataset)"},
		},
		"itself": {
			"- fides_key: a\n  collections:\n" + collection("x", "after: [a.x]"),
			[]string{"f.yml:3: error: after leads around in a circle, so that nothing can be read first: a:x after a:x (remove one after of the circle, on a collection or on its dataset)"},
		},
		"datasets": {
			"- {fides_key: a, fides_meta: {after: [b]}, collections: [{name: x, fields: []}]}\n- {fides_key: b, fides_meta: {after: [a]}, collections: []}",
			[]string{"f.yml:1: error: after leads around in a circle, so that nothing can be read first: the dataset a after the dataset b after the dataset a (remove one after of the circle, on a collection or on its dataset)"},
		},
		"a dataset and a collection": {
			"- {fides_key: a, fides_meta: {after: [b]}, collections: [{name: x, fields: []}]}\n- {fides_key: b, collections: [{name: y, fides_meta: {after: [a.x]}, fields: []}]}",
			[]string{"f.yml:1: error: after leads around in a circle, so that nothing can be read first: a:x after b:y after a:x (remove one after of the circle, on a collection or on its dataset)"},
		},
		"unknown": {
			"- {fides_key: a, fides_meta: {after: [q]}, collections: [{name: x, fides_meta: {after: [a.yy], erase_after: [c.x]}, fields: []}]}",
			[]string{
				"f.yml:1: error: the dataset a is to be read after the dataset q, which is not described (describe the dataset, or remove it from after)",
				"f.yml:1: error: a:x is to be erased after the dataset c, which is not described (describe the dataset, or mend the name)",
				"f.yml:1: error: a:x is to be read after the collection yy, which the dataset a does not have (describe the collection, or mend the name)",
			},
		},
		"none": {
			"- fides_key: a\n  fides_meta: {after: [b]}\n  collections:\n" + collection("x", "after: [a.y, b.z]") + collection("y", "erase_after: [a.x]") + "- {fides_key: b, collections: [{name: z, fides_meta: {erase_after: [a.y]}, fields: []}]}",
			nil,
		},
	}
	for name, test := range tests {
		if _, problems := read(t, test.text); !cmp.Equal(test.want, problems) {
			t.Errorf("%s: %s", name, cmp.Diff(test.want, problems))
		}
	}
}

func TestOnlyComparisonsAreTakenForPartitions(t *testing.T) {
	for clause, want := range map[string]dataset.Partition{
		"a = 1":                             {{Column: "a", Operator: "=", Constant: int64(1)}},
		"a>=-1.50 and b<>'x' AND c=TRUE":    {{Column: "a", Operator: ">=", Constant: value.Decimal("-1.50")}, {Column: "b", Operator: "<>", Constant: "x"}, {Column: "c", Operator: "=", Constant: true}},
		"`two words` <= ''":                 {{Column: "two words", Operator: "<=", Constant: ""}},
		"a = 1 OR 1 = 1":                    nil,
		"a = 1; DROP TABLE x":               nil,
		"a = 'x' -- comment":                nil,
		"(a = 1)":                           nil,
		"a = b":                             nil,
		"a = NOW()":                         nil,
		"a > 1AND b = 2":                    nil,
		"a BETWEEN 1 AND 2":                 nil,
		"a IN (1)":                          nil,
		"a = 'x":                            nil,
		"a LIKE 'x'":                        nil,
		"a = true()":                        nil,
		"a = 1 AND":                         nil,
		"":                                  nil,
		"\"a\" = \"b\"":                     nil,
		"_PARTITIONTIME > TIMESTAMP '2024'": nil,
	} {
		set, problems := read(t, fmt.Sprintf("- {fides_key: a, collections: [{name: c, fields: [], fides_meta: {partitioning: {where_clauses: [%q]}}}]}", clause))
		if want == nil {
			if len(problems) != 1 || !strings.Contains(problems[0], "raw SQL is not run") {
				t.Errorf("%q: %q", clause, problems)
			}
			continue
		}
		if diff := cmp.Diff([]dataset.Partition{want}, set[0].Collections[0].Partitions); diff != "" || problems != nil {
			t.Errorf("%q: %s %q", clause, diff, problems)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("- {fides_key: a, collections: [{name: c, fields: [{name: f, fields: [{name: g}]}]}]}")
	f.Add(field("data_type: 'object[]', references: [{dataset: a, field: c.f}], identity: email, length: 1"))
	f.Add("- {fides_key: a, collections: [{name: c, fides_meta: {after: [a.c], partitioning: {where_clauses: [\"a = 1 AND b < 'x'\"]}}}]}")
	f.Fuzz(func(t *testing.T, text string) {
		set, _ := read(t, text)
		for c := range set.Collections() {
			seen := map[string]bool{}
			c.Walk(func(f *dataset.Field) {
				if f.Name == "" || seen[f.Path] {
					t.Errorf("field %q of %s", f.Path, c.Address)
				}
				seen[f.Path] = true
			})
		}
	})
}
