package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/request/fulfill"
)

// company is a made-up one in two databases of different kinds: chains, fans,
// a circle, tables that refer to themselves, keys of two columns, tables
// without any, arrays, rows that are masked, deleted and kept. Half of each
// table is Anna's.
type company struct {
	*story
	archive  *world
	tables   map[*world][]string
	script   map[*world]*strings.Builder
	datasets map[*world]*strings.Builder
}

const companyPolicy = `
policy:
- key: erasure
  rules:
  - {key: all, action: access, targets: [user]}
  - {key: name, action: erasure, targets: [user.name], masking: {strategy: null_rewrite}}
  - key: content
    action: erasure
    targets: [user.content, user.financial]
    masking: {strategy: hash, configuration: {algorithm: SHA-256}}
    keep:
    - {category: user.financial, reason: invoices are kept for ten years, ground: § 147 AO}
`

func newCompany(t *testing.T, store, binary string) *company {
	kinds := []string{"sqlite", "postgres"}
	if store == "postgres" {
		slices.Reverse(kinds)
	}
	shop, archive := newWorld(t, store, kinds[0]), newWorld(t, "sqlite", kinds[1])
	c := &company{&story{world: shop, binary: binary}, archive, map[*world][]string{}, map[*world]*strings.Builder{}, map[*world]*strings.Builder{}}
	for w, name := range map[*world]string{shop: "shop", archive: "archive"} {
		c.script[w], c.datasets[w] = &strings.Builder{}, &strings.Builder{}
		fmt.Fprintf(c.datasets[w], "dataset:\n- fides_key: %s\n  collections:\n", name)
	}
	c.build()
	c.write(c.datasets[shop].String(), c.datasets[archive].String(), companyPolicy, fmt.Sprintf(
		"connection:\n- {key: db, type: %s, access: write, datasets: [shop], secrets: {url: %q}}\n- {key: old, type: %s, access: write, datasets: [archive], secrets: {url: %q}}\n",
		shop.target, shop.url, archive.target, archive.url))
	return c
}

func (c *company) build() {
	shop := c.world
	c.add(shop, "person", "id INTEGER PRIMARY KEY, email VARCHAR(60), name VARCHAR(40)", "",
		"id {primary_key: true}", "email {identity: email}", "name [user.name]")
	c.insert(shop, "person", 1, func(p, _ int) string { return fmt.Sprintf("%d, '%s', 'N%d'", p, mailOf(p), p) })
	up := func(w *world, name, parent, referred, category, override string, rows int) {
		c.add(w, name, "id INTEGER PRIMARY KEY, up INTEGER, body VARCHAR(80)"+referred, override,
			"id {primary_key: true}", "up {references: [{dataset: "+parent+", direction: from}]}", "body ["+category+"]")
		c.insert(w, name, rows, func(p, i int) string {
			at := p*10_000 + i
			if strings.HasSuffix(parent, "person.id") {
				at = p
			}
			return fmt.Sprintf("%d, %d, 'body %d'", p*10_000+i, at, i%3)
		})
	}
	refers := func(table string) string { return ", FOREIGN KEY (up) REFERENCES " + table + " (id)" }
	for i := range 12 { // a chain: the end of it is deleted
		parent, referred, override := "person.id", refers("person"), ""
		if i > 0 {
			parent, referred = fmt.Sprintf("chain%02d.id", i-1), refers(fmt.Sprintf("chain%02d", i-1))
		}
		if i > 8 {
			override = "delete"
		}
		up(shop, fmt.Sprintf("chain%02d", i), "shop, field: "+parent, referred, "user.content", override, 3)
	}
	for i := range 14 { // a fan
		category, override := "user.content", ""
		switch i {
		case 3, 7:
			override = "delete"
		case 5:
			category = "user.financial"
		}
		up(shop, fmt.Sprintf("fan%02d", i), "shop, field: person.id", refers("person"), category, override, 5)
	}
	up(shop, "many", "shop, field: person.id", "", "user.content", "", 2100) // more than a chunk, and than one batch
	for i := range 3 {                                                       // a circle
		fields := []string{"id {primary_key: true}", "mail {}", fmt.Sprintf("next {references: [{dataset: shop, field: ring%d.id, direction: to}]}", (i+1)%3), "body [user.content]"}
		if i == 0 {
			fields[1] = "mail {identity: email}"
		}
		name := fmt.Sprint("ring", i)
		c.add(shop, name, "id INTEGER PRIMARY KEY, mail VARCHAR(60), next INTEGER, body VARCHAR(80)", "", fields...)
		c.insert(shop, name, 4, func(p, i int) string {
			return fmt.Sprintf("%d, '%s', %d, 'body %d'", p*10_000+i, mailOf(p), p*10_000+(i+1)%4, i%2)
		})
	}
	self := func(name, override string) {
		c.add(shop, name, "id INTEGER PRIMARY KEY, mail VARCHAR(60), boss INTEGER REFERENCES "+name+" (id), body VARCHAR(80)", override,
			"id {primary_key: true}", "mail {identity: email}", "boss {references: [{dataset: shop, field: "+name+".id, direction: to}]}", "body [user.content]")
		c.insert(shop, name, 5, func(p, i int) string {
			return fmt.Sprintf("%d, '%s', %d, 'body %d'", p*10_000+i, mailOf(p), p*10_000+max(0, i-1), i%2)
		})
	}
	self("staff", "")
	self("reply", "delete")
	for i := range 6 { // keys of two columns
		name, field := fmt.Sprint("pair", i), "person.id"
		if i > 0 {
			field = fmt.Sprintf("pair%d.a", i-1)
		}
		c.add(shop, name, "a INTEGER NOT NULL, b INTEGER NOT NULL, body VARCHAR(80), PRIMARY KEY (a, b)", "",
			"a {primary_key: true, references: [{dataset: shop, field: "+field+", direction: from}]}", "b {primary_key: true}", "body [user.content]")
		c.insert(shop, name, 3, func(p, i int) string { return fmt.Sprintf("%d, %d, 'body %d'", p, i, i%2) })
	}
	for i := range 4 { // no key
		name := fmt.Sprint("bare", i)
		c.add(shop, name, "person INTEGER, n INTEGER, body VARCHAR(80)", "",
			"person {references: [{dataset: shop, field: person.id, direction: from}]}", "n {}", "body [user.content]")
		c.insert(shop, name, 3, func(p, i int) string { return fmt.Sprintf("%d, %d, 'body %d'", p, i, i) })
	}
	for i := range 10 { // a chain in the other database, that begins here
		parent, override := "shop, field: person.id", ""
		if i > 0 {
			parent = fmt.Sprintf("archive, field: old%02d.id", i-1)
		}
		if i == 9 {
			override = "delete"
		}
		up(c.archive, fmt.Sprintf("old%02d", i), parent, "", "user.content", override, 3)
	}
	lists := shop // the one that has arrays
	if shop.target != "postgres" {
		lists = c.archive
	}
	c.add(lists, "list", "id INTEGER PRIMARY KEY, person INTEGER, words VARCHAR(80)[]", "",
		"id {primary_key: true}", "person {references: [{dataset: shop, field: person.id, direction: from}]}", "words [user.content]")
	c.insert(lists, "list", 3, func(p, i int) string { return fmt.Sprintf("%d, %d, ARRAY['a', 'b%d', NULL]", p*10_000+i, p, i) })

	shop.exec(c.script[shop].String())
	c.archive.exec(c.script[c.archive].String())
	// A row appears while others are masked, so that there is a second round.
	late := "CREATE TRIGGER late AFTER UPDATE ON person BEGIN INSERT OR IGNORE INTO fan00 VALUES (9999, NEW.id, 'late'); END;\n"
	if shop.target == "postgres" {
		late = "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fan00 VALUES (9999, NEW.id, 'late') ON CONFLICT DO NOTHING; RETURN NULL; END $$;\n" +
			"CREATE TRIGGER late AFTER UPDATE ON person FOR EACH ROW EXECUTE FUNCTION late();\n"
	}
	shop.exec(late)
}

func mailOf(person int) string { return []string{"", "anna@example.com", "ben@example.com"}[person] }

// add makes a table and describes it. A field is its name and either [its
// category] or {what leads to it}.
func (c *company) add(w *world, name, columns, override string, fields ...string) {
	c.tables[w] = append(c.tables[w], name)
	fmt.Fprintf(c.script[w], "CREATE TABLE %s (%s);\n", name, columns)
	d := c.datasets[w]
	fmt.Fprintf(d, "  - name: %s\n", name)
	if override != "" {
		fmt.Fprintf(d, "    fides_meta: {masking_strategy_override: {strategy: %s}}\n", override)
	}
	d.WriteString("    fields:\n")
	for _, f := range fields {
		field, about, _ := strings.Cut(f, " ")
		key := "fides_meta"
		if about[0] == '[' {
			key = "data_categories"
		}
		fmt.Fprintf(d, "    - {name: %s, %s: %s}\n", field, key, about)
	}
}

// insert gives Anna and Ben so many rows each.
func (c *company) insert(w *world, name string, rows int, row func(person, i int) string) {
	var all []string
	for _, p := range []int{1, 2} {
		for i := range rows {
			all = append(all, "("+row(p, i)+")")
		}
	}
	fmt.Fprintf(c.script[w], "INSERT INTO %s VALUES %s;\n", name, strings.Join(all, ", "))
}

// outcome is everything that must not depend on crashes.
type outcome struct {
	Rows, Access []string
	Report       fulfill.Report
	Recorded     []string
}

var mask = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// outcome names masks by their first appearance: the secret is another in each
// request, and which rows share a mask is not.
func (c *company) outcome() (o outcome) {
	c.t.Helper()
	names := map[string]string{}
	for _, w := range []*world{c.world, c.archive} {
		for _, table := range c.tables[w] {
			for _, row := range w.table("SELECT * FROM " + table + " ORDER BY 1, 2") {
				o.Rows = append(o.Rows, table+": "+mask.ReplaceAllStringFunc(row, func(m string) string {
					if names[m] == "" {
						names[m] = fmt.Sprint("mask ", len(names))
					}
					return names[m]
				}))
			}
		}
	}
	for address, rows := range c.access() {
		for _, row := range rows {
			o.Access = append(o.Access, fmt.Sprint(address, " ", row))
		}
	}
	slices.Sort(o.Access)
	b, err := os.ReadFile(filepath.Join(c.out, "report.json"))
	if err = errors.Join(err, json.Unmarshal(b, &o.Report)); err != nil {
		c.t.Fatal(err)
	}
	d := c.open()
	d.verified()
	o.Recorded = slices.DeleteFunc(d.recorded(o.Report.Request), func(line string) bool {
		return line[0] != 'r' || line == "request.start" // lines of the execution log name the attempt
	})
	d.close()
	o.Report.Request, o.Report.Plan = "", "" // the hash covers the target's own address
	for i := range o.Report.Collections {
		o.Report.Collections[i].Attempts = 0
	}
	return o
}

// undisturbed is a run that nobody disturbs, and what it crosses.
type undisturbed struct {
	outcome
	passed map[string]int // how often a point is passed
}

func runUndisturbed(t *testing.T, store, binary string) undisturbed {
	c := newCompany(t, store, binary)
	tally := filepath.Join(c.dir, "tally")
	c.tally = tally
	c.run("", 0)
	u := undisturbed{c.outcome(), map[string]int{}}
	b, err := os.ReadFile(tally)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		u.passed[lines.Text()]++
	}
	if n := len(u.Report.Collections); n < 100 || u.Report.Rounds != 2 {
		t.Errorf("%d lines for collections in %d rounds", n, u.Report.Rounds)
	}
	for _, point := range matrix {
		if u.passed[point] == 0 {
			t.Fatalf("%s is never passed", point)
		}
	}
	return u
}

// matrix are the points at which collections are interrupted; each is passed
// for one after the other.
var matrix = []string{
	"collection.begun", "chunk.stored", "collection.read", "collection.saved", "collection.verified",
	"batch.intended", "batch.guarded", "batch.written", "batch.saved", "nulls.recorded", "nulls.written",
	"step.advanced", "holds.read", "rows.rechecked", "caps.kept", "strangers.counted", "round.begun", "upload.half", "claimed", "verified", "finished",
}

// TestCompanyKilledAnywhereEndsAsIfNothingHadHappened kills the program at
// each point, at one collection after the other, and at several points drawn by
// chance, each time runs the same command again, and compares what there is then
// with a run that nobody disturbed. Without SOAK it is a few of them.
func TestCompanyKilledAnywhereEndsAsIfNothingHadHappened(t *testing.T) { // R1
	t.Parallel()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("to have the same again: SEED=%d", seed())
	draw := rand.New(rand.NewPCG(seed(), 1))
	for _, store := range []string{"sqlite", "postgres"} {
		u := runUndisturbed(t, store, binary)
		t.Run(store, func(t *testing.T) {
			for _, kills := range u.kills(draw, os.Getenv("SOAK") != "") {
				t.Run(strings.Join(kills, ", "), func(t *testing.T) {
					t.Parallel()
					c := newCompany(t, store, binary)
					c.run(kills[0], -1)
					c.killed(kills[1:]...)
					if d := cmp.Diff(u.outcome, c.outcome()); d != "" {
						t.Errorf("the end is another (-undisturbed +killed):\n%s", d)
					}
				})
			}
		})
	}
}

// kills draws where requests are killed, each once or several times: at all
// points and collections, or at a few.
func (u undisturbed) kills(draw *rand.Rand, all bool) (kills [][]string) {
	at := func(point string) string { return fmt.Sprint(point, ":", 1+draw.IntN(u.passed[point])) }
	again := 200
	if all {
		for _, point := range matrix {
			for k := range u.passed[point] {
				kills = append(kills, []string{fmt.Sprint(point, ":", k+1)})
			}
		}
	} else {
		again = 2
		for _, i := range draw.Perm(len(matrix))[:4] {
			kills = append(kills, []string{at(matrix[i])})
		}
	}
	for range again {
		var several []string
		for range 2 + draw.IntN(2) {
			several = append(several, at(matrix[draw.IntN(len(matrix)-2)])) // the last two are passed when all is done
		}
		kills = append(kills, several)
	}
	return kills
}

// seed is what chance begins with: another one in each run, unless SEED gives
// it.
var seed = sync.OnceValue(func() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		return n
	}
	return rand.Uint64()
})
