package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// A write that meets a conflict or a lost connection is tried this often,
	// with growing pauses.
	writeTries = 6
	firstPause = 10 * time.Millisecond
	// commitPatience bounds the wait for the answer to a commit, which the
	// caller's context does not: that would leave the outcome unknown.
	commitPatience = 30 * time.Second
	// idleLimit bounds, in milliseconds, how long a transaction waits for its
	// process: one that was paused, or whose machine is gone, in the middle of a
	// batch shares what others must change to take the request over. The limit
	// is not below that of the systems that are erased from, so that the batch
	// has ended when its share does.
	idleLimit = "idle_in_transaction_session_timeout"
)

// postgresEngine is a server that any number of processes share.
type postgresEngine struct {
	pgQuerier // reads
	pool      *pgxpool.Pool
	commits   *atomic.Int64
}

func openPostgres(ctx context.Context, url string, commits *atomic.Int64) (engine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the address of the PostgreSQL database cannot be read") // err may quote its password
	}
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	config.ConnConfig.RuntimeParams["application_name"] = "volenti"
	if _, given := config.ConnConfig.RuntimeParams[idleLimit]; !given {
		config.ConnConfig.RuntimeParams[idleLimit] = "300000"
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, postgresError(err)
	}
	migrations := stdlib.OpenDBFromPool(pool)
	if err := errors.Join(migrate(ctx, goose.DialectPostgres, migrations, postgresDialect()), migrations.Close()); err != nil {
		pool.Close()
		return nil, postgresError(err)
	}
	return &postgresEngine{
		pgQuerier: pgQuerier{postgresDialect(), pool},
		pool:      pool,
		commits:   commits,
	}, nil
}

func (e *postgresEngine) linger(ctx context.Context) (querier, func(), error) {
	t, err := e.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return nil, nil, postgresError(err)
	}
	return pgQuerier{e.dialect, t}, func() { _ = t.Rollback(context.WithoutCancel(ctx)) }, nil
}

func (e *postgresEngine) outlast(ctx context.Context, w work) error { return e.write(ctx, w) }

func (e *postgresEngine) exclusive() bool { return false }

func (e *postgresEngine) file() string { return "" }

func (e *postgresEngine) close() error {
	e.pool.Close()
	return nil
}

func (e *postgresEngine) write(ctx context.Context, w work) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := e.once(ctx, w)
		if try == writeTries || !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// once does the work in a transaction of its own.
func (e *postgresEngine) once(ctx context.Context, w work) error {
	t, err := e.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return fmt.Errorf("begin: %w", postgresError(err))
	}
	// After a commit it does nothing.
	defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }()
	q, g := pgQuerier{e.dialect, t}, &growth{}
	if err := w(ctx, q, g); err != nil {
		return err
	}
	if err := g.flush(ctx, q); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitPatience)
	defer cancel()
	if err := t.Commit(ctx); err != nil {
		err = pgCommitError(err)
		g.ended(err)
		return err
	}
	g.ended(nil)
	e.commits.Add(1)
	return nil
}

// pgCommitError tells a commit that the server refused from one whose answer
// did not come. pgconn.SafeToRetry is no help: it calls a connection that
// broke during the commit one on which nothing was sent.
func pgCommitError(err error) error {
	var e *pgconn.PgError
	refused := errors.As(err, &e) && e.SeverityUnlocalized == "ERROR" // not FATAL or PANIC
	if refused || errors.Is(err, pgx.ErrTxCommitRollback) {
		return fmt.Errorf("commit: %w", postgresError(err))
	}
	return fmt.Errorf("commit: %w: %w", ErrUnknown, err)
}

// passing says whether a write that changed nothing may go through when it is
// tried again at once.
func passing(err error) bool {
	if errors.Is(err, ErrUnknown) || err == nil {
		return false
	}
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01") { // serialization failure, deadlock
		return true
	}
	return errors.Is(err, errConnection)
}

// errConnection marks a connection that broke or could not be made.
var errConnection = errors.New("no connection")

// postgresError marks the failures that are not the statement's fault.
func postgresError(err error) error {
	var e *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil, errors.Is(err, ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &e):
		// Classes of PostgreSQL's error codes (its manual, appendix A).
		switch e.Code[:2] {
		case "53": // out of disk, memory or connections
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		case "57", "08": // stopping, starting, cut
			return fmt.Errorf("%w: %w: %w", ErrUnavailable, errConnection, err)
		}
		return err
	case errors.As(err, &connect), errors.As(err, &network), errors.Is(err, pgconn.ErrConnClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, errConnection, err)
	}
	return err
}

// pgQuerier runs statements on a transaction or on the pool.
type pgQuerier struct {
	dialect dialect
	on      interface {
		Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
		Query(context.Context, string, ...any) (pgx.Rows, error)
		QueryRow(context.Context, string, ...any) pgx.Row
		SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
	}
}

func (q pgQuerier) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	tag, err := q.on.Exec(ctx, q.dialect.say(statement), args...)
	return tag.RowsAffected(), postgresError(err)
}

func (q pgQuerier) row(ctx context.Context, statement string, args ...any) scanner {
	return pgRow{q.on.QueryRow(ctx, q.dialect.say(statement), args...)}
}

func (q pgQuerier) each(ctx context.Context, fn func(scanner) error, statement string, args ...any) error {
	rows, err := q.on.Query(ctx, q.dialect.say(statement), args...)
	if err != nil {
		return postgresError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return postgresError(rows.Err())
}

func (q pgQuerier) all(ctx context.Context, statements []statement) error {
	if len(statements) == 0 {
		return nil
	}
	var batch pgx.Batch
	for _, s := range statements {
		queued := batch.Queue(q.dialect.say(s.text), s.args...)
		if s.rows == nil {
			queued.Exec(func(pgconn.CommandTag) error { return nil })
			continue
		}
		queued.Query(func(rows pgx.Rows) error {
			defer rows.Close()
			for rows.Next() {
				if err := s.rows(rows); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
	return postgresError(q.on.SendBatch(ctx, &batch).Close())
}

func (q pgQuerier) fill(into *insertion, tenant string, rows [][]any) []statement {
	return into.byColumns(tenant, rows)
}

type pgRow struct{ row pgx.Row }

func (r pgRow) Scan(dest ...any) error { return postgresError(r.row.Scan(dest...)) }
