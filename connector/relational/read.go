package relational

import (
	"context"
	"slices"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// query is a Read after it was checked against the catalogue.
type query struct {
	doing      string
	table      *catalogue.Table
	columns    []*catalogue.Column
	terms      []term
	conditions []condition
	dropped    int
}

// Queries gives the statements of a Read without sending them.
func (db *DB) Queries(r connector.Read) ([]string, error) {
	q, err := db.query("plan", r)
	if err != nil {
		return nil, err
	}
	var shown []term
	for _, m := range r.Where {
		columns, err := db.columns(q.doing, r.Table, m.Columns)
		if err != nil {
			return nil, err
		}
		shown = append(shown, term{
			columns: columns,
			tuples:  [][]any{make([]any, len(columns))},
			overlap: len(columns) == 1 && columns[0].Type.Array,
		})
	}
	if len(shown) == 0 {
		return nil, nil
	}
	return []string{db.selectRows(q, shown).String()}, nil
}

// Read streams the rows that match.
func (db *DB) Read(ctx context.Context, r connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	q, err := db.query("read", r)
	result := connector.ReadResult{Dropped: q.dropped}
	if err != nil || len(q.terms) == 0 {
		return result, err
	}
	asked := q.columns
	chunks := split(q.terms, db.dialect.Parameters-len(q.conditions))
	once := db.onlyOnce(&q, chunks)
	err = db.read(ctx, q.doing, func(tx querier) error {
		for n, terms := range chunks {
			err := db.stream(ctx, tx, db.selectRows(q, terms), q.columns, func(values []any) error {
				if once.came(n, values) {
					return nil
				}
				row := make(connector.Row, len(asked))
				for i, c := range asked {
					row[c.Name] = values[i]
				}
				result.Rows++
				if err := each(row); err != nil {
					return callerError{err}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return result, err
}

// Count tells how many distinct rows match.
func (db *DB) Count(ctx context.Context, r connector.Read) (n int64, err error) {
	q, err := db.query("count", r)
	if err != nil || len(q.terms) == 0 {
		return 0, err
	}
	chunks := split(q.terms, db.dialect.Parameters-len(q.conditions))
	err = db.read(ctx, q.doing, func(tx querier) error {
		q.columns = nil
		if once := db.onlyOnce(&q, chunks); once != nil {
			for i, terms := range chunks {
				err := db.stream(ctx, tx, db.selectRows(q, terms), q.columns, func(values []any) error {
					if !once.came(i, values) {
						n++
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		}
		for _, terms := range chunks {
			s := db.dialect.statement("SELECT count(*) FROM ")
			s.table(q.table.Name)
			s.where(terms, q.conditions)
			var matched int64
			if err := tx.QueryRowContext(ctx, s.String(), s.args...).Scan(&matched); err != nil {
				return err
			}
			n += matched
		}
		return nil
	})
	return n, err
}

// Size estimates the rows of a table.
func (db *DB) Size(ctx context.Context, name catalogue.Name) (n int64, err error) {
	doing := "estimate " + name.String()
	if err := nameable(name.Schema, name.Table); err != nil {
		return 0, db.misfit(connector.Drift, doing, "the table's name %v", err)
	}
	if db.dialect.Size != nil {
		text, args := db.dialect.Size(name)
		if err := db.pool.QueryRowContext(ctx, text, args...).Scan(&n); err != nil {
			return 0, db.fail(ctx, doing, err)
		}
		if n >= 0 {
			return n, nil
		}
	}
	err = db.pool.QueryRowContext(ctx, "SELECT count(*) FROM "+db.dialect.Name(name)).Scan(&n)
	return n, db.fail(ctx, doing, err)
}

func (db *DB) query(verb string, r connector.Read) (q query, err error) {
	q.table, q.doing = r.Table, verb
	if r.Table != nil {
		q.doing += " " + r.Table.Name.String()
	}
	if q.columns, err = db.columns(q.doing, r.Table, r.Columns); err != nil {
		return q, err
	}
	if q.terms, q.dropped, err = db.terms(q.doing, r); err != nil {
		return q, err
	}
	q.conditions, err = db.conditions(q.doing, r)
	return q, err
}

func (db *DB) selectRows(q query, terms []term) *statement {
	s := db.dialect.statement()
	s.selection(q.table, q.columns)
	s.where(terms, q.conditions)
	return s
}

// once tells rows that an earlier chunk has given already: a row belongs to
// the first chunk that holds one of its values. It keeps the values that were
// sent, not the rows. Where the database's equality is wider than ours it
// keeps what it found in rows instead: rows with the same values match the
// same chunks. Nil where no row can come twice.
type once struct {
	terms []term
	at    []int          // where the columns of each term begin among the values
	first map[string]int // column names and values -> chunk, from 1
	found bool           // first holds what all terms found in rows
}

// onlyOnce adds what it must see of a row to the columns of the query. With
// one term no row can come twice, since its values differ.
func (db *DB) onlyOnce(q *query, chunks [][]term) *once {
	folds := slices.ContainsFunc(q.terms, db.dialect.folds)
	if len(chunks) < 2 || len(q.terms) < 2 && !folds {
		return nil
	}
	o := &once{terms: q.terms, first: make(map[string]int), found: folds}
	for _, t := range q.terms {
		o.at = append(o.at, len(q.columns))
		q.columns = append(slices.Clip(q.columns), t.columns...)
	}
	if o.found {
		return o
	}
	for i, terms := range chunks {
		for _, t := range terms {
			for _, tuple := range t.tuples {
				stored := make([]any, len(tuple))
				for j, v := range tuple {
					stored[j] = db.stored(t.columns[j], v)
				}
				if k := t.place(stored); o.first[k] == 0 {
					o.first[k] = i + 1
				}
			}
		}
	}
	return o
}

// came says whether a row of chunk i was in an earlier one.
func (o *once) came(i int, values []any) bool {
	if o == nil {
		return false
	}
	if o.found {
		k := value.Key(values[o.at[0]:])
		if o.first[k] == 0 {
			o.first[k] = i + 1
		}
		return o.first[k] <= i
	}
	for j, t := range o.terms {
		own := values[o.at[j] : o.at[j]+len(t.columns)]
		if t.overlap {
			elements, _ := own[0].([]any)
			for _, e := range elements {
				if k := o.first[t.place([]any{e})]; k != 0 && k <= i {
					return true
				}
			}
			continue
		}
		if k := o.first[t.place(own)]; k != 0 && k <= i {
			return true
		}
	}
	return false
}

func (t term) place(tuple []any) string {
	key := make([]any, 0, 2*len(tuple))
	for i, v := range tuple {
		key = append(key, t.columns[i].Name, v)
	}
	return value.Key(key)
}

// stream sends a query and gives the decoded values of each row. The slice is
// used again for the next row.
func (db *DB) stream(ctx context.Context, tx querier, s *statement, columns []*catalogue.Column, each func([]any) error) error {
	rows, err := tx.QueryContext(ctx, s.String(), s.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	values := make([]any, max(1, len(columns)))
	into := make([]any, len(values))
	for i := range into {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, c := range columns {
			if values[i] != nil {
				values[i] = db.dialect.Decode(c, values[i])
			}
		}
		if err := each(values); err != nil {
			return err
		}
	}
	return rows.Err()
}
