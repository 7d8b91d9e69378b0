package relational

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"volenti.dev/volenti/connector"
)

// writeApart writes row by row, and a refused row column by column.
func (db *DB) writeApart(ctx context.Context, tx *sql.Tx, p batch, writes []write, out []connector.Outcome) error {
	for _, w := range writes {
		reason, err := db.attempt(ctx, tx, func() error { return db.update(ctx, tx, p, []write{w}) })
		if err != nil {
			return err
		}
		if reason == "" {
			continue
		}
		refused, err := db.writeColumns(ctx, tx, p, w, reason)
		if err != nil {
			return err
		}
		if len(refused) == 0 {
			continue
		}
		for _, m := range w.changes {
			out[m] = p.blame(m, w, refused, out[m])
		}
	}
	return nil
}

// writeColumns writes the columns of a refused row one after the other and
// gives those that were refused again, each with its reason.
func (db *DB) writeColumns(ctx context.Context, tx *sql.Tx, p batch, w write, reason string) (map[string]string, error) {
	refused := map[string]string{}
	if len(w.set) == 1 {
		refused[p.columns[w.set[0]].Name] = reason
		return refused, nil
	}
	w.where = slices.Clone(w.where)
	for i, n := range w.set {
		one := w
		one.set, one.values = w.set[i:i+1], w.values[i:i+1]
		reason, err := db.attempt(ctx, tx, func() error { return db.update(ctx, tx, p, []write{one}) })
		if err != nil {
			return nil, err
		}
		if reason != "" {
			refused[p.columns[n].Name] = reason
		} else if w.narrow {
			w.where[len(p.key)+n] = db.stored(p.columns[n], w.values[i])
		}
	}
	return refused, nil
}

// blame adds the refused columns of a write to the outcome of a change. The
// row has failed when none of the columns that were asked for holds its mask.
func (p batch) blame(m int, w write, refused map[string]string, o connector.Outcome) connector.Outcome {
	o.Fields = maps.Clone(o.Fields)
	if o.Fields == nil {
		o.Fields = map[string]string{}
	}
	maps.Copy(o.Fields, refused)
	asked := 0
	for _, skip := range p.changes[m].skip {
		if !skip {
			asked++
		}
	}
	switch len(refused) {
	case asked:
		o.Status, o.Reason = connector.Failed, "the database refused every column of the row"
	case len(w.set):
		o.Status = connector.AlreadyDone
	}
	return o
}

// standard are the words of the standard for savepoints.
var standard = [3]string{"SAVEPOINT attempt", "RELEASE SAVEPOINT attempt", "ROLLBACK TO SAVEPOINT attempt"}

// attempt runs work inside a savepoint. When the database refuses, what work
// did is undone and the reason given; other errors end the transaction.
func (db *DB) attempt(ctx context.Context, tx *sql.Tx, work func() error) (reason string, err error) {
	words := db.dialect.Savepoint
	if words[0] == "" {
		words = standard
	}
	if _, err := tx.ExecContext(ctx, words[0]); err != nil {
		return "", err
	}
	if err = work(); err != nil {
		refused := false
		if reason, refused = db.refused(err); !refused || ctx.Err() != nil {
			return "", err
		}
		if _, err := tx.ExecContext(ctx, words[2]); err != nil {
			return "", err
		}
	}
	if words[1] == "" {
		return reason, nil
	}
	_, err = tx.ExecContext(ctx, words[1])
	return reason, err
}
