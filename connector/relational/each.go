package relational

import (
	"context"
	"database/sql"
)

// Each calls row for every row of a query, once its values are in into.
func Each(ctx context.Context, db *sql.DB, query string, args, into []any, row func()) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row()
	}
	return rows.Err()
}
