package fulfill

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// lastRound is how often a request reads and erases at most (X17). What is
// found wanting after it is residue.
const lastRound = 3

// again is the result of a verification that found something while there may
// be another round.
type again struct{ residue int64 }

func (a again) Error() string { return fmt.Sprintf("another round for %d rows", a.residue) }

// nextRound begins another round. It reads what is new, and anew what is not
// as it must be:
//
//   - A row that is not known is read, and what depends on it.
//   - Of a row that is known, and is not as it must be, the columns that hold
//     their mask keep the value that was read first: they are masked. The
//     others are read anew, and what they hold in this round is the input of
//     their mask (D28).
//   - It must still be the person's: found by the same questions as before, or
//     by columns that hold what was read or their mask. A row that is
//     not is left alone, and stays residue.
func (r *run) nextRound(ctx context.Context, a again) error {
	next := r.request.Round + 1
	entry := r.entry("request.round", map[string]any{"round": next, "residue": a.residue})
	if err := r.requests.NextRound(ctx, r.lease, next, firstOfRound, entry); err != nil {
		return fmt.Errorf("begin round %d: %w", next, err)
	}
	crash("round.begun")
	r.request.Round = next
	r.fresh = map[string]int64{}
	r.Log.Info("another round", "request", r.lease.Request, "round", next, "residue", a.residue)
	return nil
}

// tellsApart lists the columns by which rows of a collection are told apart.
func tellsApart(n *graph.Node) []string {
	if n.Keyed || n.Targeted() {
		return n.KeyColumns
	}
	return n.Columns
}

// latest streams the rows of a collection as they count: of those that were
// read in several rounds, what the last of these read.
func (r *run) latest(ctx context.Context, n *graph.Node, each func(connector.Row, graph.Keep) error) error {
	if r.request.Round == 1 {
		return r.rows(ctx, n.Address, each)
	}
	last := map[[16]byte]int{}
	for round := 1; round <= r.request.Round; round++ {
		err := r.rowsOf(ctx, n.Address, round, func(row connector.Row, _ graph.Keep) error {
			last[rowKey(row, tellsApart(n))] = round
			return nil
		})
		if err != nil {
			return err
		}
	}
	for round := 1; round <= r.request.Round; round++ {
		err := r.rowsOf(ctx, n.Address, round, func(row connector.Row, keep graph.Keep) error {
			if last[rowKey(row, tellsApart(n))] != round {
				return nil
			}
			return each(row, keep)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// judged is a row as it was read, and what its system says of its mask now.
type judged struct {
	row   connector.Row
	keep  graph.Keep
	after connector.Row // what the columns to be masked must hold; nil where the row must be gone
	fine  bool          // as it must be, or gone
	wrong map[string]string
}

// judge asks a system again whether the rows that were read are as they must
// be now. Rows of which nothing is erased are as they must be.
func (r *run) judge(ctx context.Context, n *graph.Node, each func(judged) error) error {
	grown, err := r.grown(ctx, n)
	if err != nil {
		return err
	}
	if give := each; len(grown) > 0 {
		each = func(j judged) error {
			if grown[rowKey(j.row, tellsApart(n))] {
				j.fine, j.wrong = false, nil
			}
			return give(j)
		}
	}
	if !n.Erases() {
		return r.latest(ctx, n, func(row connector.Row, keep graph.Keep) error { return each(judged{row: row, keep: keep, fine: true}) })
	}
	verifier, err := capability[connector.Verifier](r, n.Connection)
	if err != nil {
		return err
	}
	e, err := r.newEraser(n)
	if err != nil {
		return err
	}
	defer r.place(n.Connection)()
	var waiting []judged
	ask := func() error {
		if len(e.batch) == 0 {
			return nil
		}
		outcomes, err := verifier.Verify(ctx, connector.Batch{Table: r.tables[n.Address], KeyColumns: n.KeyColumns, Columns: e.columns, Changes: e.batch})
		if err != nil {
			return err
		}
		for i, o := range outcomes {
			waiting[i].fine = o.Status == connector.AlreadyDone || o.Status == connector.Missing
			waiting[i].wrong = o.Fields
			if err := each(waiting[i]); err != nil {
				return err
			}
		}
		e.batch, waiting = nil, nil
		return nil
	}
	err = r.latest(ctx, n, func(row connector.Row, keep graph.Keep) error {
		change, failed := e.change(row, keep)
		j := judged{row: row, keep: keep}
		if n.Delete == "" {
			j.after = connector.Row{}
			for _, column := range e.columns {
				j.after[column] = change.After[column]
			}
		}
		if len(failed) > 0 {
			return each(j)
		}
		waiting = append(waiting, j)
		if e.batch = append(e.batch, change); len(e.batch) < r.limits.Batch {
			return nil
		}
		return ask()
	})
	if err != nil {
		return err
	}
	return ask()
}

// grown finds the documents that are known and in which the same questions
// now find elements of the data subject that they did not find before.
func (r *run) grown(ctx context.Context, n *graph.Node) (map[[16]byte]bool, error) {
	t := r.tables[n.Address]
	if !t.Open || t.Asked != nil || n.Cycle != "" {
		return nil, nil
	}
	found, err := r.gather(ctx, n)
	if err != nil {
		return nil, err
	}
	before := map[[16]byte]graph.Keep{}
	err = r.latest(ctx, n, func(row connector.Row, keep graph.Keep) error {
		before[rowKey(row, tellsApart(n))] = keep
		return nil
	})
	sift := sift(n, t, found.matches)
	if err != nil || sift == nil || len(before) == 0 {
		return nil, err
	}
	columns := slices.Clone(tellsApart(n))
	for path := range n.Inputs {
		column, _, _ := strings.Cut(path, ".")
		columns = append(columns, column)
	}
	grown := map[[16]byte]bool{}
	_, err = r.read(ctx, columnsOf(n, columns), found.matches, func(row connector.Row) error {
		key := rowKey(row, tellsApart(n))
		old, known := before[key]
		now, err := sift(row)
		if known && now.Beyond(old) {
			grown[key] = true
		}
		return err
	})
	return grown, err
}

// earlier is what the rounds before this one know of a collection. It decides
// which rows this round reads.
type earlier struct {
	node  *graph.Node
	known map[[16]byte]bool
	stale map[[16]byte][]judged // not as they must be, and not read anew yet
	anew  int64                 // known rows that were read anew
}

// earlier asks what there is to be read anew; nil in the first round.
func (r *run) earlier(ctx context.Context, n *graph.Node) (*earlier, error) {
	if r.request.Round == 1 {
		return nil, nil
	}
	e := &earlier{node: n, known: map[[16]byte]bool{}, stale: map[[16]byte][]judged{}}
	all := map[[16]byte][]judged{} // where rows are not told apart, a stale one makes all stale that are like it
	err := r.judge(ctx, n, func(j judged) error {
		key := rowKey(j.row, tellsApart(n))
		e.known[key] = true
		if !n.Keyed && n.Targeted() {
			all[key] = append(all[key], j)
		}
		if !j.fine {
			e.stale[key] = append(e.stale[key], j)
		}
		return nil
	})
	for key := range e.stale {
		if !n.Keyed {
			e.stale[key] = all[key]
		}
	}
	return e, err
}

// take says whether a row that was found is one for this round, and gives it
// as it is to be kept.
func (e *earlier) take(row connector.Row, keep graph.Keep) (connector.Row, graph.Keep, bool) {
	key := rowKey(row, tellsApart(e.node))
	stale := e.stale[key]
	if e.known[key] && len(stale) == 0 {
		return nil, nil, false
	}
	if len(stale) == 0 {
		return row, keep, true
	}
	e.anew++
	if !e.node.Keyed {
		for _, j := range stale {
			if j.holds(row) {
				return j.row, j.keep, true
			}
		}
		return row, keep, true
	}
	delete(e.stale, key)
	row, keep = stale[0].merge(row, keep)
	return row, keep, true
}

// holds says whether a row holds the masks of j.
func (j judged) holds(row connector.Row) bool {
	for column, v := range j.after {
		if !value.Equal(row[column], v) {
			return false
		}
	}
	return j.after != nil
}

// merge gives a row with the former value of each column that holds its mask.
func (j judged) merge(row connector.Row, keep graph.Keep) (connector.Row, graph.Keep) {
	if len(j.wrong) == 0 {
		return row, keep // not known which columns are masked
	}
	for column := range j.after {
		if _, wrong := j.wrong[column]; wrong {
			continue
		}
		row[column] = j.row[column]
		delete(keep, column)
		if k, ok := j.keep[column]; ok {
			if keep == nil {
				keep = graph.Keep{}
			}
			keep[column] = k
		}
	}
	return row, keep
}

// readStale reads by their keys the rows that are not as they must be and
// that the questions of before do not find any more: what they are found by
// may be masked.
func (r *run) readStale(ctx context.Context, c *chunks) error {
	e := c.earlier
	if e == nil || !e.node.Keyed || len(e.stale) == 0 {
		return nil
	}
	by := connector.Match{Columns: e.node.KeyColumns}
	for _, stale := range e.stale {
		key := make(connector.Tuple, len(by.Columns))
		for i, column := range by.Columns {
			key[i] = stale[0].row[column]
		}
		by.Tuples = append(by.Tuples, key)
	}
	_, err := r.read(ctx, e.node, []connector.Match{by}, func(row connector.Row) error {
		if stale := e.stale[rowKey(row, e.node.KeyColumns)]; len(stale) == 0 || !e.leads(stale[0], row) {
			return nil
		}
		return c.add(row)
	})
	return err
}

// leads says whether a row is found by columns that hold what was read or
// its mask.
func (e *earlier) leads(j judged, row connector.Row) bool {
	return slices.ContainsFunc(e.node.Matches, func(m graph.Match) bool {
		return !slices.ContainsFunc(m.Fields, func(path string) bool {
			column, _, _ := strings.Cut(path, ".")
			masked, isMasked := j.after[column]
			return !slices.Contains(e.node.Columns, column) ||
				!value.Equal(row[column], j.row[column]) && !(isMasked && value.Equal(row[column], masked))
		})
	})
}

// recheck queries a collection again before its first row is written, so that
// what changed since it was read is known by then (X17): rows that are new
// count for the caps, and are for the next round, as those that have changed.
func (r *run) recheck(ctx context.Context, n *graph.Node) error {
	found, err := r.gather(ctx, n)
	if err != nil {
		return err
	}
	e, err := r.newEraser(n)
	if err != nil {
		return err
	}
	return r.attempt(ctx, r.at(n.Address, request.Recheck), func(p *request.Progress, _ func() error) ([]request.Chunk, error) {
		known, states := map[[16]byte]bool{}, map[[16]byte]bool{}
		*p = request.Progress{Address: p.Address, Action: p.Action, Attempt: p.Attempt}
		err := r.rows(ctx, n.Address, func(row connector.Row, _ graph.Keep) error {
			known[rowKey(row, n.KeyColumns)] = true
			p.RowsMatched++
			return nil
		})
		if err != nil {
			return nil, err
		}
		of := slices.Concat(n.KeyColumns, e.columns)
		work := map[[16]byte]bool{} // of this round
		err = r.rowsOf(ctx, n.Address, r.request.Round, func(row connector.Row, _ graph.Keep) error {
			work[rowKey(row, n.KeyColumns)] = true
			states[rowKey(row, of)] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
		var changed, fresh int64
		_, err = r.read(ctx, columnsOf(n, of), found.matches, func(row connector.Row) error {
			p.RowsRead++
			switch key := rowKey(row, n.KeyColumns); {
			case !known[key]:
				known[key] = true
				fresh++
			case work[key] && !states[rowKey(row, of)]:
				changed++
			}
			return nil
		})
		if !n.Keyed {
			fresh = max(0, p.RowsRead-p.RowsMatched)
		}
		p.RowsResidue = fresh + changed
		p.Message = remarks(note{"changed since access", changed}, note{"new since access", fresh})
		r.mu.Lock()
		r.fresh[n.Address] = fresh
		r.mu.Unlock()
		return nil, err
	})
}

// appeared counts the rows that the rechecks of this round found to be new.
func (r *run) appeared() (fresh int64) {
	for _, rows := range r.fresh {
		fresh += rows
	}
	return fresh
}

// columnsOf gives a node that reads only some columns.
func columnsOf(n *graph.Node, columns []string) *graph.Node {
	narrow := *n
	narrow.Columns = slices.Compact(slices.Sorted(slices.Values(columns)))
	return &narrow
}

type note struct {
	what string
	rows int64
}

// remarks writes the notes that count anything.
func remarks(notes ...note) string {
	var said []string
	for _, n := range notes {
		if n.rows > 0 {
			said = append(said, fmt.Sprintf("%s: %d", n.what, n.rows))
		}
	}
	return strings.Join(said, ", ")
}
