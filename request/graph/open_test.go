package graph

import (
	"testing"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// below gives a field others below it.
func below(fields ...dataset.Field) option {
	return func(f *dataset.Field) {
		for _, inner := range fields {
			inner.Path = f.Path + "." + inner.Name
			f.Fields = append(f.Fields, inner)
		}
	}
}

func typed(kind value.Kind, array bool) option {
	return func(f *dataset.Field) { f.Type = value.Type{Kind: kind, Array: array} }
}

// opened makes a collection one of documents: the catalogue vouches for the
// key alone.
func opened(in Input, address string) *catalogue.Table {
	t := table(in, address)
	*t = catalogue.Table{Name: t.Name, Open: true, PrimaryKey: []string{"_id"}, Columns: []catalogue.Column{{Name: "_id", Native: "_id", NotNull: true}}}
	return t
}

// market: customers in a table; orders are documents whose items, and the
// people in them, stand in arrays.
func market(p policy.Policy, types ...subject.Type) Input {
	in := input(p, describe(
		collection("shop.customer", field("id", key), field("email", identity("email"), cat("user.contact.email"))),
		collection("docs.orders", field("_id", key, typed(value.ObjectID, false)),
			field("buyer", below(field("id", typed(value.Integer, false), ref("shop.customer.id", dataset.From)), field("name", cat("user.name"), typed(value.String, false)))),
			field("items", typed(value.Object, true), below(field("mail", identity("email")), field("gift", cat("user.contact"))))),
		collection("shop.payment", field("order_id", key, ref("docs.orders._id", dataset.From)), field("iban", cat("user.contact"))),
	), types...)
	opened(in, "docs.orders")
	return in
}

func TestDocumentsAreFoundByPathsAndReadByTheirTopFields(t *testing.T) { // D17
	n := build(t, market(eraseContact, "email")).Node("docs:orders")
	equal(t, "inputs", n.Inputs, map[string][]string{"buyer.id": {"shop:customer.id"}, "items.mail": {"identity:email"}})
	equal(t, "columns", n.Columns, []string{"_id", "buyer", "items"})
	equal(t, "masked", n.FieldsMasked, map[string]string{"buyer.name": "null_rewrite", "items.gift": "null_rewrite"})
	equal(t, "key", n.KeyColumns, []string{"_id"})
	equal(t, "types", []value.Type{n.Matches[0].Types[0], n.Matches[1].Types[0]}, []value.Type{{}, {Kind: value.Integer}})
}

func TestDocumentsFeedTables(t *testing.T) { // D6, D8
	p := build(t, market(eraseContact, "email"))
	equal(t, "order", addresses(p), []string{"shop:customer", "docs:orders", "shop:payment"})
	equal(t, "inputs", p.Node("shop:payment").Inputs, map[string][]string{"order_id": {"docs:orders._id"}})
}

func TestMasksOfDocumentsGoByTheDescriptionAndTheIndexes(t *testing.T) { // D25
	in := market(eraseContact, "email")
	in.Datasets[1].Collections[0].Fields[1].Fields[1].Masking = &masking.Spec{Strategy: "string_rewrite", Configuration: map[string]any{"rewrite_value": "x"}}
	table(in, "docs.orders").Unique = [][]string{{"buyer.name"}}
	n := build(t, in).Node("docs:orders")
	if len(n.Refused) != 1 || n.Refused[0].Field != "buyer.name" {
		t.Errorf("one constant for a field with a unique index: refused %+v", n.Refused)
	}
}

func TestPartsOfAKeyInAnArrayAreRefused(t *testing.T) { // D14
	in := input(accessAll, describe(
		collection("s.order", field("tenant", key), field("no", key), field("mail", identity("email"), cat("user.contact.email"))),
		collection("d.parcel", field("_id", key), field("lines", typed(value.Object, true),
			below(field("tenant", ref("s.order.tenant", dataset.From)), field("no", ref("s.order.no", dataset.From)), field("gift", cat("user.content"))))),
	), "email")
	opened(in, "d.parcel")
	fails(t, in, "d:parcel", "lines.tenant and lines.no together", "lines is an array")
}

func TestRoundsCannotFollowArraysOfDocuments(t *testing.T) { // D9
	friends := func(options ...option) Input {
		in := input(accessAll, describe(collection("d.person", field("_id", key),
			field("mail", identity("email"), cat("user.contact.email")),
			field("knows", append(options, ref("d.person._id", dataset.To), ref("d.person.mail", dataset.From))...))), "email")
		opened(in, "d.person")
		return in
	}
	build(t, friends(typed(value.String, false)))
	fails(t, friends(typed(value.String, true)), "the array knows", "feeds itself")
}

func TestATableIsNotADocument(t *testing.T) {
	in := market(accessAll, "email")
	closed := table(in, "docs.orders")
	closed.Open = false
	closed.Columns = append(closed.Columns, catalogue.Column{Name: "buyer"}, catalogue.Column{Name: "items"})
	fails(t, in, "buyer.id", "lies inside a document, and this is a table")
}

func TestPlansSayHowDocumentsAreWritten(t *testing.T) { // D23
	in := market(eraseContact, "email")
	equal(t, "masks", build(t, in).Node("docs:orders").Notes, []string{"each document is written by itself, whole or not at all; there is no transaction over several"})
	in.Datasets[1].Collections[0].Masking = &masking.Spec{Strategy: "delete"}
	equal(t, "deletes", build(t, in).Node("docs:orders").Notes, []string{
		"a document is not deleted where items holds elements of others",
		"each document is written by itself, whole or not at all; there is no transaction over several"})
}
