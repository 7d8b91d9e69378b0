package discover_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/discover"
	"volenti.dev/volenti/datamap/value"
)

const byHand = `# Ours. Ask Eva before you change it.
dataset:
- fides_key: shop   # the web shop
  collections:
  - name: customers
    fields:
    - name: id
      fides_meta: {primary_key: true, data_type: integer}
    - name: email
      data_categories: [user.contact.email]
      fides_meta: {identity: email, length: 254}
      # who gives none gets a parcel all the same

  # found by the customer
  - name: orders
    fields:
    - {name: no, fides_meta: {primary_key: true}}
    - name: customer_id
      fides_meta:
        references:
        - {dataset: shop, field: customers.id, direction: from}
    description: >
      one row each

# the end
`

func live(edit func(customers, orders *catalogue.Table)) *catalogue.Catalogue {
	customers, orders := table("customers", "id integer", "email"), table("orders", "no string", "customer_id integer")
	customers.Columns[1].Length = 254
	if edit != nil {
		edit(&customers, &orders)
	}
	return &catalogue.Catalogue{Tables: []catalogue.Table{customers, orders}}
}

func add(t *catalogue.Table, columns ...string) {
	t.Columns = append(t.Columns, table("", columns...).Columns...)
}

func TestDriftIsToldWhereItIs(t *testing.T) {
	for what, test := range map[string]struct {
		live *catalogue.Catalogue
		want []string
	}{
		"nothing":           {live(nil), nil},
		"a table is gone":   {&catalogue.Catalogue{Tables: live(nil).Tables[:1]}, []string{"f.yml:15: error: shop:orders is described, but on the connection db there is no table orders"}},
		"a column is gone":  {live(func(c, _ *catalogue.Table) { c.Columns = c.Columns[:1] }), []string{"f.yml:9: error: shop:customers.email is described, but the table customers of the connection db has no such column"}},
		"another type":      {live(func(c, _ *catalogue.Table) { c.Columns[0].Type.Kind, c.Columns[0].Native = value.UUID, "uuid" }), []string{"f.yml:7: error: shop:customers.id is described as integer, but the column is uuid"}},
		"a kindred type":    {live(func(c, _ *catalogue.Table) { c.Columns[0].Type.Kind = value.Number }), nil},
		"shorter":           {live(func(c, _ *catalogue.Table) { c.Columns[1].Length = 100 }), []string{"f.yml:9: warning: shop:customers.email is described with length 254, but the column holds 100 characters"}},
		"another key":       {live(func(_, o *catalogue.Table) { o.PrimaryKey = []string{"no", "customer_id"} }), []string{"f.yml:17: error: shop:orders is described with the primary key no, but the key of the table is customer_id, no"}},
		"a new column":      {live(func(_, o *catalogue.Table) { add(o, "weight float") }), []string{`f.yml:15: warning: the column "weight" of shop:orders is not described`}},
		"a personal column": {live(func(_, o *catalogue.Table) { add(o, "phone") }), []string{`f.yml:15: error: the column "phone" of shop:orders is not described and looks personal (user.contact.phone_number)`}},
		"new tables": {
			&catalogue.Catalogue{Tables: append(live(nil).Tables, table("wishes", "id integer", "customer_id integer"), table("leads", "id integer", "email", "vorname"), table("alembic_version", "version_num"))},
			[]string{"f.yml:3: error: the table leads of the connection db is not described, and columns of it look personal (email, vorname)", "f.yml:3: warning: the table wishes of the connection db is not described"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			d := reread(t, byHand)
			var got []string
			for _, p := range discover.Drift("db", []dataset.Dataset{d}, test.live) {
				message, _, _ := strings.Cut(p.String(), ": no request")
				if p.Fix == "" {
					t.Errorf("no mend: %s", p)
				}
				got = append(got, strings.TrimSuffix(message, " ("+p.Fix+")"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDocumentsMayHoldMoreThanACatalogueKnows(t *testing.T) {
	open := live(func(c, o *catalogue.Table) {
		c.Open, o.Open = true, true
		c.Columns, o.Columns = c.Columns[:1], o.Columns[:1]
	})
	if p := discover.Drift("db", []dataset.Dataset{reread(t, byHand)}, open); len(p) > 0 {
		t.Errorf("drift: %v", p)
	}
}

func TestChangesOfACatalogueAreListed(t *testing.T) {
	before := live(func(c, _ *catalogue.Table) { add(c, "x", "y integer") })
	now := live(func(c, o *catalogue.Table) {
		add(c, "y string", "z")
		c.Columns[1].Comment = "a new comment is no change"
		o.PrimaryKey = nil
		o.ForeignKeys = []catalogue.ForeignKey{{Columns: []string{"customer_id"}}}
	})
	now.Tables = append(now.Tables, table("leads", "id integer"))
	before.Tables = append(before.Tables, table("old", "id integer"))
	want := []string{
		"table customers: column x is gone", "table customers: column y was integer and is string", "table customers: column z is new",
		"table orders: the primary key is another", "table orders: its foreign keys have changed", "table old is gone", "table leads is new",
	}
	if diff := cmp.Diff(want, discover.Changes(before, now)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	now = live(func(_, o *catalogue.Table) { o.Unique = [][]string{{"customer_id"}} })
	if diff := cmp.Diff([]string{"table orders: its constraints or triggers have changed"}, discover.Changes(live(nil), now)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestNamesDoNothingToATerminal(t *testing.T) {
	now := live(nil)
	now.Tables = append(now.Tables, table("bell\x1b[2J", "id integer", "email"))
	add(&now.Tables[0], "x\ny")
	lines := discover.Changes(live(nil), now)
	for _, p := range discover.Drift("db", []dataset.Dataset{reread(t, byHand)}, now) {
		lines = append(lines, p.String())
	}
	for _, line := range lines {
		if strings.ContainsAny(line, "\x1b\n") {
			t.Errorf("%q", line)
		}
	}
	if len(lines) != 4 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

// lacking drafts a catalogue and takes off what is described.
func lacking(c *catalogue.Catalogue, d dataset.Dataset) discover.Draft {
	draft := discover.Describe(discover.Input{Dataset: d.Key, Tables: c.Tables, Described: []dataset.Dataset{d}})
	return draft.Lacking([]dataset.Dataset{d})
}

func TestWhatIsLackingIsAddedAndEveryLineStays(t *testing.T) {
	d := reread(t, byHand)
	now := live(func(c, o *catalogue.Table) {
		add(c, "phone")
		add(o, "street", "parcel")
	})
	now.Tables = append(now.Tables, table("complaints", "id integer", "customer_id integer", "message"))
	merged, ok := discover.Merge(byHand, &d, lacking(now, d))
	if !ok {
		t.Fatal("there is no place for it")
	}
	rest := strings.Split(merged, "\n")
	for _, line := range strings.Split(byHand, "\n") {
		at := 0
		for at < len(rest) && rest[at] != line {
			at++
		}
		if at == len(rest) {
			t.Fatalf("the line %q is lost, or stands elsewhere:\n%s", line, merged)
		}
		rest = rest[at+1:]
	}
	got := reread(t, merged)
	var paths []string
	for _, c := range got.Collections {
		c.Walk(func(f *dataset.Field) { paths = append(paths, c.Address.Collection+"."+f.Path) })
	}
	want := []string{
		"customers.id", "customers.email", "customers.phone", "orders.no", "orders.customer_id", "orders.street", "orders.parcel",
		"complaints.id", "complaints.customer_id", "complaints.message",
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("fields (-want +got):\n%s\n%s", diff, merged)
	}
	if left := lacking(now, got); len(left.Tables) > 0 {
		t.Errorf("a second run would add %v", left.Tables)
	}
	if at := strings.Index(merged, "all the same"); at > strings.Index(merged, "name: phone") {
		t.Error("a comment went from its field to another")
	}
}

func TestWhereThereIsNoPlaceNothingIsAdded(t *testing.T) {
	for what, text := range map[string]string{
		"fields in brackets":      "dataset:\n- fides_key: shop\n  collections:\n  - {name: customers, fields: [{name: id}]}\n",
		"collections in brackets": "dataset: [{fides_key: shop, collections: [{name: customers, fields: [{name: id}]}]}]\n",
		"no collections":          "dataset:\n- fides_key: shop\n  collections: []\n",
	} {
		t.Run(what, func(t *testing.T) {
			d := reread(t, text)
			if merged, ok := discover.Merge(text, &d, lacking(live(nil), d)); ok {
				t.Errorf("merged into\n%s", merged)
			}
		})
	}
}

func TestAnyDraftCanBeReadAndAddedTo(t *testing.T) {
	columns := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_ #:'"{}-]{1,8}( integer| json| date)?`), 1, 5, func(s string) string { return strings.Fields(s + " x")[0] })
	rapid.Check(t, func(t *rapid.T) {
		var c catalogue.Catalogue
		for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zA-Z_# -]{1,6}`), 2, 4, rapid.ID).Draw(t, "tables") {
			c.Tables = append(c.Tables, table(name, distinct(columns.Draw(t, "columns"))...))
		}
		first := catalogue.Catalogue{Tables: []catalogue.Table{c.Tables[0]}}
		text := discover.Describe(discover.Input{Dataset: "shop", Tables: first.Tables}).YAML("db")
		d := must(t, text)
		merged, ok := discover.Merge(text, &d, lacking(&c, d))
		if !ok {
			t.Fatalf("no place in\n%s", text)
		}
		if d = must(t, merged); len(d.Collections) != len(c.Tables) {
			t.Fatalf("%d of %d tables in\n%s", len(d.Collections), len(c.Tables), merged)
		}
	})
}

// distinct drops columns with a name that is there already, or empty.
func distinct(columns []string) (out []string) {
	seen := map[string]bool{"": true}
	for _, c := range columns {
		name, _, _ := strings.Cut(c, " ")
		if !seen[name] {
			seen[name] = true
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return []string{"id"}
	}
	return out
}

func must(t *rapid.T, text string) dataset.Dataset {
	t.Helper()
	var r source.Report
	if source.Parse("f.yml", []byte(text), &r); r.Errors() > 0 {
		t.Fatalf("%v in\n%s", r.Problems(), text)
	}
	return decode(text, &r)[0]
}
