package fulfill

import (
	"context"
	"fmt"
	"slices"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// passes says whether a collection is not for this run to work on: it is done,
// or an operator has taken it out of the request (X23), which is recorded. It
// fails where only another one is to be tried, and that is not in its circle.
func (r *run) passes(ctx context.Context, p request.Progress, circle ...*graph.Node) (bool, error) {
	if p.Status == request.Done || p.Status == request.Residual || p.Status == request.Skipped || p.Status == request.Instructed {
		return true, nil
	}
	if reason, skipped := r.skips[p.Address]; skipped {
		return true, r.skip(ctx, p, reason)
	}
	inCircle := slices.ContainsFunc(circle, func(n *graph.Node) bool { return n.Address == r.only })
	if r.only != "" && r.only != p.Address && !inCircle {
		return false, untried{fmt.Errorf("%s: not tried, since only %s was to be", p.Address, r.only)}
	}
	return false, nil
}

// untried is the failure of a collection that was not to be tried.
type untried struct{ error }

// skip records that a collection is passed over; what an attempt at reading
// it has left is forgotten.
func (r *run) skip(ctx context.Context, p request.Progress, reason string) error {
	p, err := r.begin(ctx, p)
	if err != nil {
		return err
	}
	p.Status, p.Message = request.Skipped, "skipped by an operator: "+reason
	return r.save(ctx, p, nil)
}

// skipped says whether an operator has taken a collection out of the request.
func (r *run) skipped(address string) bool {
	_, skipped := r.skips[address]
	return skipped
}
