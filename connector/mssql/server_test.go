package mssql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	msdriver "github.com/microsoft/go-mssqldb"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/relational"
)

var update = flag.Bool("update", false, "write the golden files anew")

// server stands where SQL Server would: it writes down what is sent and
// answers what the test tells it to.
type server struct {
	mu     sync.Mutex
	log    strings.Builder
	texts  []string
	answer func(text string, args []driver.NamedValue) reply
}

type reply struct {
	rows  [][]driver.Value // of a query
	wrote int64            // rows of a statement that writes
	err   error
}

// open gives the connector with a server under it.
func open(t testing.TB, s *server) *relational.DB {
	t.Helper()
	if s.answer == nil {
		s.answer = func(string, []driver.NamedValue) reply { return reply{} }
	}
	db := relational.New(connector.Settings{Key: "shop"}, sql.OpenDB(s), dialect())
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// golden compares what was sent with a file.
func (s *server) golden(t testing.TB, name string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(s.log.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), s.log.String()); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func (s *server) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.log, format+"\n", args...)
}

func (s *server) Connect(context.Context) (driver.Conn, error) { return conn{s}, nil }
func (s *server) Driver() driver.Driver                        { return nil }

type conn struct{ *server }

func (c conn) Prepare(string) (driver.Stmt, error)      { return nil, driver.ErrSkip }
func (c conn) Close() error                             { return nil }
func (c conn) Begin() (driver.Tx, error)                { return nil, driver.ErrSkip }
func (c conn) CheckNamedValue(*driver.NamedValue) error { return nil }
func (c conn) Commit() error                            { c.note("COMMIT"); return nil }
func (c conn) Rollback() error                          { c.note("ROLLBACK"); return nil }
func (c conn) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	if o.ReadOnly { // as the real driver does
		return nil, fmt.Errorf("read-only transactions are not supported")
	}
	c.note("BEGIN")
	return c, nil
}

// send writes a statement down with what it binds.
func (c conn) send(text string, args []driver.NamedValue) reply {
	c.note("%s", text)
	c.mu.Lock()
	c.texts = append(c.texts, text)
	c.mu.Unlock()
	for _, a := range args {
		name, v := fmt.Sprintf("@p%d", a.Ordinal), a.Value
		if out, ok := v.(sql.Out); ok {
			c.note("  @%s out %T", a.Name, out.Dest)
			continue
		}
		c.note("  %s %s", name, shown(v))
	}
	return c.answer(text, args)
}

// shown names the type that the driver declares a value as.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case int64:
		return fmt.Sprintf("bigint %d", v)
	case float64:
		return fmt.Sprintf("float %v", v)
	case bool:
		return fmt.Sprintf("bit %v", v)
	case msdriver.VarChar:
		return fmt.Sprintf("varchar %q", string(v))
	case string:
		return fmt.Sprintf("nvarchar %q", v)
	case []byte:
		return fmt.Sprintf("varbinary %x", v)
	default:
		return fmt.Sprintf("%T?", v)
	}
}

func (c conn) ExecContext(_ context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	r := c.send(text, args)
	for _, a := range args {
		if out, ok := a.Value.(sql.Out); ok {
			*out.Dest.(*int64) = r.wrote
		}
	}
	return driver.RowsAffected(-1), r.err // the connector must not trust this count
}

func (c conn) QueryContext(_ context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	r := c.send(text, args)
	if r.err != nil {
		return nil, r.err
	}
	return &rows{r.rows}, nil
}

type rows struct{ left [][]driver.Value }

func (r *rows) Columns() []string {
	if len(r.left) == 0 {
		return nil
	}
	return make([]string, len(r.left[0]))
}
func (r *rows) Close() error { return nil }
func (r *rows) Next(into []driver.Value) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	copy(into, r.left[0])
	r.left = r.left[1:]
	return nil
}
