package relational

import (
	"context"
	"slices"

	"volenti.dev/volenti/connector"
)

// alone carries out a batch that the database refuses only at the commit, as
// it does where a key waits for it: nobody says then which row is at fault.
// Each row, or the rows of one key together, gets a transaction of its own. It
// goes on while it gets any further, since a row may be held by another.
func (db *DB) alone(ctx context.Context, p batch, b connector.Batch, refusal string, apply func(context.Context, connector.Batch) ([]connector.Outcome, error)) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, len(b.Changes))
	left := p.apart()
	if len(left) == 1 {
		for i := range out {
			out[i] = connector.Outcome{Status: connector.Failed, Reason: refusal}
		}
		return out, nil
	}
	for before := -1; len(left) != before; {
		before = len(left)
		var refused [][]int
		for _, members := range left {
			one := b
			one.Changes = nil
			for _, m := range members {
				one.Changes = append(one.Changes, b.Changes[m])
			}
			outcomes, err := apply(ctx, one)
			if err != nil {
				return nil, err
			}
			for i, m := range members {
				out[m] = outcomes[i]
			}
			if slices.ContainsFunc(outcomes, func(o connector.Outcome) bool { return o.Status == connector.Failed }) {
				refused = append(refused, members)
			}
		}
		left = refused
	}
	return out, nil
}

// apart gives the changes of a batch by their keys, in their order.
func (p batch) apart() [][]int {
	var out [][]int
	for i, c := range p.changes {
		switch members := p.groups[c.group]; {
		case c.group == "":
			out = append(out, []int{i})
		case members[0] == i:
			out = append(out, members)
		}
	}
	return out
}
