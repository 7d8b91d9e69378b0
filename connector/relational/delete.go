package relational

import (
	"context"
	"database/sql"
	"slices"

	"volenti.dev/volenti/connector"
)

// Delete removes the rows of a batch in one transaction. When the database
// refuses, all is rolled back and done again row by row. Where Before is
// given, a row that holds something else is a Conflict, as are all rows with
// its key.
func (db *DB) Delete(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	b.Columns = nil
	p, err := db.prepareWrite(doing("delete from", b), b)
	if err != nil {
		return nil, err
	}
	if len(p.groups) == 0 {
		return p.judgeDelete(nil).outcomes, nil
	}
	out, err := db.delete(ctx, p, db.deleteTogether)
	if _, refused := db.refused(err); refused {
		out, err = db.delete(ctx, p, db.deleteApart)
	}
	if reason, refused := db.refused(err); refused {
		return db.alone(ctx, p, b, reason, db.Delete)
	}
	return out, err
}

// removal is the rows to be deleted, by key.
type removal struct {
	outcomes []connector.Outcome
	groups   []string
	rows     map[string]int64 // that each key has
}

func (db *DB) delete(ctx context.Context, p batch, apply func(context.Context, *sql.Tx, batch, removal) error) (out []connector.Outcome, err error) {
	err = db.transact(ctx, p.doing, p.guard, func(tx *sql.Tx) error {
		found, err := db.find(ctx, tx, p, true)
		if err != nil {
			return err
		}
		r := p.judgeDelete(found)
		out = r.outcomes
		return apply(ctx, tx, p, r)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (p batch) judgeDelete(found map[string][][]any) removal {
	r := removal{outcomes: make([]connector.Outcome, len(p.changes)), rows: map[string]int64{}}
	for i, c := range p.changes {
		o, rows := &r.outcomes[i], found[c.group]
		switch {
		case c.group == "":
			o.Status, o.Reason = connector.Failed, keyless
		case len(rows) == 0:
			o.Status = connector.AlreadyDone
		case slices.ContainsFunc(rows, func(row []any) bool { return !p.known(c.group, row) }):
			o.Status = connector.Conflict
		default:
			o.Status = connector.Changed
			if p.groups[c.group][0] == i {
				r.groups = append(r.groups, c.group)
				r.rows[c.group] = int64(len(rows))
			}
		}
	}
	return r
}

// known says that a row is as one of the changes with its key read it.
func (p batch) known(group string, row []any) bool {
	return slices.ContainsFunc(p.groups[group], func(m int) bool {
		c := p.changes[m]
		if c.unread {
			return true
		}
		c.skip = make([]bool, len(row))
		c.after = c.before
		return c.fits(row)
	})
}

func (db *DB) deleteTogether(ctx context.Context, tx *sql.Tx, p batch, r removal) error {
	return db.deleteGroups(ctx, tx, p, r, r.groups)
}

// deleteApart deletes row by row. A row may be held by another of the batch,
// so that it goes on while it gets any further.
func (db *DB) deleteApart(ctx context.Context, tx *sql.Tx, p batch, r removal) error {
	left, before := r.groups, -1
	reasons := map[string]string{}
	for len(left) != before {
		before = len(left)
		var refused []string
		for _, g := range left {
			reason, err := db.attempt(ctx, tx, func() error { return db.deleteGroups(ctx, tx, p, r, []string{g}) })
			if err != nil {
				return err
			}
			if reason != "" {
				refused = append(refused, g)
				reasons[g] = reason
			}
		}
		left = refused
	}
	for _, g := range left {
		for _, m := range p.groups[g] {
			r.outcomes[m] = connector.Outcome{Status: connector.Failed, Reason: reasons[g]}
		}
	}
	return nil
}

func (db *DB) deleteGroups(ctx context.Context, tx *sql.Tx, p batch, r removal, groups []string) error {
	var want, deleted int64
	var keys [][]any
	for _, g := range groups {
		keys = append(keys, p.changes[p.groups[g][0]].key)
		want += r.rows[g]
	}
	for _, terms := range split(db.lookup(p.key, keys), db.dialect.Parameters) {
		s := db.dialect.statement("DELETE FROM ")
		s.table(p.table.Name)
		s.address(terms)
		n, err := db.exec(ctx, tx, s.String(), s.args)
		if err != nil {
			return err
		}
		deleted += n
	}
	return db.expect(p.doing, deleted, want)
}
