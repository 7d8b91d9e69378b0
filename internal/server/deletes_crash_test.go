package server

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// Posts answer each other, and a thread knows its first and last post.
const threadTables = `
CREATE TABLE thread (id INTEGER PRIMARY KEY, author VARCHAR(40), first INTEGER%[1]s, last INTEGER%[1]s);
CREATE TABLE post (id INTEGER PRIMARY KEY, author VARCHAR(40), thread INTEGER NOT NULL REFERENCES thread (id), answers INTEGER REFERENCES post (id));
INSERT INTO thread VALUES (1, 'anna@example.com', 1, 1200), (2, 'ben@example.com', 2001, NULL);
INSERT INTO post WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1200) SELECT n, 'anna@example.com', 1, CASE WHEN n < 1200 THEN n + 1 ELSE 1 END FROM s;
INSERT INTO post VALUES (2001, 'ben@example.com', 2, 2001);
`

const threadDataset = `
dataset:
- fides_key: shop
  collections:
  - name: thread
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: author, data_categories: [user.contact], fides_meta: {identity: email}}
  - name: post
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: author, data_categories: [user.contact], fides_meta: {identity: email}}
`

func newThreads(t *testing.T, store, binary string) *story {
	target := "sqlite"
	if store == "postgres" {
		target = "postgres"
	}
	w := newWorld(t, store, target)
	if target == "postgres" { // which wants both tables first
		w.exec(fmt.Sprintf(threadTables, "") + "ALTER TABLE thread ADD FOREIGN KEY (first) REFERENCES post (id), ADD FOREIGN KEY (last) REFERENCES post (id);\n")
	} else {
		w.exec(fmt.Sprintf(threadTables, " REFERENCES post (id)"))
	}
	w.configure(threadDataset, puzzlePolicy)
	return &story{world: w, binary: binary}
}

// TestKilledBetweenNullsAndDeletesLeavesNoRowHalfErased kills the program
// while it opens a circle of foreign keys and while it deletes, and runs the
// same command again.
func TestKilledBetweenNullsAndDeletesLeavesNoRowHalfErased(t *testing.T) { // D12, R1
	t.Parallel()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			undisturbed := newThreads(t, store, binary)
			undisturbed.run("", 0)
			want := undisturbed.threads()
			undisturbed.equal("what is left", want.Rows, []string{"2|ben@example.com|2001|<null>", "2001|ben@example.com|2|2001"})
			for _, point := range []string{"nulls.recorded", "nulls.written", "nulls.written:3", "batch.written:2", "batch.saved:3"} {
				t.Run(point, func(t *testing.T) {
					t.Parallel()
					s := newThreads(t, store, binary)
					s.run(point, -1)
					s.run("", 0)
					if d := cmp.Diff(want, s.threads()); d != "" {
						t.Errorf("killed at %s, the end is another (-undisturbed +killed):\n%s", point, d)
					}
				})
			}
		})
	}
}

func TestRowThatWasNulledAndNotDeletedIsNamed(t *testing.T) { // D12, D24
	t.Parallel()
	for _, target := range []string{"sqlite", "postgres"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			w := newThreads(t, target, "").world
			w.exec("CREATE TABLE flag (post INTEGER REFERENCES post (id));\nINSERT INTO flag VALUES (600);\n")
			w.limits = fulfill.Limits{RowsPerCollection: 10_000}
			report := w.open().run("erasure", "anna@example.com")
			w.equal("status", report.Status, request.CompleteWithResidue)
			post, thread := line(report, "shop:post", request.Erasure), line(report, "shop:thread", request.Erasure)
			w.equal("rows deleted and not", []int64{post.RowsMasked, post.RowsFailed, thread.RowsMasked, thread.RowsFailed}, []int64{1199, 1, 0, 1})
			nulled := map[string]int64{}
			for _, f := range append(post.Fields, thread.Fields...) {
				if f.Status == "nulled" {
					nulled[f.Field] += f.Rows
				}
			}
			w.equal("nulled and left", nulled, map[string]int64{"answers": 1, "first": 1, "last": 1})
			w.equal("the rows", append(w.table("SELECT * FROM thread WHERE id = 1"), w.table("SELECT * FROM post WHERE thread = 1")...),
				[]string{"1|anna@example.com|<null>|<null>", "600|anna@example.com|1|<null>"})
		})
	}
}

type threads struct {
	Rows   []string
	Report fulfill.Report
}

func (s *story) threads() threads {
	s.t.Helper()
	e := threads{Rows: append(s.table("SELECT * FROM thread ORDER BY id"), s.table("SELECT * FROM post ORDER BY id")...)}
	report, err := os.ReadFile(filepath.Join(s.out, "report.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(report, &e.Report); err != nil {
		s.t.Fatal(err)
	}
	if e.Report.Status != request.Complete {
		s.t.Errorf("ended as %s", e.Report.Status)
	}
	e.Report.Request, e.Report.Plan = "", "" // the hash covers the target's own address
	for i := range e.Report.Collections {
		e.Report.Collections[i].Attempts = 0
	}
	return e
}
