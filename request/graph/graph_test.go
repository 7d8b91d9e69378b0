package graph

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// The descriptions of these tests are built by small functions: a collection
// of fields, each with the options that matter.

type option func(*dataset.Field)

func field(name string, options ...option) dataset.Field {
	f := dataset.Field{Name: name, Path: name}
	for _, o := range options {
		o(&f)
	}
	return f
}

func key(f *dataset.Field)      { f.PrimaryKey = true }
func readOnly(f *dataset.Field) { f.ReadOnly = true }

func identity(t string) option { return func(f *dataset.Field) { f.Identity = t } }

func cat(c string) option {
	return func(f *dataset.Field) { f.Categories = append(f.Categories, taxonomy.Category(c)) }
}

func ref(target string, d dataset.Direction) option {
	return func(f *dataset.Field) {
		parts := strings.SplitN(target, ".", 3)
		f.References = append(f.References, dataset.Reference{Target: dataset.Address{Dataset: parts[0], Collection: parts[1]}, Field: parts[2], Direction: d})
	}
}

func mask(strategy string) option {
	return func(f *dataset.Field) { f.Masking = &masking.Spec{Strategy: strategy} }
}

func collection(address string, fields ...dataset.Field) dataset.Collection {
	d, c, _ := strings.Cut(address, ".")
	return dataset.Collection{Address: dataset.Address{Dataset: d, Collection: c}, Fields: fields}
}

// describe sorts the collections into their datasets.
func describe(collections ...dataset.Collection) []dataset.Dataset {
	var all []dataset.Dataset
	for _, c := range collections {
		at := slices.IndexFunc(all, func(d dataset.Dataset) bool { return d.Key == c.Address.Dataset })
		if at < 0 {
			at = len(all)
			all = append(all, dataset.Dataset{Key: c.Address.Dataset})
		}
		all[at].Collections = append(all[at].Collections, c)
	}
	return all
}

var accessAll = policy.Policy{Key: "access", Rules: []policy.Rule{{Key: "all", Action: policy.Access, Targets: []taxonomy.Category{"user"}}}}

var eraseContact = policy.Policy{Key: "erasure", Rules: []policy.Rule{
	{Key: "contact", Action: policy.Erasure, Targets: []taxonomy.Category{"user.contact", "user.name"}, Masking: &masking.Spec{Strategy: "null_rewrite"}},
}}

// input connects every dataset to a database in which the tables are just as
// described: nullable text columns, and the declared keys.
func input(p policy.Policy, datasets []dataset.Dataset, types ...subject.Type) Input {
	in := Input{Datasets: datasets, Policy: p, Identities: types, Configuration: "c", Today: "2026-11-21"}
	for _, d := range datasets {
		c := &catalogue.Catalogue{}
		for _, coll := range d.Collections {
			t := catalogue.Table{Name: catalogue.Name{Table: coll.Address.Collection}}
			for _, f := range coll.Fields {
				col := catalogue.Column{Name: f.Name, Native: "text", Type: value.Type{Kind: value.String}}
				if len(f.Fields) > 0 {
					col.Type.Kind = value.JSON
				}
				t.Columns = append(t.Columns, col)
				if f.PrimaryKey {
					t.PrimaryKey = append(t.PrimaryKey, f.Name)
				}
			}
			c.Tables = append(c.Tables, t)
		}
		in.Connections = append(in.Connections, Connection{Key: d.Key + "_db", Write: true, Datasets: []string{d.Key}, Catalogue: c})
	}
	return in
}

func table(in Input, address string) *catalogue.Table {
	d, c, _ := strings.Cut(address, ".")
	for _, conn := range in.Connections {
		if slices.Contains(conn.Datasets, d) {
			return conn.Catalogue.Table(catalogue.Name{Table: c})
		}
	}
	return nil
}

func build(t *testing.T, in Input) *Plan {
	t.Helper()
	p, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func addresses(p *Plan) []string {
	var all []string
	for _, n := range p.Nodes {
		all = append(all, n.Address)
	}
	return all
}

func reasonFor(p *Plan, address string) string {
	for _, s := range p.Skipped {
		if s.Address == address {
			return s.Reason
		}
	}
	return ""
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func fails(t *testing.T, in Input, words ...string) {
	t.Helper()
	_, err := Build(in)
	var ge *Error
	if !errors.As(err, &ge) {
		t.Fatalf("Build gave %v, want an *Error", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
}

// shop: customer <- orders <- items, and addresses that customer points to.
func shop() []dataset.Dataset {
	return describe(
		collection("shop.address", field("id", key), field("street", cat("user.contact.address.street"))),
		collection("shop.customer", field("id", key), field("email", identity("email"), cat("user.contact.email")), field("address_id", ref("shop.address.id", dataset.To)), field("note")),
		collection("shop.items", field("id", key), field("order_id", ref("shop.orders.id", dataset.From)), field("gift_text", cat("user.content"))),
		collection("shop.orders", field("id", key), field("customer_id", ref("shop.customer.id", dataset.From)), field("total")),
		collection("shop.products", field("id", key), field("title")),
	)
}

func TestReferencesFeedInTheirDirection(t *testing.T) { // D6
	p := build(t, input(accessAll, shop(), "email"))
	equal(t, "order", addresses(p), []string{"shop:customer", "shop:address", "shop:orders", "shop:items"})
	equal(t, "from: the target feeds", p.Node("shop:orders").Inputs, map[string][]string{"customer_id": {"shop:customer.id"}})
	equal(t, "to: the target is fed", p.Node("shop:address").Inputs, map[string][]string{"id": {"shop:customer.address_id"}})
	equal(t, "upstream", p.Node("shop:items").Upstream, []string{"shop:orders"})
}

func TestReferenceWithoutDirectionLeadsAwayFromTheIdentity(t *testing.T) { // D6
	either := describe(
		collection("a.person", field("id", key, ref("b.account.person_id", dataset.Either)), field("name", cat("user.name"))),
		collection("b.account", field("id", key), field("person_id"), field("login", identity("login"), cat("user.account"))),
	)
	p := build(t, input(accessAll, either, "login"))
	equal(t, "account is nearer", p.Node("a:person").Inputs, map[string][]string{"id": {"b:account.person_id"}})
	either[0].Collections[0].Fields[1].Identity = "name"
	either[1].Collections[0].Fields[2].Identity = ""
	p = build(t, input(accessAll, either, "name"))
	equal(t, "person is nearer", p.Node("b:account").Inputs, map[string][]string{"person_id": {"a:person.id"}})
}

func TestIdentitiesFeedTheirFields(t *testing.T) { // D7
	p := build(t, input(accessAll, shop(), "email"))
	equal(t, "inputs", p.Node("shop:customer").Inputs, map[string][]string{"email": {"identity:email"}})
}

func TestEveryEdgeAmongReachableCollectionsCarriesData(t *testing.T) { // D8
	// tickets is reached by email and by customer, whatever is visited first.
	d := describe(
		collection("shop.customer", field("id", key), field("email", identity("email"), cat("user.contact.email"))),
		collection("help.ticket", field("id", key), field("email", identity("email"), cat("user.contact.email")), field("customer_id", ref("shop.customer.id", dataset.From))),
	)
	p := build(t, input(accessAll, d, "email"))
	equal(t, "both", p.Node("help:ticket").Inputs, map[string][]string{"email": {"identity:email"}, "customer_id": {"shop:customer.id"}})
	equal(t, "after all upstream", addresses(p), []string{"shop:customer", "help:ticket"})
}

func TestAfterIsKeptInThePlan(t *testing.T) { // D8
	d := shop()
	d[0].Collections[1].After = []dataset.Address{{Dataset: "shop", Collection: "products"}}
	d[0].Collections[4].Fields[1].Categories = []taxonomy.Category{"user.content"}
	d[0].Collections[4].Fields[0].Identity = "email"
	p := build(t, input(accessAll, d, "email"))
	equal(t, "upstream", p.Node("shop:customer").Upstream, []string{"shop:products"})
}

func TestContradictingAfterIsRefused(t *testing.T) {
	d := shop()
	d[0].Collections[1].After = []dataset.Address{{Dataset: "shop", Collection: "orders"}}
	fails(t, input(accessAll, d, "email"), "contradict", "shop:customer", "shop:orders")
}

func TestUnreachableCollections(t *testing.T) { // D10
	d := append(shop(), describe(collection("hr.employee", field("id", key), field("mail", cat("user.contact.email"), identity("staff_mail"))))...)
	p := build(t, input(accessAll, d, "email"))
	if r := reasonFor(p, "hr:employee"); !strings.Contains(r, "staff_mail") {
		t.Errorf("another identity type would reach it, and the reason does not name it: %q", r)
	}
	d[1].Collections[0].Fields[1].Identity = ""
	fails(t, input(accessAll, d, "email"), "hr:employee", "no identity and no reference leads to it")
	d[1].Collections[0].Fields[1].Categories = nil
	p = build(t, input(accessAll, d, "email"))
	if reasonFor(p, "hr:employee") == "" {
		t.Error("what the policy does not need must be accounted for, and fail nothing")
	}
}

func TestDanglingReferenceFailsOnlyPlansThatNeedIt(t *testing.T) { // D10
	d := append(shop(), describe(collection("old.log", field("id", key, identity("device_id")), field("text", cat("user.content")), field("x", ref("gone.table.id", dataset.From))))...)
	build(t, input(accessAll, d, "email"))
	fails(t, input(accessAll, d, "device_id"), "old:log", "gone:table.id")
}

func TestCollectionsThatThePolicyDoesNotNeedAreLeftOut(t *testing.T) { // D11
	d := shop()
	d[0].Collections[4].Fields[0].References = []dataset.Reference{{Target: dataset.Address{Dataset: "shop", Collection: "items"}, Field: "id", Direction: dataset.From}}
	p := build(t, input(eraseContact, d, "email"))
	equal(t, "nodes", addresses(p), []string{"shop:customer", "shop:address"})
	for _, a := range []string{"shop:orders", "shop:items", "shop:products"} {
		if r := reasonFor(p, a); !strings.Contains(r, "targets") {
			t.Errorf("%s left out with reason %q", a, r)
		}
	}
}

func TestEraseAfterOrdersAcrossCollectionsThatAreNotErased(t *testing.T) { // D12
	d := shop()
	d[0].Collections[1].EraseAfter = []dataset.Address{{Dataset: "shop", Collection: "products"}}
	d[0].Collections[4].EraseAfter = []dataset.Address{{Dataset: "shop", Collection: "address"}}
	p := build(t, input(eraseContact, d, "email"))
	equal(t, "erase after", p.Node("shop:customer").EraseAfter, []string{"shop:address"})
	d[0].Collections[0].EraseAfter = []dataset.Address{{Dataset: "shop", Collection: "customer"}}
	fails(t, input(eraseContact, d, "email"), "circle", "shop:customer", "shop:address")
}

func TestCyclesAreGrouped(t *testing.T) { // D9
	d := describe(
		collection("hr.employee", field("id", key), field("mail", identity("email"), cat("user.contact.email")), field("manager", ref("hr.employee.id", dataset.To))),
		collection("hr.a", field("x", key, ref("hr.employee.id", dataset.From)), field("y", cat("user.content"))),
		collection("hr.b", field("y", key, ref("hr.a.y", dataset.From), cat("user.content")), field("x", ref("hr.a.x", dataset.To))),
	)
	p := build(t, input(accessAll, d, "email"))
	equal(t, "self", p.Node("hr:employee").Cycle, "hr:employee")
	equal(t, "pair", []string{p.Node("hr:a").Cycle, p.Node("hr:b").Cycle}, []string{"hr:a", "hr:a"})
}

func TestCompositeKeysAreUsedWhole(t *testing.T) { // D14
	d := describe(
		collection("s.order", field("tenant", key), field("no", key), field("mail", identity("email"), cat("user.contact.email"))),
		collection("s.line", field("id", key), field("tenant", ref("s.order.tenant", dataset.From)), field("order_no", ref("s.order.no", dataset.From)), field("gift", cat("user.content"))),
	)
	p := build(t, input(accessAll, d, "email"))
	line := p.Node("s:line")
	if len(line.Matches) != 1 {
		t.Fatalf("half a key would find other people's rows: %+v", line.Matches)
	}
	equal(t, "fields", line.Matches[0].Fields, []string{"tenant", "order_no"})
	equal(t, "source", line.Matches[0].Source, []string{"tenant", "no"})
}

func TestForeignKeysOfTheCatalogueMakeComposites(t *testing.T) { // D14
	d := describe(
		collection("s.order", field("id", key), field("tenant"), field("no"), field("mail", identity("email"), cat("user.contact.email"))),
		collection("s.line", field("id", key), field("tenant", ref("s.order.tenant", dataset.From)), field("order_no", ref("s.order.no", dataset.From)), field("gift", cat("user.content"))),
	)
	in := input(accessAll, d, "email")
	table(in, "s.line").ForeignKeys = []catalogue.ForeignKey{{Columns: []string{"order_no", "tenant"}, References: catalogue.Name{Table: "order"}, ReferencedColumns: []string{"no", "tenant"}}}
	p := build(t, in)
	equal(t, "one match", len(p.Node("s:line").Matches), 1)
}

func TestDatasetsMayBeLeftAndEnteredAgain(t *testing.T) { // X18
	d := describe(
		collection("a.person", field("id", key), field("email", identity("email"), cat("user.contact.email"))),
		collection("b.account", field("id", key), field("person", ref("a.person.id", dataset.From))),
		collection("a.log", field("id", key), field("account", ref("b.account.id", dataset.From)), field("text", cat("user.content"))),
	)
	equal(t, "order", addresses(build(t, input(accessAll, d, "email"))), []string{"a:person", "b:account", "a:log"})
}

func TestOnlyWhatIsNeededIsRead(t *testing.T) { // X8
	p := build(t, input(eraseContact, shop(), "email"))
	equal(t, "columns", p.Node("shop:customer").Columns, []string{"address_id", "email", "id"})
}

func TestErasureTargets(t *testing.T) { // D21
	address := field("address", cat("user.contact"))
	address.Fields = []dataset.Field{{Name: "city", Path: "address.city"}}
	profile := field("profile")
	profile.Fields = []dataset.Field{{Name: "name", Path: "profile.name", Categories: []taxonomy.Category{"user.name"}}, {Name: "theme", Path: "profile.theme"}}
	c := collection("s.person",
		field("id", key, cat("user.name")), field("email", identity("email"), cat("user.contact.email")),
		address, profile, field("locked", readOnly, cat("user.name")), field("nick", cat("user.name"), mask("hash")))
	p := build(t, input(eraseContact, describe(c), "email"))
	n := p.Node("s:person")
	equal(t, "masked", n.FieldsMasked, map[string]string{"email": "null_rewrite", "address": "null_rewrite", "profile.name": "null_rewrite", "nick": "hash"})
	var refused []string
	for _, r := range n.Refused {
		refused = append(refused, r.Field)
	}
	equal(t, "refused", refused, []string{"id", "locked"}) // D24
}

func TestObjectIsNotMaskedWholeWhenAPartOfItStays(t *testing.T) { // D21
	contact := field("contact", cat("user.contact"), mask("null_rewrite"))
	contact.Fields = []dataset.Field{{Name: "email", Path: "contact.email", Categories: []taxonomy.Category{"user.contact.email"}}, {Name: "fax", Path: "contact.fax"}, {Name: "id", Path: "contact.id", ReadOnly: true}}
	pol := eraseContact
	pol.Rules = slices.Clone(pol.Rules)
	pol.Rules[0].Keep = []policy.Keep{{Category: "user.contact.email", Reason: "invoices", Ground: "law"}}
	n := build(t, input(pol, describe(collection("s.person", field("id", key), field("mail", identity("email")), contact)), "email")).Node("s:person")
	equal(t, "masked", n.FieldsMasked, map[string]string{"contact.fax": "null_rewrite"})
	equal(t, "kept", n.Kept[0].Field, "contact.email")
	equal(t, "refused", n.Refused[0].Field, "contact.id")
}

func TestCategoryOfTheCollectionCoversFieldsWithoutTheirOwn(t *testing.T) { // D21
	c := collection("s.person", field("id", key), field("email", identity("email")), field("phone"), field("theme", cat("system.operations")))
	c.Categories = []taxonomy.Category{"user.contact"}
	both := policy.Policy{Key: "both", Rules: append(slices.Clone(accessAll.Rules), eraseContact.Rules...)}
	n := build(t, input(both, describe(c), "email")).Node("s:person")
	equal(t, "whole rows", n.FieldsReturned, []string{"email", "id", "phone", "theme"}) // D20
	equal(t, "identities are no keys", n.FieldsMasked, map[string]string{"email": "null_rewrite", "phone": "null_rewrite"})
	var kept []string
	for _, k := range n.Kept {
		kept = append(kept, k.Field)
	}
	equal(t, "keys and references are reported as kept", kept, []string{"id"})

	log := collection("s.log", field("id", key), field("owner", ref("s.person.phone", dataset.From)), field("text"))
	log.Categories = []taxonomy.Category{"user.contact"}
	p := build(t, input(both, describe(c, log), "email"))
	equal(t, "both ends of a reference stay", []int{len(p.Node("s:person").Masks), len(p.Node("s:log").Masks)}, []int{1, 1})
}

func TestRowsAreAddressedByTheWholeKey(t *testing.T) { // D22
	d := describe(collection("s.person", field("no", key), field("email", identity("email"), cat("user.contact.email"))))
	in := input(eraseContact, d, "email")
	table(in, "s.person").Columns = append(table(in, "s.person").Columns, catalogue.Column{Name: "tenant"})
	table(in, "s.person").PrimaryKey = []string{"tenant", "no"}
	equal(t, "the live key", build(t, in).Node("s:person").KeyColumns, []string{"tenant", "no"})

	in = input(eraseContact, describe(collection("s.log", field("kind", key), field("email", identity("email"), cat("user.contact.email")))), "email")
	table(in, "s.log").PrimaryKey = nil
	n := build(t, in).Node("s:log")
	equal(t, "a declared key that the database does not keep unique", []any{n.KeyColumns, n.Keyed}, []any{[]string{"email", "kind"}, false})
	table(in, "s.log").Unique = [][]string{{"kind"}}
	table(in, "s.log").Columns[0].NotNull = true
	n = build(t, in).Node("s:log")
	equal(t, "and one that it does", []any{n.KeyColumns, n.Keyed}, []any{[]string{"kind"}, true})

	d = describe(collection("s.log", field("email", identity("email"), cat("user.contact.email")), field("device", identity("device_id"))))
	equal(t, "no key: all that rows are found by", build(t, input(eraseContact, d, "email", "device_id")).Node("s:log").KeyColumns, []string{"device", "email"})
}

func TestMaskThatTheColumnCannotHoldIsRefusedBeforehand(t *testing.T) { // D25
	in := input(eraseContact, shop(), "email")
	table(in, "shop.customer").Column("email").NotNull = true
	n := build(t, in).Node("shop:customer")
	if len(n.Refused) != 1 || n.Refused[0].Field != "email" || n.Erases() {
		t.Errorf("NOT NULL and null_rewrite: %+v", n.Refused)
	}
}

func TestKeptDataIsNamedWithItsGround(t *testing.T) { // D4
	p := eraseContact
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Keep = []policy.Keep{{Category: "user.contact.email", Reason: "invoices", Ground: "Art. 17(3)(b) GDPR", Until: "2030-12-31"}}
	in := input(p, shop(), "email")
	n := build(t, in).Node("shop:customer")
	equal(t, "kept", n.Kept, []Kept{{Field: "email", Rule: "contact", Reason: "invoices", Ground: "Art. 17(3)(b) GDPR", Until: "2030-12-31"}})
	in.Today = "2031-01-01"
	equal(t, "after the duty has ended", build(t, in).Node("shop:customer").FieldsMasked, map[string]string{"email": "null_rewrite"})
}

func TestReadOnlyConnectionBlocksItsCollections(t *testing.T) { // D26
	in := input(eraseContact, shop(), "email")
	in.Connections[0].Write = false
	n := build(t, in).Node("shop:customer")
	if n.Erases() || !strings.Contains(n.Blocked, "read access") {
		t.Errorf("blocked: %q", n.Blocked)
	}
}

func TestDeletesDoNotReachRowsOutsideThePlan(t *testing.T) {
	d := shop()
	d[0].Collections[1].Masking = &masking.Spec{Strategy: "delete"}
	in := input(eraseContact, d, "email")
	equal(t, "deletes", build(t, in).Node("shop:customer").Delete, "contact")
	table(in, "shop.orders").ForeignKeys = []catalogue.ForeignKey{{Columns: []string{"customer_id"}, References: catalogue.Name{Table: "customer"}, ReferencedColumns: []string{"id"}, OnDelete: "cascade"}}
	if n := build(t, in).Node("shop:customer"); n.Erases() || !strings.Contains(n.Blocked, "orders") {
		t.Errorf("a cascade into orders: %q", n.Blocked)
	}
}

func TestForeignKeysInACircleBlockTheDeletes(t *testing.T) { // D12
	d := shop()
	d[0].Collections[0].Masking = &masking.Spec{Strategy: "delete"}
	d[0].Collections[1].Masking = &masking.Spec{Strategy: "delete"}
	in := input(eraseContact, d, "email")
	fk := func(child, parent string) {
		table(in, "shop."+child).ForeignKeys = []catalogue.ForeignKey{{Columns: []string{"id"}, References: catalogue.Name{Table: parent}, ReferencedColumns: []string{"id"}}}
	}
	fk("customer", "address")
	equal(t, "children before parents", build(t, in).Node("shop:address").EraseAfter, []string{"shop:customer"})
	fk("address", "customer")
	for _, a := range []string{"shop:address", "shop:customer"} {
		if n := build(t, in).Node(a); !strings.Contains(n.Blocked, "foreign keys") {
			t.Errorf("%s in a circle of foreign keys: %q", a, n.Blocked)
		}
	}
}

func TestMissingTablesAndColumnsAreDrift(t *testing.T) {
	in := input(accessAll, shop(), "email")
	in.Connections[0].Catalogue.Tables = in.Connections[0].Catalogue.Tables[1:]
	fails(t, in, "shop:address", "no table address")
	in = input(accessAll, shop(), "email")
	table(in, "shop.customer").Column("email").Name = "mail"
	_, err := Build(in)
	var ge *Error
	if !errors.As(err, &ge) || !ge.Drift {
		t.Errorf("a column that vanished gives %v", err)
	}
}

func TestPlansAreTheSameByteForByte(t *testing.T) { // X19
	both := policy.Policy{Key: "both", Rules: append(slices.Clone(accessAll.Rules), eraseContact.Rules...)}
	fresh := func() Input {
		all := append(shop(), office(t).Datasets...)
		in := input(both, all, "email", "phone_number")
		for _, fk := range []string{"desk.owner person cascade", "person.desk desk no action", "person.boss person set null", "desk.room room restrict", "badge.person person cascade", "entry.badge badge cascade", "key.room room no action", "lock.room room set null"} {
			words := strings.SplitN(fk, " ", 3)
			name, column, _ := strings.Cut(words[0], ".")
			if table(in, "o."+name) == nil {
				in.Connections[1].Catalogue.Tables = append(in.Connections[1].Catalogue.Tables, catalogue.Table{Name: catalogue.Name{Table: name}, Columns: []catalogue.Column{{Name: column}}})
			}
			points(in, words[0], words[1], words[2])
		}
		table(in, "shop.orders").ForeignKeys = []catalogue.ForeignKey{{Columns: []string{"note"}, References: catalogue.Name{Table: "customer"}, ReferencedColumns: []string{"email"}, OnUpdate: "cascade"}}
		table(in, "shop.items").ForeignKeys = table(in, "shop.orders").ForeignKeys
		return in
	}
	first, err := json.Marshal(build(t, fresh()))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(200) {
		draw := rand.New(rand.NewPCG(seed, 1))
		in := fresh()
		in.Identities = []subject.Type{"phone_number", "email", "email"}
		shuffle(draw, in.Datasets)
		for i := range in.Datasets {
			shuffle(draw, in.Datasets[i].Collections)
		}
		shuffle(draw, in.Connections)
		for i := range in.Connections {
			shuffle(draw, in.Connections[i].Catalogue.Tables)
		}
		again, _ := json.Marshal(build(t, in))
		if string(first) != string(again) {
			t.Fatalf("another order of the same description:\n%s\n%s", first, again)
		}
	}
}

func shuffle[T any](draw *rand.Rand, list []T) {
	draw.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

func TestHashCoversThePlanAndNotItsCounts(t *testing.T) { // X17
	p := build(t, input(eraseContact, shop(), "email"))
	hash := p.Hash
	rows := int64(3)
	p.Nodes[0].Rows = &rows
	if err := p.Verify(); err != nil {
		t.Errorf("counts are part of the hash: %v", err)
	}
	in := input(eraseContact, shop(), "email")
	in.Configuration = "other"
	if build(t, in).Hash == hash {
		t.Error("another configuration has the same hash")
	}
	in = input(eraseContact, shop(), "email")
	table(in, "shop.customer").Column("note").Native = "varchar"
	if build(t, in).Hash == hash {
		t.Error("another catalogue has the same hash")
	}
	p.Nodes[0].FieldsMasked["note"] = "hash"
	if p.Verify() == nil {
		t.Error("a changed plan keeps its hash")
	}
}

func TestCheckNamesUnreachableCollections(t *testing.T) { // D5
	d := append(shop(), describe(collection("hr.employee", field("id", key), field("mail", cat("user.contact.email"))))...)
	found := Check(d, []policy.Policy{accessAll}, func(string) bool { return false })
	if len(found) != 1 || !strings.Contains(found[0].Message, "hr:employee") || !strings.Contains(found[0].Message, "tried: email") {
		t.Errorf("problems: %v", found)
	}
}
