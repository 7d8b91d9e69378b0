package powertest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	sqlite "github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs"
)

// mounted numbers the disks, for SQLite knows them by name.
var mounted atomic.Int64

// Mount gives what opens databases on the disk, by the names that the shipped
// driver takes, until unmount is called.
func (d *Disk) Mount() (open func(dsn string) (*sql.DB, error), unmount func()) {
	name := fmt.Sprint("powertest", mounted.Add(1))
	vfs.Register(name, system{d})
	open = func(dsn string) (*sql.DB, error) {
		c, err := (&sqlite.SQLite{}).OpenConnector(dsn + "&vfs=" + name)
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(connector{c}), nil
	}
	return open, func() { vfs.Unregister(name) }
}

// failure is an error with SQLite's code where the shipped driver has it.
type failure struct {
	error
	code int
}

// Code is the extended code.
func (f failure) Code() int { return f.code }

func (f failure) Unwrap() error { return f.error }

func translate(err error) error {
	var code sqlite3.ExtendedErrorCode
	if errors.As(err, &code) {
		return failure{err, int(code)}
	}
	return err
}

// What follows passes everything on and translates errors.

type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, translate(err)
	}
	return conn{inner.(sqlite.Conn)}, nil
}

type conn struct{ sqlite.Conn }

func (c conn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	inner, err := c.Conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, translate(err)
	}
	return stmt{inner.(statement), strings.Contains(text, "$1")}, nil
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
}

type stmt struct {
	statement
	dollars bool
}

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	r, err := s.statement.ExecContext(ctx, s.numbered(args))
	return r, translate(err)
}

func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	r, err := s.statement.QueryContext(ctx, s.numbered(args))
	if err != nil {
		return nil, translate(err)
	}
	return rows{r}, nil
}

// numbered names the values of a statement with $N after their numbers, as the
// shipped driver does; to SQLite itself such a place is one with a name.
func (s stmt) numbered(args []driver.NamedValue) []driver.NamedValue {
	if !s.dollars {
		return args
	}
	named := slices.Clone(args)
	for i := range named {
		named[i].Name = strconv.Itoa(named[i].Ordinal)
	}
	return named
}

type rows struct{ driver.Rows }

func (r rows) Next(dest []driver.Value) error { return translate(r.Rows.Next(dest)) }

func (r rows) Close() error { return translate(r.Rows.Close()) }
