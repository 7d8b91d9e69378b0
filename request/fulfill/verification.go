package fulfill

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// verification asks the databases again: whether every row that was masked
// holds its mask, and whether rows are found that access did not know.
// "Complete" means that it found nothing.
func (r *run) verification(ctx context.Context) error {
	var tasks []task
	for i := range r.plan.Nodes {
		if n := &r.plan.Nodes[i]; n.Erases() {
			tasks = append(tasks, task{n.Address, nil, func(ctx context.Context) error { return r.verifyOne(ctx, n) }})
		}
	}
	return parallel(ctx, tasks, r.limits.Collections)
}

func (r *run) verifyOne(ctx context.Context, n *graph.Node) error {
	p := r.at(n.Address, request.Verification)
	if p.Status == request.Done || p.Status == request.Residual {
		return nil
	}
	found, err := r.gather(ctx, n)
	if err != nil {
		return err
	}
	return r.attempt(ctx, p, func(p *request.Progress) error {
		p.RowsMatched, p.RowsResidue = 0, 0
		known := map[[16]byte]bool{}
		stale, err := r.holds(ctx, n, p, known)
		if err != nil {
			return err
		}
		fresh, err := r.newRows(ctx, n, found.matches, known, p.RowsMatched)
		if err != nil {
			return err
		}
		p.RowsResidue = stale + fresh
		var found []string
		if stale > 0 {
			found = append(found, fmt.Sprintf("not as it must be: %d of %d", stale, p.RowsMatched))
		}
		if fresh > 0 {
			found = append(found, fmt.Sprintf("new since access: %d", fresh))
		}
		p.Message = strings.Join(found, ", ")
		return nil
	})
}

// holds compares the rows that access found with what they must be now, and
// counts those that differ.
func (r *run) holds(ctx context.Context, n *graph.Node, p *request.Progress, known map[[16]byte]bool) (stale int64, err error) {
	verifier, err := capability[connector.Verifier](r, n.Connection)
	if err != nil {
		return 0, err
	}
	e, err := r.newEraser(n)
	if err != nil {
		return 0, err
	}
	defer r.place(n.Connection)()
	check := func() error {
		if len(e.batch) == 0 {
			return nil
		}
		outcomes, err := verifier.Verify(ctx, connector.Batch{Table: r.tables[n.Address], KeyColumns: n.KeyColumns, Columns: e.columns, Changes: e.batch})
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			if o.Status != connector.AlreadyDone && o.Status != connector.Missing {
				stale++
			}
		}
		e.batch = nil
		return nil
	}
	err = r.rows(ctx, n.Address, func(row connector.Row, keep graph.Keep) error {
		known[rowKey(row, n.KeyColumns)] = true
		p.RowsMatched++
		change, failed := e.change(row, keep)
		if len(failed) > 0 {
			stale++
			return nil
		}
		if e.batch = append(e.batch, change); len(e.batch) < r.limits.Batch {
			return nil
		}
		return check()
	})
	return stale, errors.Join(err, check())
}

// newRows counts the rows that the same values find now and did not find
// before. Where rows cannot be told apart, it is how many more there are.
func (r *run) newRows(ctx context.Context, n *graph.Node, matches []connector.Match, known map[[16]byte]bool, before int64) (int64, error) {
	var fresh, now int64
	keys := *n
	keys.Columns = n.KeyColumns
	_, err := r.read(ctx, &keys, matches, func(row connector.Row) error {
		now++
		if k := rowKey(row, n.KeyColumns); !known[k] {
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
