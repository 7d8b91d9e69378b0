package relational

import (
	"context"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// Verify compares the rows of a batch with their masks. A Conflict names the
// columns that hold something else in Fields.
func (db *DB) Verify(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	p, err := db.prepare(doing("verify", b), b)
	if err != nil {
		return nil, err
	}
	found := map[string][][]any{}
	if len(p.groups) > 0 {
		err = db.read(ctx, p.doing, func(tx querier) error {
			found, err = db.find(ctx, tx, p, false)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	out := make([]connector.Outcome, len(p.changes))
	for i, c := range p.changes {
		out[i] = p.verify(c, found[c.group], len(b.Columns) == 0)
	}
	return out, nil
}

func (p batch) verify(c change, rows [][]any, deleted bool) connector.Outcome {
	switch {
	case c.group == "":
		return connector.Outcome{Status: connector.Failed, Reason: keyless}
	case deleted && len(rows) == 0:
		return connector.Outcome{Status: connector.AlreadyDone}
	case deleted:
		return connector.Outcome{Status: connector.Conflict, Reason: "the row is still there"}
	case len(rows) == 0:
		return connector.Outcome{Status: connector.Missing}
	}
	fields := map[string]string{}
	for name := range c.refused {
		fields[name] = "does not hold its mask: it cannot take it"
	}
	for _, row := range p.ofChange(c, rows) {
		for i, v := range row {
			switch {
			case c.skip[i] || value.Equal(v, c.after[i]):
			case value.Equal(v, c.before[i]):
				fields[p.columns[i].Name] = "still holds what was read"
			default:
				fields[p.columns[i].Name] = "holds neither what was read nor its mask"
			}
		}
	}
	if len(fields) > 0 {
		return connector.Outcome{Status: connector.Conflict, Fields: fields}
	}
	return connector.Outcome{Status: connector.AlreadyDone}
}

// ofChange gives the rows with a change's key that no other change with the
// key accounts for better: those that hold another's mask are not its own.
func (p batch) ofChange(c change, rows [][]any) [][]any {
	var out [][]any
	for _, row := range rows {
		masked := false
		for _, m := range p.groups[c.group] {
			other := p.changes[m]
			other.before = other.after
			masked = masked || other.fits(row)
		}
		if !masked {
			out = append(out, row)
		}
	}
	return out
}
