package store_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

// scale gives the part of a million that SCALE tells, in percent; 1 percent
// unless told.
func scale(b *testing.B, million int) int {
	b.Helper()
	percent := 1.0
	if text := os.Getenv("SCALE"); text != "" {
		var err error
		percent, err = strconv.ParseFloat(text, 64)
		must(b, err)
	}
	return max(100, int(float64(million)*percent/100))
}

// BenchmarkQueue measures writing down who is to be asked again, of people
// with six purposes and three records about each: from the states, in slices,
// and by grouping the history by the latest record, as one would without them.
// Then it measures how long choices take while that goes on. F6
func BenchmarkQueue(b *testing.B) {
	people := scale(b, 1_000_000)
	for name, open := range map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		db := open(b)
		agree(b, db, people, 3)
		must(b, db.Statement(ctx, `CREATE TABLE naive (subject TEXT, purpose TEXT, old TEXT, new TEXT, PRIMARY KEY (subject, purpose, new))`))
		label := 0
		again := func(b *testing.B) { // a new material version
			b.StopTimer()
			label++
			publish(b, db, version(fmt.Sprint(label), true))
			b.StartTimer()
		}
		states, history := time.Hour, time.Hour // the shortest
		b.Run(name+"/states", func(b *testing.B) {
			for range b.N {
				again(b)
				began := time.Now()
				n, err := db.Consents().QueueAll(ctx, tenant)
				states = min(states, time.Since(began))
				if must(b, err); n < int64(6*people) {
					b.Fatalf("%d grants were queued", n)
				}
			}
			b.ReportMetric(float64(people), "people/op")
		})
		b.Run(name+"/history", func(b *testing.B) {
			for range b.N {
				again(b)
				began := time.Now()
				must(b, db.Statement(ctx, fmt.Sprintf(`
					INSERT INTO naive (subject, purpose, old, new)
					SELECT r.subject, r.purpose, r.notice, '%d' FROM consent_records r
					JOIN (SELECT tenant, subject, purpose, MAX(seq) AS seq FROM consent_records GROUP BY tenant, subject, purpose) l
						ON l.tenant = r.tenant AND l.seq = r.seq
					WHERE r.choice = 'granted' AND r.notice <> '%d'`, label, label)))
				history = min(history, time.Since(began))
			}
			b.ReportMetric(float64(history)/float64(states), "times-slower")
		})
		b.Run(name+"/choices", func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				_, err := db.Consents().QueueAll(ctx, tenant)
				must(b, err)
				b.StartTimer()
				alone := during(b, db, func() { <-time.After(2 * time.Second) })
				beside := during(b, db, func() {
					for began := time.Now(); time.Since(began) < 2*time.Second; {
						again(b)
						_, err := db.Consents().QueueAll(ctx, tenant)
						must(b, err)
					}
				})
				b.ReportMetric(float64(alone.Microseconds())/1000, "alone-p99-ms")
				b.ReportMetric(float64(beside.Microseconds())/1000, "beside-p99-ms")
				b.ReportMetric(float64(beside)/float64(alone), "times-slower")
			}
		})
	}
}

// agree makes records about all purposes.
func agree(b *testing.B, db *storetest.Database, people, rounds int) {
	b.Helper()
	for range rounds {
		for from := 0; from < people; from += 100 {
			var entries []consent.Entry
			for n := from; n < min(from+100, people); n++ {
				for _, p := range consent.DefaultPurposes() {
					e := says(fmt.Sprintf("p%d@example.com", n), p.Key, true)
					e.Reaffirm = true
					entries = append(entries, e)
				}
			}
			give(b, db, entries...)
		}
	}
}

// during gives the 99th percentile of what choices take, made by eight people
// at once as long as f runs.
func during(b *testing.B, db *storetest.Database, f func()) time.Duration {
	b.Helper()
	running, stop := context.WithCancel(ctx)
	var mu sync.Mutex
	var all []time.Duration
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := 0; running.Err() == nil; i++ {
				began := time.Now()
				give(b, db, says(fmt.Sprintf("writer%d@example.com", w), "analytics", i%2 == 0))
				mu.Lock()
				all = append(all, time.Since(began))
				mu.Unlock()
			}
		})
	}
	f()
	stop()
	writers.Wait()
	slices.Sort(all)
	return all[len(all)*99/100]
}
