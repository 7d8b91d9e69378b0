package connectortest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"volenti.dev/volenti/connector"
)

// HostileNames gives the names of the suite to tests of connectors that have
// no server to run it on.
func HostileNames() []string { return hostile(0) }

// hostile gives 500 names that try to leave their quotes, to be a keyword or
// to be cut short.
func hostile(limit int) []string {
	seeds := []string{
		`"`, `'`, "`", `;`, `--`, `/*`, `*/`, `\`, `]`, `[`, `(`, `)`, `,`, `.`, `$1`, `?`, `:x`, `@x`, `%s`, `#`,
		`select`, `table`, `order`, `user`, `null`, `true`, `default`, `group`, `values`, `rowid`, `oid`,
		`"; DROP TABLE sentinel; --`, `'; DROP TABLE sentinel; --`, "`; DROP TABLE sentinel; --", `]; DROP TABLE sentinel; --`,
		`" OR 1=1 --`, `x" = 'y' WHERE 1=1; UPDATE sentinel SET n = 0; --`, `a"."b`, `a'||'b`, `""""`, `\"`, `\'`, `$$`, `$a$`, `E'\''`,
		" ", "  x", "x  ", "\t", "\n", "\r\n", "a\nb", "é", "ß", "İ", "ﬁ", "日本語", "😀", "\u202e", "\u00a0", "\ufeffx", "a\u0301",
		"ʼ", "＂", "′", "\u2028", "\x01", "\x7f", "N'x", "U&\"x\"", "x'41'", "0", "1a", "-1", "1e9", "NaN", "{{.}}", "${HOME}", "<x>", "&amp;",
	}
	seen := map[string]bool{}
	var out []string
	for round := 0; len(out) < 500; round++ {
		for i, s := range seeds {
			switch round {
			case 0:
			case 1:
				s += seeds[(i*7+3)%len(seeds)]
			case 2:
				s = strings.Repeat(s, 100)
			default:
				s = fmt.Sprint(round) + s + seeds[(i+round)%len(seeds)]
			}
			for limit > 0 && len(s) > limit {
				_, size := utf8.DecodeLastRuneInString(s)
				s = s[:len(s)-size]
			}
			if folded := strings.ToLower(s); !seen[folded] && len(out) < 500 {
				seen[folded] = true
				out = append(out, s)
			}
		}
	}
	return out
}

const sentinel = "CREATE TABLE sentinel (id integer PRIMARY KEY, n integer)"

func (b *bench) sound(t testing.TB) {
	t.Helper()
	if got := b.rows(t, "sentinel", "id", 1); got["1"]["n"] != int64(7) {
		t.Fatalf("the sentinel is %v", got)
	}
}

func testHostileNames(t *testing.T, h Harness) { // SE5
	ddl := []string{sentinel, "INSERT INTO sentinel VALUES (1, 7)"}
	names := hostile(h.NameLimit)
	var refused []string
	if h.Unnameable != nil {
		refused = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !h.Unnameable(n) })
		names = slices.DeleteFunc(names, h.Unnameable)
	}
	for _, name := range names {
		q := h.Quote(name)
		ddl = append(ddl, "CREATE TABLE "+q+" ("+q+" "+h.Text+" NOT NULL, other integer)",
			"INSERT INTO "+q+" VALUES ('before', 1)")
	}
	b := open(t, h, ddl...)
	if len(b.schema.Tables) != len(names)+1 {
		t.Errorf("%d tables, want %d", len(b.schema.Tables), len(names)+1)
	}
	for _, name := range names {
		out, err := b.Mask(t.Context(), connector.Batch{
			Table: b.table(t, name), KeyColumns: []string{name}, Columns: []string{name},
			Changes: []connector.Change{{Key: connector.Tuple{"before"}, Before: connector.Row{name: "before"}, After: connector.Row{name: "after"}}},
		})
		if err != nil || out[0].Status != connector.Changed {
			t.Errorf("mask %q: %v %v", name, out, err)
		}
		if got := b.rows(t, name, name, "after", "before"); len(got) != 1 || got["after"] == nil {
			t.Errorf("read %q: %d rows", name, len(got))
		}
		out, err = b.Delete(t.Context(), connector.Batch{Table: b.table(t, name), KeyColumns: []string{name},
			Changes: []connector.Change{{Key: connector.Tuple{"after"}}}})
		if err != nil || out[0].Status != connector.Changed {
			t.Errorf("delete %q: %v %v", name, out, err)
		}
		if n, err := b.Size(t.Context(), b.table(t, name).Name); err != nil || n != 0 {
			t.Errorf("size of %q: %d, %v", name, n, err)
		}
	}
	b.sound(t)
	for _, name := range append(refused, "sentinel\x00") {
		gone := *b.table(t, "sentinel")
		gone.Name.Table = name
		_, err := b.Read(t.Context(), connector.Read{Table: &gone, Columns: []string{"id"}, Where: []connector.Match{match("id", 1)}}, nil)
		kind(t, err, connector.Drift)
	}
	b.sound(t)
}

func testHostileValues(t *testing.T, h Harness) { // SE5
	b := open(t, h, sentinel, "INSERT INTO sentinel VALUES (1, 7)",
		"CREATE TABLE v (id integer PRIMARY KEY, t "+h.Text+")", "INSERT INTO v VALUES (1, '-')")
	batch := connector.Batch{Table: b.table(t, "v"), KeyColumns: []string{"id"}, Columns: []string{"t"}}
	before := "-"
	for _, s := range hostile(0) {
		batch.Changes = []connector.Change{{Key: connector.Tuple{1}, Before: connector.Row{"t": before}, After: connector.Row{"t": s}}}
		out, err := b.Mask(t.Context(), batch)
		wants(t, out, err, connector.Changed)
		before = s
		if got := b.rows(t, "v", "t", s); len(got) != 1 || got[s]["t"] != s {
			t.Errorf("%q is found in %d rows", s, len(got))
		}
	}
	b.sound(t)
}
