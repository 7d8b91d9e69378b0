package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/seal"
)

// SiteCounts counts what visitors chose. It follows the records in the audit
// log with a cursor of the tenant, some at a time: what they add, and how far
// it is, in one commit. So a choice writes no counter, and none is counted
// twice, whoever counts and however it ends.
type SiteCounts struct{ db *DB }

// SiteCounts gives access to the counters of banners.
func (db *DB) SiteCounts() *SiteCounts { return &SiteCounts{db} }

// Count counts up to limit records that are not counted yet, and gives how many
// it found. It may be called by several processes at once.
func (c *SiteCounts) Count(ctx context.Context, tenant string, limit int) (int, error) {
	after, err := c.counted(ctx, tenant)
	if err != nil {
		return 0, err
	}
	records, err := c.after(ctx, tenant, after, limit)
	if err != nil || len(records) == 0 {
		return 0, err
	}
	before, err := c.before(ctx, tenant, records)
	if err != nil {
		return 0, err
	}
	sums := newSums(before)
	for _, r := range records {
		sums.add(r)
	}
	err = c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		return t.count(ctx, after, records[len(records)-1].leaf.Sequence, sums)
	})
	if err != nil {
		return 0, fmt.Errorf("count choices: %w", err)
	}
	return len(records), nil
}

// Recount lets Count begin again, for when the counters are damaged: they are
// made of the log, and nothing else is lost. Until it is done they tell of what
// it has counted.
func (c *SiteCounts) Recount(ctx context.Context, tenant string, entry audit.Entry) error {
	return c.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		err := t.all(ctx, []statement{
			{text: `DELETE FROM site_counted WHERE tenant = $1`, args: []any{tenant}},
			{text: `DELETE FROM site_standing WHERE tenant = $1`, args: []any{tenant}},
			{text: `DELETE FROM site_counts WHERE tenant = $1`, args: []any{tenant}},
		})
		if err != nil {
			return fmt.Errorf("count choices again: %w", err)
		}
		return t.log(ctx, entry)
	})
}

// counted is the number of the last record that is counted; -1 for none.
func (c *SiteCounts) counted(ctx context.Context, tenant string) (seq int64, err error) {
	err = c.db.engine.row(ctx, `SELECT seq FROM site_counted WHERE tenant = $1`, tenant).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return -1, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read how far choices are counted: %w", err)
	}
	return seq, nil
}

// ofBanner says of a leaf that it is about a consent in a banner, in the words
// of the index audit_leaves_of_banners_by_seq.
const ofBanner = `l.object LIKE 'banner/%'`

// toCount are the records of banners behind a sequence, and lastOf is the last
// one of a consent before a sequence that says what stands. The plus keeps
// PostgreSQL from looking for it through all records, because those are in order.
const (
	toCount = `SELECT l.seq, l.at, l.act, l.object, d.sealed
	FROM audit_leaves l LEFT JOIN audit_details d ON d.tenant = l.tenant AND d.seq = l.seq
	WHERE l.tenant = $1 AND l.seq > $2 AND ` + ofBanner + ` ORDER BY l.seq LIMIT $3`
	lastOf = `SELECT l.seq, l.at, l.act, l.object, d.sealed
	FROM audit_leaves l {by banner} LEFT JOIN audit_details d ON d.tenant = l.tenant AND d.seq = l.seq
	WHERE l.tenant = $1 AND l.object = $2 AND +l.seq < $3 AND ` + ofBanner + `
		AND l.act IN ('banner.erased', 'banner.expired', 'banner.given', 'banner.updated', 'banner.withdrawn') ORDER BY +l.seq DESC LIMIT 1`
)

// told is a leaf with the record that it commits to; nil where that was erased,
// is damaged, or never was.
type told struct {
	leaf   audit.Leaf
	record *site.Record
}

// after gives records of banners behind a sequence.
func (c *SiteCounts) after(ctx context.Context, tenant string, after int64, limit int) ([]told, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all, err := collect(ctx, c.db.engine, c.scan(tenant, keys), toCount, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read choices to count: %w", err)
	}
	return all, nil
}

// before gives, by object, the records by which the consents stood that do not
// begin among these; none for those by which nothing stands.
func (c *SiteCounts) before(ctx context.Context, tenant string, records []told) (map[string]*site.Record, error) {
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	scan, stood, seen := c.scan(tenant, keys), map[string]*site.Record{}, map[string]bool{}
	var all []statement
	for _, r := range records {
		begins := r.leaf.Act == site.ActGiven && r.record != nil && r.record.Prior == nil
		if !seen[r.leaf.Object] && !begins && slices.Contains(site.Recorded(), r.leaf.Act) {
			all = append(all, statement{lastOf, []any{tenant, r.leaf.Object, r.leaf.Sequence}, func(row scanner) error {
				last, err := scan(row)
				if site.Stays(last.leaf.Act) {
					stood[last.leaf.Object] = last.record
				}
				return err
			}})
		}
		seen[r.leaf.Object] = true
	}
	if err := c.db.engine.all(ctx, all); err != nil {
		return nil, fmt.Errorf("read what stood: %w", err)
	}
	return stood, nil
}

func (c *SiteCounts) scan(tenant string, keys *seal.Tenant) func(scanner) (told, error) {
	return func(row scanner) (told, error) {
		l := audit.Leaf{Tenant: tenant}
		var at int64
		var sealed []byte
		if err := row.Scan(&l.Sequence, &at, &l.Act, &l.Object, &sealed); err != nil {
			return told{}, err
		}
		l.At = instant(at)
		r, err := openRecord(l, sealed, keys)
		if err != nil || len(r.Details) == 0 {
			c.lacks(err)
			return told{l, nil}, nil
		}
		var record site.Record
		if err := json.Unmarshal(r.Details, &record); err != nil {
			c.lacks(fmt.Errorf("the details of record %d cannot be read: %w", l.Sequence, err))
			return told{l, nil}, nil
		}
		return told{l, &record}, nil
	}
}

// lacks tells of a record that is damaged. The others are counted.
func (c *SiteCounts) lacks(err error) {
	if err != nil {
		c.db.trouble(fmt.Errorf("a choice is not counted: %w", err))
	}
}

// count adds sums to the counters, if they are still at after.
func (t *tx) count(ctx context.Context, after, last int64, sums sums) error {
	if after < 0 {
		if _, err := t.exec(ctx, `INSERT INTO site_counted (tenant, seq) VALUES ($1, -1) ON CONFLICT DO NOTHING`, t.tenant); err != nil {
			return err
		}
	}
	moved, err := t.exec(ctx, `UPDATE site_counted SET seq = $3 WHERE tenant = $1 AND seq = $2`, t.tenant, after, last)
	if err != nil || moved == 0 { // another was quicker
		return err
	}
	return t.all(ctx, slices.Concat(t.fill(intoStanding, t.tenant, sums.standingRows()), t.fill(intoCounts, t.tenant, sums.countRows())))
}

var (
	intoStanding = into("site_standing", "site text, category text, n bigint",
		" ON CONFLICT (tenant, site, category) DO UPDATE SET n = site_standing.n + excluded.n")
	intoCounts = into("site_counts", "site text, axis text, span bigint, value text, category text, n bigint, granted bigint",
		" ON CONFLICT (tenant, site, axis, span, value, category) DO UPDATE SET n = site_counts.n + excluded.n, granted = site_counts.granted + excluded.granted")
)

// sums is what some records add.
type sums struct {
	stands   map[string]*site.Record // by object
	standing map[pile]int64
	counts   map[cell]site.Split
}

type pile struct{ site, category string }

type cell struct {
	site     string
	axis     site.Axis // "" for all together
	span     int64
	value    string
	category string
}

func newSums(stands map[string]*site.Record) sums {
	return sums{stands, map[pile]int64{}, map[cell]site.Split{}}
}

// add adds a record. What it changes about what stands follows from the one
// before it.
func (s sums) add(r told) {
	act, object, after := r.leaf.Act, r.leaf.Object, r.record
	if !slices.Contains(site.Recorded(), act) {
		return
	}
	if !site.Stays(act) {
		after = nil
	}
	before := s.stands[object]
	s.stands[object] = after
	for category, n := range site.Changes(before, after) {
		s.standing[pile{siteOf(before, after), readable(category)}] += n
	}
	if r.record != nil && site.Chooses(act) {
		s.choose(*r.record, r.leaf.At)
	}
}

func siteOf(before, after *site.Record) string {
	if after == nil {
		after = before
	}
	return readable(after.Site)
}

func (s sums) choose(d site.Record, when time.Time) {
	on := d.On()
	on[""] = ""
	for _, span := range spansOf(when) {
		for axis, value := range on {
			at := cell{site: readable(d.Site), axis: axis, span: span, value: readable(value)}
			s.counts[at] = plus(s.counts[at], false)
			for category, a := range d.Categories {
				at.category = readable(category)
				s.counts[at] = plus(s.counts[at], a.Granted)
			}
		}
	}
}

func plus(s site.Split, granted bool) site.Split {
	return site.Split{N: s.N + 1, Granted: s.Granted + number(granted)}
}

func (s sums) standingRows() (rows [][]any) {
	for at, n := range s.standing {
		rows = append(rows, []any{at.site, at.category, n})
	}
	return rows
}

func (s sums) countRows() (rows [][]any) {
	for at, n := range s.counts {
		rows = append(rows, []any{at.site, string(at.axis), at.span, at.value, at.category, n.N, n.Granted})
	}
	return rows
}

// A day is counted in one span of each size, so that any period is a few runs
// of spans that lie beside each other: at most two of each size. Days have
// numbers from 1970 on; a span of 2^s days has s, and then its own number.
var spanSizes = []int{0, 2, 4, 6, 8, 15}

const (
	spanBits = 32
	lastDay  = 1<<16 - 1 // in 2149
)

func spansOf(at time.Time) (spans []int64) {
	for _, size := range spanSizes {
		spans = append(spans, spanAt(size, dayOf(at)>>size))
	}
	return spans
}

func dayOf(t time.Time) int64 { return min(max(0, t.Unix()/86400), lastDay) }

func spanAt(size int, n int64) int64 { return int64(size)<<spanBits | n }

// run is spans from one to another.
type run struct{ first, last int64 }

// cover gives the runs that make up the days from first to last.
func cover(first, last int64) (runs []run) {
	add := func(size int, first, last int64) {
		if first <= last {
			runs = append(runs, run{spanAt(size, first), spanAt(size, last)})
		}
	}
	for i, size := range spanSizes {
		if i == len(spanSizes)-1 {
			add(size, first, last)
			break
		}
		up := spanSizes[i+1] - size
		higher, end := (first+1<<up-1)>>up, (last+1)>>up // the larger spans inside
		if higher >= end {
			add(size, first, last)
			break
		}
		add(size, first, higher<<up-1)
		add(size, end<<up, last)
		first, last = higher, end-1
	}
	return runs
}

// Read gives what stands for a site now, and what was chosen from one day to
// another, both included, by an axis. It fails with site.ErrNotFound when there
// is no such site.
func (c *SiteCounts) Read(ctx context.Context, tenant, id string, from, to time.Time, by site.Axis) (site.Counts, error) {
	counts := site.Counts{Parts: map[string]site.Count{}}
	err := c.db.engine.row(ctx, `SELECT id FROM sites WHERE tenant = $1 AND id = $2`, tenant, id).Scan(new(string))
	if errors.Is(err, sql.ErrNoRows) {
		return counts, site.ErrNotFound
	}
	if err == nil {
		counts.Through, counts.Behind, err = c.fresh(ctx, tenant)
	}
	if err == nil {
		err = c.db.engine.each(ctx, func(row scanner) error {
			var category string
			var n site.Split
			err := row.Scan(&category, &n.Granted)
			if n.N = n.Granted; category != "" {
				n.N = counts.Standing.N // those without a category come first
			}
			counts.Standing.Add(category, n)
			return err
		}, `SELECT category, n FROM site_standing WHERE tenant = $1 AND site = $2 ORDER BY category`, tenant, id)
	}
	if err == nil {
		err = c.chosen(ctx, tenant, id, dayOf(from), dayOf(to), by, counts.Parts)
	}
	if err != nil {
		return counts, fmt.Errorf("read counters: %w", err)
	}
	return counts, nil
}

// fresh tells up to which record all are counted, and for how long the next has
// waited.
func (c *SiteCounts) fresh(ctx context.Context, tenant string) (through int64, behind time.Duration, err error) {
	if through, err = c.counted(ctx, tenant); err != nil {
		return 0, 0, err
	}
	var at, now int64
	err = c.db.engine.row(ctx, `SELECT l.at, {now} FROM audit_leaves l WHERE l.tenant = $1 AND l.seq > $2 AND `+ofBanner+` ORDER BY l.seq LIMIT 1`,
		tenant, through).Scan(&at, &now)
	if errors.Is(err, sql.ErrNoRows) {
		return through, 0, nil
	}
	return through, time.Duration(max(0, now-at)) * time.Microsecond, err
}

// chosen adds up the parts of a period. Of days there is one span each.
func (c *SiteCounts) chosen(ctx context.Context, tenant, id string, first, last int64, by site.Axis, parts map[string]site.Count) error {
	value, days := "value", by == site.ByDay
	if !days && last >= dayOf(time.Now()) {
		last = lastDay // nothing is there, and the spans are fewer
	}
	runs := cover(first, last)
	if days { // a span of one day has its number
		value, by, runs = "span", "", []run{{spanAt(0, first), spanAt(0, last)}}
	}
	args := []any{tenant, id, string(by)}
	var all []string
	for _, r := range runs {
		all = append(all, fmt.Sprintf(`SELECT CAST(%s AS text) AS value, category, n, granted FROM site_counts
			WHERE tenant = $1 AND site = $2 AND axis = $3 AND span BETWEEN $%d AND $%d`, value, len(args)+1, len(args)+2))
		args = append(args, r.first, r.last)
	}
	return c.db.engine.each(ctx, func(row scanner) error {
		var value, category string
		var n site.Split
		if err := row.Scan(&value, &category, &n.N, &n.Granted); err != nil {
			return err
		}
		if days {
			day, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return err
			}
			value = time.Unix(day*86400, 0).UTC().Format(time.DateOnly)
		}
		part := parts[value]
		part.Add(category, n)
		parts[value] = part
		return nil
	}, `SELECT value, category, CAST(sum(n) AS bigint), CAST(sum(granted) AS bigint) FROM (`+strings.Join(all, ` UNION ALL `)+`) AS runs GROUP BY value, category`, args...)
}
