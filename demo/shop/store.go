package shop

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

var (
	//go:embed shop.sql
	shopSchema string
	//go:embed helpdesk.sql
	helpdeskSchema string
)

// table is what goes into one table, each row with a value for every column.
type table struct {
	name string
	rows [][]any
}

// rowsAtOnce is how many rows one statement inserts: about where more no
// longer helps.
const rowsAtOnce = 50

// store writes a new database. It is not durable while it is written: a
// half-written one is of no use anyway.
func store(ctx context.Context, path, schema string, tables []table) (err error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: remove it, or name another directory", path)
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(),
		RawQuery: "_pragma=journal_mode(off)&_pragma=synchronous(off)"}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin %s: %w", path, err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("create tables in %s: %w", path, err)
	}
	for _, t := range tables {
		if err := insert(ctx, tx, t); err != nil {
			return fmt.Errorf("insert into %s: %w", t.name, err)
		}
	}
	return tx.Commit()
}

func insert(ctx context.Context, tx *sql.Tx, t table) error {
	width := len(t.rows[0])
	full, err := tx.PrepareContext(ctx, statement(t.name, width, rowsAtOnce))
	if err != nil {
		return err
	}
	defer func() { _ = full.Close() }()
	for rows := range slices.Chunk(t.rows, rowsAtOnce) {
		args := slices.Concat(rows...)
		if len(rows) == rowsAtOnce {
			_, err = full.ExecContext(ctx, args...)
		} else {
			_, err = tx.ExecContext(ctx, statement(t.name, width, len(rows)), args...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func statement(name string, width, rows int) string {
	row := "(" + strings.Repeat("?, ", width-1) + "?)"
	return "INSERT INTO " + name + " VALUES " + strings.Repeat(row+", ", rows-1) + row
}
