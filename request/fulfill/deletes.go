package fulfill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// hindrances tells which nodes must not be written, and why: the plan blocks
// them, or the database would delete or change rows together with theirs that
// access did not find. It is asked before the first write.
func (r *run) hindrances(ctx context.Context) map[string]error {
	reasons := map[string]error{}
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		read := r.at(n.Address, request.Access)
		switch {
		case r.skipped(n.Address):
			continue
		case n.Blocked != "":
			reasons[n.Address] = denied(n, n.Blocked)
			continue
		case r.at(n.Address, request.Erasure).Status == request.Done, read.RowsRead+read.RowsMatched == 0:
			continue
		}
		var strange []string
		for _, c := range n.Cascades {
			rows, err := r.strangers(ctx, n, c)
			if err != nil {
				reasons[n.Address] = fmt.Errorf("ask whose rows of %s point to %s: %w", c.From, n.Address, err)
				break
			}
			if rows > 0 {
				strange = append(strange, fmt.Sprintf("%d rows of %s (by %s, ON DELETE %s)", rows, c.From, strings.Join(c.Columns, ", "), strings.ToUpper(c.Action)))
			}
		}
		if len(strange) > 0 && reasons[n.Address] == nil {
			reasons[n.Address] = denied(n, "deleting its rows would change rows that were not found for this person, or are not to be deleted: "+strings.Join(strange, "; ")+"; nothing of it was written")
		}
	}
	return reasons
}

func denied(n *graph.Node, reason string) error {
	return &connector.Error{Kind: connector.Denied, Connection: n.Connection, Doing: "erase " + n.Address, Reason: reason}
}

// strangers counts the rows that a cascade would reach and that are not to be
// deleted: access did not find them, or their collection was skipped. A row
// that comes after the question is not counted.
func (r *run) strangers(ctx context.Context, n *graph.Node, c graph.Cascade) (strange int64, err error) {
	child := r.plan.Node(c.From)
	known := map[[16]byte]bool{}
	err = r.rows(ctx, c.From, func(row connector.Row, _ graph.Keep) error {
		known[rowKey(row, child.KeyColumns)] = !r.skipped(c.From)
		return nil
	})
	if err != nil {
		return 0, err
	}
	defer r.place(n.Connection)()
	var tuples []connector.Tuple
	ask := func() error {
		if len(tuples) == 0 {
			return nil
		}
		var found int64
		err := r.patiently(ctx, func() error {
			found = 0
			reader, err := capability[connector.Reader](r, child.Connection)
			if err != nil {
				return err
			}
			query := connector.Read{Table: r.tables[c.From], Columns: child.KeyColumns, Where: []connector.Match{{Columns: c.Columns, Tuples: tuples}}}
			_, err = reader.Read(ctx, query, func(row connector.Row) error {
				if !known[rowKey(row, child.KeyColumns)] {
					found++
				}
				return nil
			})
			return err
		})
		strange += found
		tuples = nil
		return err
	}
	err = r.rows(ctx, n.Address, func(row connector.Row, _ graph.Keep) error {
		tuple := make(connector.Tuple, len(c.To))
		for i, name := range c.To {
			if tuple[i] = row[name]; tuple[i] == nil {
				return nil // nothing can point to it
			}
		}
		if tuples = append(tuples, tuple); len(tuples) < r.limits.Batch {
			return nil
		}
		return ask()
	})
	if err != nil {
		return 0, err
	}
	return strange, ask()
}

// nullOne sets the columns of a node to null by which its rows are on a circle
// of foreign keys, unless something of the circle will not be deleted. A second
// run finds nulls, or rows that are gone, and writes nothing.
func (r *run) nullOne(ctx context.Context, n *graph.Node, hindered map[string]error) error {
	p := r.at(n.Address, request.Erasure)
	if p.Status == request.Done || p.Intent > 0 {
		return nil // deletes begin when this is done
	}
	for _, behind := range r.plan.Behind(n) {
		switch only := r.plan.Node(r.only); {
		case r.skipped(behind.Address):
			return nil // and the database refuses what the skipped rows hold
		case hindered[behind.Address] != nil:
			return errUpstream // and says so itself
		case only != nil && only != n && !slices.Contains(only.AfterNulls, n.Address):
			return fmt.Errorf("%s: not nulled, since only %s was to be tried", n.Address, r.only)
		}
	}
	if err := r.work.Begin(ctx, r.lease, p); err != nil { // by it, who places a hold knows of the batches
		return fmt.Errorf("begin %s: %w", n.Address, err)
	}
	var batch []connector.Change
	err := r.rowsOf(ctx, n.Address, r.request.Round, func(row connector.Row, _ graph.Keep) error {
		c := nulling(n, row)
		if len(c.Before) == 0 {
			return nil
		}
		if batch = append(batch, c); len(batch) < r.limits.Batch {
			return nil
		}
		err := r.null(ctx, n, batch)
		batch = nil
		return err
	})
	if err == nil && len(batch) > 0 {
		err = r.null(ctx, n, batch)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, request.ErrFenced) && !lost(err) {
		p.Status, p.Message = request.Pending, err.Error()
		err = errors.Join(err, r.save(ctx, p, nil))
	}
	if err != nil {
		return located{n.Address, err}
	}
	return nil
}

// nulling gives what is nulled of a row: Before holds what it had.
func nulling(n *graph.Node, row connector.Row) connector.Change {
	c := connector.Change{Before: connector.Row{}, After: connector.Row{}}
	for _, name := range n.KeyColumns {
		c.Key = append(c.Key, row[name])
	}
	for _, name := range n.Nulled {
		if row[name] != nil {
			c.Before[name], c.After[name] = row[name], nil
		}
	}
	return c
}

// null writes a batch of nulls. What the database refuses is not reported
// here: it refuses the delete of the same row, which is.
func (r *run) null(ctx context.Context, n *graph.Node, changes []connector.Change) error {
	entry := r.entry("request.null", map[string]any{"collection": n.Address, "columns": n.Nulled, "rows": len(changes)})
	if err := r.work.Audit(ctx, r.lease, entry); err != nil {
		return fmt.Errorf("record the nulls: %w", err)
	}
	crash("nulls.recorded")
	defer r.place(n.Connection)()
	g := guard{run: r, address: n.Address}
	err := r.patiently(ctx, func() error {
		defer g.leave()
		masker, err := capability[connector.Masker](r, n.Connection)
		if err != nil {
			return err
		}
		_, err = masker.Mask(ctx, connector.Batch{Table: r.tables[n.Address], KeyColumns: n.KeyColumns, Columns: n.Nulled, Changes: changes, Guard: g.enter})
		return err
	})
	crash("nulls.written")
	return err
}
