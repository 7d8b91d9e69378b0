package connectortest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
)

// rename is a batch that masks names and notes of people 1 to n.
func (b *bench) rename(t testing.TB, n int, name func(i int) any) connector.Batch {
	batch := connector.Batch{Table: b.table(t, "person"), KeyColumns: []string{"id"}, Columns: []string{"name", "note"}}
	for i := 1; i <= n; i++ {
		batch.Changes = append(batch.Changes, connector.Change{
			Key:    connector.Tuple{i},
			Before: connector.Row{"name": fmt.Sprintf("Name %d", i), "note": fmt.Sprintf("n%d", i)},
			After:  connector.Row{"name": name(i), "note": nil},
		})
	}
	return batch
}

func constant(s any) func(int) any { return func(int) any { return s } }

func all(n int, s connector.Status) []connector.Status {
	out := make([]connector.Status, n)
	for i := range out {
		out[i] = s
	}
	return out
}

func testMask(t *testing.T, h Harness) {
	for name, mask := range map[string]func(int) any{
		"OneConstant":    constant("MASKED"),
		"DistinctValues": func(i int) any { return fmt.Sprintf("m%d", i) },
		"SomeOfEach":     func(i int) any { return fmt.Sprintf("m%d", min(i, 100)) },
	} {
		t.Run(name, func(t *testing.T) { // D23
			b := open(t, h, people(700)...)
			batch := b.rename(t, 600, mask)
			batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{9999}, After: connector.Row{"name": "x", "note": nil}})
			out, err := b.Mask(t.Context(), batch)
			wants(t, out, err, append(all(600, connector.Changed), connector.Missing)...)
			out, err = b.Mask(t.Context(), batch)
			wants(t, out, err, append(all(600, connector.AlreadyDone), connector.Missing)...)
			got := b.rows(t, "person", "id", 1, 600, 601)
			if got["1"]["name"] != mask(1) || got["600"]["name"] != mask(600) || got["600"]["note"] != nil || got["601"]["name"] != "Name 601" {
				t.Error("the wrong rows or values were written")
			}
			if got["600"]["email"] != "p600@example.org" {
				t.Error("a column that was not asked for was written")
			}
			out, err = b.Verify(t.Context(), batch)
			wants(t, out, err, append(all(600, connector.AlreadyDone), connector.Missing)...)
		})
	}
	t.Run("ChangedMeanwhile", func(t *testing.T) {
		b := open(t, h, people(4)...)
		b.Exec(t, "UPDATE person SET name = 'Other' WHERE id = 2", "UPDATE person SET note = NULL WHERE id = 3", "UPDATE person SET note = NULL, name = 'M' WHERE id = 4")
		out, err := b.Mask(t.Context(), b.rename(t, 4, constant("M")))
		wants(t, out, err, connector.Changed, connector.Conflict, connector.Changed, connector.AlreadyDone)
		got := b.rows(t, "person", "id", 2, 3)
		if got["2"]["name"] != "Other" || got["2"]["note"] != "n2" || got["3"]["name"] != "M" {
			t.Errorf("%v", got)
		}
	})
	t.Run("NullBecomesAValue", func(t *testing.T) {
		b := open(t, h, people(1)...)
		batch := connector.Batch{Table: b.table(t, "person"), KeyColumns: []string{"email"}, Columns: []string{"boss"}, Changes: []connector.Change{
			{Key: connector.Tuple{"p1@example.org"}, Before: connector.Row{"boss": nil}, After: connector.Row{"boss": 1}}}}
		out, err := b.Mask(t.Context(), batch)
		wants(t, out, err, connector.Changed)
		out, err = b.Mask(t.Context(), batch)
		wants(t, out, err, connector.AlreadyDone)
	})
	t.Run("NothingToDo", func(t *testing.T) {
		b := open(t, h, people(1)...)
		out, err := b.Mask(t.Context(), b.rename(t, 0, nil))
		wants(t, out, err, []connector.Status{}...)
	})
}

// testSharedKeys is about tables without a primary key, whose rows are told
// apart by the fields they were found by (D22).
func testSharedKeys(t *testing.T, h Harness) {
	visits := []string{
		"CREATE TABLE visit (email varchar(50), site varchar(20), page varchar(50))",
		"INSERT INTO visit VALUES ('a', 's', 'one'), ('a', 's', 'two'), ('a', 's', 'two'), ('a', NULL, 'three'), ('b', 's', 'one'), (NULL, NULL, 'none')",
	}
	change := func(site any, before, after string) connector.Change {
		return connector.Change{Key: connector.Tuple{"a", site}, Before: connector.Row{"page": before}, After: connector.Row{"page": after}}
	}
	batch := func(b *bench, changes ...connector.Change) connector.Batch {
		return connector.Batch{Table: b.table(t, "visit"), KeyColumns: []string{"email", "site"}, Columns: []string{"page"}, Changes: changes}
	}
	pages := func(b *bench) string {
		var out []string
		_, err := b.Read(t.Context(), connector.Read{Table: b.table(t, "visit"), Columns: []string{"page"},
			Where: []connector.Match{match("email", "a", "b"), match("page", "none")}}, func(r connector.Row) error {
			out = append(out, fmt.Sprint(map[string]any(r)["page"]))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	t.Run("EachRowGetsItsOwn", func(t *testing.T) {
		b := open(t, h, visits...)
		all := batch(b, change("s", "one", "h1"), change("s", "two", "h2"), change("s", "two", "h2"), change(nil, "three", "h3"))
		out, err := b.Mask(t.Context(), all)
		wants(t, out, err, connector.Changed, connector.Changed, connector.Changed, connector.Changed)
		if got := pages(b); got != "h1 h2 h2 h3 none one" {
			t.Error(got)
		}
		out, err = b.Verify(t.Context(), all)
		wants(t, out, err, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone)
		out, err = b.Mask(t.Context(), all)
		wants(t, out, err, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone)
	})
	t.Run("OneForAll", func(t *testing.T) {
		b := open(t, h, visits...)
		all := batch(b, change("s", "one", "X"), change("s", "two", "X"), change("s", "two", "X"))
		out, err := b.Mask(t.Context(), all)
		wants(t, out, err, connector.Changed, connector.Changed, connector.Changed)
		if got := pages(b); got != "X X X none one three" {
			t.Error(got)
		}
		out, err = b.Mask(t.Context(), all)
		wants(t, out, err, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone)
	})
	t.Run("ARowThatChangedKeepsItsValue", func(t *testing.T) {
		b := open(t, h, visits...)
		b.Exec(t, "UPDATE visit SET page = 'new' WHERE page = 'one' AND email = 'a'")
		out, err := b.Mask(t.Context(), batch(b, change("s", "one", "X"), change("s", "two", "X"), change("s", "two", "X")))
		wants(t, out, err, connector.Conflict, connector.Changed, connector.Changed)
		if got := pages(b); got != "X X new none one three" {
			t.Error(got)
		}
	})
	t.Run("ARowThatNobodyReadIsAConflict", func(t *testing.T) {
		b := open(t, h, visits...)
		out, err := b.Mask(t.Context(), batch(b, change("s", "one", "X")))
		wants(t, out, err, connector.Conflict)
		if got := pages(b); got != "none one one three two two" {
			t.Error(got)
		}
	})
	t.Run("AKeyOfNullsIsNobody", func(t *testing.T) {
		b := open(t, h, visits...)
		c := change(nil, "none", "X")
		c.Key = connector.Tuple{nil, nil}
		out, err := b.Mask(t.Context(), batch(b, c))
		wants(t, out, err, connector.Failed)
		out, err = b.Delete(t.Context(), batch(b, c))
		wants(t, out, err, connector.Failed)
		if got := pages(b); got != "none one one three two two" {
			t.Error(got)
		}
	})
}

func testRefusals(t *testing.T, h Harness) { // D24, D25
	b := open(t, h, append(people(9), "CREATE TABLE g (id integer PRIMARY KEY, a varchar(20), twice varchar(40) GENERATED ALWAYS "+
		fmt.Sprintf(h.Generated, "a || a")+")", "INSERT INTO g (id, a) VALUES (1, 'x')")...)
	table := b.table(t, "person")
	change := func(id int, after connector.Row) connector.Change {
		return connector.Change{Key: connector.Tuple{id}, After: after, Before: connector.Row{
			"email": fmt.Sprintf("p%d@example.org", id), "name": fmt.Sprintf("Name %d", id), "age": id, "note": fmt.Sprintf("n%d", id), "boss": nil}}
	}
	batch := connector.Batch{Table: table, KeyColumns: []string{"id"}, Columns: []string{"email", "name", "age", "note", "boss"}, Changes: []connector.Change{
		change(1, connector.Row{"name": nil, "note": "M"}),
		change(2, connector.Row{"email": "p9@example.org", "note": "M"}),
		change(3, connector.Row{"age": -1, "note": "M"}),
		change(4, connector.Row{"boss": 4711, "note": "M"}),
		change(5, connector.Row{"age": "not a number", "note": "M"}),
		change(6, connector.Row{"name": nil}),
		change(7, connector.Row{"note": "M"}),
		change(8, connector.Row{"email": "same", "note": "M"}),
		change(9, connector.Row{"email": "same", "note": "M"}),
	}}
	out, err := b.Mask(t.Context(), batch)
	wants(t, out, err, connector.Changed, connector.Changed, connector.Changed, connector.Changed, connector.Changed,
		connector.Failed, connector.Changed, connector.Changed, connector.Changed)
	for i, column := range []string{"name", "email", "age", "boss", "age", "name", "", "", "email"} {
		if column == "" && len(out[i].Fields) == 0 {
			continue
		}
		if len(out[i].Fields) != 1 || out[i].Fields[column] == "" {
			t.Errorf("change %d: refused %v, want %s", i+1, out[i].Fields, column)
		}
	}
	rows := b.rows(t, "person", "note", "M")
	if len(rows) != 1 || len(b.rows(t, "person", "id", 1, 2, 3, 4, 5, 7, 8, 9)) != 8 {
		t.Fatalf("%d notes", len(rows))
	}
	for id, row := range b.rows(t, "person", "id", 1, 2, 3, 4, 5, 7, 8, 9) {
		if row["note"] != "M" {
			t.Errorf("the note of %s was not written", id)
		}
	}
	out, err = b.Mask(t.Context(), batch)
	wants(t, out, err, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone,
		connector.Failed, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone)

	g := connector.Batch{Table: b.table(t, "g"), KeyColumns: []string{"id"}, Columns: []string{"twice"},
		Changes: []connector.Change{{Key: connector.Tuple{1}, Before: connector.Row{"twice": "xx"}, After: connector.Row{"twice": "M"}}}}
	out, err = b.Mask(t.Context(), g)
	wants(t, out, err, connector.Failed)
	if out[0].Fields["twice"] == "" {
		t.Errorf("%+v", out)
	}
}

func testGuard(t *testing.T, h Harness) {
	b := open(t, h, people(20)...)
	refused := errors.New("the lease is another's")
	batch := b.rename(t, 20, constant("M"))
	batch.Guard = func(context.Context) error { return refused }
	if _, err := b.Mask(t.Context(), batch); !errors.Is(err, refused) {
		t.Errorf("mask: %v", err)
	}
	if _, err := b.Delete(t.Context(), batch); !errors.Is(err, refused) {
		t.Errorf("delete: %v", err)
	}
	if diff := cmp.Diff("Name 1", b.rows(t, "person", "id", 1)["1"]["name"]); diff != "" {
		t.Errorf("written in spite of the guard:\n%s", diff)
	}
	calls := 0
	batch.Guard = func(context.Context) error { calls++; return nil }
	out, err := b.Mask(t.Context(), batch)
	wants(t, out, err, all(20, connector.Changed)...)
	if calls != 1 {
		t.Errorf("the guard was called %d times", calls)
	}
}
