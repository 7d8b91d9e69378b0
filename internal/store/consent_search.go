package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
)

// searched is how many records a page of a search looks at, where a condition leaves
// some out: so that a rare one does not read the whole ledger.
const searched = 10_000

// Search gives records that a query looks for.
func (c *Consents) Search(ctx context.Context, tenant string, q consent.Query) (consent.Page, error) {
	return c.search(ctx, tenant, q, searched)
}

// search looks at so many records.
func (c *Consents) search(ctx context.Context, tenant string, q consent.Query, look int) (page consent.Page, err error) {
	window, err := c.window(ctx, tenant, q)
	if err != nil {
		return page, fmt.Errorf("look for consent records: %w", err)
	}
	of := &conditions{text: " WHERE true", args: window.args}
	for _, f := range []struct{ condition, value string }{
		{"purpose = ?", q.Purpose}, {"choice = ?", string(q.Choice)}, {"source = ?", string(q.Source)},
	} {
		if f.value != "" {
			of.and(f.condition, f.value)
		}
	}
	if q.Site != "" {
		label := notice.OfSite(q.Site, 0)
		label = label[:len(label)-1]
		of.and("substr(notice, 1, ?) = ?", len(label), label)
	}
	if len(of.args) == len(window.args) {
		look = q.Limit + 1
	}
	statement := fmt.Sprintf("SELECT "+recordFields+" FROM (%s ORDER BY seq DESC LIMIT %d) AS seen%s ORDER BY seq DESC LIMIT %d", window.text, look, of.text, q.Limit+1)
	if page.Records, err = c.records(ctx, statement, of.args...); err != nil {
		return page, err
	}
	if len(page.Records) > q.Limit {
		page.Records = page.Records[:q.Limit]
		page.Next = page.Records[q.Limit-1].Sequence
		return page, nil
	}
	page.Next, err = c.last(ctx, window, look)
	return page, err
}

// window is the records among which a query looks, without their order.
func (c *Consents) window(ctx context.Context, tenant string, q consent.Query) (*conditions, error) {
	first, behind := int64(0), int64(math.MaxInt64)
	if q.Before > 0 {
		behind = q.Before
	}
	for _, bound := range []struct {
		at time.Time
		to *int64
	}{{q.From, &first}, {q.To, &behind}} {
		if bound.at.IsZero() {
			continue
		}
		at, err := c.since(ctx, tenant, bound.at)
		if err != nil {
			return nil, err
		}
		if bound.to == &first || at < behind {
			*bound.to = at
		}
	}
	w := &conditions{text: selectRecords, args: []any{tenant}}
	if q.Subject != (consent.SubjectID{}) {
		w.text += " {by subject}"
	}
	w.text += " WHERE tenant = $1"
	if q.Subject != (consent.SubjectID{}) {
		w.and("subject = ?", q.Subject.String())
	}
	w.and("seq >= ? AND seq < ?", first, behind)
	return w, nil
}

// since gives the sequence from which on records were made then or later: the one
// behind the last where there is none.
func (c *Consents) since(ctx context.Context, tenant string, then time.Time) (int64, error) {
	var first, end int64
	if err := c.db.engine.row(ctx, `SELECT COALESCE(MAX(seq) + 1, 0) FROM consent_records WHERE tenant = $1`, tenant).Scan(&end); err != nil {
		return 0, err
	}
	for first < end {
		middle := first + (end-first)/2
		var seq, at int64
		if err := c.db.engine.row(ctx, `SELECT seq, at FROM consent_records WHERE tenant = $1 AND seq >= $2 ORDER BY seq LIMIT 1`, tenant, middle).Scan(&seq, &at); err != nil {
			return 0, err
		}
		if at < micros(then) {
			first = seq + 1
		} else {
			end = middle
		}
	}
	return first, nil
}

// last is the sequence of the last of so many records of a window; 0 where there are
// fewer, and so none behind.
func (c *Consents) last(ctx context.Context, window *conditions, of int) (seq int64, err error) {
	statement := fmt.Sprintf("SELECT seq FROM (%s ORDER BY seq DESC LIMIT 1 OFFSET %d) AS seen", window.text, of-1)
	err = c.db.engine.row(ctx, statement, window.args...).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for consent records: %w", err)
	}
	return seq, nil
}
