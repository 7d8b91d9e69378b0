package store_test

import (
	"fmt"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

// BenchmarkQueue measures writing down who is to be asked again, of people
// with six purposes and three records about each: from the states, in chunks,
// and by grouping the history, as one would without them. F6
func BenchmarkQueue(b *testing.B) {
	const people, rounds = 1000, 3
	for name, open := range map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		db := open(b)
		for i := range people / 100 * rounds {
			var entries []consent.Entry
			for n := range 100 {
				for _, p := range consent.DefaultPurposes() {
					e := says(fmt.Sprintf("p%d@example.com", i/rounds*100+n), p.Key, true)
					e.Reaffirm = true
					entries = append(entries, e)
				}
			}
			give(b, db, entries...)
		}
		label := 0
		again := func(b *testing.B) { // a new material version, and an empty queue
			b.StopTimer()
			label++
			publish(b, db, version(fmt.Sprint(label), true))
			must(b, db.Statement(ctx, `DELETE FROM consent_renewals`))
			b.StartTimer()
		}
		b.Run(name+"/states", func(b *testing.B) {
			for range b.N {
				again(b)
				for done := false; !done; {
					var err error
					_, done, err = db.Consents().Queue(ctx, tenant, 6000)
					must(b, err)
				}
			}
			b.ReportMetric(people*6, "rows/op")
		})
		b.Run(name+"/history", func(b *testing.B) {
			for range b.N {
				again(b)
				must(b, db.Statement(ctx, `
					INSERT INTO consent_renewals (tenant, subject, purpose, era, notice, seq, answered)
					SELECT r.tenant, r.subject, r.purpose, 1, r.notice, r.seq, -1 FROM consent_records r
					JOIN (SELECT tenant, subject, purpose, MAX(seq) AS seq FROM consent_records GROUP BY tenant, subject, purpose) l
						ON l.tenant = r.tenant AND l.seq = r.seq
					WHERE r.choice = 'granted'`))
			}
		})
	}
}
