package graph

import (
	"errors"
	"strings"
	"testing"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// askedBy gives a collection inputs, all of which one question takes.
func askedBy(c dataset.Collection, inputs ...dataset.Field) dataset.Collection {
	f := field("_inputs", below(inputs...))
	f.Input = true
	var way []string
	for i := range f.Fields {
		f.Fields[i].Input = true
		way = append(way, f.Fields[i].Path)
	}
	c.Fields = append(c.Fields, f)
	c.Ways = append(c.Ways, way)
	return c
}

func together(f *dataset.Field) { f.Grouped = true }

// asks makes the table of a collection one whose rows are asked for.
func asks(in Input, address string, how catalogue.Asked) {
	how.Column = "_inputs"
	t := table(in, address)
	*t = catalogue.Table{Name: t.Name, Open: true, Asked: &how, Columns: []catalogue.Column{{Name: "_inputs", Native: "inputs", Generated: true}}}
}

// club: customers in a table; members are asked for by an address of a customer and
// the number of a list, notes by what one member has.
func club(p policy.Policy, members, notes catalogue.Asked, types ...subject.Type) Input {
	in := input(p, describe(
		collection("shop.customer", field("id", key), field("email", identity("email"), cat("user.contact.email"))),
		askedBy(collection("crm.lists", field("no", key)), field("email", identity("email"))),
		askedBy(collection("crm.members", field("id", key), field("list"), field("name", cat("user.name")), field("since", cat("user.contact"), readOnly)),
			field("mail", ref("shop.customer.email", dataset.From)), field("list", ref("crm.lists.no", dataset.From))),
		askedBy(collection("crm.notes", field("id", key), field("text", cat("user.contact"))),
			field("list", ref("crm.members.list", dataset.From), together), field("member", ref("crm.members.id", dataset.From), together)),
	), types...)
	asks(in, "crm.lists", catalogue.Asked{})
	asks(in, "crm.members", members)
	asks(in, "crm.notes", notes)
	return in
}

var (
	written = catalogue.Asked{Together: true, Beside: []string{"list"}, Masks: catalogue.MasksFields}
	removed = catalogue.Asked{Masks: catalogue.MasksRow, Deletes: true}
)

func TestRowsThatAreAskedForAreFoundByTheirInputs(t *testing.T) { // H5, H7, H13
	p := build(t, club(eraseContact, written, removed, "email"))
	equal(t, "order", addresses(p), []string{"crm:lists", "shop:customer", "crm:members", "crm:notes"})
	members, notes := p.Node("crm:members"), p.Node("crm:notes")
	equal(t, "inputs", members.Inputs, map[string][]string{"_inputs.mail": {"shop:customer.email"}, "_inputs.list": {"crm:lists.no"}})
	equal(t, "one after the other", len(members.Matches), 2)
	equal(t, "columns", members.Columns, []string{"_inputs", "id", "list", "name"})
	equal(t, "key", members.KeyColumns, []string{"_inputs", "id", "list"})
	equal(t, "keyed", members.Keyed, false)
	equal(t, "notes", members.Notes, []string{"its inputs are asked together: each value of one with each of the others", "each row is written by a call of its own; there is no transaction over several"})
	equal(t, "of one row", notes.Matches[0].Fields, []string{"_inputs.list", "_inputs.member"})
	equal(t, "its source", notes.Matches[0].Source, []string{"list", "id"})
}

func TestInputsAreNeitherShownNorMasked(t *testing.T) { // H12, D20
	whole := accessAll
	in := club(whole, written, removed, "email")
	in.Datasets[1].Collections[1].Categories = nil
	for i := range in.Datasets[1].Collections {
		in.Datasets[1].Collections[i].Categories = append(in.Datasets[1].Collections[i].Categories, "user")
	}
	n := build(t, in).Node("crm:members")
	equal(t, "returned", n.FieldsReturned, []string{"id", "list", "name", "since"})
	in.Policy = policy.Policy{Key: "erasure", Rules: []policy.Rule{{Key: "all", Action: policy.Erasure, Targets: whole.Rules[0].Targets, Masking: &masking.Spec{Strategy: "null_rewrite"}}}}
	n = build(t, in).Node("crm:members")
	equal(t, "masked", n.FieldsMasked, map[string]string{"name": "null_rewrite"})
}

func TestAQuestionNeedsAllThatItRefersTo(t *testing.T) { // H13, D5
	in := club(eraseContact, written, removed, "email", "phone_number")
	in.Datasets[1].Collections[0].Fields[1].Fields[0].Identity = "phone_number" // of lists
	in.Identities = []subject.Type{"email"}
	skipped := map[string]string{}
	for _, s := range build(t, in).Skipped {
		skipped[s.Address] = s.Reason
	}
	if !strings.Contains(skipped["crm:lists"], "phone_number would reach it") || !strings.Contains(skipped["crm:members"], "cannot be reached by email") {
		t.Errorf("left out: %v", skipped)
	}
	in.Identities = []subject.Type{"email", "phone_number"}
	if build(t, in).Node("crm:notes") == nil {
		t.Error("with both types nothing of it is to be left out")
	}
}

func TestOneIdentityOfAQuestionIsEnough(t *testing.T) { // H13
	in := input(eraseContact, describe(askedBy(collection("crm.people", field("id", key), field("name", cat("user.name"))),
		field("mail", identity("email")), field("no", identity("external_id")))), "email")
	asks(in, "crm.people", written)
	equal(t, "inputs", build(t, in).Node("crm:people").Inputs, map[string][]string{"_inputs.mail": {"identity:email"}})
	in.Identities = []subject.Type{"phone_number"}
	equal(t, "without any", len(build(t, in).Nodes), 0)
}

func TestFieldsOfRowsThatAreAskedForLeadAwayOnly(t *testing.T) { // H5
	in := input(accessAll, describe(
		askedBy(collection("crm.people", field("id", key), field("card", ref("shop.card.no", dataset.Either), cat("user"))), field("mail", identity("email"))),
		collection("shop.card", field("no", key), field("holder", cat("user.name"), identity("email"))),
	), "email")
	asks(in, "crm.people", removed)
	p := build(t, in)
	equal(t, "people", p.Node("crm:people").Inputs, map[string][]string{"_inputs.mail": {"identity:email"}})
	equal(t, "card", p.Node("shop:card").Inputs, map[string][]string{"holder": {"identity:email"}, "no": {"crm:people.card"}})
}

func TestAMaskThatRemovesTheRowIsPlannedAsItsRemoval(t *testing.T) { // H12
	p := build(t, club(eraseContact, removed, removed, "email"))
	members := p.Node("crm:members")
	equal(t, "rule", members.Delete, "contact")
	equal(t, "fields", members.FieldsMasked, map[string]string{"name": "delete", "since": "delete"})
	equal(t, "masks", len(members.Masks)+len(members.Refused), 0)

	in := club(eraseContact, removed, removed, "email")
	rule := in.Policy.Rules[0]
	rule.Keep = []policy.Keep{{Category: "user.name", Reason: "invoices", Ground: "§ 147 AO"}}
	in.Policy = policy.Policy{Key: "erasure", Rules: []policy.Rule{rule}}
	members = build(t, in).Node("crm:members")
	if members.Delete != "" || len(members.Refused) != 1 || !strings.Contains(members.Refused[0].Reason, "data that is kept") {
		t.Errorf("a row with something to be kept: delete %q, refused %+v", members.Delete, members.Refused)
	}
}

func TestWhatAVendorCannotDoIsRefused(t *testing.T) { // H12
	members := build(t, club(eraseContact, catalogue.Asked{}, written, "email")).Node("crm:members")
	if len(members.Refused) != 2 || members.Refused[0].Reason != "the description of the vendor has no request that would erase it" {
		t.Errorf("nothing can be erased: %+v", members.Refused)
	}
	in := club(eraseContact, written, removed, "email")
	in.Datasets[1].Collections[1].Masking = &masking.Spec{Strategy: "delete"}
	members = build(t, in).Node("crm:members")
	if members.Delete != "" || len(members.Refused) != 2 || !strings.Contains(members.Refused[0].Reason, "no request that would remove the row") {
		t.Errorf("no row can be removed: %+v", members)
	}
	in = club(eraseContact, written, removed, "email")
	in.Datasets[1].Collections[1].Fields[1].Categories = append(in.Datasets[1].Collections[1].Fields[1].Categories, "user.contact")
	members = build(t, in).Node("crm:members")
	if r := members.Refused; len(r) != 2 || r[0].Field != "list" || r[0].Reason != "the requests that write the row refer to it" {
		t.Errorf("what the row is written by: %+v", r)
	}
}

func TestWhatNothingErasesGoesWithRowsThatAreRemoved(t *testing.T) { // H12, X17
	p := build(t, club(eraseContact, removed, catalogue.Asked{}, "email"))
	notes := p.Node("crm:notes")
	equal(t, "follows", notes.Follows, "crm:members")
	equal(t, "refused", len(notes.Refused), 0)
	equal(t, "targeted, and not written", []bool{notes.Targeted(), notes.Erases()}, []bool{true, false})
	equal(t, "of what is masked nothing goes", build(t, club(eraseContact, written, catalogue.Asked{}, "email")).Node("crm:notes").Follows, "")
	unasked := catalogue.Asked{Unverified: "not verified: nobody knows"}
	equal(t, "what cannot be asked again", build(t, club(eraseContact, removed, unasked, "email")).Node("crm:notes").Follows, "")
}

func TestARowThatIsWrittenWholeIsReadWhole(t *testing.T) { // H12
	whole := written
	whole.Whole = true
	members := build(t, club(eraseContact, whole, removed, "email")).Node("crm:members")
	equal(t, "written", members.Written, []string{"id", "list", "name"})
	equal(t, "columns", members.Columns, []string{"_inputs", "id", "list", "name"})
	equal(t, "of one that is not", build(t, club(eraseContact, written, removed, "email")).Node("crm:members").Written, []string(nil))

	in := club(eraseContact, whole, removed, "email")
	name := &in.Datasets[1].Collections[1].Fields[2]
	name.Fields = []dataset.Field{
		{Name: "first", Path: "name.first"}, {Name: "by", Path: "name.by", ReadOnly: true},
		{Name: "old", Path: "name.old", Fields: []dataset.Field{{Name: "at", Path: "name.old.at", ReadOnly: true}}},
	}
	equal(t, "left out of it", build(t, in).Node("crm:members").Unwritten, []string{"name.by", "name.old.at"})
}

func TestACircleIsNotAskedByValuesThatAreMultiplied(t *testing.T) { // D9, H7
	circle := func(how catalogue.Asked, options ...option) error {
		in := input(eraseContact, describe(askedBy(collection("crm.people", field("id", options...), field("name", cat("user.name")), field("boss")),
			field("mail", identity("email")), field("id", ref("crm.people.boss", dataset.From)))), "email")
		in.Datasets[0].Collections[0].Ways = [][]string{{"_inputs.mail"}, {"_inputs.id"}}
		asks(in, "crm.people", how)
		_, err := Build(in)
		return err
	}
	if err := circle(removed, key); err != nil {
		t.Error(err)
	}
	var failed *Error
	if err := circle(removed); !errors.As(err, &failed) || !strings.Contains(err.Error(), "has no primary key") {
		t.Errorf("without a key: %v", err)
	}
	multiplied := removed
	multiplied.Together = true
	if err := circle(multiplied, key); !errors.As(err, &failed) || !strings.Contains(err.Error(), "asked by several values together") {
		t.Errorf("by several values: %v", err)
	}
}
