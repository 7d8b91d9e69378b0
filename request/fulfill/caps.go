package fulfill

import (
	"context"
	"fmt"
	"math"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// largeTable is the size from which on a share of a table may be masked at
// most; of a small one any share is a small number.
const largeTable = 10_000

// withinCaps pauses the request before anything is written when it would
// write more than a request may (X27). It counts what access found, in all
// rounds, and what has appeared since.
func (r *run) withinCaps(ctx context.Context) error {
	rows := map[string]int64{}
	var total int64
	var tasks []task
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		found := r.found(n.Address) + r.fresh[n.Address]
		if !n.Erases() || found == 0 || r.skipped(n.Address) || r.at(n.Address, request.Erasure).Status == request.Done {
			continue
		}
		rows[n.Address] = found
		total += found
		tasks = append(tasks, task{n.Address, nil, func(ctx context.Context) error { return r.withinCap(ctx, n, found) }})
	}
	if err := parallel(ctx, tasks, r.limits.Collections); err != nil {
		return err
	}
	perHour := r.limits.RowsPerHour
	if r.request.MaxRows != 0 {
		perHour = math.MaxInt64 // reviewed: it counts, and is not held back
	}
	ok, err := r.work.Reserve(ctx, r.lease, rows, perHour)
	if err != nil {
		return fmt.Errorf("reserve rows of the hour: %w", err)
	}
	if !ok {
		return pause{reason: fmt.Sprintf("%d rows would be written, more than is left of the %d that all requests together may write in an hour; %s. Run it again later, or raise the limit for this request (--max-rows)", total, r.limits.RowsPerHour, r.unwritten()), parked: tooMany("")}
	}
	return nil
}

func (r *run) withinCap(ctx context.Context, n *graph.Node, rows int64) error {
	raised := r.request.MaxRows
	if limit := or(raised, r.limits.RowsPerCollection); rows > limit {
		return pause{reason: fmt.Sprintf("%s: %d rows would be written, and a request may write %d per collection; %s. If that is right, raise the limit for this request (--max-rows)", n.Address, rows, limit, r.unwritten()), parked: tooMany(n.Address)}
	}
	if raised != 0 || float64(rows) <= r.limits.ShareOfTable*largeTable {
		return nil // of any large table it is less
	}
	return r.withinShare(ctx, n, rows)
}

func (r *run) withinShare(ctx context.Context, n *graph.Node, rows int64) error {
	defer r.place(n.Connection)()
	var size int64
	err := r.patiently(ctx, func() error {
		reader, err := capability[connector.Reader](r, n.Connection)
		if err != nil {
			return err
		}
		size, err = reader.Size(ctx, n.Table)
		return err
	})
	if err != nil {
		return fmt.Errorf("size of %s: %w", n.Address, err)
	}
	if size > largeTable && float64(rows) > r.limits.ShareOfTable*float64(size) {
		return pause{reason: fmt.Sprintf("%s: %d of about %d rows would be written, more than %g %% of the table; %s. If that is right, raise the limit for this request (--max-rows)", n.Address, rows, size, 100*r.limits.ShareOfTable, r.unwritten()), parked: tooMany(n.Address)}
	}
	return nil
}

func tooMany(address string) request.Parked {
	return request.Parked{Collection: address, Needed: []string{"an operator looks whether so many rows are the person's", "an operator raises the limit for this request, or waits for the next hour where that is what is used up", "an operator retries the request"}}
}

// unwritten says how far the request has come without what a cap is about.
func (r *run) unwritten() string {
	if r.request.Round == 1 {
		return "nothing was written"
	}
	return fmt.Sprintf("nothing was written in round %d", r.request.Round)
}
