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
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		if !n.Erases() || r.skipped(n.Address) || r.at(n.Address, request.Erasure).Status == request.Done {
			continue
		}
		if err := r.withinCap(ctx, n, r.found(n.Address)+r.fresh[n.Address]); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) withinCap(ctx context.Context, n *graph.Node, rows int64) error {
	if rows == 0 {
		return nil
	}
	raised := r.request.MaxRows
	if limit := or(raised, r.limits.RowsPerCollection); rows > limit {
		return pause{fmt.Sprintf("%s: %d rows would be written, and a request may write %d per collection; %s. If that is right, raise the limit for this request (--max-rows)", n.Address, rows, limit, r.unwritten())}
	}
	if raised == 0 {
		if err := r.withinShare(ctx, n, rows); err != nil {
			return err
		}
	}
	perHour := r.limits.RowsPerHour
	if raised != 0 {
		perHour = math.MaxInt64 // reviewed: it counts, and is not held back
	}
	ok, err := r.work.Reserve(ctx, r.lease, n.Address, rows, perHour)
	if err != nil {
		return fmt.Errorf("reserve rows of the hour: %w", err)
	}
	if !ok {
		return pause{fmt.Sprintf("%s: %d rows would be written, more than is left of the %d that all requests together may write in an hour; %s. Run it again later, or raise the limit for this request (--max-rows)", n.Address, rows, r.limits.RowsPerHour, r.unwritten())}
	}
	return nil
}

func (r *run) withinShare(ctx context.Context, n *graph.Node, rows int64) error {
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
		return pause{fmt.Sprintf("%s: %d of about %d rows would be written, more than %g %% of the table; %s. If that is right, raise the limit for this request (--max-rows)", n.Address, rows, size, 100*r.limits.ShareOfTable, r.unwritten())}
	}
	return nil
}

// unwritten says how far the request has come without what a cap is about.
func (r *run) unwritten() string {
	if r.request.Round == 1 {
		return "nothing was written"
	}
	return fmt.Sprintf("nothing was written in round %d", r.request.Round)
}
