package relational

import (
	"context"
	"strconv"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// Sample gives some rows of a table, whichever the database comes upon first,
// in a transaction that cannot write.
func (db *DB) Sample(ctx context.Context, t *catalogue.Table, limit int) ([]connector.Row, error) {
	var names []string
	if t != nil {
		for _, c := range t.Columns {
			names = append(names, c.Name)
		}
	}
	q, err := db.query("sample", connector.Read{Table: t, Columns: names})
	if err != nil || limit < 1 {
		return nil, err
	}
	s := db.dialect.statement()
	s.selection(q.table, q.columns)
	s.write(" ", db.limited(limit))
	var out []connector.Row
	err = db.read(ctx, q.doing, func(tx querier) error {
		out = nil
		return db.stream(ctx, tx, s, q.columns, func(values []any) error {
			row := make(connector.Row, len(values))
			for i, c := range q.columns {
				row[c.Name] = values[i]
			}
			out = append(out, row)
			return nil
		})
	})
	return out, err
}

// limited ends a SELECT that gives at most n rows.
func (db *DB) limited(n int) string {
	if db.dialect.Limit != nil {
		return db.dialect.Limit(n)
	}
	return "LIMIT " + strconv.Itoa(n)
}
