package store

import (
	"context"
	"fmt"
	"strings"
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

// BySite counts the choices on each site of a tenant, by its id, from one day to
// another in UTC, both included. A site on which nobody chose is not there.
func (c *SiteCounts) BySite(ctx context.Context, tenant string, from, to time.Time) (map[string]int64, error) {
	args := []any{tenant}
	var spans []string
	for _, r := range cover(dayOf(from), dayOf(to)) {
		spans = append(spans, fmt.Sprintf("span BETWEEN $%d AND $%d", len(args)+1, len(args)+2))
		args = append(args, r.first, r.last)
	}
	counts := map[string]int64{}
	err := c.db.engine.each(ctx, func(row scanner) error {
		var id string
		var n int64
		err := row.Scan(&id, &n)
		counts[id] = n
		return err
	}, `SELECT site, CAST(SUM(n) AS bigint) FROM site_counts
		WHERE tenant = $1 AND site IN (SELECT id FROM sites WHERE tenant = $1) AND axis = '' AND category = '' AND (`+strings.Join(spans, " OR ")+`) GROUP BY site`, args...)
	if err != nil {
		return nil, fmt.Errorf("count choices: %w", err)
	}
	return counts, nil
}
