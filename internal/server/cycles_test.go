package server

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/request"
)

// TestCyclesFindWhatCanBeReachedAndNoMore makes up who leads whom, and who is
// on which team, and holds what access finds, and in how many rounds, against
// a walk from row to row.
func TestCyclesFindWhatCanBeReachedAndNoMore(t *testing.T) { // D9, D19
	t.Parallel()
	seeds := 12
	if os.Getenv("SOAK") != "" {
		seeds = 1000
	}
	for _, target := range []string{"sqlite", "postgres"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			longest := 0
			for seed := range seeds {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					longest = max(longest, walkCompany(t, target, rand.New(rand.NewPCG(uint64(seed), 9))))
				})
			}
			if longest < 5 {
				t.Errorf("no walk took more than %d rounds: the companies are too simple", longest)
			}
		})
	}
}

// step leads from a column of the rows of one table to a column of another.
type step struct{ from, column, to, target string }

func walkCompany(t *testing.T, target string, draw *rand.Rand) int {
	w := newWorld(t, "sqlite", target)
	// Keys of people and teams do not overlap, so that a mix-up shows.
	people, teams := draw.IntN(30)+2, draw.IntN(5)
	tables := map[string][]map[string]any{}
	cell := func(from, n int) any {
		if n == 0 || draw.IntN(4) == 0 {
			return nil
		}
		return from + draw.IntN(n)
	}
	for id := range people {
		tables["staff"] = append(tables["staff"], map[string]any{"id": id, "mail": fmt.Sprintf("p%d@example.com", id%7), "boss": cell(0, people), "team": cell(100, teams)})
	}
	for id := range teams {
		tables["team"] = append(tables["team"], map[string]any{"id": 100 + id, "lead": cell(0, people)})
	}
	w.exec("CREATE TABLE staff (id INTEGER PRIMARY KEY, mail VARCHAR(40), boss INTEGER, team INTEGER);\nCREATE TABLE team (id INTEGER PRIMARY KEY, lead INTEGER);\n")
	for _, r := range tables["staff"] {
		w.exec(fmt.Sprintf("INSERT INTO staff VALUES (%d, '%s', %s, %s);\n", r["id"], r["mail"], literal(r["boss"]), literal(r["team"])))
	}
	for _, r := range tables["team"] {
		w.exec(fmt.Sprintf("INSERT INTO team VALUES (%d, %s);\n", r["id"], literal(r["lead"])))
	}

	var steps []step
	reference := func(from, column, to string, directions ...string) string {
		direction := directions[draw.IntN(len(directions))]
		if direction == "to" {
			steps = append(steps, step{from, column, to, "id"})
		} else {
			steps = append(steps, step{to, "id", from, column})
		}
		return fmt.Sprintf("references: [{dataset: shop, field: %s.id, direction: %s}]", to, direction)
	}
	w.configure(fmt.Sprintf(`
dataset:
- fides_key: shop
  collections:
  - name: staff
    data_categories: [user.content]
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: mail, fides_meta: {identity: email}}
    - {name: boss, fides_meta: {%s}}
    - {name: team, fides_meta: {%s}}
  - name: team
    data_categories: [user.content]
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: lead, fides_meta: {%s}}
`, reference("staff", "boss", "staff", "to", "from"), reference("staff", "team", "team", "to"), reference("team", "lead", "staff", "to", "from")), shopPolicies)

	report := w.open().run("access", "p1@example.com")
	found, rounds := walk(tables, steps, func(r map[string]any) bool { return r["mail"] == "p1@example.com" })
	access := w.access()
	for name := range tables {
		var got []string
		for _, r := range access["shop:"+name] {
			got = append(got, fmt.Sprint(r["id"]))
		}
		slices.Sort(got)
		w.equal("rows of "+name, strings.Join(got, " "), strings.Join(found[name], " "))
	}
	if !strings.Contains(line(report, "shop:team", request.Access).Message, "rounds") { // teams are read once, behind the circle or before it
		return 0
	}
	w.equal("rounds", line(report, "shop:staff", request.Access).Message, fmt.Sprintf("found in %d rounds, the last without anything new", rounds))
	return rounds
}

func literal(v any) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprint(v)
}

// walk goes from row to row, each once, in rings around the first.
func walk(tables map[string][]map[string]any, steps []step, first func(map[string]any) bool) (map[string][]string, int) {
	type row struct {
		table string
		at    int
	}
	seen := map[row]bool{}
	var ring []row
	for i, r := range tables["staff"] {
		if first(r) {
			ring = append(ring, row{"staff", i})
			seen[ring[len(ring)-1]] = true
		}
	}
	rounds := 1
	for ; len(ring) > 0; rounds++ {
		var next []row
		for _, at := range ring {
			for _, s := range steps {
				if s.from != at.table {
					continue
				}
				for i, r := range tables[s.to] {
					if v := tables[at.table][at.at][s.column]; v != nil && r[s.target] == v && !seen[row{s.to, i}] {
						seen[row{s.to, i}] = true
						next = append(next, row{s.to, i})
					}
				}
			}
		}
		ring = next
	}
	found := map[string][]string{}
	for at := range seen {
		found[at.table] = append(found[at.table], fmt.Sprint(tables[at.table][at.at]["id"]))
	}
	for name := range found {
		slices.Sort(found[name])
	}
	return found, rounds
}

const ladderDataset = `
dataset:
- fides_key: shop
  collections:
  - name: staff
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: mail, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: boss, fides_meta: {references: [{dataset: shop, field: staff.id, direction: to}]}}
    - {name: name, data_categories: [user.name]}
  - name: badge
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: owner, fides_meta: {references: [{dataset: shop, field: staff.id, direction: from}]}}
    - {name: photo, data_categories: [user.content]}
`

// ladder is a chain of so many people, each the boss of the one before.
func ladder(w *world, people int) {
	w.exec(fmt.Sprintf(`CREATE TABLE staff (id INTEGER PRIMARY KEY, mail VARCHAR(60), boss INTEGER, name VARCHAR(20));
CREATE TABLE badge (id INTEGER PRIMARY KEY, owner INTEGER, photo VARCHAR(20));
INSERT INTO staff WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n, 'p' || n || '@example.com', n + 1, 'name' FROM s;
INSERT INTO badge VALUES (1, 1, 'photo'), (2, 2, 'photo');
`, people))
	w.configure(ladderDataset, shopPolicies)
}

func TestChainBeyondTheRoundsFailsBeforeAnythingIsMasked(t *testing.T) { // D9
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		ladder(w, 101)
		d := w.open()
		id := d.submit("erasure", "p1@example.com")
		report, err := d.Run(t.Context(), id)
		if err == nil || !strings.Contains(err.Error(), "after 100 rounds") {
			t.Errorf("it ended as %s: %v", report.Status, err)
		}
		w.equal("collections", []request.CollectionStatus{line(report, "shop:staff", request.Access).Status, line(report, "shop:badge", request.Access).Status}, []request.CollectionStatus{request.Failed, request.Pending})
		w.equal("masked", w.table("SELECT count(*) FROM staff WHERE name IS NULL OR mail NOT LIKE 'p%'"), []string{"0"})
	})
}

func TestChainWithinTheRoundsIsFollowedToItsEnd(t *testing.T) { // D9
	t.Parallel()
	w := newWorld(t, "sqlite", "sqlite")
	ladder(w, 99)
	w.equal("masked", line(w.open().run("erasure", "p1@example.com"), "shop:staff", request.Erasure).RowsMasked, int64(99))
}

// A cycle that is killed while it is read begins anew; what it had stored is
// not found twice.
func TestKilledCycleGoesOn(t *testing.T) { // D9, R1
	t.Parallel()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, store, "sqlite")
			ladder(w, 40)
			w.exec("INSERT INTO staff WITH RECURSIVE s(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM s WHERE n < 4500) SELECT n, 'anna@example.com', 1, 'name' FROM s;\n")
			s := &story{world: w, binary: binary}
			s.run("chunk.stored", -1)
			s.run("", 0)
			w.equal("found", len(w.access()["shop:staff"]), 40+3501)
			w.equal("left", w.table("SELECT count(*) FROM staff WHERE name IS NOT NULL"), []string{"0"})
		})
	}
}
