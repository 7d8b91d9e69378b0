package connectortest

import (
	"fmt"
	"testing"

	"volenti.dev/volenti/connector"
)

// Benchmark measures reading and masking 10,000 rows.
func Benchmark(b *testing.B, h Harness) {
	const rows = 10_000
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
			if err != nil || res.Rows != rows {
				b.Fatal(res.Rows, err)
			}
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	round := 0
	name := func(round int) func(int) any { return func(i int) any { return fmt.Sprintf("r%d n%d", round, i) } }
	distinct := func() connector.Batch {
		batch := bench.rename(b, rows, name(round+1))
		for i := range batch.Changes {
			if round > 0 {
				batch.Changes[i].Before = connector.Row{"name": name(round)(i + 1), "note": nil}
			}
		}
		round++
		return batch
	}
	b.Run("MaskInBatches", func(b *testing.B) {
		for b.Loop() {
			batch := distinct()
			for changes := batch.Changes; len(changes) > 0; changes = changes[500:] {
				batch.Changes = changes[:500]
				out, err := bench.Mask(b.Context(), batch)
				wants(b, out, err, all(500, connector.Changed)...)
			}
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	// Other values each time: some systems write nothing over its like.
	updates := func() []string {
		round++
		out := make([]string, rows)
		for i := range out {
			out[i] = fmt.Sprintf("UPDATE person SET name = 'r%d n%d', note = NULL WHERE id = %d", round, i+1, i+1)
		}
		return out
	}
	b.Run("OneUpdatePerRow", func(b *testing.B) {
		for b.Loop() {
			bench.Exec(b, "BEGIN")
			bench.Exec(b, updates()...)
			bench.Exec(b, "COMMIT")
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("OneUpdateAndCommitPerRow", func(b *testing.B) {
		for b.Loop() {
			bench.Exec(b, updates()...)
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
