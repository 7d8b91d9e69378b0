package fulfill

import (
	"context"
	"fmt"
	"time"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// WaitReport is what a collection waits for.
type WaitReport struct {
	Connection string     `json:"connection"`           // whose system answers later
	Since      *time.Time `json:"since,omitempty"`      // when it was asked; nil where that was not kept
	Until      time.Time  `json:"until"`                // when it is given up
	Next       *time.Time `json:"next_asked,omitempty"` // when it is asked how far it is; nil where it posts its answer
}

// reportLine names a line of the report.
type reportLine struct {
	address string
	action  request.Action
}

// lineOf gives the line that tells of an action of a collection.
func lineOf(n *graph.Node, a request.Action) reportLine {
	if a == request.Access || !n.Targeted() {
		return reportLine{n.Address, request.Access}
	}
	return reportLine{n.Address, request.Erasure}
}

// waitReports gives what is waited for, by the line that tells of it.
func waitReports(ctx context.Context, req request.Request, plan *graph.Plan, work Work, rows []request.Progress) (map[reportLine]*WaitReport, error) {
	if req.Status != request.InProcessing {
		return nil, nil
	}
	all, err := work.Waits(ctx, req.Tenant, req.ID)
	if err != nil {
		return nil, err
	}
	waiting := map[reportLine]bool{}
	for _, p := range rows {
		waiting[reportLine{p.Address, p.Action}] = p.Round == req.Round && p.Status == request.Waiting
	}
	reports := map[reportLine]*WaitReport{}
	for _, w := range all {
		n := plan.Node(w.Address)
		if n == nil || w.Again.IsZero() || !waiting[reportLine{w.Address, w.Action}] {
			continue
		}
		line := lineOf(n, w.Action)
		reports[line] = reports[line].join(w, n.Connection)
	}
	return reports, nil
}

// join adds a question: the collection waits since the first and until the last of them.
func (r *WaitReport) join(w request.Wait, connection string) *WaitReport {
	if r == nil {
		r = &WaitReport{Connection: connection}
	}
	if !w.Since.IsZero() && (r.Since == nil || w.Since.Before(*r.Since)) {
		r.Since = &w.Since
	}
	if w.Until.After(r.Until) {
		r.Until = w.Until
	}
	if w.Again.Before(w.Until) && (r.Next == nil || w.Again.Before(*r.Next)) {
		r.Next = &w.Again
	}
	return r
}

// wait says what the line waits for, which may be a step that has no line of its own.
func (c *CollectionReport) wait(w *WaitReport) {
	if c.Waits = w; w != nil && c.Status == request.Pending {
		c.Status = request.Waiting
		c.Message = or(c.Message, fmt.Sprintf("waits for %s until %s", w.Connection, w.Until.UTC().Format(time.RFC3339)))
	}
}
