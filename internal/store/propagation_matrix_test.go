package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/store/storetest"
)

// shape writes rows down.
func shape(rows []propagate.Row) (lines []string) {
	for _, r := range rows {
		line := r.Purpose + ":"
		for _, c := range r.Cells {
			line += " " + c.Connection + "=" + string(c.Status)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestMatrixHasWholeChangesTheNewestFirst(t *testing.T) { // W8, C13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		a, b := to("a"), to("b", func(t *propagate.Target) { t.System, t.Off = "", true })
		world(t, db, a, b)
		p := db.Propagation()
		if rows, err := p.Rows(ctx, tenant, propagate.Matrix{Limit: 9}); err != nil || rows != nil {
			t.Fatalf("%v, %v", rows, err)
		}
		give(t, db, says("anna@example.com", "news", true), says("anna@example.com", "ads", true))
		planAll(t, db, a, b)
		give(t, db, says("berta@example.com", "news", true))
		c := to("c")
		planAll(t, db, a, b, c) // which begins here
		give(t, db, says("carla@example.com", "news", false))
		planAll(t, db, a, b, c)
		l := lane(t, db, "a")
		due := next(t, db, l)
		slices.SortFunc(due, func(x, y propagate.Delivery) int { return int(x.Sequence - y.Sequence) })
		begun := begin(t, db, l, a, refs(due)...)
		failed := became(begun[0], propagate.Failed)
		failed.Reason = propagate.Refused
		must(t, p.Settle(ctx, l, []propagate.Settlement{failed, became(begun[1], propagate.Complete)}))

		all, err := p.Rows(ctx, tenant, propagate.Matrix{Limit: 9})
		must(t, err)
		whole := []string{"news: a=sending b=skipped c=pending", "news: a=sending b=skipped", "ads: a=complete b=skipped", "news: a=error b=skipped"}
		if got := shape(all); !slices.Equal(got, whole) {
			t.Errorf("%q", got)
		}
		if cell := all[3].Cells[0]; cell.Reason != propagate.Refused || cell.Attempt != 1 || cell.System != "crm" || all[3].Systems()["crm"] != propagate.Failed || len(all[3].Systems()) != 1 {
			t.Errorf("%+v, %v", cell, all[3].Systems())
		}
		for what, c := range map[string]struct {
			m    propagate.Matrix
			want []string
		}{
			"a page":             {propagate.Matrix{Limit: 2}, whole[:2]},
			"the next":           {propagate.Matrix{Limit: 2, Before: all[1].Sequence}, whole[2:]},
			"a connection":       {propagate.Matrix{Limit: 9, Connections: []string{"c"}}, []string{"news: c=pending"}},
			"two":                {propagate.Matrix{Limit: 1, Connections: []string{"c", "b"}}, []string{"news: b=skipped c=pending"}},
			"none like this":     {propagate.Matrix{Limit: 9, Connections: []string{"z"}}, nil},
			"a status":           {propagate.Matrix{Limit: 9, Status: propagate.Failed}, whole[3:]},
			"behind its newest":  {propagate.Matrix{Limit: 9, Status: propagate.Failed, Before: all[3].Sequence}, nil},
			"one that is not":    {propagate.Matrix{Limit: 9, Status: propagate.Partial}, nil},
			"at a connection":    {propagate.Matrix{Limit: 9, Status: propagate.Skipped, Connections: []string{"a"}}, nil},
			"a purpose":          {propagate.Matrix{Limit: 9, Purpose: "ads"}, whole[2:3]},
			"purpose and status": {propagate.Matrix{Limit: 9, Purpose: "ads", Status: propagate.Failed}, nil},
			"from a time on":     {propagate.Matrix{Limit: 9, From: all[1].At}, whole[:2]},
			"until a time":       {propagate.Matrix{Limit: 9, Until: all[1].At}, whole[2:]},
			"long ago":           {propagate.Matrix{Limit: 9, Until: time.Unix(1, 0)}, nil},
			"to come":            {propagate.Matrix{Limit: 9, From: time.Now().Add(time.Hour)}, nil},
		} {
			got, err := p.Rows(ctx, tenant, c.m)
			must(t, err)
			if !slices.Equal(shape(got), c.want) {
				t.Errorf("%s: %q", what, shape(got))
			}
		}
		if got, err := p.Rows(ctx, "other", propagate.Matrix{Limit: 9}); err != nil || got != nil {
			t.Errorf("of another tenant: %v, %v", got, err)
		}

		columns, err := p.Columns(ctx, tenant)
		must(t, err)
		var stand []string
		for _, c := range columns {
			stand = append(stand, fmt.Sprintf("%s %s %d", c.Connection, c.Status(), c.Newest[propagate.Failed]))
		}
		if want := []string{fmt.Sprintf("a error %d", all[3].Sequence), "b skipped 0", "c pending 0"}; !slices.Equal(stand, want) {
			t.Errorf("%q", stand)
		}
	})
}

// BenchmarkMatrix measures pages of 25 changes out of 10,000 at 100 connections: the
// first, the last, and by filters that few or none get through.
func BenchmarkMatrix(b *testing.B) {
	const changes, connections = 10_000, 100
	var targets []propagate.Target
	for i := range connections {
		targets = append(targets, to(fmt.Sprintf("crm-%03d", i)))
	}
	for _, d := range databases {
		db := d.open(b)
		world(b, db, targets...)
		chosen(b, db, changes, "news")
		for more := true; more; {
			var err error
			more, err = db.Propagation().Plan(ctx, tenant, targets, 500)
			must(b, err)
		}
		p := db.Propagation()
		all, err := p.Rows(ctx, tenant, propagate.Matrix{Limit: 1})
		must(b, err)
		newest := all[0].Sequence
		for i := range 10 { // one failure at each of ten connections, far back
			l := lane(b, db, targets[i].Key)
			begun := begin(b, db, l, targets[i], refs(next(b, db, l)[:1])...)
			must(b, p.Settle(ctx, l, []propagate.Settlement{became(begun[0], propagate.Failed)}))
		}
		for _, c := range []struct {
			name string
			m    propagate.Matrix
		}{
			{"first", propagate.Matrix{}},
			{"last", propagate.Matrix{Before: newest - changes + 30}},
			{"connection", propagate.Matrix{Connections: []string{"crm-050"}}},
			{"status of all", propagate.Matrix{Status: propagate.Pending}},
			{"status of few", propagate.Matrix{Status: propagate.Failed}},
			{"status of none", propagate.Matrix{Status: propagate.Partial}},
			{"purpose of none", propagate.Matrix{Purpose: "ads"}},
			{"status and purpose of none", propagate.Matrix{Status: propagate.Pending, Purpose: "ads"}},
			{"half way back", propagate.Matrix{Until: all[0].At.Add(-time.Second)}},
		} {
			c.m.Limit = 26
			b.Run(d.name+"/"+c.name, func(b *testing.B) {
				for range b.N {
					_, err := p.Rows(ctx, tenant, c.m)
					must(b, err)
				}
			})
		}
		b.Run(d.name+"/columns", func(b *testing.B) {
			for range b.N {
				_, err := p.Columns(ctx, tenant)
				must(b, err)
			}
		})
	}
}
