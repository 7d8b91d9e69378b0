// Package mssql reaches Microsoft SQL Server, 2016 and later, and Azure SQL.
//
// What it sends is held by golden files and was never run against a server
// here. Times, days, numbers and ids cross as text in forms that no setting of
// the server changes; the server casts them to the column's type.
package mssql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	driver "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/datamap/catalogue"
)

// parameters is how many values a statement compares with. The server takes
// 2,100 in all; a statement that writes compares texts twice.
const parameters = 1000

// session is what a session is set to before each use. The limit on waiting
// for locks is in milliseconds. An error undoes its statement and nothing
// else, rows are not counted by the way, and messages are in the language that
// names are read from.
const session = "SET LOCK_TIMEOUT 5000; SET XACT_ABORT OFF; SET NOCOUNT ON; SET LANGUAGE us_english"

// silence is how long the server may say nothing.
const silence = time.Minute

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "mssql",
		Name:    "Microsoft SQL Server",
		Summary: "A Microsoft SQL Server database, 2016 or later, or Azure SQL.",
		Secrets: []connector.Setting{
			{Name: "url", Required: true, Help: "sqlserver://USER:PASSWORD@HOST:PORT?database=DATABASE; the connection is " +
				"encrypted and the certificate checked, except on this machine; ?encrypt= and ?trustservercertificate= say otherwise", Local: func(value string) error {
				return connector.Remote(value, "app name", "connection timeout", "database", "dial timeout", "encrypt", "trustservercertificate")
			}},
		},
		New: func(s connector.Settings) (connector.Connector, error) { return Open(s) },
	}
}

// Open prepares a connection. SQL Server has no session that refuses to write:
// that a read-only connection cannot is up to the permissions of its user.
func Open(s connector.Settings) (*relational.DB, error) {
	config, err := configured(s.Secrets["url"])
	if err != nil { // the driver's error quotes the URL
		return nil, fmt.Errorf("connection %s: secrets.url must be sqlserver://USER:PASSWORD@HOST:PORT?database=DATABASE", s.Key)
	}
	c := driver.NewConnectorConfig(config)
	c.SessionInitSQL = session
	return relational.New(s, sql.OpenDB(c), dialect()), nil
}

var errURL = errors.New("no such URL")

func configured(secret string) (msdsn.Config, error) {
	u, err := url.Parse(secret)
	if err != nil || u.Scheme != "sqlserver" || u.Host == "" {
		return msdsn.Config{}, errURL
	}
	q := u.Query()
	if !q.Has(msdsn.Encrypt) && !loopback(u.Hostname()) {
		q.Set(msdsn.Encrypt, "true")
	}
	if !q.Has(msdsn.AppName) {
		q.Set(msdsn.AppName, "volenti")
	}
	u.RawQuery = q.Encode()
	config, err := msdsn.Parse(u.String())
	if err != nil {
		return msdsn.Config{}, errURL
	}
	config.LogFlags = 0 // the driver's log quotes data
	if config.ConnTimeout == 0 {
		config.ConnTimeout = silence
	}
	return config, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func dialect() relational.Dialect {
	return relational.Dialect{
		Quote:       quote,
		Placeholder: placeholder,
		Parameters:  parameters,
		Select:      selected,
		Match:       matched,
		Bytes:       exact,
		Decode:      decode,
		Encode:      encode,
		Assign:      assigned,
		// OFFSET needs an order; this is none.
		Limit: func(n int) string {
			return "ORDER BY (SELECT NULL) OFFSET 0 ROWS FETCH NEXT " + strconv.Itoa(n) + " ROWS ONLY"
		},
		// Held until the transaction ends, like those of an UPDATE.
		Hint:       " WITH (UPDLOCK, ROWLOCK)",
		Savepoint:  [3]string{"SAVE TRANSACTION attempt", "", "ROLLBACK TRANSACTION attempt"},
		NoReadOnly: true,
		Exec:       exec,
		UpdateMany: updateMany,
		BindsRows:  true,
		Describe:   describe,
		Size:       size,
		Explain:    explain,
	}
}

func quote(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }

func placeholder(n int) string { return "@p" + strconv.Itoa(n) }

// exec asks for the count of the statement itself: the driver adds up what
// triggers write, too.
func exec(ctx context.Context, tx *sql.Tx, text string, args []any) (n int64, err error) {
	args = append(slices.Clip(args), sql.Named("written", sql.Out{Dest: &n}))
	_, err = tx.ExecContext(ctx, text+"; SET @written = ROWCOUNT_BIG()", args...)
	return n, err
}

// updateMany joins the table with a list of rows.
func updateMany(t *catalogue.Table, key, set []*catalogue.Column, rows [][]any) (string, []any) {
	columns := append(slices.Clone(key), set...)
	names := make([]string, len(columns))
	var sets, keys []string
	for i, c := range columns {
		names[i] = "c" + strconv.Itoa(i)
		v := "v." + names[i]
		if i >= len(key) {
			sets = append(sets, quote(c.Name)+" = "+v)
			continue
		}
		own := "t." + quote(c.Name)
		keys = append(keys, matched(c, own)+" = "+v)
		if e := exact(c, own); e != "" {
			keys = append(keys, e+" = "+v)
		}
	}
	var args []any
	tuples := make([]string, len(rows))
	for i, row := range rows {
		values := make([]string, len(row))
		for j, v := range row {
			args = append(args, v)
			values[j] = assigned(columns[j], placeholder(len(args)))
		}
		tuples[i] = "(" + strings.Join(values, ", ") + ")"
	}
	return "UPDATE t SET " + strings.Join(sets, ", ") + " FROM " + quote(t.Name.Schema) + "." + quote(t.Name.Table) +
		" AS t JOIN (VALUES " + strings.Join(tuples, ", ") + ") AS v (" + strings.Join(names, ", ") + ") ON " +
		strings.Join(keys, " AND "), args
}

// size adds up the rows that the server counts by partition as it goes.
func size(n catalogue.Name) (string, []any) {
	return `SELECT coalesce(sum(p.rows), -1)
FROM sys.partitions AS p JOIN sys.tables AS o ON o.object_id = p.object_id JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = @p1 AND o.name = @p2 AND p.index_id IN (0, 1)`, []any{n.Schema, n.Table}
}
