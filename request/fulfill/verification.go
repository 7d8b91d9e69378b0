package fulfill

import (
	"context"
	"fmt"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// verification asks the databases again: whether every row that was masked
// holds its mask, and whether rows are found that access did not know. It
// begins another round while something is found and one is left. "Complete"
// means that it found nothing.
func (r *run) verification(ctx context.Context) error {
	var tasks []task
	for _, n := range r.leading() {
		tasks = append(tasks, task{n.Address, nil, func(ctx context.Context) error { return r.verifyOne(ctx, n) }})
	}
	if err := parallel(ctx, tasks, r.limits.Collections); err != nil {
		return err
	}
	if residue, _, _ := r.leftovers(); residue > 0 && r.request.Round < lastRound {
		return again{residue}
	}
	return nil
}

// leading lists the collections in which something is erased, and those that
// lead to one: a new row there may have others behind it. Those that cannot be
// asked are left out; what leads to them is asked.
func (r *run) leading() []*graph.Node {
	leads := map[string]bool{}
	var mark func(n *graph.Node)
	mark = func(n *graph.Node) {
		if leads[n.Address] {
			return
		}
		leads[n.Address] = true
		for _, u := range n.Upstream {
			if from := r.plan.Node(u); from != nil && feeds(n, u) {
				mark(from)
			}
		}
	}
	for i := range r.plan.Nodes {
		if n := &r.plan.Nodes[i]; n.Erases() || n.Instructs() || n.Follows != "" {
			mark(n)
		}
	}
	var all []*graph.Node
	for i := range r.plan.Nodes {
		if n := &r.plan.Nodes[i]; leads[n.Address] && !n.Instructed {
			all = append(all, n)
		}
	}
	return all
}

func (r *run) verifyOne(ctx context.Context, n *graph.Node) error {
	p := r.at(n.Address, request.Verification)
	if passes, err := r.passes(ctx, p); passes || err != nil {
		return err
	}
	found, err := r.gather(ctx, n)
	if err != nil {
		return err
	}
	return r.attempt(ctx, p, func(p *request.Progress, _ func() error) ([]request.Chunk, error) {
		p.RowsMatched, p.RowsResidue = 0, 0
		if n.Unverified != "" {
			p.Message = n.Unverified
			return nil, nil
		}
		if n.Follows != "" {
			result, err := r.read(ctx, n, found.matches, func(connector.Row) error { return nil })
			p.RowsResidue = result.Rows
			p.Message = remarks(note{"not gone with " + n.Follows, result.Rows})
			return nil, err
		}
		known := map[[16]byte]bool{}
		var stale int64
		err := r.judge(ctx, n, func(j judged) error {
			known[rowKey(j.row, tellsApart(n))] = true
			p.RowsMatched++
			if !j.fine {
				stale++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		fresh, err := r.newRows(ctx, n, found.matches, known, p.RowsMatched)
		if err != nil {
			return nil, err
		}
		crash("collection.verified")
		p.RowsResidue = stale + fresh
		p.Message = remarks(note{fmt.Sprintf("not as it must be, of %d", p.RowsMatched), stale}, note{"new since access", fresh})
		return nil, nil
	})
}

// newRows counts the rows that the same values find now and did not find
// before. Where rows cannot be told apart, it is how many more there are.
func (r *run) newRows(ctx context.Context, n *graph.Node, matches []connector.Match, known map[[16]byte]bool, before int64) (int64, error) {
	var fresh, now int64
	_, err := r.read(ctx, columnsOf(n, tellsApart(n)), matches, func(row connector.Row) error {
		now++
		if k := rowKey(row, tellsApart(n)); !known[k] {
			known[k] = true
			fresh++
		}
		return nil
	})
	if !n.Keyed {
		fresh = max(0, now-before)
	}
	return fresh, err
}
