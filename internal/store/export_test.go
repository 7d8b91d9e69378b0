package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
)

// Statement runs a statement where writes run.
func (db *DB) Statement(ctx context.Context, text string) error {
	return db.write(ctx, DefaultTenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, text)
		return err
	})
}

// Look runs a query that gives one row.
func (db *DB) Look(ctx context.Context, text string, dest ...any) error {
	return db.engine.row(ctx, text).Scan(dest...)
}

// OpenSQLiteWith makes open open the files of an embedded database.
func (c *Config) OpenSQLiteWith(open func(dsn string) (*sql.DB, error)) { c.sqlite = open }

// AppendAndFail logs an act and then fails.
func (db *DB) AppendAndFail(ctx context.Context, e audit.Entry) error {
	return db.write(ctx, DefaultTenant, func(ctx context.Context, t *tx) error {
		return errors.Join(t.log(ctx, e), errors.New("failed on purpose"))
	})
}

// Mark and KeepFound are the two halves of a Find that takes its time.
func (s *APIKeys) Mark() int {
	_, mark := s.db.apikeys.lately("", true)
	return mark
}

func (s *APIKeys) KeepFound(found []auth.Key, mark int) { s.db.apikeys.keep(found[0].ID, found, mark) }

// Plan tells how the database runs a query.
func (db *DB) Plan(ctx context.Context, query string, args ...any) (plan string, err error) {
	explain := "EXPLAIN "
	d := postgresDialect()
	if db.Exclusive() {
		explain, d = "EXPLAIN QUERY PLAN ", sqliteDialect()
	}
	err = db.engine.each(ctx, func(s scanner) error {
		var line string
		if db.Exclusive() {
			var n int64
			err := s.Scan(&n, &n, &n, &line)
			plan += line + "\n"
			return err
		}
		err := s.Scan(&line)
		plan += line + "\n"
		return err
	}, explain+d.say(query), args...)
	return plan, err
}

// MigrateTo brings the tables of a database to an earlier version.
func MigrateTo(ctx context.Context, url string, version int64) error {
	kind, driver, d := goose.DialectPostgres, "pgx", postgresDialect()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		kind, driver, d, url = goose.DialectSQLite3, "sqlite", sqliteDialect(), path
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		return err
	}
	folder, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(kind, db, folder, goose.WithDisableGlobalRegistry(true))
	if err == nil {
		_, err = p.UpTo(ctx, version)
	}
	return errors.Join(err, db.Close())
}

// The queries for the history of a subject.
const (
	SelectHistory     = selectHistory
	SelectHistoryFrom = selectHistoryFrom
)

// SelectTrail reads the records of a consent.
const SelectTrail = selectTrail
