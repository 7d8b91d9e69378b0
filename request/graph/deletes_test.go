package graph

import (
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/request/masking"
)

// office: person <-> desk -> room, all deleted; a person has a boss.
func office(t *testing.T) Input {
	t.Helper()
	d := describe(
		collection("o.desk", field("id", key), field("owner", cat("user.contact"), ref("o.person.id", dataset.From)), field("room", ref("o.room.id", dataset.To))),
		collection("o.person", field("id", key), field("email", identity("email"), cat("user.contact.email")), field("desk"), field("boss")),
		collection("o.room", field("id", key), field("label", cat("user.contact"))),
	)
	for i := range d[0].Collections {
		d[0].Collections[i].Masking = &masking.Spec{Strategy: "delete"}
	}
	return input(eraseContact, d, "email")
}

// points adds a foreign key, "child.column -> parent", on delete as given.
func points(in Input, from, to, onDelete string) {
	child, column, _ := strings.Cut(from, ".")
	t := table(in, "o."+child)
	t.ForeignKeys = append(t.ForeignKeys, catalogue.ForeignKey{Columns: []string{column}, References: catalogue.Name{Table: to}, ReferencedColumns: []string{"id"}, OnDelete: onDelete, OnUpdate: "no action"})
}

// stranger adds a table that nobody described.
func stranger(in Input, name string, columns ...string) {
	t := catalogue.Table{Name: catalogue.Name{Table: name}}
	for _, c := range columns {
		t.Columns = append(t.Columns, catalogue.Column{Name: c})
	}
	in.Connections[0].Catalogue.Tables = append(in.Connections[0].Catalogue.Tables, t)
}

func TestCircleOfForeignKeysIsNulledBeforeItIsDeleted(t *testing.T) { // D12
	in := office(t)
	points(in, "desk.owner", "person", "no action")
	points(in, "person.desk", "desk", "no action")
	points(in, "desk.room", "room", "restrict")
	table(in, "o.desk").Column("owner").NotNull = true
	p := build(t, in)
	person, desk, room := p.Node("o:person"), p.Node("o:desk"), p.Node("o:room")
	equal(t, "the key that can be null", person.Nulled, []string{"desk"})
	equal(t, "and none that need not be", [][]string{desk.Nulled, room.Nulled}, [][]string{nil, nil})
	equal(t, "desks wait for the nulls", desk.AfterNulls, []string{"o:person"})
	equal(t, "people for the desks", person.EraseAfter, []string{"o:desk"})
	equal(t, "rooms too", room.EraseAfter, []string{"o:desk"})
	if !slices.Contains(person.Columns, "desk") {
		t.Errorf("what is nulled must have been read: %v", person.Columns)
	}

	hash := p.Hash
	table(in, "o.person").Column("desk").NotNull = true
	table(in, "o.desk").Column("owner").NotNull = false
	p = build(t, in)
	equal(t, "the other key", p.Node("o:desk").Nulled, []string{"owner"})
	if p.Hash == hash {
		t.Error("what is nulled is not part of what is approved")
	}

	table(in, "o.desk").Column("owner").NotNull = true
	p = build(t, in)
	for _, a := range []string{"o:person", "o:desk", "o:room"} {
		if n := p.Node(a); !strings.Contains(n.Blocked, "no key of the circle can be null") || len(n.Nulled) > 0 {
			t.Errorf("%s in a circle that cannot be opened: %q, nulled %v", a, n.Blocked, n.Nulled)
		}
	}
}

func TestRowsThatHoldEachOtherAreNulledFirst(t *testing.T) { // D12
	in := office(t)
	points(in, "person.boss", "person", "no action")
	n := build(t, in).Node("o:person")
	equal(t, "nulled", n.Nulled, []string{"boss"})
	equal(t, "before their own delete", n.AfterNulls, []string{"o:person"})
	table(in, "o.person").Column("boss").NotNull = true
	if n := build(t, in).Node("o:person"); !strings.Contains(n.Blocked, "boss, which cannot be null") {
		t.Errorf("a key to its own table that is NOT NULL: %q", n.Blocked)
	}
}

func TestColumnsThatRowsAreAddressedByAreNotNulled(t *testing.T) { // D22
	in := office(t)
	points(in, "person.desk", "desk", "no action")
	points(in, "desk.owner", "person", "no action")
	points(in, "desk.room", "person", "no action")
	table(in, "o.desk").Column("room").NotNull = true
	table(in, "o.person").PrimaryKey = []string{"desk", "id"} // SQLite lets a part of a key be null
	if n := build(t, in).Node("o:person"); n.Blocked == "" || n.Nulled != nil {
		t.Errorf("nulled %v, blocked %q", n.Nulled, n.Blocked)
	}
	table(in, "o.person").PrimaryKey = []string{"id"}
	stranger(in, "locker", "desk")
	table(in, "o.locker").ForeignKeys = []catalogue.ForeignKey{{Columns: []string{"desk"}, References: catalogue.Name{Table: "person"}, ReferencedColumns: []string{"desk"}, OnDelete: "no action", OnUpdate: "cascade"}}
	if n := build(t, in).Node("o:person"); n.Blocked == "" || n.Nulled != nil {
		t.Errorf("what others point to: nulled %v, blocked %q", n.Nulled, n.Blocked)
	}
}

func TestForeignKeyAgainstEraseAfterIsNulled(t *testing.T) { // D12
	in := office(t)
	in.Datasets[0].Collections[0].EraseAfter = []dataset.Address{{Dataset: "o", Collection: "person"}}
	points(in, "desk.owner", "person", "no action")
	p := build(t, in)
	equal(t, "desks after people, as described", p.Node("o:desk").EraseAfter, []string{"o:person"})
	equal(t, "so that they let go first", p.Node("o:desk").Nulled, []string{"owner"})
}

func TestCascadesOutsideThePlanAreNamedWithTheirWay(t *testing.T) { // D12
	in := office(t)
	stranger(in, "badge", "person")
	stranger(in, "entry", "badge")
	stranger(in, "photo", "entry")
	stranger(in, "visit", "badge")
	points(in, "badge.person", "person", "cascade")
	points(in, "entry.badge", "badge", "cascade")
	points(in, "photo.entry", "entry", "set null")
	points(in, "visit.badge", "badge", "restrict")
	n := build(t, in).Node("o:person")
	for _, words := range []string{"change badge", "ON DELETE CASCADE", "badge <- entry (ON DELETE CASCADE)", "badge <- entry <- photo (ON DELETE SET NULL)"} {
		if !strings.Contains(n.Blocked, words) {
			t.Errorf("blocked without %q: %q", words, n.Blocked)
		}
	}
	if strings.Contains(n.Blocked, "visit") {
		t.Errorf("a key that only refuses is no cascade: %q", n.Blocked)
	}
}

func TestCascadesWithinThePlanAreToBeAskedFor(t *testing.T) { // D12
	in := office(t)
	points(in, "desk.owner", "person", "cascade")
	points(in, "person.boss", "person", "set null")
	n := build(t, in).Node("o:person")
	equal(t, "cascades", n.Cascades, []Cascade{
		{From: "o:desk", Columns: []string{"owner"}, To: []string{"id"}, Action: "cascade"},
		{From: "o:person", Columns: []string{"boss"}, To: []string{"id"}, Action: "set null"},
	})
	equal(t, "blocked", n.Blocked, "")
}

func TestTablesThatPointAtDeletedRowsCountForTheHash(t *testing.T) { // X17
	in := office(t)
	stranger(in, "badge", "person")
	stranger(in, "entry", "badge")
	points(in, "entry.badge", "badge", "no action")
	before := build(t, in)
	points(in, "badge.person", "person", "no action")
	if after := build(t, in); after.Catalogue == before.Catalogue {
		t.Error("a table that began to point at deleted rows leaves the approval as it is")
	}
	before = build(t, in)
	table(in, "o.entry").Columns = append(table(in, "o.entry").Columns, catalogue.Column{Name: "more"})
	if after := build(t, in); after.Catalogue != before.Catalogue {
		t.Error("a table that no delete can reach counts")
	}
}

func TestTriggersAreNotedAndViewsRefused(t *testing.T) { // D24, D25
	in := input(eraseContact, shop(), "email")
	table(in, "shop.customer").Triggers = []catalogue.Trigger{{Name: "mirror", On: []string{"delete", "update"}}, {Name: "tomb", On: []string{"delete"}}}
	n := build(t, in).Node("shop:customer")
	equal(t, "notes", n.Notes, []string{"the database runs the trigger mirror on update, which may write elsewhere"})

	for _, strategy := range []string{"null_rewrite", "delete"} {
		d := shop()
		d[0].Collections[1].Masking = &masking.Spec{Strategy: strategy}
		in = input(eraseContact, d, "email")
		table(in, "shop.customer").View = true
		n = build(t, in).Node("shop:customer")
		if n.Erases() || len(n.Refused) != 1 || !strings.Contains(n.Refused[0].Reason, "customer is a view") {
			t.Errorf("%s in a view: %+v", strategy, n.Refused)
		}
		table(in, "shop.customer").Writable = true
		if n = build(t, in).Node("shop:customer"); !n.Erases() {
			t.Errorf("%s in a view that can be written: %+v", strategy, n.Refused)
		}
		table(in, "shop.customer").NoRollback = true
		n = build(t, in).Node("shop:customer")
		if n.Erases() || len(n.Refused) != 1 || !strings.Contains(n.Refused[0].Reason, "InnoDB") {
			t.Errorf("%s in a table without transactions: %+v", strategy, n.Refused)
		}
	}
}
