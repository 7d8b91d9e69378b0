package server

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// TestDeletesReachThePersonsRowsAndNobodyElses makes up tables whose foreign
// keys go in circles, to themselves, over two columns, with every action, and
// rows of several people. After the erasure of one of them, that person's rows
// are gone and everybody else's are as they were; or it was said beforehand,
// or of each row, why not.
func TestDeletesReachThePersonsRowsAndNobodyElses(t *testing.T) { // D12, D24, X10
	t.Parallel()
	seeds := 25
	if os.Getenv("SOAK") != "" {
		seeds = 500
	}
	for _, target := range []string{"sqlite", "postgres", "mysql"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			ends := map[string]int{}
			for seed := range seeds {
				t.Run(fmt.Sprint(seed), func(t *testing.T) { ends[erasePuzzle(t, target, uint64(seed))]++ })
			}
			t.Logf("ends: %v", ends)
			for _, end := range []string{"complete", "complete after nulls", "residue", "blocked", "strangers"} {
				if ends[end] == 0 {
					t.Errorf("no erasure ended as %q: the puzzles are too simple", end)
				}
			}
		})
	}
}

// puzzle is a made-up database.
type puzzle struct {
	draw   *rand.Rand
	tables []*puzzleTable
}

type puzzleTable struct {
	name   string
	plan   string // "delete", "mask" or "" for a table that nobody described
	double bool   // a key of two columns
	keys   []*puzzleKey
	people []int // whose each row is; the row's id is its place
}

// puzzleKey is a foreign key with the rows that it leads to, by child row; -1
// is null.
type puzzleKey struct {
	to       *puzzleTable
	column   string
	nullable bool
	action   string
	rows     []int
}

func newPuzzle(draw *rand.Rand) *puzzle {
	p := &puzzle{draw: draw}
	for i := range 2 + draw.IntN(4) {
		t := &puzzleTable{name: fmt.Sprintf("t%d", i), plan: "delete", double: draw.IntN(3) == 0}
		switch what := draw.IntN(16); {
		case i == 0: // one at least is deleted from
		case what == 0:
			t.plan = ""
		case what == 1:
			t.plan = "mask"
		}
		for range 2 + draw.IntN(8) {
			t.people = append(t.people, draw.IntN(3))
		}
		p.tables = append(p.tables, t)
	}
	careless := draw.IntN(3) * 2 // how often keys lead to rows of anybody, in 20
	for _, t := range p.tables {
		for k := range draw.IntN(3) {
			key := &puzzleKey{to: p.tables[draw.IntN(len(p.tables))], column: fmt.Sprintf("k%d", k), nullable: draw.IntN(6) > 0,
				action: []string{"NO ACTION", "NO ACTION", "RESTRICT", "CASCADE", "SET NULL"}[draw.IntN(5)]}
			if t.plan != "delete" && draw.IntN(2) > 0 {
				key.action = "NO ACTION"
			}
			for _, owner := range t.people {
				row := p.lead(key.to, owner, draw.IntN(20) < careless)
				if row < 0 && !key.nullable {
					key.nullable = true
				}
				key.rows = append(key.rows, row)
			}
			if !key.nullable && key.action == "SET NULL" {
				key.action = "CASCADE"
			}
			t.keys = append(t.keys, key)
		}
	}
	return p
}

// lead picks a row of a table, of the owner or of anybody.
func (p *puzzle) lead(to *puzzleTable, owner int, anybody bool) int {
	rows := p.draw.Perm(len(to.people))
	at := slices.IndexFunc(rows, func(r int) bool { return anybody || to.people[r] == owner })
	if at < 0 || p.draw.IntN(8) == 0 {
		return -1
	}
	return rows[at]
}

func (k *puzzleKey) columns() (own, target []string) {
	if k.to.double {
		return []string{k.column, k.column + "_b"}, []string{"id", "b"}
	}
	return []string{k.column}, []string{"id"}
}

// create gives the statements for a database. All but SQLite get the foreign
// keys after the rows, so that circles can be filled.
func (p *puzzle) create(target string) string {
	var tables, later strings.Builder
	for _, t := range p.tables {
		primary := "PRIMARY KEY (id)"
		if t.double {
			primary = "PRIMARY KEY (id, b)"
		}
		columns := []string{"id INTEGER NOT NULL", "b INTEGER NOT NULL", "who VARCHAR(40)", "note VARCHAR(40)"}
		constraints := []string{primary}
		for _, k := range t.keys {
			own, to := k.columns()
			for _, c := range own {
				if columns = append(columns, c+" INTEGER"); !k.nullable {
					columns[len(columns)-1] += " NOT NULL"
				}
			}
			constraint := fmt.Sprintf("FOREIGN KEY (%s) REFERENCES %s (%s) ON DELETE %s", strings.Join(own, ", "), k.to.name, strings.Join(to, ", "), k.action)
			if p.draw.IntN(2) == 0 && target != "mysql" {
				constraint += " DEFERRABLE INITIALLY DEFERRED"
			}
			if target == "sqlite" {
				constraints = append(constraints, constraint)
			} else {
				fmt.Fprintf(&later, "ALTER TABLE %s ADD %s;\n", t.name, constraint)
			}
		}
		fmt.Fprintf(&tables, "CREATE TABLE %s (%s);\n", t.name, strings.Join(append(columns, constraints...), ", "))
		for id := range t.people {
			fmt.Fprintf(&tables, "INSERT INTO %s VALUES (%s);\n", t.name, t.values(id))
		}
	}
	return tables.String() + later.String()
}

func (t *puzzleTable) values(id int) string {
	values := fmt.Sprintf("%d, %d, 'p%d@example.com', 'note %d'", id, id+100, t.people[id], id)
	for _, k := range t.keys {
		own, _ := k.columns()
		for i := range own {
			if k.rows[id] < 0 {
				values += ", NULL"
			} else {
				values += fmt.Sprintf(", %d", k.rows[id]+100*i)
			}
		}
	}
	return values
}

// describe gives the dataset of the tables that somebody described.
func (p *puzzle) describe() string {
	text := "dataset:\n- fides_key: shop\n  collections:\n"
	for _, t := range p.tables {
		switch t.plan {
		case "delete":
			text += fmt.Sprintf("  - name: %s\n    fields:\n    - {name: id}\n    - {name: who, data_categories: [user.contact], fides_meta: {identity: email}}\n", t.name)
		case "mask":
			text += fmt.Sprintf("  - name: %s\n    fields:\n    - {name: id}\n    - {name: who, fides_meta: {identity: email}}\n    - {name: note, data_categories: [user.content]}\n", t.name)
		}
	}
	return text
}

const puzzlePolicy = `
policy:
- key: erasure
  rules:
  - {key: gone, action: erasure, targets: [user.contact], masking: {strategy: delete}}
  - {key: notes, action: erasure, targets: [user.content], masking: {strategy: string_rewrite, configuration: {rewrite_value: erased}}}
`

// mustEnd says that nothing stands in the way: no row that stays leads to a
// row that goes, no action of the database leaves the tables that are deleted
// from, and each circle has a key that can be null.
func (p *puzzle) mustEnd() bool {
	rigid := map[*puzzleTable][]*puzzleTable{}
	for _, t := range p.tables {
		for _, k := range t.keys {
			if k.to.plan != "delete" {
				continue
			}
			if t.plan != "delete" && (k.action == "CASCADE" || k.action == "SET NULL") {
				return false
			}
			for id, row := range k.rows {
				if row >= 0 && k.to.people[row] == 0 && (t.plan != "delete" || t.people[id] != 0) {
					return false
				}
			}
			if !k.nullable && t.plan == "delete" {
				rigid[t] = append(rigid[t], k.to)
			}
		}
	}
	var comesBack func(from, to *puzzleTable, seen map[*puzzleTable]bool) bool
	comesBack = func(from, to *puzzleTable, seen map[*puzzleTable]bool) bool {
		return slices.ContainsFunc(rigid[from], func(next *puzzleTable) bool {
			if next == to {
				return true
			}
			before := seen[next]
			seen[next] = true
			return !before && comesBack(next, to, seen)
		})
	}
	return !slices.ContainsFunc(p.tables, func(t *puzzleTable) bool { return comesBack(t, t, map[*puzzleTable]bool{}) })
}

// erasePuzzle erases the first person of a puzzle and says how it ended.
func erasePuzzle(t *testing.T, target string, seed uint64) string {
	p := newPuzzle(rand.New(rand.NewPCG(seed, 12)))
	w := newWorld(t, "sqlite", target)
	w.limits.Batch = 1 + int(seed%3)
	w.exec(p.create(target))
	w.configure(p.describe(), puzzlePolicy)
	before := map[string][]string{}
	for _, table := range p.tables {
		before[table.name] = w.table("SELECT * FROM " + table.name + " ORDER BY id")
	}
	d := w.open()
	plan, err := d.plan("erasure", person(t, "email", "p0@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	report, failed := d.Run(t.Context(), d.submit("erasure", "p0@example.com"))

	var left int64
	for _, table := range p.tables {
		want := slices.Clone(before[table.name])
		if table.plan == "delete" {
			theirs := func(row string) bool { return strings.Contains(row, "|p0@") }
			now := w.table("SELECT * FROM " + table.name + " ORDER BY id")
			left += int64(len(slices.DeleteFunc(slices.Clone(now), func(row string) bool { return !theirs(row) })))
			w.equal("others in "+table.name, strings.Join(slices.DeleteFunc(now, theirs), "\n"), strings.Join(slices.DeleteFunc(want, theirs), "\n"))
			continue
		}
		if table.plan == "mask" {
			for id, owner := range table.people {
				if owner == 0 && plan.Node("shop:"+table.name) != nil {
					want[id] = strings.Replace(want[id], fmt.Sprintf("note %d", id), "erased", 1)
				}
			}
		}
		w.equal("all of "+table.name, w.table("SELECT * FROM "+table.name+" ORDER BY id"), want)
	}
	if failed == nil && report.Status == request.Complete {
		w.equal("rows left of a complete request", left, int64(0))
		if slices.ContainsFunc(plan.Nodes, func(n graph.Node) bool { return len(n.Nulled) > 0 }) {
			return "complete after nulls"
		}
		return "complete"
	}
	if p.mustEnd() {
		t.Errorf("nothing stands in the way, and it ended as %s: %v", report.Status, failed)
	}
	switch {
	case failed == nil:
		var counted int64
		for _, c := range report.Collections {
			counted += c.RowsFailed
		}
		w.equal("rows left, as the report counts them", left, counted)
		return "residue"
	case slices.ContainsFunc(plan.Nodes, func(n graph.Node) bool { return n.Blocked != "" }):
		return "blocked"
	case strings.Contains(failed.Error(), "not found for this person"):
		return "strangers"
	}
	t.Errorf("it failed: %v", failed)
	return "failed"
}
