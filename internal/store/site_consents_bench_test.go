package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/internal/store/storetest"
)

// BenchmarkSiteChoices measures choices a second of first-time visitors, 256 of
// them at once, in groups and each in a transaction of its own.
func BenchmarkSiteChoices(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		db := open(b)
		var device atomic.Int64
		measure := func(b *testing.B, callers int, choose func(n int64)) float64 {
			began, all := time.Now(), sync.WaitGroup{}
			var left atomic.Int64
			left.Store(int64(b.N))
			for range callers {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						choose(device.Add(1))
					}
				})
			}
			all.Wait()
			rate := float64(b.N) / time.Since(began).Seconds()
			b.ReportMetric(rate, "choices/s")
			return rate
		}
		var together float64
		b.Run(name+"/together", func(b *testing.B) {
			together = measure(b, 256, func(n int64) { chooses(b, db, sends(fmt.Sprintf("device_%016d", n), true)) })
		})
		b.Run(name+"/alone", func(b *testing.B) {
			var one sync.Mutex // no two share a commit
			alone := measure(b, 256, func(n int64) {
				one.Lock()
				defer one.Unlock()
				chooses(b, db, sends(fmt.Sprintf("device_%016d", n), true))
			})
			b.ReportMetric(together/alone, "times-slower")
		})
	}
}
