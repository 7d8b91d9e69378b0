package catalogue_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

func TestChecksSayWhatTheyTake(t *testing.T) { // D25
	type try struct {
		v    any
		want string // "yes", "no" or "open"
	}
	for expression, tries := range map[string][]try{
		"x >= 0 AND x < 150":           {{int64(0), "yes"}, {int64(150), "no"}, {nil, "yes"}, {"a", "open"}, {value.Decimal("149.99"), "yes"}},
		"((x >= 0) AND (x < 150))":     {{int64(-1), "no"}, {int64(149), "yes"}},
		"x IN ('new', 'sent')":         {{"new", "yes"}, {"gone", "no"}, {"NEW", "open"}, {nil, "yes"}},
		"x NOT IN (1, 2)":              {{int64(2), "no"}, {int64(3), "yes"}},
		"`x` in ('new','sent')":        {{"sent", "yes"}, {"erased", "no"}},
		"length(x) <= 3":               {{"abc", "yes"}, {"abcd", "no"}, {"äöü", "open"}},
		"(char_length((x)::text) = 2)": {{"ab", "yes"}, {"", "no"}},
		"octet_length(`x`) <= 3":       {{"abc", "yes"}, {"abcd", "no"}, {"ä", "open"}},
		"x LIKE '%@%'":                 {{"a@b", "yes"}, {"erased", "no"}},
		"((x)::text ~~ '_b%'::text)":   {{"abc", "yes"}, {"aBc", "open"}, {"ca", "no"}},
		"x IS NOT NULL":                {{nil, "no"}, {"", "yes"}},
		"(x IS NULL) OR (y > 0)":       {{nil, "yes"}, {int64(1), "open"}},
		"x > 0 AND y > 0":              {{int64(0), "no"}, {int64(1), "open"}},
		"NOT (x = 'it''s')":            {{"it's", "no"}, {"its", "yes"}},
		"x BETWEEN 1 AND 5 AND x <> 3": {{int64(3), "no"}, {int64(4), "yes"}, {int64(6), "no"}},
		"((x)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))": {{"a", "yes"}, {"c", "no"}},
		"(x = ANY (ARRAY[1, 2]))":                  {{int64(2), "yes"}, {int64(7), "no"}},
		"(x <> ALL (ARRAY['a'::text, 'b'::text]))": {{"b", "no"}, {"c", "yes"}},
		"(x >= ('-1'::integer)::numeric)":          {{int64(-1), "yes"}, {int64(-2), "no"}},
		"x ~ '^a'":                                 {{"b", "open"}},
		"lower(x) = x":                             {{"b", "open"}},
		"x + 1 > 2":                                {{int64(0), "open"}},
		"x COLLATE NOCASE = 'a'":                   {{"b", "open"}},
		"x = 'a' -- or not":                        {{"b", "open"}},
		"x":                                        {{int64(5), "open"}, {true, "yes"}, {false, "no"}},
		"x < 'b'":                                  {{"a", "open"}},
		`x = 'a\'`:                                 {{"b", "open"}},
		"x LIKE 'a!%' ESCAPE '!'":                  {{"b", "open"}},
		"x = 0.1":                                  {{0.1, "open"}, {value.Decimal("0.1"), "yes"}},
		"":                                         {{"a", "open"}},
		"x = ":                                     {{"a", "open"}},
		strings.Repeat("(", 500) + "x" + strings.Repeat(")", 500): {{true, "open"}},
	} {
		for _, tr := range tries {
			takes, sure := catalogue.Check{Expression: expression}.Takes("x", tr.v)
			got := map[[2]bool]string{{true, true}: "yes", {false, true}: "no", {false, false}: "open"}[[2]bool{takes, sure}]
			if got != tr.want {
				t.Errorf("%.80s for %v: %q, want %q", expression, tr.v, got, tr.want)
			}
		}
	}
}

// TestChecksAgreeWithSQLite makes expressions up and asks SQLite.
func TestChecksAgreeWithSQLite(t *testing.T) { // D25
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	draw := rand.New(rand.NewPCG(7, 7))
	values := []any{nil, int64(0), int64(2), int64(-3), "", "a", "ab", "B", "it's", "a@b"}
	literals := []string{"NULL", "0", "2", "-3", "1.5", "''", "'a'", "'ab'", "'b'", "'it''s'", "x", "x", "y"}
	pick := func(from []string) string { return from[draw.IntN(len(from))] }
	var expression func(depth int) string
	expression = func(depth int) string {
		if depth > 0 && draw.IntN(3) > 0 {
			switch draw.IntN(4) {
			case 0:
				return "NOT " + expression(depth-1)
			case 1:
				return "(" + expression(depth-1) + ")"
			default:
				return expression(depth-1) + pick([]string{" AND ", " OR "}) + expression(depth-1)
			}
		}
		switch draw.IntN(6) {
		case 0:
			return "x" + pick([]string{"", " NOT"}) + " IN (" + pick(literals) + ", " + pick(literals) + ")"
		case 1:
			return "x" + pick([]string{"", " NOT"}) + " BETWEEN " + pick(literals) + " AND " + pick(literals)
		case 2:
			return "x" + pick([]string{" LIKE ", " NOT LIKE "}) + pick([]string{"'%@%'", "'a_'", "'%'", "''", "'_'", "'A%'"})
		case 3:
			return pick([]string{"x", "y"}) + pick([]string{" IS NULL", " IS NOT NULL"})
		case 4:
			return "length(x)" + pick([]string{" < ", " >= ", " = "}) + pick([]string{"0", "1", "2"})
		default:
			return pick(literals) + pick([]string{" = ", " <> ", " < ", " <= ", " > ", " >= ", " == ", " != "}) + pick(literals)
		}
	}
	sure := 0
	for range 6_000 {
		e := expression(3)
		v := values[draw.IntN(len(values))]
		takes, known := catalogue.Check{Expression: e}.Takes("x", v)
		if !known {
			continue
		}
		sure++
		for _, y := range []any{nil, int64(1), "b"} { // whatever the other column holds
			var holds sql.NullBool
			if err := db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT (%s) FROM (SELECT ? AS x, ? AS y)", e), v, y).Scan(&holds); err != nil {
				t.Fatalf("%s: %v", e, err)
			}
			if refused := holds.Valid && !holds.Bool; refused == takes {
				t.Fatalf("%s for x = %#v, y = %#v: SQLite says %v, and so it takes it: %v", e, v, y, holds, takes)
			}
		}
	}
	if sure < 2_000 {
		t.Errorf("only %d of 6000 expressions were understood", sure)
	}
}

func FuzzCheckTakes(f *testing.F) {
	f.Add("((x)::text = ANY ((ARRAY['a'::character varying(3)])::text[]))", "a")
	f.Add("length(f(x, (1))) BETWEEN - -1 AND 'a''", "x")
	f.Fuzz(func(_ *testing.T, expression, v string) {
		catalogue.Check{Expression: expression}.Takes("x", v)
	})
}
