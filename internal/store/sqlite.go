package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the shipped driver
	sqlite3 "modernc.org/sqlite/lib"
)

// Durability is these settings: a commit returns after its log is on the disk.
// EXTRA says besides that the removal of a rollback journal is synced, and
// stands first because switching the log on makes one: if the power went and
// that journal came back, it would take the whole database back with it. The
// writer's cache (64 MB at most) and a log of up to 32 MB before its pages are
// moved are for speed: they took a fifth off what a choice costs.
const (
	sqliteCache  = "-65536" // KiB, when negative
	sqliteEvery  = "_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
	sqliteWriter = sqliteEvery + "&_pragma=synchronous(EXTRA)&_pragma=journal_mode(WAL)&_pragma=secure_delete(1)&_pragma=cache_size(" + sqliteCache + ")&_pragma=wal_autocheckpoint(8192)&_txlock=immediate"
	sqliteReader = sqliteEvery + "&_pragma=query_only(1)"
)

// sqliteEngine is an embedded database: a pool of readers and one writer.
type sqliteEngine struct {
	sqlQuerier // readers
	path       string
	lock       *fileLock
	readers    *sql.DB
	known      prepared // by readers
	writers    *sql.DB  // of one connection
	writer     *writer
	gate       sync.RWMutex // shared by those who linger
}

// opener opens a database by the name that says where it is and how it is set.
type opener func(dsn string) (*sql.DB, error)

func shipped(dsn string) (*sql.DB, error) { return sql.Open("sqlite", dsn) }

func openSQLite(ctx context.Context, path string, open opener, commits *atomic.Int64) (_ engine, err error) {
	if open == nil {
		open = shipped
	}
	if path, err = prepareFile(path); err != nil {
		return nil, err
	}
	lock, err := acquire(path + ".lock")
	if err != nil {
		return nil, err
	}
	readers, writers, conn, err := connect(ctx, path, open)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	known := prepared{readers, &sync.Map{}}
	return &sqliteEngine{
		sqlQuerier: sqlQuerier{sqliteDialect(), known},
		path:       path,
		lock:       lock,
		readers:    readers,
		known:      known,
		writers:    writers,
		writer:     startWriter(conn, commits),
	}, nil
}

func (e *sqliteEngine) write(ctx context.Context, w work) error { return e.writer.write(ctx, w) }

// linger needs no transaction: nothing that is locked here can be locked in
// another process.
func (e *sqliteEngine) linger(context.Context) (querier, func(), error) {
	e.gate.RLock()
	return e.sqlQuerier, e.gate.RUnlock, nil
}

func (e *sqliteEngine) outlast(context.Context, work) error {
	e.gate.Lock() // to have had it is all
	defer e.gate.Unlock()
	return nil
}

func (e *sqliteEngine) exclusive() bool { return true }

func (e *sqliteEngine) file() string { return e.path }

func (e *sqliteEngine) close() error {
	return errors.Join(e.writer.stop(), e.known.close(), e.readers.Close(), e.writers.Close(), e.lock.release())
}

func connect(ctx context.Context, path string, open opener) (readers, writers *sql.DB, conn *sql.Conn, err error) {
	if writers, err = open(dsn(path, sqliteWriter)); err != nil {
		return nil, nil, nil, err
	}
	writers.SetMaxOpenConns(1)
	err = migrate(ctx, goose.DialectSQLite3, writers, sqliteDialect())
	if err == nil {
		conn, err = writers.Conn(ctx)
	}
	if err == nil {
		readers, err = open(dsn(path, sqliteReader))
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, writers.Close())
	}
	readers.SetMaxOpenConns(max(4, runtime.NumCPU()))
	readers.SetMaxIdleConns(max(4, runtime.NumCPU()))
	return readers, writers, conn, nil
}

// prepareFile makes the database file for its owner's eyes only, and gives
// its real path, so that two names of one file get one lock.
func prepareFile(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", errors.New("an embedded database needs a file: sqlite:PATH")
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}

func dsn(path, settings string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings
}

// sqlQuerier runs statements through database/sql.
type sqlQuerier struct {
	dialect dialect
	on      interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	}
}

func (q sqlQuerier) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	args, err := sqliteArgs(args)
	if err != nil {
		return 0, err
	}
	result, err := q.on.ExecContext(ctx, q.dialect.say(statement), args...)
	if err != nil {
		return 0, sqliteError(err)
	}
	return result.RowsAffected()
}

func (q sqlQuerier) row(ctx context.Context, statement string, args ...any) scanner {
	rows, err := q.query(ctx, statement, args)
	return sqlRow{rows, err}
}

func (q sqlQuerier) each(ctx context.Context, fn func(scanner) error, statement string, args ...any) error {
	rows, err := q.query(ctx, statement, args)
	if err != nil {
		return sqliteError(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return sqliteError(rows.Err())
}

func (q sqlQuerier) all(ctx context.Context, statements []statement) error {
	for _, s := range statements {
		var err error
		if s.rows != nil {
			err = q.each(ctx, s.rows, s.text, s.args...)
		} else {
			_, err = q.exec(ctx, s.text, s.args...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (q sqlQuerier) fill(into *insertion, tenant string, rows [][]any) []statement {
	return into.byRows(tenant, rows)
}

func (q sqlQuerier) query(ctx context.Context, statement string, args []any) (*sql.Rows, error) {
	args, err := sqliteArgs(args)
	if err != nil {
		return nil, err
	}
	return q.on.QueryContext(ctx, q.dialect.say(statement), args...)
}

// sqliteArgs gives slices the form in which json_each takes them.
func sqliteArgs(args []any) ([]any, error) {
	for i, a := range args {
		switch a.(type) {
		case []string, []int64:
			text, err := json.Marshal(a)
			if err != nil {
				return nil, fmt.Errorf("write a list: %w", err)
			}
			args = slices.Clone(args)
			args[i] = string(text)
		}
	}
	return args, nil
}

type sqlRow struct {
	rows *sql.Rows
	err  error
}

func (r sqlRow) Scan(dest ...any) error {
	if r.err != nil {
		return sqliteError(r.err)
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		return cmp.Or(sqliteError(r.rows.Err()), sql.ErrNoRows)
	}
	return r.rows.Scan(dest...)
}

// prepared keeps the statements of a connection, or of a pool of them, which
// are few and come again and again.
type prepared struct {
	on interface {
		PrepareContext(context.Context, string) (*sql.Stmt, error)
	}
	statements *sync.Map // *sql.Stmt, by text
}

func (p prepared) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s, err := p.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (p prepared) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := p.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (p prepared) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if s, ok := p.statements.Load(text); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := p.on.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if first, there := p.statements.LoadOrStore(text, s); there {
		return first.(*sql.Stmt), s.Close()
	}
	return s, nil
}

// close lets SQLite close the connection: as long as it has statements, the
// files stay open and the log is not moved into the database.
func (p prepared) close() (err error) {
	p.statements.Range(func(_, s any) bool {
		err = errors.Join(err, s.(*sql.Stmt).Close())
		return true
	})
	return err
}

// coded is an error with one of SQLite's result codes.
type coded interface {
	error
	Code() int
}

// sqliteError marks the failures that are not the statement's fault.
func sqliteError(err error) error {
	var e coded
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
