// Package relational carries the connector contract out over SQL databases.
// What differs between them is a Dialect value; a connector is a Dialect, a
// pool and a Spec.
//
// Statements are built from the names and types of the live catalogue, names
// are quoted by one function per dialect, and values are always bound. A
// statement without a value that a row must hold is never sent.
//
//	Read    values -> cast, de-duplicated, chunked -> SELECT ... IN -> rows
//	Mask    lock rows by key -> compare with Before and After -> write what
//	        differs -> guard -> commit; when refused: again, row by row, and
//	        a refused row column by column
//	Delete  the same, by key
//	Verify  rows by key, compared with After
//	Permit  lock the fence -> DELETE by subject -> INSERT of many rows -> commit
package relational

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// DB is a way to one database, with every capability that the contract has.
type DB struct {
	key      string
	pool     *sql.DB
	reads    *sql.DB // of sessions that refuse to write; nil where a transaction has to
	dialect  Dialect
	readOnly bool
}

var (
	_ connector.Tester    = (*DB)(nil)
	_ connector.Describer = (*DB)(nil)
	_ connector.Sampler   = (*DB)(nil)
	_ connector.Reader    = (*DB)(nil)
	_ connector.Masker    = (*DB)(nil)
	_ connector.Deleter   = (*DB)(nil)
	_ connector.Verifier  = (*DB)(nil)
	_ connector.Permitter = (*DB)(nil)
)

// DefaultConnections is how many connections a pool opens when the settings
// do not say.
const DefaultConnections = 4

// New takes over a pool. The pool itself must refuse writes when the settings
// say that the connection is read-only; New only makes the refusal early.
func New(s connector.Settings, pool *sql.DB, d Dialect) *DB {
	n := s.MaxConnections
	if n <= 0 {
		n = DefaultConnections
	}
	bounded(pool, n)
	return &DB{key: s.Key, pool: pool, dialect: d, readOnly: s.ReadOnly}
}

// ReadFrom takes over a second pool, whose sessions refuse to write whatever
// they are asked: reads need no transaction there, and wait once for an answer
// and not three times.
func (db *DB) ReadFrom(pool *sql.DB) *DB {
	bounded(pool, db.pool.Stats().MaxOpenConnections)
	db.reads = pool
	return db
}

// bounded sets how many connections a pool opens.
func bounded(pool *sql.DB, n int) {
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	pool.SetConnMaxIdleTime(time.Minute)
}

// Close gives the connections back.
func (db *DB) Close() error {
	err := db.pool.Close()
	if db.reads != nil {
		err = errors.Join(err, db.reads.Close())
	}
	return err
}

// Test reaches for the database.
func (db *DB) Test(ctx context.Context) error {
	var one int
	err := db.pool.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	return db.fail(ctx, "test the connection", err)
}

// Describe reads the live catalogue.
func (db *DB) Describe(ctx context.Context) (catalogue.Catalogue, error) {
	c, err := db.dialect.Describe(ctx, db.pool)
	if err != nil {
		return catalogue.Catalogue{}, db.fail(ctx, "describe", err)
	}
	return c, nil
}

// transact runs work in a transaction that writes, and guard just before it
// commits. Errors of work come back explained, those of guard as they are.
func (db *DB) transact(ctx context.Context, doing string, guard func(context.Context) error, work func(*sql.Tx) error) error {
	if db.readOnly {
		return &connector.Error{Kind: connector.Denied, Connection: db.key, Doing: doing,
			Reason: "the connection grants read access only: set its access to write"}
	}
	tx, err := db.pool.BeginTx(ctx, nil)
	if err != nil {
		return db.fail(ctx, doing, err)
	}
	defer func() { _ = tx.Rollback() }()
	if db.dialect.Begin != "" {
		if _, err := tx.ExecContext(ctx, db.dialect.Begin); err != nil {
			return db.fail(ctx, doing, err)
		}
	}
	if err := work(tx); err != nil {
		return db.fail(ctx, doing, err)
	}
	if guard != nil {
		if err := guard(ctx); err != nil {
			return err
		}
	}
	return db.fail(ctx, doing, tx.Commit())
}

// querier asks, in a transaction or in a session of its own for each question.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// read runs work where the database refuses to write, whatever a view or
// function that is read from may do: in sessions that are so, or in a
// transaction that is undone at its end and, where there is such a thing, only
// reads.
func (db *DB) read(ctx context.Context, doing string, work func(querier) error) error {
	if db.reads != nil {
		return db.outcome(ctx, doing, work(db.reads))
	}
	tx, err := db.pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: !db.dialect.NoReadOnly})
	if err != nil {
		return db.fail(ctx, doing, err)
	}
	defer func() { _ = tx.Rollback() }()
	return db.outcome(ctx, doing, work(tx))
}

// outcome is fail, but for what the caller's own function said.
func (db *DB) outcome(ctx context.Context, doing string, err error) error {
	var given callerError
	if errors.As(err, &given) {
		return given.error
	}
	return db.fail(ctx, doing, err)
}

// callerError is an error of the caller's function, which is handed back as
// it is.
type callerError struct{ error }
