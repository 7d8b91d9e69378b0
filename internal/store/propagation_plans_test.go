package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// chosen makes n people choose, and gives how many records that made.
func chosen(t testing.TB, db *storetest.Database, n int, purpose string) {
	t.Helper()
	for first := 0; first < n; first += 1000 {
		var all []consent.Entry
		for i := first; i < min(n, first+1000); i++ {
			all = append(all, says(fmt.Sprintf("p%d@example.com", i), purpose, i%4 > 0))
		}
		give(t, db, all...)
	}
}

// What a lane asks reads from the front of an index, in its order, also by a plan that
// was made while the tables were empty, and by one of when they are not counted yet.
func TestWhatWaitsCostsALaneNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		targets := []propagate.Target{to("a"), to("b")}
		world(t, db, targets...)
		look := func(when string) {
			for name, args := range map[string][]any{
				"vacant": {false, owner, tenant}, "left": {tenant, "a", 10}, "at once": {tenant, "a", 10, 0}, "put off": {tenant, "a", 10, 0}, "later": {tenant, "a", 0},
				"busy": {tenant, "a", []int64{1, 2}}, "superseded": {tenant, []string{"x", "y"}}, "pending elsewhere": {tenant, []string{"x", "y"}},
				"elsewhere": {tenant, []int64{1, 2}}, "places": {tenant, []int64{1, 2}}, "standing": {tenant, []string{"x", "y"}}, "known": {tenant, []string{"x", "y"}},
			} {
				plan, err := db.Plan(ctx, store.LaneQueries[name], args...)
				must(t, err)
				if bad.MatchString(strings.ReplaceAll(plan, "SEARCH l USING PRIMARY KEY (tenant=?)", "")) {
					t.Errorf("%s, %s:\n%s", name, when, plan)
				}
			}
		}
		look("empty")
		chosen(t, db, 1000, "news")
		for more := true; more; {
			var err error
			more, err = db.Propagation().Plan(ctx, tenant, targets, 500)
			must(t, err)
		}
		look("filled")
	})
}

// PostgreSQL finds the index by what it counts of the table; SQLite has to be told.
func TestAListOfFewGoesByTheirIndex(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	world(t, db, to("a"))
	for index, f := range map[string]propagate.Filter{
		"deliveries_by_record":     {Record: "r", Connection: "a", Before: 9},
		"deliveries_by_subject":    {Subject: "s", Purpose: "news"},
		"deliveries_by_connection": {Connection: "a", Statuses: []propagate.Status{propagate.Failed}},
	} {
		text, args := store.ListQuery(tenant, f)
		plan, err := db.Plan(ctx, text, args...)
		must(t, err)
		if !strings.Contains(plan, "SEARCH d USING INDEX "+index) || strings.Contains(plan, "SEARCH d USING INDEX "+index+" (tenant=?)\n") {
			t.Errorf("%+v:\n%s", f, plan)
		}
	}
}

// bad is a plan that reads more than it has to. Nothing of a lane goes by the index
// of those who look at deliveries: it would read all that ever went to the connection.
var bad = regexp.MustCompile(`deliveries_by_connection|Seq Scan on (deliver|subject)|Filter: \(due|Sort Key: (d\.|deliver)|hashed SubPlan|\(tenant=\?\)|TEMP B-TREE FOR (LAST|ORDER)|SCAN (d|deliver\w+|subject\w+)\b`)

// A claim is free while nothing is due, however much waits.
func TestALaneIsVacantOnlyWhereSomethingIsDue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		a, b := to("a"), to("b")
		world(t, db, a, b)
		p := db.Propagation()
		vacant := func(owner string) (names []string) {
			all, err := p.Vacant(ctx, tenant, owner)
			must(t, err)
			for _, l := range all {
				names = append(names, l.Connection)
			}
			return names
		}
		if got := vacant(owner); got != nil {
			t.Errorf("vacant %v", got)
		}
		give(t, db, says("anna@example.com", "news", true))
		planAll(t, db, a, b)
		if got := fmt.Sprint(vacant(owner)); got != "[a b]" {
			t.Errorf("vacant %s", got)
		}
		l := lane(t, db, "a")
		if got := fmt.Sprint(vacant("node-b")); got != "[b]" && !db.Embedded() {
			t.Errorf("vacant for another %s", got)
		}
		begun := begin(t, db, l, a, refs(next(t, db, l))...)
		must(t, p.Release(ctx, l, propagate.Weather{}))
		if got := fmt.Sprint(vacant("node-b")); got != "[a b]" { // it was left
			t.Errorf("vacant after a stop %s", got)
		}
		l = lane(t, db, "a")
		s := became(begin(t, db, l, a, refs(next(t, db, l))...)[0], propagate.Pending)
		s.Due = s.At.Add(ttl)
		must(t, p.Settle(ctx, l, []propagate.Settlement{s}))
		due, later, err := p.Next(ctx, l, nil, 10)
		must(t, err)
		if len(due) != 0 || !later.Equal(s.Due.Truncate(1000)) {
			t.Errorf("due %v, then at %v", due, later)
		}
		must(t, p.Release(ctx, l, propagate.Weather{Failing: 3, Quiet: s.Due}))
		if got := fmt.Sprint(vacant(owner)); got != "[b]" {
			t.Errorf("vacant %s", got)
		}
		_, w, err := p.Claim(ctx, l, ttl)
		must(t, err)
		if w.Failing != 3 || !w.Quiet.Equal(s.Due.Truncate(1000)) || begun[0].Attempt != 1 {
			t.Errorf("weather %+v", w)
		}
	})
}

// BenchmarkPropagation measures 10,000 changes that are planned for 8 connections, and a
// lane that begins and settles what waits for it.
func BenchmarkPropagation(b *testing.B) {
	const changes, connections = 10_000, 8
	var targets []propagate.Target
	for i := range connections {
		targets = append(targets, to(fmt.Sprintf("crm-%d", i)))
	}
	for _, d := range databases {
		b.Run(d.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				db := d.open(b)
				world(b, db, targets...)
				chosen(b, db, changes, "news")
				b.StartTimer()
				for more := true; more; {
					var err error
					more, err = db.Propagation().Plan(ctx, tenant, targets, 500)
					must(b, err)
				}
				planned := b.Elapsed()
				l, sent := lane(b, db, "crm-0"), 0
				for {
					due := next(b, db, l)
					if len(due) == 0 {
						break
					}
					var all []propagate.Settlement
					for _, begun := range begin(b, db, l, targets[0], refs(due)...) {
						all = append(all, became(begun, propagate.Complete))
					}
					must(b, db.Propagation().Settle(ctx, l, all))
					sent += len(all)
				}
				if sent != changes {
					b.Fatalf("%d of %d", sent, changes)
				}
				b.ReportMetric(changes*connections/planned.Seconds(), "planned/s")
				b.ReportMetric(changes/(b.Elapsed()-planned).Seconds(), "sent/s")
			}
		})
	}
}
