package store_test

import (
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"volenti.dev/volenti/internal/store/storetest"
)

// BenchmarkLoad measures what it takes until checks are answered from memory,
// from the database and from a snapshot, for SCALE percent of 10 million
// states of people with six purposes. Beside it, what it takes to read the
// states row by row and do nothing with them. F5
func BenchmarkLoad(b *testing.B) {
	scale := 1.0
	if s, err := strconv.ParseFloat(os.Getenv("SCALE"), 64); err == nil {
		scale = s
	}
	people := int(scale / 100 * 10e6 / 6)
	db := storetest.SQLite(b)
	fillStates(b, db, people)
	measure := func(b *testing.B, prepare, load func()) {
		var wall time.Duration
		var cpu int64
		for range b.N {
			prepare()
			before, spentBefore := time.Now(), spent()
			load()
			wall, cpu = wall+time.Since(before), cpu+spent()-spentBefore
		}
		per := 1 / float64(b.N) / float64(6*people)
		b.ReportMetric(float64(wall.Nanoseconds())*per, "ns/state")
		b.ReportMetric(float64(cpu)*per, "cpu-ns/state")
	}
	load := func() { loaded(b, db) }
	b.Run("database", func(b *testing.B) {
		measure(b, func() {
			must(b, db.Close())
			for _, file := range snapshots(b, db) {
				must(b, os.Remove(file))
			}
			db.Reopen(b)
		}, load)
	})
	b.Run("snapshot", func(b *testing.B) { measure(b, func() { db.Reopen(b) }, load) })
	b.Run("rows", func(b *testing.B) {
		raw := db.Raw(b)
		measure(b, func() {}, func() {
			rows, err := raw.QueryContext(ctx, `SELECT subject, purpose, choice, given, era FROM consent_state WHERE tenant = $1`, tenant)
			must(b, err)
			defer rows.Close()
			for rows.Next() {
				var subject, purpose, choice string
				var given, era int64
				must(b, rows.Scan(&subject, &purpose, &choice, &given, &era))
			}
			must(b, rows.Err())
		})
	})
}

// spent is the processor time of this process.
func spent() int64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}
