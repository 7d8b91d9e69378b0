package store

import (
	"context"
	"io"

	"volenti.dev/volenti/internal/seal"
)

// querier runs statements. Their words in braces are those of dialect.go.
type querier interface {
	exec(ctx context.Context, statement string, args ...any) (changed int64, err error)
	// row gives the first row; its Scan fails with sql.ErrNoRows when there is
	// none.
	row(ctx context.Context, statement string, args ...any) scanner
	// each calls fn with every row, until fn fails.
	each(ctx context.Context, fn func(scanner) error, statement string, args ...any) error
	// all runs statements in their order, on a server in one round trip, until
	// one fails.
	all(ctx context.Context, statements []statement) error
	// fill writes the statements that insert rows.
	fill(into *insertion, tenant string, rows [][]any) []statement
}

// statement is one of several. A query has a function for its rows.
type statement struct {
	text string
	args []any
	rows func(scanner) error
}

type scanner interface{ Scan(dest ...any) error }

// work is a change as an engine sees it. It may run more than once, each time
// on a transaction in which nothing of it stands yet. It must not start
// another write, and uses the context that it is given.
type work func(ctx context.Context, q querier, g *growth) error

// tx is a transaction in the hands of a noun: statements, and what the change
// needs of its tenant.
type tx struct {
	querier
	tenant string
	round  int // of the request that is held
	keys   *seal.Tenant
	rand   io.Reader
	growth *growth
}

// write runs fn in a transaction and returns when its commit is durable; when
// it returns an error other than ErrUnknown, nothing was changed. fn is a
// work: see there.
func (db *DB) write(ctx context.Context, tenant string, fn func(context.Context, *tx) error) error {
	keys, err := db.Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return db.writeWith(ctx, tenant, keys, fn)
}

func (db *DB) writeWith(ctx context.Context, tenant string, keys *seal.Tenant, fn func(context.Context, *tx) error) error {
	return db.engine.write(ctx, func(ctx context.Context, q querier, g *growth) error {
		g.grew, g.posted = db.watch.wake, func() { db.posts.wake("") }
		return fn(ctx, &tx{querier: q, tenant: tenant, keys: keys, rand: db.config.Rand, growth: g})
	})
}

// collect gives all rows of a query.
func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), statement string, args ...any) ([]T, error) {
	var all []T
	err := q.each(ctx, func(s scanner) error {
		v, err := scan(s)
		all = append(all, v)
		return err
	}, statement, args...)
	return all, err
}
