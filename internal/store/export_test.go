package store

import "context"

// Statement runs a statement where writes run.
func (db *DB) Statement(ctx context.Context, text string) error {
	return db.write(ctx, DefaultTenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, text)
		return err
	})
}
