package relational

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// Mask writes a batch in one transaction. When the database refuses a value,
// all is rolled back and done again with a savepoint around each row, and a
// refused row once more column by column, so that only what was refused is
// missing.
func (db *DB) Mask(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	p, err := db.prepareWrite(doing("mask", b), b)
	if err != nil || len(p.groups) == 0 {
		return p.hopeless(), err
	}
	out, err := db.mask(ctx, p, db.writeTogether)
	if _, refused := db.refused(err); refused {
		out, err = db.mask(ctx, p, db.writeApart)
	}
	if reason, refused := db.refused(err); refused {
		return db.alone(ctx, p, b, reason, db.Mask)
	}
	return out, err
}

func doing(verb string, b connector.Batch) string {
	if b.Table == nil {
		return verb
	}
	return verb + " " + b.Table.Name.String()
}

// hopeless gives the outcomes of a batch in which no change has a key.
func (p batch) hopeless() []connector.Outcome {
	out, _ := p.judge(nil)
	return out
}

type applier func(context.Context, *sql.Tx, batch, []write, []connector.Outcome) error

func (db *DB) mask(ctx context.Context, p batch, apply applier) (out []connector.Outcome, err error) {
	err = db.transact(ctx, p.doing, p.guard, func(tx *sql.Tx) error {
		found, err := db.find(ctx, tx, p, true)
		if err != nil {
			return err
		}
		var writes []write
		out, writes = p.judge(found)
		return apply(ctx, tx, p, writes, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// few is up to how many rows with the same values are not worth a statement
// of their own where UpdateMany takes rows with different values.
const few = 8

// writeTogether sends as few statements as it can.
func (db *DB) writeTogether(ctx context.Context, tx *sql.Tx, p batch, writes []write, _ []connector.Outcome) error {
	many := map[string][]write{} // same columns, different values
	for _, same := range gather(writes, func(w write) any { return []any{places(w.set), w.values, w.narrow} }) {
		first := same[0]
		if db.dialect.UpdateMany != nil && len(same) < few && !first.narrow && !slices.Contains(first.where, nil) {
			k := value.Key(places(first.set))
			many[k] = append(many[k], same...)
			continue
		}
		if err := db.update(ctx, tx, p, same); err != nil {
			return err
		}
	}
	for _, k := range slices.Sorted(maps.Keys(many)) {
		for rows := range slices.Chunk(many[k], db.rowsAtOnce(p, many[k])) {
			if err := db.updateMany(ctx, tx, p, rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsAtOnce is how many of these writes UpdateMany takes.
func (db *DB) rowsAtOnce(p batch, writes []write) int {
	if !db.dialect.BindsRows {
		return len(writes)
	}
	return max(1, db.dialect.Parameters/(len(p.key)+len(writes[0].set)))
}

// gather puts writes with an equal mark together, in their order.
func gather(writes []write, mark func(write) any) [][]write {
	var out [][]write
	at := map[string]int{}
	for _, w := range writes {
		k := value.Key(mark(w))
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], w)
	}
	return out
}

func places(set []int) []any {
	out := make([]any, len(set))
	for i, n := range set {
		out[i] = int64(n)
	}
	return out
}

// update writes rows that get the same values.
func (db *DB) update(ctx context.Context, tx *sql.Tx, p batch, same []write) error {
	first := same[0]
	columns := p.key
	if first.narrow {
		columns = append(slices.Clone(p.key), p.columns...)
	}
	var want int64
	tuples := make([][]any, len(same))
	for i, w := range same {
		tuples[i] = w.where
		want += w.rows
	}
	var written int64
	for _, terms := range split(db.lookup(columns, tuples), db.dialect.Parameters-len(first.set)) {
		s := db.dialect.statement("UPDATE ")
		s.table(p.table.Name)
		s.write(" SET ")
		for i, n := range first.set {
			s.comma(i)
			s.write(db.dialect.Quote(p.columns[n].Name), " = ")
			s.assign(p.columns[n], first.values[i])
		}
		s.address(terms)
		n, err := db.exec(ctx, tx, s.String(), s.args)
		if err != nil {
			return err
		}
		written += n
	}
	return db.expect(p.doing, written, want)
}

// updateMany writes rows that each get their own values for the same columns.
func (db *DB) updateMany(ctx context.Context, tx *sql.Tx, p batch, writes []write) error {
	set := make([]*catalogue.Column, len(writes[0].set))
	for i, n := range writes[0].set {
		set[i] = p.columns[n]
	}
	var want int64
	rows := make([][]any, len(writes))
	for i, w := range writes {
		for j, v := range w.where {
			encoded, err := db.encode(p.key[j], v)
			if err != nil {
				return err
			}
			rows[i] = append(rows[i], encoded)
		}
		rows[i] = append(rows[i], w.values...)
		want += w.rows
	}
	text, args := db.dialect.UpdateMany(p.table, p.key, set, rows)
	if text == "" {
		for _, w := range writes {
			if err := db.update(ctx, tx, p, []write{w}); err != nil {
				return err
			}
		}
		return nil
	}
	written, err := db.exec(ctx, tx, text, args)
	if err != nil {
		return err
	}
	return db.expect(p.doing, written, want)
}

func (db *DB) exec(ctx context.Context, tx *sql.Tx, text string, args []any) (int64, error) {
	if db.dialect.Exec != nil {
		return db.dialect.Exec(ctx, tx, text, args)
	}
	result, err := tx.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// expect compares counts. The rows are locked, so that another count is the
// doing of a trigger or a rule, or of rows that came with the same key.
func (db *DB) expect(doing string, written, want int64) error {
	if written == want {
		return nil
	}
	return db.misfit(connector.Constraint, doing,
		"the database wrote %d rows of %d: a trigger or a rule holds back the others, or rows came meanwhile", written, want)
}
