package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/connector/sqlite"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

func opened(t *testing.T, path string) *relational.DB {
	t.Helper()
	c, err := sqlite.Open(connector.Settings{Key: "shop", Secrets: map[string]string{"url": "sqlite:" + path}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func schema(t *testing.T, c *relational.DB) catalogue.Catalogue {
	t.Helper()
	s, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFileThatCannotBeUsedSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.db")
	for path, want := range map[string]connector.Kind{missing: connector.Unreachable, text: connector.Permanent} {
		_, err := opened(t, path).Describe(t.Context())
		if connector.KindOf(err) != want || strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the missing file was made")
	}
	for _, url := range []string{"", "x.db", "sqlite:", "sqlite:a\x00b"} {
		if _, err := sqlite.Open(connector.Settings{Secrets: map[string]string{"url": url}}); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
}

func TestTriggerThatRefusesIsNotQuoted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	database(t, path).Exec(t, "CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1)",
		"CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT raise(ABORT, 'secret text'); END")
	c := opened(t, path)
	s := schema(t, c)
	out, err := c.Delete(t.Context(), connector.Batch{Table: &s.Tables[0], KeyColumns: []string{"id"}, Changes: []connector.Change{{Key: connector.Tuple{1}}}})
	if err != nil || out[0].Status != connector.Failed || strings.Contains(out[0].Reason, "secret") {
		t.Errorf("a trigger's refusal: %+v, %v", out, err)
	}
}

// A trigger that quietly keeps a row as it is shows in the count.
func TestRowThatATriggerHoldsBackHasFailed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	database(t, path).Exec(t, "CREATE TABLE t (k text, name text)", "INSERT INTO t VALUES ('a', 'held'), ('a', 'one'), ('a', 'one'), ('b', 'two')",
		"CREATE TRIGGER hold BEFORE UPDATE ON t WHEN old.name = 'held' BEGIN SELECT raise(IGNORE); END",
		"CREATE TRIGGER keep BEFORE DELETE ON t WHEN old.name = 'held' BEGIN SELECT raise(IGNORE); END")
	c := opened(t, path)
	s := schema(t, c)
	change := func(key, before, after string) connector.Change {
		return connector.Change{Key: connector.Tuple{key}, Before: connector.Row{"name": before}, After: connector.Row{"name": after}}
	}
	batch := connector.Batch{Table: &s.Tables[0], KeyColumns: []string{"k"}, Columns: []string{"name"},
		Changes: []connector.Change{change("a", "held", "m1"), change("a", "one", "m2"), change("a", "one", "m2"), change("b", "two", "m3")}}
	statuses := func(out []connector.Outcome, err error) string {
		var all []string
		for _, o := range out {
			all = append(all, string(o.Status))
		}
		return fmt.Sprint(all, err)
	}
	if got := statuses(c.Mask(t.Context(), batch)); got != "[failed changed changed changed] <nil>" {
		t.Error(got)
	}
	if got := statuses(c.Mask(t.Context(), batch)); got != "[failed already_done already_done already_done] <nil>" {
		t.Error(got)
	}
	batch.Changes = []connector.Change{{Key: connector.Tuple{"a"}}, {Key: connector.Tuple{"b"}}}
	if got := statuses(c.Delete(t.Context(), batch)); got != "[failed changed] <nil>" {
		t.Error(got)
	}
}

// The write lock is held by another connection while the call's own deadline
// passes: the call gives up and says that it may be tried again.
func TestDatabaseLockedByAnotherIsTransient(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	database(t, path).Exec(t, "CREATE TABLE t (id integer PRIMARY KEY, name text)")
	c := opened(t, path)
	s := schema(t, c)
	raw, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	holder, err := raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback() }()
	batch := connector.Batch{Table: &s.Tables[0], KeyColumns: []string{"id"}, Columns: []string{"name"},
		Changes: []connector.Change{{Key: connector.Tuple{1}, After: connector.Row{"name": "M"}}}}
	_, err = c.Mask(t.Context(), batch)
	if connector.KindOf(err) != connector.Transient || !strings.Contains(err.Error(), "SQLITE_BUSY") {
		t.Errorf("%v", err)
	}
}

func TestNameThatIsGoneIsDriftAndNotText(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	d := database(t, path)
	d.Exec(t, "CREATE TABLE t (id integer PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'a')")
	c := opened(t, path)
	s := schema(t, c)
	d.Exec(t, "ALTER TABLE t DROP COLUMN name")
	read := connector.Read{Table: &s.Tables[0], Columns: []string{"name"}, Where: []connector.Match{{Columns: []string{"id"}, Tuples: []connector.Tuple{{1}}}}}
	_, err := c.Read(t.Context(), read, func(r connector.Row) error { return fmt.Errorf("a row of %d", len(r)) })
	if connector.KindOf(err) != connector.Drift {
		t.Errorf("%v, want drift", err)
	}
}

func TestDescribeKnowsWhatOnlySQLiteHas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	database(t, path).Exec(t,
		`CREATE TABLE Parent (id INTEGER PRIMARY KEY AUTOINCREMENT, code varchar(9) COLLATE NOCASE, UNIQUE (code))`,
		`CREATE TABLE child (a int, b text, p REFERENCES parent ON DELETE CASCADE, price decimal(8, 3) /* CHECK (no) */,
			state text CHECK (state IN ('a)', 'b')), twice AS (a * 2), CONSTRAINT "some rule" CHECK (a > 0 AND b <> ''), PRIMARY KEY (b, a)) WITHOUT ROWID`,
		"CREATE UNIQUE INDEX part ON child (a) WHERE a > 5", "CREATE UNIQUE INDEX expression ON child (lower(b))", "CREATE UNIQUE INDEX whole ON child (price, p)",
		"CREATE VIEW broken AS SELECT gone FROM Parent", "CREATE VIRTUAL TABLE words USING fts5(body)")
	text := value.Type{Kind: value.String}
	want := catalogue.Catalogue{Tables: []catalogue.Table{{
		Name: catalogue.Name{Table: "Parent"},
		Columns: []catalogue.Column{
			{Name: "id", Native: "INTEGER", Type: value.Type{Kind: value.Integer}, Bits: 64, NotNull: true},
			{Name: "code", Native: "varchar(9)", Type: text, Length: 9},
		},
		PrimaryKey: []string{"id"}, Unique: [][]string{{"code"}},
	}, {
		Name: catalogue.Name{Table: "child"},
		Columns: []catalogue.Column{
			{Name: "a", Native: "INT", Type: value.Type{Kind: value.Integer}, Bits: 64, NotNull: true},
			{Name: "b", Native: "TEXT", Type: text, NotNull: true},
			{Name: "p", Type: value.Type{Kind: value.Other}},
			{Name: "price", Native: "decimal(8, 3)", Type: value.Type{Kind: value.Number}, Precision: 8, Scale: 3},
			{Name: "state", Native: "TEXT", Type: text},
			{Name: "twice", Type: value.Type{Kind: value.Other}, Generated: true},
		},
		PrimaryKey: []string{"b", "a"}, Unique: [][]string{{"price", "p"}},
		Checks: []catalogue.Check{
			{Columns: []string{"state"}, Expression: "state IN ('a)', 'b')"},
			{Name: "some rule", Columns: []string{"a", "b"}, Expression: "a > 0 AND b <> ''"},
		},
		ForeignKeys: []catalogue.ForeignKey{{Columns: []string{"p"}, References: catalogue.Name{Table: "Parent"},
			ReferencedColumns: []string{"id"}, OnDelete: "cascade", OnUpdate: "no action"}},
	}, {
		Name:    catalogue.Name{Table: "words"},
		Columns: []catalogue.Column{{Name: "body", Type: value.Type{Kind: value.Other}}},
	}}}
	if diff := cmp.Diff(want, schema(t, opened(t, path))); diff != "" {
		t.Errorf("catalogue (-want +got):\n%s", diff)
	}
}

// A constraint that waits for the commit refuses the transaction there; nothing
// of it may stay, and the connection must be usable after it.
func TestRefusalAtTheCommitLeavesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	database(t, path).Exec(t, "CREATE TABLE p (id integer PRIMARY KEY)",
		"CREATE TABLE t (id integer PRIMARY KEY, p integer REFERENCES p DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO t VALUES (1, NULL)")
	c := opened(t, path)
	s := schema(t, c)
	batch := connector.Batch{Table: s.Table(catalogue.Name{Table: "t"}), KeyColumns: []string{"id"}, Columns: []string{"p"},
		Changes: []connector.Change{{Key: connector.Tuple{1}, After: connector.Row{"p": 99}}}}
	for range 2 {
		if out, err := c.Mask(t.Context(), batch); err != nil || out[0].Status != connector.Failed || out[0].Reason == "" {
			t.Errorf("%+v, %v", out, err)
		}
	}
	batch.Changes[0].After["p"] = nil
	batch.Guard = func(context.Context) error { return nil }
	if out, err := c.Mask(t.Context(), batch); err != nil || out[0].Status != connector.AlreadyDone {
		t.Errorf("%v, %v", out, err)
	}
}
