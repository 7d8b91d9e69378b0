package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/request"
)

// TestChinookGivesTheSameOnAllDatabases runs access and erasure for several
// customers of the Chinook sample database on PostgreSQL, MariaDB and SQLite.
func TestChinookGivesTheSameOnAllDatabases(t *testing.T) {
	t.Parallel()
	data := filepath.Join("..", "..", "..", "shared", "data", "chinook")
	if _, err := os.Stat(data); err != nil {
		t.Skip("the Chinook scripts are not beside this checkout; TestErasureMasksKeepsAndVerifies compares the databases on a smaller shop") //nolint:forbidigo // data that a fresh clone does not have
	}
	customers := []string{"luisg@embraer.com.br", "frantisekw@jetbrains.com", "puja_srivastava@yahoo.in"}
	given := map[string]map[string]string{}
	for target, script := range map[string]string{"sqlite": "Chinook_Sqlite.sql", "postgres": "Chinook_PostgreSql.sql", "mysql": "Chinook_MySql.sql"} {
		t.Run(target, func(t *testing.T) {
			w := newWorld(t, "sqlite", target)
			w.loadChinook(filepath.Join(data, script))
			given[target] = map[string]string{}
			for _, email := range customers {
				given[target][email] = w.chinookCustomer(email)
			}
		})
	}
	for _, email := range customers {
		for _, other := range []string{"postgres", "mysql"} {
			if a, b := given["sqlite"][email], given[other][email]; a != b || len(a) < 1000 {
				t.Errorf("%s is given other values by SQLite:\n%s\nthan by %s:\n%s", email, a, other, b) // D29
			}
		}
	}
}

// loadChinook fills the target, and describes it by the example.
func (w *world) loadChinook(script string) {
	w.t.Helper()
	w.exec("DROP TABLE note;\nDROP TABLE orders;\nDROP TABLE customer;\n")
	text, err := os.ReadFile(script)
	if err != nil {
		w.t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(l string) bool {
		return strings.HasPrefix(l, `\c `) || strings.HasPrefix(l, "DROP DATABASE") || strings.HasPrefix(l, "CREATE DATABASE") || strings.HasPrefix(l, "USE ")
	})
	switch w.target { // one transaction is many times faster
	case "postgres":
		lines = append(slices.Insert(lines, 0, "BEGIN;"), "COMMIT;")
	case "mysql":
		lines = append(slices.Insert(lines, 0, "SET autocommit = 0;"), "COMMIT;", "SET autocommit = 1;")
	}
	if _, err := w.db.Exec(strings.Join(lines, "\n")); err != nil {
		w.t.Fatal(err)
	}
	w.env = map[string]string{"CHINOOK_URL": w.url}
	example := filepath.Join("..", "..", "examples", "chinook", w.target)
	var files []string
	for _, name := range []string{"chinook.yml", "connections.yml", "policies.yml"} {
		b, err := os.ReadFile(filepath.Join(example, name))
		if err != nil {
			w.t.Fatal(err)
		}
		files = append(files, string(b))
	}
	w.write(files...)
}

// chinookCustomer hands out and erases one customer, and gives what was
// handed out with the names of both databases made alike.
func (w *world) chinookCustomer(email string) string {
	w.t.Helper()
	d := w.open()
	defer d.close()
	if r := d.run("access", email); r.Status != request.Complete {
		w.t.Fatalf("access of %s ends as %s: %s", email, r.Status, r.Message)
	}
	given := alike(w.access())

	before := w.dump()
	report := d.run("erasure", email)
	w.equal("status", report.Status, request.Complete)
	kept := 0
	for _, c := range report.Collections {
		for _, f := range c.Fields {
			if f.Status == "kept" && f.Reason != "" && f.Ground != "" {
				kept++
			}
		}
	}
	if kept == 0 {
		w.t.Errorf("invoices are kept, and the report gives no reason: %+v", report.Collections)
	}
	changed := 0
	for table, rows := range w.dump() {
		for i, row := range rows {
			switch {
			case row == before[table][i]:
			case strings.EqualFold(table, "customer") && strings.Contains(before[table][i], email) && !strings.Contains(row, email):
				changed++
			default:
				w.t.Errorf("%s changed, and is not the customer's: %s", table, row)
			}
		}
		w.equal("rows of "+table, len(rows), len(before[table]))
	}
	w.equal("customers that changed", changed, 1)
	return given
}

// dump gives all rows of all tables, in the order of their keys.
func (w *world) dump() map[string][]string {
	w.t.Helper()
	all := map[string][]string{}
	quote := map[bool]string{true: "`", false: `"`}[w.target == "mysql"]
	for _, name := range w.tables() {
		all[name] = w.table("SELECT * FROM " + quote + name + quote + " ORDER BY 1, 2")
	}
	return all
}

func (w *world) tables() []string {
	switch w.target {
	case "postgres":
		return w.table("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	case "mysql":
		return w.table("SHOW TABLES")
	}
	return w.table("SELECT name FROM sqlite_master WHERE type = 'table'")
}

// alike writes access.json with names in lower case and without underscores.
func alike(access map[string][]map[string]any) string {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	all := map[string][]string{}
	for address, rows := range access {
		for _, row := range rows {
			named := map[string]any{}
			for k, v := range row {
				named[plain(k)] = v
			}
			b, _ := json.Marshal(named)
			all[plain(address)] = append(all[plain(address)], string(b))
		}
		slices.Sort(all[plain(address)])
	}
	b, _ := json.MarshalIndent(all, "", " ")
	return string(b)
}
