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
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	pool.SetConnMaxIdleTime(time.Minute)
	return &DB{key: s.Key, pool: pool, dialect: d, readOnly: s.ReadOnly}
}

// Close gives the connections back.
func (db *DB) Close() error { return db.pool.Close() }

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

// read runs work in a transaction that is undone at its end, and in which the
// database refuses to write where it can: whatever a view or function that is
// read from may do.
func (db *DB) read(ctx context.Context, doing string, work func(*sql.Tx) error) error {
	tx, err := db.pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: !db.dialect.NoReadOnly})
	if err != nil {
		return db.fail(ctx, doing, err)
	}
	defer func() { _ = tx.Rollback() }()
	var given callerError
	err = work(tx)
	if errors.As(err, &given) {
		return given.error
	}
	return db.fail(ctx, doing, err)
}

// callerError is an error of the caller's function, which is handed back as
// it is.
type callerError struct{ error }
