package connectortest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
)

// Benchmark measures reading and masking 10,000 rows, or SCALE percent of
// 100,000 when that is more. Masks are different in every row, and written in
// turn with one plain UPDATE for each row. x-commits says how many times
// faster the masks are when each UPDATE is a transaction, of which 500 stand
// for all; x-update when all of them are in one. F10
func Benchmark(b *testing.B, h Harness) {
	percent, _ := strconv.ParseFloat(os.Getenv("SCALE"), 64)
	rows := max(10_000, int(1000*percent)/500*500) // whole batches; 100,000 at SCALE=100
	bench := open(b, h, people(rows)...)
	b.Run("Read", func(b *testing.B) {
		r := connector.Read{Table: bench.table(b, "person"), Columns: []string{"id", "email", "name", "age", "note"}}
		var ids []any
		for i := range rows {
			ids = append(ids, i+1)
		}
		r.Where = []connector.Match{match("id", ids...)}
		for b.Loop() {
			res, err := bench.Read(b.Context(), r, func(connector.Row) error { return nil })
			if err != nil || res.Rows != int64(rows) {
				b.Fatal(res.Rows, err)
			}
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("Mask", func(b *testing.B) {
		var masks, updates, commits []time.Duration
		for round := 0; b.Loop(); round++ {
			after := func(i int) any { return fmt.Sprintf("r%d n%d", round, i) }
			batch := bench.rename(b, rows, after)
			for i := range batch.Changes {
				if round > 0 {
					batch.Changes[i].Before = connector.Row{"name": fmt.Sprintf("u%d n%d", round-1, i+1), "note": nil}
				}
			}
			begun := time.Now()
			for changes := batch.Changes; len(changes) > 0; changes = changes[500:] {
				batch.Changes = changes[:500]
				out, err := bench.Mask(b.Context(), batch)
				wants(b, out, err, all(500, connector.Changed)...)
			}
			masks = append(masks, time.Since(begun))
			statements := []string{"BEGIN"}
			for i := range rows {
				statements = append(statements, fmt.Sprintf("UPDATE person SET name = 'u%d n%d', note = NULL WHERE id = %d", round, i+1, i+1))
			}
			begun = time.Now()
			bench.Exec(b, statements[1:501]...)
			commits = append(commits, time.Since(begun)*time.Duration(rows/500))
			begun = time.Now()
			bench.Exec(b, append(statements, "COMMIT")...)
			updates = append(updates, time.Since(begun))
		}
		median := func(all []time.Duration) float64 {
			slices.Sort(all)
			return all[len(all)/2].Seconds()
		}
		b.ReportMetric(float64(rows)/median(masks), "rows/s")
		b.ReportMetric(median(updates)/median(masks), "x-update")
		b.ReportMetric(median(commits)/median(masks), "x-commits")
	})
}
