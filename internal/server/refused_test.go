package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// TestEveryFieldThatCannotBeMaskedIsAnOutcomeOfItsOwn lists the reasons for
// which a targeted field stays as it is. Each is told beforehand or, where only
// the database knows, with the row; the request never ends as plain complete,
// and the field beside it is masked.
func TestEveryFieldThatCannotBeMaskedIsAnOutcomeOfItsOwn(t *testing.T) { // D22, D24, D25, D26
	t.Parallel()
	const constant = "strategy: string_rewrite, configuration: {rewrite_value: erased}"
	for _, c := range []struct {
		name     string
		column   string // how x is declared
		meta     string // what the description says of x
		strategy string // of x
		also     string // further statements; thing is the table
		from     string // what is described, if not thing
		target   string // the only database that has this, if not both
		status   string // of the field: refused beforehand, or failed when it was tried
		reason   string
		neither  bool // the field beside it cannot be masked either
	}{
		{name: "read_only", column: "VARCHAR(20)", meta: "read_only: true", strategy: "strategy: null_rewrite", status: "refused", reason: "read_only"},
		{name: "a part of the key", column: "VARCHAR(20) UNIQUE", meta: "primary_key: true", strategy: constant, status: "refused", reason: "primary key"},
		{name: "NOT NULL", column: "VARCHAR(20) NOT NULL", strategy: "strategy: null_rewrite", status: "refused", reason: "NOT NULL"},
		{name: "UNIQUE", column: "VARCHAR(20) UNIQUE", strategy: constant, status: "refused", reason: "UNIQUE"},
		{name: "UNIQUE and too small", column: "VARCHAR(6) UNIQUE", strategy: "strategy: hash", status: "refused", reason: "too small"},
		{name: "a check that surely refuses", column: "VARCHAR(20) CHECK (x IN ('value', 'other'))", strategy: constant, status: "refused", reason: "check constraint"},
		{name: "a check that only the database understands", column: "VARCHAR(20) CHECK (lower(x) || '' <> 'erased')", strategy: constant, status: "failed", reason: "check"},
		{name: "an enumeration", column: "feeling", strategy: constant, target: "postgres", status: "refused", reason: "value, other"},
		{name: "a generated column", column: "VARCHAR(20) GENERATED ALWAYS AS (email) STORED", strategy: constant, status: "refused", reason: "computes"},
		{name: "a type without that strategy", column: "DATE", strategy: "strategy: hash", status: "refused", reason: "date"},
		{name: "a type without any but null", column: "inet", strategy: "strategy: hash", target: "postgres", status: "refused", reason: "inet"},
		{name: "ON UPDATE CASCADE", column: "VARCHAR(20) UNIQUE", strategy: "strategy: hash", also: "CREATE TABLE child (x VARCHAR(20) REFERENCES thing (x) ON UPDATE CASCADE)", status: "refused", reason: "child"},
		{name: "a foreign key that the mask breaks", column: "VARCHAR(20) REFERENCES parent (x)", strategy: constant, status: "failed", reason: "foreign"},
		{name: "a view", column: "VARCHAR(20)", strategy: constant, also: "CREATE VIEW seen AS SELECT DISTINCT id, email, x, y FROM thing", from: "seen", status: "refused", reason: "view", neither: true},
	} {
		for _, target := range []string{"sqlite", "postgres"} {
			if c.target != "" && c.target != target {
				continue
			}
			t.Run(c.name+"/"+target, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "sqlite", target)
				w.exec("CREATE TABLE parent (x VARCHAR(20) PRIMARY KEY);\nINSERT INTO parent VALUES ('value');\n")
				if target == "postgres" {
					w.exec("CREATE TYPE feeling AS ENUM ('value', 'other');\n")
				}
				w.exec("CREATE TABLE thing (id INTEGER PRIMARY KEY, email VARCHAR(60), x " + c.column + ", y VARCHAR(20));\n")
				value := map[bool]string{true: "'2001-02-03'", false: "'value'"}[c.column == "DATE"]
				if c.column == "inet" {
					value = "'10.0.0.1'"
				}
				if strings.Contains(c.column, "GENERATED") {
					w.exec("INSERT INTO thing (id, email, y) VALUES (1, 'anna@example.com', 'private');\n")
				} else {
					w.exec("INSERT INTO thing VALUES (1, 'anna@example.com', " + value + ", 'private');\n")
				}
				if c.also != "" {
					w.exec(c.also + ";\n")
				}
				from := c.from
				if from == "" {
					from = "thing"
				}
				meta := "masking_strategy_override: {" + c.strategy + "}"
				if c.meta != "" {
					meta += ", " + c.meta
				}
				w.configure(fmt.Sprintf(`
dataset:
- fides_key: shop
  collections:
  - name: %s
    fields:
    - {name: id}
    - {name: email, fides_meta: {identity: email}}
    - {name: x, data_categories: [user.content], fides_meta: {%s}}
    - {name: y, data_categories: [user.content]}
`, from, meta), shopPolicies)
				before := w.table("SELECT x FROM thing")
				d := w.open()
				plan, err := d.plan("erasure", person(t, "email", "anna@example.com"))
				if err != nil {
					t.Fatal(err)
				}
				if said := len(plan.Nodes[0].Refused) > 0; said != (c.status == "refused") {
					t.Errorf("said beforehand: %v", said)
				}
				report := d.run("erasure", "anna@example.com")
				w.equal("status", report.Status, request.CompleteWithResidue)
				fields := line(report, "shop:"+from, request.Erasure).Fields
				at := slices.IndexFunc(fields, func(f fulfill.FieldReport) bool { return f.Field == "x" && f.Status == c.status })
				if at < 0 || fields[at].Rows != 1 || !strings.Contains(strings.ToLower(fields[at].Reason), strings.ToLower(c.reason)) {
					t.Errorf("x is not %s by one row because of %q: %+v", c.status, c.reason, fields)
				}
				w.equal("x", w.table("SELECT x FROM thing"), before)
				y := map[bool]string{true: "private", false: "<null>"}[c.neither]
				w.equal("y", w.table("SELECT y FROM thing"), []string{y})
			})
		}
	}
}
