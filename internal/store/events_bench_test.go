package store_test

import (
	"fmt"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

// BenchmarkEvents measures what it takes to read the events of a ledger with
// many choices and no requests, a hundred at a time. A11
func BenchmarkEvents(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := open(b)
			for n := range 40 {
				var entries []consent.Entry
				for i := range 500 {
					entries = append(entries, says(fmt.Sprintf("p%d@example.com", 500*n+i), "analytics", true))
				}
				give(b, db, entries...)
			}
			events := 0
			for b.Loop() {
				events += len(follow(b, db, tenant, 0, 100))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
		})
	}
}
