//go:build unix

package store_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

var databases = []struct {
	name string
	open func(testing.TB) *storetest.Database
}{{"sqlite", storetest.SQLite}, {"postgres", storetest.Postgres}}

// BenchmarkAppend measures choices of new and returning subjects, one purpose
// each: as they are grouped, and the naive way, which is a transaction for
// each. Ours is the CPU time of this process for each choice; that of a
// PostgreSQL server is not in it. F1, F2
func BenchmarkAppend(b *testing.B) {
	for _, d := range databases {
		for _, callers := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("%s/callers=%d", d.name, callers), func(b *testing.B) {
				db := d.open(b)
				choose(b, db, callers, 0, db.Consents().Append)
			})
		}
		b.Run(d.name+"/callers=256/naive", func(b *testing.B) {
			db := d.open(b)
			choose(b, db, 256, 0, db.Consents().AppendAlone)
		})
	}
}

// BenchmarkManyRecords measures the same, and a read, with few and with
// many records stored: a share of ten million, SCALE in percent. F3
func BenchmarkManyRecords(b *testing.B) {
	scale := 1.0
	if text := os.Getenv("SCALE"); text != "" {
		var err error
		scale, err = strconv.ParseFloat(text, 64)
		must(b, err)
	}
	for _, d := range databases {
		for _, stored := range []int{int(1000 * scale), int(100_000 * scale)} {
			db := d.open(b)
			people := fill(b, db, stored)
			written := 0
			b.Run(fmt.Sprintf("%s/write/stored=%d", d.name, stored), func(b *testing.B) {
				choose(b, db, 256, written, db.Consents().Append)
				written += b.N
			})
			b.Run(fmt.Sprintf("%s/read/stored=%d", d.name, stored), func(b *testing.B) {
				for n := range b.N {
					states, err := db.Consents().States(ctx, tenant, people[n*7919%len(people)])
					if err != nil || len(states) != 1 {
						b.Fatal(states, err)
					}
				}
			})
		}
	}
}

// BenchmarkProof measures what the proof is of a choice: its leaf, the tree
// and a signature for each group of 128, with a commit of their own. F11
func BenchmarkProof(b *testing.B) {
	for _, d := range databases {
		db := d.open(b)
		b.Run(d.name+"/choice", func(b *testing.B) { choose(b, db, 256, 0, db.Consents().Append) })
		b.Run(d.name+"/proof", func(b *testing.B) {
			before := cpu(b)
			for n := 0; n < b.N; n += 128 {
				must(b, db.Consents().Prove(ctx, tenant, min(128, b.N-n)))
				_, err := db.Audit().Checkpoint(ctx, tenant)
				must(b, err)
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

type appendFunc = func(ctx context.Context, tenant, key string, entries []consent.Entry) ([]consent.Outcome, error)

// choose makes b.N choices by so many at once; every other one is of somebody
// new, numbered from first on.
func choose(b *testing.B, db *storetest.Database, callers, first int, to appendFunc) {
	commits := db.Commits()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	before := cpu(b)
	for range callers {
		all.Go(func() {
			for {
				n := int(next.Add(1))
				if n > b.N {
					return
				}
				e := says(fmt.Sprintf("p%d@example.com", (first+n)/2), "analytics", n%2 == 0)
				e.Reaffirm = true
				if _, err := to(ctx, tenant, "", []consent.Entry{e}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/float64(max(1, db.Commits()-commits)), "choices/commit")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "choices/s")
}

// fill stores choices of so many people.
func fill(b *testing.B, db *storetest.Database, people int) (all []consent.SubjectID) {
	b.Helper()
	for len(all) < people {
		var entries []consent.Entry
		for range min(consent.MaxEntries, people-len(all)) {
			entries = append(entries, says(fmt.Sprintf("stored%d@example.com", len(all)+len(entries)), "analytics", true))
		}
		for _, o := range give(b, db, entries...) {
			all = append(all, o.Subject)
		}
	}
	return all
}

func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
