package fulfill

import (
	"context"
	"errors"
	"fmt"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// held pauses the request before anything is written while what it is to
// erase is under legal hold (X28). Access has been carried out by then, which
// a hold does not forbid.
func (r *run) held(ctx context.Context) error {
	return r.heldNow(ctx, func(n *graph.Node) bool {
		return (n.Erases() || n.Instructs()) && r.at(n.Address, request.Erasure).Status != request.Done
	})
}

// heldNow is held for the nodes that concerned gives.
func (r *run) heldNow(ctx context.Context, concerned func(*graph.Node) bool) error {
	var addresses []string
	for i := range r.plan.Nodes {
		if n := &r.plan.Nodes[i]; concerned(n) && !r.skipped(n.Address) {
			addresses = append(addresses, n.Address)
		}
	}
	if len(addresses) == 0 {
		return nil
	}
	holds, err := r.Holds.Held(ctx, r.lease.Tenant, r.lease.Request, addresses)
	if err != nil {
		return fmt.Errorf("read the holds: %w", err)
	}
	if len(holds) > 0 {
		return pausedBy(&request.HeldError{Holds: holds})
	}
	return nil
}

func pausedBy(held *request.HeldError) pause {
	return pause{reason: held.Error() + ". The request goes on when the hold is lifted and it is run again", parked: request.Parked{Needed: []string{"the hold is lifted, or ends", "an operator retries the request"}}}
}

// guard reads the holds again just before a batch commits, and keeps who
// places one waiting until the batch has ended. A system without transactions
// enters it before each change.
type guard struct {
	*run
	address string
	release func()
}

func (g *guard) enter(ctx context.Context) (err error) {
	g.leave()
	g.release, err = g.Holds.Enter(ctx, g.lease, g.address)
	var held *request.HeldError
	if errors.As(err, &held) {
		return pausedBy(held)
	}
	crash("batch.guarded")
	return err
}

// leave is called when the batch has ended, however it did.
func (g *guard) leave() {
	if g.release != nil {
		g.release()
		g.release = nil
	}
}
