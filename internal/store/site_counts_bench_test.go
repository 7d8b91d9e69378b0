package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store/storetest"
)

// BenchmarkSiteStatistics measures the statistics of a site at a hundred
// consents and at SCALE percent of a million, over three years in 24 languages
// and 50 countries, five versions and four categories; and against them,
// counting the rows of the consents by version, which reads no categories. F14
func BenchmarkSiteStatistics(b *testing.B) {
	for _, d := range databases {
		for _, consents := range []int{100, scale(b, 1_000_000)} {
			db := d.open(b)
			addSites(b, db, tenant, shopSite)
			chooseAlike(b, db, consents)
			now := time.Now()
			for _, q := range []struct {
				name string
				from time.Time
				by   site.Axis
			}{
				{"month_by_day", now.AddDate(0, 0, -29), site.ByDay}, {"quarter_by_day", now.AddDate(0, 0, -91), site.ByDay},
				{"year_by_country", now.AddDate(0, 0, -365), site.ByCountry}, {"always_by_country", time.Unix(0, 0), site.ByCountry}, {"always_by_language", time.Unix(0, 0), site.ByLanguage},
			} {
				b.Run(fmt.Sprintf("%s/%d/%s", d.name, consents, q.name), func(b *testing.B) {
					least := time.Hour // what others do on the machine is left out
					for b.Loop() {
						began := time.Now()
						counts, err := db.SiteCounts().Read(ctx, tenant, shopSite, q.from, now, q.by)
						must(b, err)
						site.Tell(counts.Parts, q.by)
						least = min(least, time.Since(began))
					}
					b.ReportMetric(least.Seconds()*1000, "least-ms")
				})
			}
			b.Run(fmt.Sprintf("%s/%d/rows", d.name, consents), func(b *testing.B) {
				raw := db.Raw(b)
				for b.Loop() {
					rows, err := raw.QueryContext(ctx, `SELECT version, count(*) FROM site_consents WHERE tenant = $1 AND site = $2 GROUP BY version`, tenant, shopSite)
					must(b, err)
					for rows.Next() {
						must(b, rows.Scan(new(int64), new(int64)))
					}
					must(b, rows.Err())
				}
			})
		}
	}
}

// chooseAlike counts choices through the counter, as records of the past, and
// writes the rows of the consents at once.
func chooseAlike(b *testing.B, db *storetest.Database, n int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	var slice []site.Record
	var times []time.Time
	for i := range n {
		slice = append(slice, site.Record{
			Site: shopSite, Version: 1 + r.IntN(5), Language: fmt.Sprint("l", r.IntN(24)), Country: fmt.Sprint("c", r.IntN(50)), Source: site.Banner,
			Categories: map[string]site.Answer{"necessary": {Granted: true}, "functional": {Granted: r.IntN(2) == 0}, "statistics": {Granted: r.IntN(3) == 0}, "marketing": {Granted: r.IntN(4) == 0}},
		})
		times = append(times, now.AddDate(0, 0, -1095).Add(time.Duration(float64(3*365*24*time.Hour)*float64(i)/float64(n))))
		if len(slice) == 5000 || i == n-1 {
			must(b, db.SiteCounts().CountThese(ctx, tenant, slice, times))
			slice, times = nil, nil
		}
	}
	raw := db.Raw(b)
	_, err := raw.ExecContext(ctx, fmt.Sprintf(`INSERT INTO site_consents (tenant, site, device, id, seq, version, digest, categories, vendors, source, signal, created, updated, expires, person, bridged)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		SELECT '%s', '%s', 'device' || i, 'consent' || i, i, i %% 5, 'digest', '{"necessary":{"granted":true}}', '{}', 'banner', 0, i, i, i, '', 0 FROM n`, n, tenant, shopSite))
	must(b, err)
	if !db.Embedded() {
		for _, table := range []string{"site_consents", "site_counts", "site_standing"} {
			_, err := raw.ExecContext(ctx, `ANALYZE `+table)
			must(b, err)
		}
	}
}
