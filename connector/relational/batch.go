package relational

import (
	"context"
	"maps"
	"slices"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// batch is a connector.Batch after it was checked against the catalogue.
type batch struct {
	doing   string
	table   *catalogue.Table
	key     []*catalogue.Column
	columns []*catalogue.Column // compared with Before, and written by masks
	changes []change
	groups  map[string][]int // canonical key -> changes with that key
	guard   func(context.Context) error
}

// change is a row to be written. Slices run along batch.columns.
type change struct {
	key     []any  // as a read gives it
	group   string // the canonical key; "" when the key cannot be bound
	before  []any
	after   []any // as a read would give it back
	encoded []any
	unread  bool              // no Before was given
	skip    []bool            // not to be written: not asked for, or refused
	refused map[string]string // columns that cannot take their mask
}

// prepareWrite checks a batch that is to be written: it must be possible to
// take it back.
func (db *DB) prepareWrite(doing string, b connector.Batch) (batch, error) {
	if b.Table != nil && b.Table.NoRollback {
		return batch{}, db.misfit(connector.Permanent, doing,
			"the table's engine has no transactions, so that nothing can be taken back: give it one that has, such as InnoDB")
	}
	return db.prepare(doing, b)
}

// prepare checks a batch. Columns that are not in After are left alone.
func (db *DB) prepare(doing string, b connector.Batch) (p batch, err error) {
	p.doing, p.table, p.guard = doing, b.Table, b.Guard
	if p.key, err = db.columns(doing, b.Table, b.KeyColumns); err != nil {
		return p, err
	}
	if len(p.key) == 0 {
		return p, db.misfit(connector.Permanent, doing, "no key columns: rows cannot be told apart")
	}
	if p.columns, err = db.columns(doing, b.Table, b.Compared()); err != nil {
		return p, err
	}
	p.changes = make([]change, len(b.Changes))
	p.groups = make(map[string][]int, len(b.Changes))
	for i, c := range b.Changes {
		if len(c.Key) != len(p.key) {
			return p, db.misfit(connector.Permanent, doing, "a key of %d columns with %d values", len(p.key), len(c.Key))
		}
		p.changes[i] = db.change(p, c)
		if g := p.changes[i].group; g != "" {
			p.groups[g] = append(p.groups[g], i)
		}
	}
	return p, nil
}

func (db *DB) change(p batch, c connector.Change) change {
	n := len(p.columns)
	out := change{
		before: make([]any, n), after: make([]any, n), encoded: make([]any, n),
		skip: make([]bool, n), refused: map[string]string{}, unread: len(c.Before) == 0,
	}
	for i, column := range p.columns {
		out.before[i] = c.Before[column.Name]
		v, asked := c.After[column.Name]
		encoded, err := db.encode(column, v)
		switch {
		case !asked:
			out.skip[i] = true
		case column.Generated:
			out.skip[i], out.refused[column.Name] = true, "the database computes this column"
		case err != nil:
			out.skip[i], out.refused[column.Name] = true, "the mask is not of the column's type, "+column.Native+": "+err.Error()
		default:
			out.encoded[i], out.after[i] = encoded, db.stored(column, encoded)
		}
	}
	out.key, out.group = db.rowKey(p.key, c.Key)
	return out
}

// rowKey casts a key to its columns. One that is all null identifies nothing,
// and one that cannot be bound belongs to no row; both give no group.
func (db *DB) rowKey(columns []*catalogue.Column, key connector.Tuple) (stored []any, group string) {
	stored = make([]any, len(key))
	identified := false
	for i, v := range key {
		encoded, err := db.encode(columns[i], v)
		if err != nil {
			return nil, ""
		}
		stored[i] = db.stored(columns[i], encoded)
		identified = identified || encoded != nil
	}
	if !identified {
		return nil, ""
	}
	return stored, value.Key(stored)
}

// find reads the rows of all changes: for each canonical key the values of
// columns of every row that has it. With lock the rows are held until the
// transaction ends; they are locked in the order of their keys, so that two
// batches over the same rows wait for each other and do not deadlock.
func (db *DB) find(ctx context.Context, tx querier, p batch, lock bool) (map[string][][]any, error) {
	found := make(map[string][][]any, len(p.groups))
	read := append(slices.Clone(p.key), p.columns...)
	for _, terms := range split(db.keyTerms(p), db.dialect.Parameters) {
		s := db.dialect.statement()
		s.selection(p.table, read)
		if lock {
			s.write(db.dialect.Hint)
		}
		s.where(terms, nil)
		if lock && db.dialect.Lock+db.dialect.Hint != "" {
			s.write(" ORDER BY ")
			for i, c := range p.key {
				s.comma(i)
				s.write(s.match(c))
			}
			s.write(db.dialect.Lock)
		}
		err := db.stream(ctx, tx, s, read, func(values []any) error {
			group := value.Key(slices.Clone(values[:len(p.key)]))
			if _, ours := p.groups[group]; ours {
				found[group] = append(found[group], slices.Clone(values[len(p.key):]))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// keyTerms gives the terms that the rows of all changes match, in the order
// of their keys.
func (db *DB) keyTerms(p batch) []term {
	var keys [][]any
	for _, g := range slices.Sorted(maps.Keys(p.groups)) {
		keys = append(keys, p.changes[p.groups[g][0]].key)
	}
	return db.lookup(p.key, keys)
}

// lookup gives terms for rows in which columns hold one of the tuples; a nil
// in a tuple asks for null. A tuple that is all null is left out: a term needs
// a value that a row must hold.
func (db *DB) lookup(columns []*catalogue.Column, tuples [][]any) []term {
	var out []term
	at := map[string]int{} // which columns are null -> its term
	for _, tuple := range tuples {
		var t term
		var pattern []byte
		var some []any
		for i, v := range tuple {
			if v == nil {
				t.null = append(t.null, columns[i])
				pattern = append(pattern, '0')
				continue
			}
			t.columns = append(t.columns, columns[i])
			some = append(some, v)
			pattern = append(pattern, '1')
		}
		combined, ok := db.combine(t.columns, some)
		if !ok || len(some) == 0 {
			continue
		}
		i, ok := at[string(pattern)]
		if !ok {
			i = len(out)
			at[string(pattern)] = i
			out = append(out, t)
		}
		out[i].tuples = append(out[i].tuples, combined...)
	}
	return out
}
