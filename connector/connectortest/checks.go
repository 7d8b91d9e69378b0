package connectortest

import (
	"fmt"
	"testing"

	"volenti.dev/volenti/connector"
)

// testChecks holds what a catalogue's checks say they take against what the
// database takes.
func testChecks(t *testing.T, h Harness) { // D25
	type column struct {
		check, kind, first string // first is a value that the check takes
		values             []any
	}
	columns := []column{
		{"v IN ('new', 'sent')", "varchar(40)", "'new'", []any{"new", "sent", "NEW", "gone", "new ", nil}},
		{"v NOT IN ('a', 'b')", "varchar(40)", "'new'", []any{"a", "c", "A", nil}},
		{"v LIKE '%@%'", "varchar(40)", "'a@b'", []any{"a@b", "@", "erased", ""}},
		{"v LIKE 'Ab_'", "varchar(40)", "'Abc'", []any{"Abc", "abc", "Ab", "xxx"}},
		{"length(v) <= 3", "varchar(40)", "'a'", []any{"abc", "abcd", "äöü", "äöüß"}},
		{"v IS NOT NULL AND v <> ''", "varchar(40)", "'a'", []any{"x", "", nil}},
		{"v >= 0 AND v < 150", "integer", "1", []any{int64(0), int64(149), int64(150), int64(-1), nil}},
		{"v BETWEEN 1 AND 3 OR v = 7", "integer", "1", []any{int64(0), int64(3), int64(7), int64(8)}},
		{"NOT (v = 3)", "integer", "1", []any{int64(3), int64(4), nil}},
		{"v IN (1, 2, -3)", "integer", "1", []any{int64(-3), int64(3)}},
		{"v > 0.5", "numeric(10,2)", "1", []any{int64(0), int64(1)}},
		{"w IS NULL OR v > 0", "integer", "1", []any{int64(0), int64(1)}},
	}
	var ddl []string
	for i, c := range columns {
		ddl = append(ddl, fmt.Sprintf("CREATE TABLE c%d (id integer PRIMARY KEY, v %s, w integer, CHECK (%s))", i, c.kind, c.check),
			fmt.Sprintf("INSERT INTO c%d VALUES (1, %s, NULL)", i, c.first))
	}
	b := open(t, h, ddl...)
	for i, c := range columns {
		table := b.table(t, fmt.Sprintf("c%d", i))
		if len(table.Checks) != 1 {
			t.Errorf("%s: %d checks in the catalogue", c.check, len(table.Checks))
			continue
		}
		understood := 0
		for _, v := range c.values {
			takes, sure := table.Checks[0].Takes("v", v)
			if !sure {
				continue
			}
			understood++
			out, err := b.Mask(t.Context(), connector.Batch{Table: table, KeyColumns: []string{"id"}, Columns: []string{"v"},
				Changes: []connector.Change{{Key: connector.Tuple{1}, Before: b.rows(t, table.Name.Table, "id", 1)["1"], After: connector.Row{"v": v}}}})
			if err != nil {
				t.Fatal(err)
			}
			if took := out[0].Status != connector.Failed; took != takes {
				t.Errorf("%s (%s) takes %v: %v, and the catalogue says %v", c.check, table.Checks[0].Expression, v, took, takes)
			}
		}
		if understood == 0 && c.check != columns[len(columns)-1].check {
			t.Errorf("%s: nothing of %q was understood", c.check, table.Checks[0].Expression)
		}
	}
}
