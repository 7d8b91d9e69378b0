package store

import (
	"context"
	"fmt"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/request"
)

// Count counts the requests that a query looks for, and stops at most.
func (s *Requests) Count(ctx context.Context, tenant string, q request.Query, most int) (n int64, err error) {
	b := sought(tenant, q)
	b.args = append(b.args, most)
	err = s.db.engine.row(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM requests`+b.text+fmt.Sprintf(` LIMIT $%d) AS found`, len(b.args)), b.args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count requests: %w", err)
	}
	return n, nil
}

// Count counts records of the ledger that were made in a time, and stops at most.
func (c *Consents) Count(ctx context.Context, tenant string, from, to time.Time, most int) (n int64, err error) {
	w, err := c.window(ctx, tenant, consent.Query{From: from, To: to})
	if err == nil {
		err = c.db.engine.row(ctx, fmt.Sprintf(`SELECT COUNT(*) FROM (%s LIMIT %d) AS found`, w.text, most), w.args...).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("count consent records: %w", err)
	}
	return n, nil
}

// Chosen counts the choices on all sites of a day, in UTC.
func (c *SiteCounts) Chosen(ctx context.Context, tenant string, day time.Time) (n int64, err error) {
	err = c.db.engine.row(ctx, `SELECT CAST(COALESCE(SUM(n), 0) AS bigint) FROM site_counts
		WHERE tenant = $1 AND site IN (SELECT id FROM sites WHERE tenant = $1) AND axis = '' AND span = $2 AND category = ''`, tenant, spanAt(0, dayOf(day))).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count choices: %w", err)
	}
	return n, nil
}
