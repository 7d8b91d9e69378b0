package connectortest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/subject"
)

// Permissions holds a connector to the contract of connector.Permitter.
func Permissions(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness, *keeping)
	}{
		{"ATableIsMadeOnceAndHoldsWhatWasSaidLast", testPermit},
		{"IdentitiesAreToldApartByTheirBytes", testPermittedIdentities},
		{"AnOlderFenceChangesNothing", testPermitFence},
		{"ATableThatIsNotOursIsLeftAlone", testPermitForeign},
		{"WhatWasDroppedIsMadeAgain", testPermitDropped},
		{"HostileNamesAndValuesStayWhereTheyBelong", testPermitHostile},
		{"ManyRowsFitWhateverAStatementHolds", testPermitMany},
		{"AReadOnlyConnectionMakesNothing", testPermitReadOnly},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h, keep(t, h)) })
	}
}

// keeping is a permission table under test.
type keeping struct {
	*bench
	connector.Permitter
	table connector.PermissionTable
}

func keep(t testing.TB, h Harness) *keeping {
	t.Helper()
	b := open(t, h, sentinel, "INSERT INTO sentinel VALUES (1, 7)") // a file of SQLite begins with the first statement
	p, ok := b.full.(connector.Permitter)
	if !ok {
		t.Fatal("the connector keeps no permission tables")
	}
	return &keeping{b, p, connector.PermissionTable{Name: catalogue.Name{Table: "permissions"}, Keeper: "ours", Fence: 7}}
}

func (k *keeping) take(t testing.TB) (made bool) {
	t.Helper()
	made, err := k.Take(t.Context(), k.table)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (k *keeping) permit(t testing.TB, subjects []string, rows ...connector.Permission) {
	t.Helper()
	if err := k.Permit(t.Context(), k.table, subjects, rows); err != nil {
		t.Fatal(err)
	}
}

// holds compares all rows, in any order.
func (k *keeping) holds(t testing.TB, want ...connector.Permission) {
	t.Helper()
	got, err := k.Permissions(t.Context(), k.table, "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func lines(rows []connector.Permission) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = fmt.Sprintf("%s %s %q %s %v %s %s %d", r.Subject, r.Identity.Type, r.Identity.Value.Reveal(), r.Purpose, r.Allowed, r.Choice, r.Since.UTC().Format(time.RFC3339Nano), r.Sequence)
	}
	slices.Sort(all)
	return all
}

var chosen = time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)

func row(person, id, purpose string, allowed bool) connector.Permission {
	return connector.Permission{Subject: person, Identity: subject.Identity{Type: subject.ExternalID, Value: subject.Conceal(id)},
		Purpose: purpose, Allowed: allowed, Choice: "granted", Since: chosen, Sequence: 41}
}

func testPermit(t *testing.T, _ Harness, k *keeping) {
	if !k.take(t) || k.take(t) {
		t.Error("the table was not made once")
	}
	k.permit(t, []string{"p1", "p2"}, row("p1", "c-1", "ads", true), row("p1", "c-1b", "ads", true), row("p1", "c-1", "research", false), row("p2", "c-2", "ads", true))
	k.holds(t, row("p1", "c-1", "ads", true), row("p1", "c-1b", "ads", true), row("p1", "c-1", "research", false), row("p2", "c-2", "ads", true))
	k.permit(t, []string{"p1", "p3"}, row("p1", "c-1", "ads", false))
	k.holds(t, row("p1", "c-1", "ads", false), row("p2", "c-2", "ads", true))
	k.permit(t, []string{"p4"}, row("p4", "c-2", "ads", false)) // an identity goes over
	k.holds(t, row("p1", "c-1", "ads", false), row("p4", "c-2", "ads", false))
	k.permit(t, []string{"p4"}, row("", "c-3", "ads", true)) // it leads to nobody, and is found all the same
	k.holds(t, row("p1", "c-1", "ads", false), row("", "c-3", "ads", true))
	k.permit(t, []string{"p1", ""})
	k.holds(t)

	for _, f := range []connector.Freshness{{Sequence: 42, AsOf: chosen, Checked: chosen}, {Sequence: 43, Checked: chosen.Add(time.Hour)}} {
		if err := k.Freshen(t.Context(), k.table, f); err != nil {
			t.Fatal(err)
		}
	}
	k.describe(t)
	got := k.rows(t, "permissions_freshness", "keeper", "ours")["ours"]
	if got["sequence"] != int64(42) || got["as_of"] != any(chosen) || got["checked"] != any(chosen.Add(time.Hour)) {
		t.Errorf("freshness %#v", got)
	}
	for _, of := range []struct{ after, through, want string }{{"", "", "abc"}, {"a", "", "bc"}, {"", "b", "ab"}, {"a", "b", "b"}, {"c", "", ""}} {
		k.permit(t, []string{"a", "b", "c"}, row("a", "1", "ads", true), row("b", "2", "ads", true), row("c", "3", "ads", true))
		some, err := k.Permissions(t.Context(), k.table, of.after, of.through, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range some {
			got = append(got, r.Subject)
		}
		if slices.Sort(got); strings.Join(got, "") != of.want {
			t.Errorf("behind %q up to %q: %q, want %q", of.after, of.through, got, of.want)
		}
	}
	if some, err := k.Permissions(t.Context(), k.table, "", "", 1); err != nil || len(some) != 1 {
		t.Errorf("%d rows, %v", len(some), err)
	}
}

func testPermittedIdentities(t *testing.T, _ Harness, k *keeping) {
	k.take(t)
	longest := strings.Repeat("é", connector.MaxPermitted)
	var all []connector.Permission
	var people []string
	for i, id := range []string{"a", "A", "a ", " a", "á", "a\u0301", "ß", "ss", "😀", longest} {
		people = append(people, fmt.Sprint("p", i))
		all = append(all, row(people[i], id, "ads", i%2 == 0))
	}
	k.permit(t, append(people, "long"), append(all, row("long", longest+"é", "ads", true))...)
	k.holds(t, all...)
}

func testPermitFence(t *testing.T, _ Harness, k *keeping) { // R3
	k.take(t)
	k.permit(t, []string{"p1"}, row("p1", "c-1", "ads", true))
	older := k.table
	k.table.Fence++
	k.take(t)
	k.permit(t, []string{"p1"}) // erased
	for what, err := range map[string]error{
		"permits":  k.Permit(t.Context(), older, []string{"p1"}, []connector.Permission{row("p1", "c-1", "ads", true)}),
		"freshens": k.Freshen(t.Context(), older, connector.Freshness{Sequence: 99}),
		"takes":    func() error { _, err := k.Take(t.Context(), older); return err }(),
	} {
		if !errors.Is(err, connector.ErrTaken) {
			t.Errorf("an older one %s: %v", what, err)
		}
	}
	k.holds(t)
	k.describe(t)
	if got := k.rows(t, "permissions_freshness", "keeper", "ours")["ours"]; got["sequence"] != nil || got["fence"] != int64(8) {
		t.Errorf("freshness %#v", got)
	}
}

func testPermitForeign(t *testing.T, h Harness, k *keeping) {
	names := "identity_type " + h.Text + ", identity " + h.Text + ", purpose " + h.Text + ", subject " + h.Text
	for what, statements := range map[string][]string{
		"another table":            {"CREATE TABLE permissions (id integer)", "INSERT INTO permissions VALUES (1)"},
		"one of the same shape":    {"CREATE TABLE permissions (" + names + ")"},
		"another one beside it":    {"CREATE TABLE permissions_freshness (id integer)"},
		"a view":                   {"CREATE VIEW permissions AS SELECT 1 AS identity"},
		"one whose mark was empty": {"CREATE TABLE permissions (" + names + ")", "CREATE TABLE permissions_freshness (keeper " + h.Text + ", fence integer, sequence integer, as_of integer, checked integer)"},
	} {
		k := keep(t, h)
		k.Exec(t, statements...)
		k.describe(t)
		before := k.schema
		made, err := k.Take(t.Context(), k.table)
		if kind(t, err, connector.Permanent); made || err == nil || !strings.Contains(err.Error(), "drop") {
			t.Errorf("%s: %v %v", what, made, err)
		}
		k.describe(t)
		if diff := cmp.Diff(before, k.schema); diff != "" {
			t.Errorf("%s: it was changed (-before +after):\n%s", what, diff)
		}
	}
	k.take(t)
	k.permit(t, []string{"p1"}, row("p1", "c-1", "ads", true))
	other := k.table
	other.Keeper, other.Fence = "theirs", 99
	if _, err := k.Take(t.Context(), other); err == nil || errors.Is(err, connector.ErrTaken) {
		t.Errorf("a table of another keeper: %v", err)
	}
	if err := k.Permit(t.Context(), other, []string{"p1"}, nil); !errors.Is(err, connector.ErrTaken) {
		t.Errorf("a table of another keeper is written: %v", err)
	}
	k.permit(t, nil)
	k.holds(t, row("p1", "c-1", "ads", true))
}

func testPermitDropped(t *testing.T, _ Harness, k *keeping) {
	k.take(t)
	k.permit(t, []string{"p1"}, row("p1", "c-1", "ads", true))
	k.Exec(t, "ALTER TABLE permissions DROP COLUMN allowed", "ALTER TABLE permissions ADD COLUMN note integer")
	if !k.take(t) {
		t.Error("a column that was dropped is not noticed")
	}
	k.holds(t, connector.Permission{Subject: "p1", Identity: row("p1", "c-1", "ads", true).Identity, Purpose: "ads", Choice: "granted", Since: chosen, Sequence: 41})
	k.permit(t, []string{"p1"}, row("p1", "c-1", "ads", true))
	k.holds(t, row("p1", "c-1", "ads", true))
	k.Exec(t, "DROP TABLE permissions")
	kind(t, k.Permit(t.Context(), k.table, []string{"p1"}, nil), connector.Drift)
	if !k.take(t) {
		t.Error("a table that was dropped is not noticed")
	}
	k.holds(t)
	k.Exec(t, "DROP TABLE permissions", "DROP TABLE permissions_freshness")
	if !k.take(t) {
		t.Error("tables that were dropped are not noticed")
	}
	k.holds(t)
}

func testPermitHostile(t *testing.T, _ Harness, k *keeping) { // SE5
	before := k.schema
	good := k.table
	for _, name := range append(hostile(0), "", "x.y.z", "a b", "permissions_freshness", "1x", strings.Repeat("x", 51), "sentinel; DROP TABLE sentinel") {
		k.table.Name.Table = name
		if _, err := connector.ParsePermissionTable(name); err == nil {
			continue // a plain word, which is quoted
		}
		made, err := k.Take(t.Context(), k.table)
		if kind(t, err, connector.Permanent); made {
			t.Errorf("%q was made", name)
		}
		kind(t, k.Permit(t.Context(), k.table, []string{"p"}, nil), connector.Permanent)
		kind(t, k.Freshen(t.Context(), k.table, connector.Freshness{}), connector.Permanent)
		_, err = k.Permissions(t.Context(), k.table, "", "", 0)
		kind(t, err, connector.Permanent)
	}
	k.describe(t)
	if diff := cmp.Diff(before, k.schema); diff != "" {
		t.Errorf("the database was changed:\n%s", diff)
	}
	for _, word := range []string{"select", "Table", "order", "user"} {
		k.table.Name.Table = word
		k.take(t)
		k.permit(t, []string{"p1"}, row("p1", "c-1", "ads", true))
		k.holds(t, row("p1", "c-1", "ads", true))
	}
	k.table = good
	k.take(t)
	var all []connector.Permission
	var people []string
	for i, s := range hostile(connector.MaxPermitted) {
		if !strings.ContainsRune(s, 0) {
			people = append(people, fmt.Sprint(i))
			all = append(all, row(fmt.Sprint(i), s, "ads", true))
		}
	}
	k.permit(t, append(people, "'; DROP TABLE sentinel; --"), all...)
	k.holds(t, all...)
	k.sound(t)
}

func testPermitMany(t *testing.T, _ Harness, k *keeping) {
	k.take(t)
	var people []string
	var all []connector.Permission
	for i := range 4321 {
		people = append(people, fmt.Sprintf("p%05d", i))
		all = append(all, row(people[i], fmt.Sprint(i), "ads", i%3 > 0))
	}
	for range 2 {
		k.permit(t, people, all...)
		k.holds(t, all...)
	}
}

func testPermitReadOnly(t *testing.T, _ Harness, k *keeping) {
	p := connect(t, k.Database, true).(connector.Permitter)
	made, err := p.Take(t.Context(), k.table)
	if kind(t, err, connector.Denied); made {
		t.Error("it was made")
	}
	if k.describe(t); len(k.schema.Tables) != 1 {
		t.Errorf("%d tables, want the sentinel alone", len(k.schema.Tables))
	}
}

// PermissionsBenchmark measures how fast 10,000 people of one row each are written,
// 500 at once. x-alone says how many times faster that is than each by itself, in a
// transaction of its own; 500 stand for all.
func PermissionsBenchmark(b *testing.B, h Harness) {
	k := keep(b, h)
	k.take(b)
	const people, some = 10_000, 500
	ids := make([]string, people)
	rows := make([]connector.Permission, people)
	for i := range people {
		ids[i] = fmt.Sprintf("p%05d", i)
		rows[i] = row(ids[i], fmt.Sprint(i), "ads", true)
	}
	var together, alone time.Duration
	for b.Loop() {
		begun := time.Now()
		for i := 0; i < people; i += some {
			k.permit(b, ids[i:i+some], rows[i:i+some]...)
		}
		together += time.Since(begun)
		begun = time.Now()
		for i := range some {
			k.permit(b, ids[i:i+1], rows[i])
		}
		alone += time.Since(begun) * (people / some)
	}
	b.ReportMetric(float64(people*b.N)/together.Seconds(), "rows/s")
	b.ReportMetric(alone.Seconds()/together.Seconds(), "x-alone")
}
