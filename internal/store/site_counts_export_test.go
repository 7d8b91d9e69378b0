package store

import (
	"context"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent/site"
)

// The queries for what is to be counted, and for what stood.
const (
	ToCount = toCount
	LastOf  = lastOf
)

// Days gives, of the days from first to last, in how many of the spans that
// make them up each of all days lies, and how many runs of spans these are.
func Days(first, last int64, all []int64) (times map[int64]int, runs int) {
	times = map[int64]int{}
	covering := cover(first, last)
	for _, day := range all {
		for _, span := range spansOf(time.Unix(day*86400, 0)) {
			for _, r := range covering {
				if span >= r.first && span <= r.last {
					times[day]++
				}
			}
		}
	}
	return times, len(covering)
}

// CountThese counts first choices that are not in the log, behind those that
// were counted before.
func (c *SiteCounts) CountThese(ctx context.Context, tenant string, records []site.Record, at []time.Time) error {
	after, err := c.counted(ctx, tenant)
	if err != nil {
		return err
	}
	sums := newSums(map[string]*site.Record{})
	for i, r := range records {
		sums.add(told{audit.Leaf{Act: site.ActGiven, Object: site.Object(fmt.Sprint(after, i)), At: at[i]}, &r})
	}
	return c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		return t.count(ctx, after, after+int64(len(records)), sums)
	})
}
