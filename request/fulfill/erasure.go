package fulfill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/masking"
)

// erasure masks or deletes what access found, collections in parallel but for
// the order that the plan demands (X10). Before the first write the holds are
// read, the live catalogues looked at and the collections queried again, the
// caps are held against what was found, and it is asked whose rows deletes
// would take along.
func (r *run) erasure(ctx context.Context) error {
	if err := r.held(ctx); err != nil {
		return err
	}
	crash("holds.read")
	if err := r.look(ctx); err != nil {
		return err
	}
	if err := r.recheckAll(ctx); err != nil {
		return err
	}
	crash("rows.rechecked")
	if err := r.withinCaps(ctx); err != nil {
		return err
	}
	crash("caps.kept")
	hindered := r.hindrances(ctx)
	crash("strangers.counted")
	if fresh := r.appeared(); fresh > 0 && len(hindered) > 0 && r.request.Round < lastRound {
		return again{fresh} // the rows that are in the way may be new ones of the person
	}
	var tasks []task
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		if r.plan.Instructs(n) {
			tasks = append(tasks, task{n.Address, nil, func(ctx context.Context) error { return r.instructOne(ctx, n) }})
			continue
		}
		if !n.Erases() && n.Blocked == "" {
			continue
		}
		tasks = append(tasks, task{n.Address, before(n, hindered), func(ctx context.Context) error { return r.eraseOne(ctx, n, hindered[n.Address]) }})
		if len(n.Nulled) > 0 {
			tasks = append(tasks, task{"null " + n.Address, nil, func(ctx context.Context) error { return r.nullOne(ctx, n, hindered) }})
		}
	}
	return parallel(ctx, tasks, r.limits.Collections)
}

// before lists the tasks that a node waits for. One that must not be written
// waits for none, and says so.
func before(n *graph.Node, hindered map[string]error) []string {
	if hindered[n.Address] != nil {
		return nil
	}
	tasks := slices.Clone(n.EraseAfter)
	for _, a := range n.AfterNulls {
		tasks = append(tasks, "null "+a)
	}
	return tasks
}

// recheckAll queries all collections again in which nothing was written yet, but
// those that cannot be asked again.
func (r *run) recheckAll(ctx context.Context) error {
	var tasks []task
	for i := range r.plan.Nodes {
		if n := &r.plan.Nodes[i]; n.Erases() && n.Unverified == "" && r.at(n.Address, request.Erasure).Intent == 0 && !r.skipped(n.Address) && !r.rechecked(n) {
			tasks = append(tasks, task{n.Address, nil, func(ctx context.Context) error { return r.recheck(ctx, n) }})
		}
	}
	return parallel(ctx, tasks, r.limits.Collections)
}

func (r *run) erases() bool {
	return slices.ContainsFunc(r.plan.Nodes, func(n graph.Node) bool { return n.Erases() || n.Instructs() || n.Blocked != "" })
}

func (r *run) eraseOne(ctx context.Context, n *graph.Node, hindered error) error {
	p := r.at(n.Address, request.Erasure)
	if passes, err := r.passes(ctx, p); passes || err != nil {
		return err
	}
	if hindered != nil {
		p.Status, p.Message = request.Failed, reason(hindered)
		return errors.Join(hindered, r.save(ctx, p, nil))
	}
	if a := r.undue(n.Address); a != nil && p.Status == request.Waiting {
		return a
	}
	e, err := r.newEraser(n)
	if err != nil {
		return err
	}
	// The first intent says that it has begun, but where it stands already, or
	// where what failed in earlier rounds is to be forgotten.
	if p.Status != request.Waiting && (r.request.Round > 1 || p.Intent > p.Position) {
		p, err = r.begin(ctx, p)
	} else {
		p = anew(p)
	}
	if err != nil {
		return err
	}
	e.progress, e.since = p, r.Now()
	err = r.rowsOf(ctx, n.Address, r.request.Round, func(row connector.Row, keep graph.Keep) error { return e.add(ctx, row, keep) })
	if err == nil {
		err = e.flush(ctx, request.Done)
	}
	p = e.progress
	if p.Status == request.Done {
		return nil // it was saved with its last batch
	}
	p.Status, p.Took = request.Done, r.Now().Sub(e.since)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, request.ErrFenced) || lost(err) {
			return err
		}
		if a := awaits(err); a != nil {
			return r.keepWaiting(ctx, p, a)
		}
		p.Status, p.Message = request.Failed, err.Error()
		if errors.Is(err, ErrPaused) {
			p.Status = request.Pending
		}
		err = located{n.Address, err}
	}
	return errors.Join(err, r.save(ctx, p, nil))
}

// reason is what a report says of an error that stands for itself.
func reason(err error) string {
	var ce *connector.Error
	if errors.As(err, &ce) {
		return ce.Reason
	}
	return err.Error()
}

// eraser takes the rows of one collection, as access found them, through
// masks and batches.
type eraser struct {
	*run
	node     *graph.Node
	columns  []string // that hold masks
	written  []string // these, and what is written with them
	masks    []mask
	progress request.Progress
	since    time.Time // when the attempt began
	seen     int64     // rows so far in this pass; those before progress.Position were dealt with
	batch    []connector.Change
	weight   int   // of the batch, in bytes, roughly
	already  int64 // rows of the batch that need nothing
	shared   int64 // rows of the batch that are not deleted, since others have a part in them
	refused  map[refusal]int64
}

// refusal is why a field of a row was not masked; "" is the row as a whole.
type refusal struct{ field, reason string }

// mask is a planned mask, ready to be applied.
type mask struct {
	graph.Mask
	strategy masking.Strategy
	shape    masking.Column
	secret   []byte
	below    []string // the path below the column
}

func (r *run) newEraser(n *graph.Node) (*eraser, error) {
	e := &eraser{run: r, node: n, refused: map[refusal]int64{}}
	for _, m := range n.Masks {
		strategy, err := masking.New(m.Spec)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", n.Address, m.Field, err)
		}
		path := strings.Split(m.Field, ".")
		e.masks = append(e.masks, mask{m, strategy, graph.ShapeOf(r.tables[n.Address], m), r.key.Derive("mask/" + m.Rule), path[1:]})
		if !slices.Contains(e.columns, m.Column) {
			e.columns = append(e.columns, m.Column)
		}
	}
	e.written = slices.Clone(e.columns)
	for _, column := range n.Written {
		if !slices.Contains(e.written, column) {
			e.written = append(e.written, column)
		}
	}
	return e, nil
}

// add takes the next row.
func (e *eraser) add(ctx context.Context, row connector.Row, keep graph.Keep) error {
	e.seen++
	if e.seen <= e.progress.Position {
		return nil
	}
	change, failed := e.change(row, keep)
	for _, f := range failed {
		e.refused[f]++
	}
	switch {
	case slices.Contains(failed, refusedShared):
		e.shared++
	case e.node.Delete == "" && sameRow(change.Before, change.After):
		e.already++
	default:
		e.batch = append(e.batch, change)
		e.weight += weight(change.Before) + weight(change.After)
	}
	if asked, whole := e.whole(); asked {
		if !whole {
			return nil
		}
		return e.flush(ctx, request.Running)
	}
	if len(e.batch) >= e.limits.Batch || e.weight >= batchBytes || e.shared >= int64(e.limits.Batch) || e.already >= 20*int64(e.limits.Batch) {
		return e.flush(ctx, request.Running)
	}
	return nil
}

// batchBytes is how much a batch holds in memory before it is sent, whatever
// its number of rows: documents may have 16 MB each.
const batchBytes = 16 << 20

// weight is about how many bytes a value takes.
func weight(v any) int {
	sum := 16
	switch v := v.(type) {
	case string:
		sum += len(v)
	case []byte:
		sum += len(v)
	case []any:
		for _, e := range v {
			sum += weight(e)
		}
	case connector.Row:
		return weight(map[string]any(v))
	case map[string]any:
		for name, e := range v {
			sum += len(name) + weight(e)
		}
	}
	return sum
}

var refusedShared = refusal{"", "the row is not deleted: it holds elements of others; give the collection a masking strategy, or its array return_all_elements if it belongs to whoever the row belongs to"}

// change computes the masks of a row from the values that access read (D28),
// and names the fields whose mask could not be made.
func (e *eraser) change(row connector.Row, keep graph.Keep) (connector.Change, []refusal) {
	key := make(connector.Tuple, len(e.node.KeyColumns))
	for i, c := range e.node.KeyColumns {
		key[i] = row[c]
	}
	c := connector.Change{Key: key}
	if e.node.Delete != "" {
		if keep.Shares(row) {
			return c, []refusal{refusedShared}
		}
		c.After = nulling(e.node, row).After // a delete writes nothing: it is for the report
		return c, nil
	}
	c.Before, c.After = connector.Row{}, connector.Row{}
	for _, col := range e.written {
		c.Before[col], c.After[col] = row[col], row[col]
	}
	var failed []refusal
	place := masking.Place{Table: e.node.Address, Key: tupleKey(key)}
	for _, m := range e.masks {
		place.Secret, place.Column = m.secret, m.Field
		masked, err := graph.Rewrite(c.After[m.Column], m.below, keep.At(m.Column), func(v any) (any, error) {
			return m.strategy.Mask(v, m.shape, place)
		})
		switch {
		case errors.Is(err, graph.ErrMisfit):
			failed = append(failed, refusal{m.Field, graph.ErrMisfit.Error()})
		case err != nil:
			failed = append(failed, refusal{m.Field, "its value cannot be masked by this strategy"})
			continue
		}
		c.After[m.Column] = masked
	}
	return c, failed
}

func sameRow(a, b connector.Row) bool {
	for name, v := range a {
		if !value.Equal(v, b[name]) {
			return false
		}
	}
	return true
}

// flush sends the batch and records what became of it, and what the status is
// then. What may be sent is recorded before it is sent: after a crash in
// between, a row that holds its mask was masked by this request.
func (e *eraser) flush(ctx context.Context, then request.CollectionStatus) error {
	if e.seen <= e.progress.Position {
		return nil
	}
	asked, _ := e.whole()
	repeated := e.progress.Intent > e.progress.Position && !asked
	if len(e.batch) > 0 && e.progress.Intent < e.seen {
		entry := e.entry("request.mask", map[string]any{"collection": e.node.Address, "rows": len(e.batch), "from": e.progress.Position})
		intended := e.progress
		intended.Intent = e.seen
		if err := e.work.Intend(ctx, e.lease, intended, entry); err != nil {
			return fmt.Errorf("record the intent: %w", err)
		}
		e.progress = intended
		crash("batch.intended")
	}
	outcomes, tries, err := e.send(ctx)
	if err != nil {
		return err
	}
	crash("batch.written")
	unsaved := e.progress
	fields := e.account(outcomes, repeated || tries > 1)
	e.progress.RowsMatched += int64(len(e.batch)) + e.already + e.shared
	e.progress.RowsFailed += e.shared
	e.progress.RowsAlready += e.already
	e.progress.Position = e.seen
	e.progress.Status, e.progress.Took = then, e.Now().Sub(e.since)
	if err := e.save(ctx, e.progress, fields); err != nil {
		e.progress = unsaved
		return err
	}
	crash("batch.saved")
	e.batch, e.weight, e.already, e.shared, e.refused = nil, 0, 0, 0, map[refusal]int64{}
	return nil
}

// send writes the batch to its system; tries is how often it was sent.
func (e *eraser) send(ctx context.Context) (outcomes []connector.Outcome, tries int, err error) {
	if len(e.batch) == 0 {
		return nil, 0, nil
	}
	b := connector.Batch{Table: e.tables[e.node.Address], KeyColumns: e.node.KeyColumns, Columns: e.written, Omit: e.node.Unwritten, Changes: e.batch}
	g := guard{run: e.run, address: e.node.Address}
	b.Guard = g.enter
	defer e.place(e.node.Connection)()
	err = e.patiently(ctx, func() (err error) {
		defer g.leave()
		tries++
		outcomes, err = e.write(ctx, b)
		return err
	})
	return outcomes, tries, err
}

// account adds the outcomes of a batch to the progress and gives those of its
// fields. repeated says that the batch may have been sent before.
func (e *eraser) account(outcomes []connector.Outcome, repeated bool) []request.FieldOutcome {
	tally := map[request.FieldOutcome]int64{}
	note := func(field, status, reason string, rows int64) {
		tally[request.FieldOutcome{Address: e.node.Address, Field: field, Status: status, Reason: reason}] += rows
	}
	keyMasked := slices.ContainsFunc(e.node.KeyColumns, func(k string) bool { return slices.Contains(e.columns, k) })
	for i, o := range outcomes {
		switch {
		case o.Status == connector.Changed, o.Status == connector.AlreadyDone && repeated, o.Status == connector.Missing && repeated && keyMasked:
			e.progress.RowsMasked++
			e.noteMasked(e.batch[i], o, note)
		case o.Status == connector.AlreadyDone, o.Status == connector.Missing:
			e.progress.RowsAlready++
		case o.Status == connector.Conflict:
			e.progress.RowsFailed++
			note("", "failed", "the row changed after it was read", 1)
		default:
			e.progress.RowsFailed++
			if o.Reason != "" {
				note("", "failed", o.Reason, 1)
			}
			e.noteNulled(e.batch[i], o, note)
		}
		for field, reason := range o.Fields {
			note(field, "failed", reason, 1)
		}
	}
	for r, rows := range e.refused {
		note(r.field, "failed", r.reason, rows)
	}
	var fields []request.FieldOutcome
	for f, rows := range tally {
		f.Rows = rows
		fields = append(fields, f)
	}
	return fields
}

// noteNulled says of a row that was not deleted what was nulled for that.
func (e *eraser) noteNulled(c connector.Change, o connector.Outcome, note func(field, status, reason string, rows int64)) {
	if e.node.Delete == "" || o.Status != connector.Failed {
		return
	}
	for field := range c.After {
		note(field, "nulled", "set to null for a delete that was then refused", 1)
	}
}

func (e *eraser) noteMasked(c connector.Change, o connector.Outcome, note func(field, status, reason string, rows int64)) {
	if e.node.Delete != "" {
		note("", "deleted", "", 1)
		return
	}
	for _, m := range e.masks {
		if _, failed := o.Fields[m.Column]; !failed && !value.Equal(c.Before[m.Column], c.After[m.Column]) {
			note(m.Field, "masked", "", 1)
		}
	}
}
