// Package storetest runs a test on both databases that package store knows,
// and gives it the ways around the store that a test of promises needs: a
// connection of its own, everything that is stored, a new start.
//
// A package that uses it stops the PostgreSQL server in its TestMain, see
// package pgtest.
package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // Raw

	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/internal/store"
)

// Database is an open store, empty at first.
type Database struct {
	*store.DB
	Config store.Config
}

// Each runs f on both databases, as subtests "sqlite" and "postgres".
func Each(t *testing.T, f func(t *testing.T, db *Database)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
}

// SQLite opens a new embedded store that is closed at the end of the test.
func SQLite(t testing.TB) *Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "volenti.db")
	WriteFile(t, path)
	return Open(t, "sqlite:"+path)
}

// Postgres opens a new store on the test's PostgreSQL.
func Postgres(t testing.TB) *Database {
	t.Helper()
	return Open(t, URL(t))
}

// WriteFile writes a new embedded store, under the key Master and not open. It
// and URL copy one that the process has opened once, since to migrate takes
// longer than most tests do.
func WriteFile(t testing.TB, path string) {
	t.Helper()
	data, err := file()
	if err = errors.Join(err, os.WriteFile(path, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// URL gives the address of a new store on the test's PostgreSQL, under the key
// Master and not open.
func URL(t testing.TB) string {
	t.Helper()
	return model.URL(t)
}

// What new stores are copied from; they belong to the process, as the server of
// package pgtest does.
var (
	model = pgtest.Model{Prepare: prepare}
	file  = sync.OnceValues(func() (data []byte, err error) {
		dir, err := os.MkdirTemp("", "storetest-*")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		path := filepath.Join(dir, "volenti.db")
		if err := prepare("sqlite:" + path); err != nil {
			return nil, err
		}
		return os.ReadFile(path)
	})
)

// prepare makes a store, with the tenant that each has from its beginning.
func prepare(url string) error {
	db, err := store.Open(context.Background(), config(url))
	if err != nil {
		return err
	}
	return db.Close()
}

func config(url string) store.Config {
	return store.Config{URL: url, Master: Master(), Origin: "test.example"}
}

// Open opens a store that is closed at the end of the test.
func Open(t testing.TB, url string) *Database {
	t.Helper()
	db := &Database{Config: config(url)}
	db.open(t)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Reopen closes the store and opens it again, as a new process would.
func (d *Database) Reopen(t testing.TB) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.open(t)
}

func (d *Database) open(t testing.TB) {
	t.Helper()
	db, err := store.Open(context.Background(), d.Config)
	if err != nil {
		t.Fatal(err)
	}
	d.DB = db
}

// Embedded says whether the database is SQLite.
func (d *Database) Embedded() bool { return strings.HasPrefix(d.Config.URL, "sqlite:") }

// Raw connects to the database behind the store's back.
func (d *Database) Raw(t testing.TB) *sql.DB {
	t.Helper()
	driver, name := "pgx", d.Config.URL
	if path, ok := strings.CutPrefix(d.Config.URL, "sqlite:"); ok {
		driver, name = "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)"
	}
	raw, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	// A test may ask for hundreds, and the server has not as many connections.
	raw.SetConnMaxIdleTime(time.Second)
	t.Cleanup(func() { _ = raw.Close() })
	return raw
}

// Tables lists the tables of the store.
func (d *Database) Tables(t testing.TB) []string {
	t.Helper()
	list := `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`
	if d.Embedded() {
		list = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1`
	}
	var tables []string
	for _, row := range query(t, d.Raw(t), list) {
		tables = append(tables, fmt.Sprint(row[0]))
	}
	return tables
}

// Dump gives every value of every table, as someone who stole the database
// would see it.
func (d *Database) Dump(t testing.TB) []byte {
	t.Helper()
	var dump bytes.Buffer
	for _, table := range d.Tables(t) {
		for _, row := range d.Rows(t, table) {
			dump.WriteString(row)
		}
	}
	return dump.Bytes()
}

// Rows gives every value of a table, a row each, sorted.
func (d *Database) Rows(t testing.TB, table string) (rows []string) {
	t.Helper()
	for _, values := range query(t, d.Raw(t), `SELECT * FROM `+table) {
		var row strings.Builder
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				row.Write(b)
			} else {
				fmt.Fprint(&row, v)
			}
			row.WriteByte('|')
		}
		row.WriteByte('\n')
		rows = append(rows, row.String())
	}
	slices.Sort(rows)
	return rows
}

// Master gives a master key, the same for all tests.
func Master() *seal.Master {
	m, err := seal.ParseMaster(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		panic(err)
	}
	return m
}

func query(t testing.TB, db *sql.DB, text string) [][]any {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]any
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
