package http

import (
	"context"
	"slices"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// Verify reads the rows again by what they were found by, and compares. Where
// the vendor cannot be asked, or only answers later, the outcome is AlreadyDone
// with a Reason that says so: what is known is what was asked of it.
func (c *Connector) Verify(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	e, err := c.endpoint(b.Table)
	if err != nil {
		return nil, err
	}
	w := &writing{Connector: c, endpoint: e, batch: b, request: e.masking(), doing: "verify " + e.Name}
	read := map[string][]connector.Row{}
	outcomes := make([]connector.Outcome, len(b.Changes))
	for i, change := range b.Changes {
		_, inputs := w.rowOf(change)
		if reason := e.unasked(); reason != "" {
			outcomes[i] = connector.Outcome{Status: connector.AlreadyDone, Reason: reason}
			continue
		}
		key := value.Key(inputs)
		rows, known := read[key]
		if !known {
			if rows, err = w.again(ctx, inputs); err != nil {
				return nil, err
			}
			read[key] = rows
		}
		outcomes[i] = w.judge(change, rows)
	}
	return outcomes, nil
}

// unasked says why the endpoint cannot be asked again, "" when it can.
func (e *Endpoint) unasked() string {
	called := 0
	for _, r := range e.Read {
		if r.Async != nil {
			return "not verified: the vendor answers reads later, and was only asked to erase"
		}
		if r.Path != "" {
			called++
		}
	}
	if called == 0 {
		return "not verified: the vendor cannot be asked for it, and was only asked to erase"
	}
	return ""
}

// again reads by the inputs of a row.
func (w *writing) again(ctx context.Context, inputs map[string]any) ([]connector.Row, error) {
	var where []connector.Match
	group := connector.Match{Tuples: []connector.Tuple{nil}}
	for _, in := range w.endpoint.Inputs() {
		v := inputs[in.Name]
		list, isList := v.([]any)
		switch {
		case v == nil:
		case in.Group:
			group.Columns, group.Tuples[0] = append(group.Columns, in.Name), append(group.Tuples[0], v)
		case in.Filter && isList:
			m := connector.Match{Columns: []string{in.Name}}
			for _, one := range list {
				m.Tuples = append(m.Tuples, connector.Tuple{one})
			}
			where = append(where, m)
		default:
			where = append(where, connector.Match{Columns: []string{in.Name}, Tuples: []connector.Tuple{{v}}})
		}
	}
	if len(group.Columns) > 0 {
		where = append(where, group)
	}
	var rows []connector.Row
	_, err := w.Read(ctx, connector.Read{Table: w.batch.Table, Where: where, Again: true}, func(r connector.Row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// judge compares a change with the rows that are there now.
func (w *writing) judge(change connector.Change, rows []connector.Row) connector.Outcome {
	for _, row := range rows {
		if !w.same(change, row) {
			continue
		}
		if len(w.batch.Columns) == 0 || slices.ContainsFunc(w.batch.Columns, func(column string) bool { return !value.Equal(row[column], change.After[column]) }) {
			return connector.Outcome{Status: connector.Conflict}
		}
	}
	return connector.Outcome{Status: connector.AlreadyDone}
}

func (w *writing) same(change connector.Change, row connector.Row) bool {
	for k, column := range w.batch.KeyColumns {
		if column != InputsColumn && !value.Equal(row[column], change.Key[k]) {
			return false
		}
	}
	return true
}
