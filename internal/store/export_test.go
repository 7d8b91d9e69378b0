package store

import (
	"context"
	"errors"

	"volenti.dev/volenti/audit"
)

// Statement runs a statement where writes run.
func (db *DB) Statement(ctx context.Context, text string) error {
	return db.write(ctx, DefaultTenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, text)
		return err
	})
}

// AppendAndFail logs an act and then fails.
func (db *DB) AppendAndFail(ctx context.Context, e audit.Entry) error {
	return db.write(ctx, DefaultTenant, func(ctx context.Context, t *tx) error {
		return errors.Join(t.log(ctx, e), errors.New("failed on purpose"))
	})
}
