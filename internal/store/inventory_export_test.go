package store

import "context"

// counting counts the statements that read.
type counting struct {
	engine
	read int
}

func (c *counting) row(ctx context.Context, statement string, args ...any) scanner {
	c.read++
	return c.engine.row(ctx, statement, args...)
}

func (c *counting) each(ctx context.Context, fn func(scanner) error, statement string, args ...any) error {
	c.read++
	return c.engine.each(ctx, fn, statement, args...)
}

func (c *counting) all(ctx context.Context, statements []statement) error {
	c.read += len(statements)
	return c.engine.all(ctx, statements)
}

// Statements counts those by which fn reads. Nobody else may use the database.
func (db *DB) Statements(fn func()) int {
	c := &counting{engine: db.engine}
	db.engine = c
	defer func() { db.engine = c.engine }()
	fn()
	return c.read
}
