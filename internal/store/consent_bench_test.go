package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

// BenchmarkAppend measures choices of new and returning subjects, one purpose
// each, made by 256 at once: as they are grouped, and one after the other,
// which is a transaction for each. The metric is what one choice takes. F1, F2
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name string
		open func(testing.TB) *storetest.Database
	}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}} {
		for _, callers := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("%s/callers=%d", c.name, callers), func(b *testing.B) {
				db := c.open(b)
				commits := db.Commits()
				var next atomic.Int64
				var all sync.WaitGroup
				b.ResetTimer()
				for range callers {
					all.Go(func() {
						for {
							n := next.Add(1)
							if n > int64(b.N) {
								return
							}
							e := says(fmt.Sprintf("p%d@example.com", n/2), "analytics", n%2 == 0)
							e.Reaffirm = true
							if _, err := db.Consents().Append(ctx, tenant, "", []consent.Entry{e}); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/float64(max(1, db.Commits()-commits)), "choices/commit")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "choices/s")
			})
		}
	}
}
