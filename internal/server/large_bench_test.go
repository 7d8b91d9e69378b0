package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/connector/builtin"
)

// diary makes two tables, a person and what she wrote: so many entries of six
// fields, some 180 bytes of JSON each.
func (w *world) diary(rows int) {
	w.t.Helper()
	w.exec("DROP TABLE note;\nDROP TABLE orders;\nDROP TABLE customer;\n")
	w.exec(fmt.Sprintf(`CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(60));
INSERT INTO customer VALUES (1, 'p1@example.com');
CREATE TABLE entry (id INTEGER PRIMARY KEY, customer_id INTEGER, title VARCHAR(60), body VARCHAR(200), mood INTEGER, price NUMERIC(10,2));
INSERT INTO entry WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
	SELECT i, 1, 'day ' || i, 'It is the day ' || i || ' and what there is to say of it fits into one line.', i %% 7, 12.5 FROM n;
CREATE INDEX entries ON entry (customer_id);
`, rows))
	w.configure(`
dataset:
- fides_key: shop
  collections:
  - name: customer
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: integer}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
  - name: entry
    data_categories: [user.content]
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: integer}}
    - {name: customer_id, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: title, data_categories: [user.content]}
    - {name: body, data_categories: [user.content]}
    - {name: mood, data_categories: [user.content]}
    - {name: price, data_categories: [user.content]}
`, `
policy:
- key: access
  rules: [{key: all, action: access, targets: [user]}]
- key: erasure
  rules: [{key: all, action: erasure, targets: [user.content], masking: {strategy: null_rewrite}}]
`)
}

// resident is the memory of this process, in bytes.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// peak gives how much memory do took at most, on top of what there was.
func peak(do func()) int64 {
	debug.FreeOSMemory()
	before, highest := resident(), int64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				highest = max(highest, resident())
			}
		}
	}()
	do()
	close(stop)
	<-stopped
	return highest - before
}

// plain writes the entries as JSON with nothing around it: one query, one
// encoder, no request.
func (w *world) plain() time.Duration {
	w.t.Helper()
	begun := time.Now()
	f, err := os.Create(filepath.Join(w.dir, "plain.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	rows, err := w.db.Query("SELECT id, title, body, mood, price FROM entry WHERE customer_id = 1")
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	b := bufio.NewWriter(f)
	e := json.NewEncoder(b)
	var id, mood int64
	var title, body, price string
	for rows.Next() {
		if err := rows.Scan(&id, &title, &body, &mood, &price); err != nil {
			w.t.Fatal(err)
		}
		if err := e.Encode(map[string]any{"id": id, "title": title, "body": body, "mood": mood, "price": price}); err != nil {
			w.t.Fatal(err)
		}
	}
	if rows.Err() != nil || b.Flush() != nil || f.Sync() != nil || f.Close() != nil {
		w.t.Fatal("the plain file was not written")
	}
	return time.Since(begun)
}

// BenchmarkLargeRequest measures requests about a person with a hundred
// thousand rows in one table, and with four million (at SCALE=100). MB-more is
// how much more memory the larger one takes, MB/s the size of access.json
// against all that the request takes, x-plain the time against one query whose
// rows are written as JSON. F9
func BenchmarkLargeRequest(b *testing.B) {
	for _, policy := range []string{"access", "erasure"} {
		b.Run(policy, func(b *testing.B) {
			sizes := []int{scale(100_000), scale(4_000_000)}
			var memory [2]int64
			for b.Loop() {
				for i, rows := range sizes {
					w := newWorld(b, "sqlite", "sqlite")
					w.diary(rows)
					d := w.bench(builtin.Registry())
					d.Limits.RowsPerCollection = 1 << 40
					plan := d.planned(policy)
					var s spent
					memory[i] = max(memory[i], peak(func() { s = d.once(policy, plan, d.person(0)) }))
					if i == 0 {
						continue
					}
					b.ReportMetric(float64(s.cpu.Nanoseconds())/1000/float64(rows), "cpu-µs/row")
					if policy == "access" {
						file, err := os.Stat(filepath.Join(w.out, "access.json"))
						if err != nil {
							b.Fatal(err)
						}
						b.ReportMetric(float64(file.Size())/1e6/s.wall.Seconds(), "MB/s")
						b.ReportMetric(float64(file.Size())/1e6/s.cpu.Seconds(), "MB/cpu-s")
						b.ReportMetric(float64(s.wall)/float64(w.plain()), "x-plain")
					}
				}
			}
			b.ReportMetric(float64(memory[1])/1e6, "MB-peak")
			b.ReportMetric(float64(memory[1]-memory[0])/1e6, "MB-more")
		})
	}
}
