// Package postgres reaches PostgreSQL databases and those that speak its
// protocol.
//
// Values cross as text in PostgreSQL's own notation, which loses nothing and
// is the same for every type, domain and array; sessions fix the settings that
// the notation hangs on.
package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/datamap/catalogue"
)

// parameters is how many values a statement binds. Reads by an index were
// fastest with 1,000 and a tenth slower with 4,000; without an index every
// statement is a scan of the table, and fewer of them are better. PostgreSQL's
// limit is 65,535.
const parameters = 4000

// defaults hold for a session unless the URL says otherwise. Times are in
// milliseconds.
var defaults = map[string]string{
	"application_name":                    "volenti",
	"statement_timeout":                   "60000",
	"lock_timeout":                        "5000",
	"idle_in_transaction_session_timeout": "300000",
}

// notation is what the text of values hangs on.
var notation = map[string]string{
	"timezone":           "UTC",
	"datestyle":          "ISO, YMD",
	"intervalstyle":      "postgres",
	"extra_float_digits": "1",
	"bytea_output":       "hex",
	"client_encoding":    "UTF8",
}

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "postgres",
		Name:    "PostgreSQL",
		Summary: "A PostgreSQL database, or one that speaks its protocol.",
		Secrets: []connector.Setting{
			{Name: "url", Required: true, Help: "postgres://USER:PASSWORD@HOST:PORT/DATABASE; " +
				"?statement_timeout=60000&lock_timeout=5000 set the time limits, in milliseconds", Local: ofThisMachine},
		},
		Permits: true,
		New:     func(s connector.Settings) (connector.Connector, error) { return Open(s) },
	}
}

// Open prepares a connection. Sessions that read, and all of a read-only
// connection, start with default_transaction_read_only, so that the server
// refuses writes too.
func Open(s connector.Settings) (*relational.DB, error) {
	config, err := pgx.ParseConfig(s.Secrets["url"])
	if err != nil || !isURL(s.Secrets["url"]) { // the driver's error quotes the URL
		return nil, fmt.Errorf("connection %s: secrets.url must be postgres://USER:PASSWORD@HOST:PORT/DATABASE", s.Key)
	}
	for name, v := range defaults {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = v
		}
	}
	for name, v := range notation {
		config.RuntimeParams[name] = v
	}
	// Statements are sent with their values, in one message: to prepare each
	// first would double the wait for a database that is far away.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	reads := config.Copy()
	reads.RuntimeParams["default_transaction_read_only"] = "on"
	if s.ReadOnly {
		config = reads
	}
	return relational.New(s, stdlib.OpenDB(*config), dialect()).ReadFrom(stdlib.OpenDB(*reads)), nil
}

// ofThisMachine says what a URL leaves to files and the environment.
func ofThisMachine(value string) error {
	if u, err := url.Parse(value); err != nil || !isURL(value) || strings.Trim(u.Path, "/") == "" {
		return errors.New("it must be postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	return connector.Remote(value, "application_name", "connect_timeout", "lock_timeout", "search_path", "sslmode", "statement_timeout", "target_session_attrs")
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

func dialect() relational.Dialect {
	return relational.Dialect{
		Quote:       quote,
		Placeholder: placeholder,
		Parameters:  parameters,
		Rows:        [2]string{"(", ")"},
		Select:      selected,
		Match:       matched,
		Overlap:     overlap,
		Decode:      decode,
		Encode:      encode,
		Lock:        " FOR UPDATE",
		// A constraint that waits for the commit would refuse the whole batch
		// where one row is at fault. Rows are looked up by their keys: for some
		// hundred of them PostgreSQL would else rather read a table of a hundred
		// thousand, once for each batch. What it must read in such a way all the
		// same counts as dear, and it would take long to compile that.
		Begin:      "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL enable_seqscan = off; SET LOCAL jit = off",
		UpdateMany: updateMany,
		Permissions: &relational.Permissions{
			// Subjects are read in the order of their bytes, whatever the database's is.
			Key: `text COLLATE "C"`, Identity: "text", Boolean: "boolean", Integer: "bigint", Time: "timestamp with time zone", Upsert: relational.OnConflict,
		},
		Describe: describe,
		Size:     size,
		Explain:  explain,
	}
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func placeholder(n int) string { return "$" + strconv.Itoa(n) }

// updateMany joins the table with one array of texts per column, so that the
// statement's text does not depend on the number of rows.
func updateMany(t *catalogue.Table, key, set []*catalogue.Column, rows [][]any) (string, []any) {
	columns := append(append([]*catalogue.Column{}, key...), set...)
	args := make([]any, len(columns))
	names := make([]string, len(columns))
	arrays := make([]string, len(columns))
	for i := range columns {
		values := make([]*string, len(rows))
		for j, row := range rows {
			if s, ok := row[i].(string); ok {
				values[j] = &s
			}
		}
		args[i] = values
		names[i] = "c" + strconv.Itoa(i)
		arrays[i] = placeholder(i+1) + "::text[]"
	}
	var sets, keys []string
	for i, c := range columns {
		v := "CAST(v." + names[i] + " AS " + unmodified(c.Native) + ")"
		if i < len(key) {
			keys = append(keys, comparable(c, "t."+quote(c.Name))+" = "+comparable(c, v))
		} else {
			sets = append(sets, quote(c.Name)+" = "+v)
		}
	}
	return "UPDATE " + quote(t.Name.Schema) + "." + quote(t.Name.Table) + " AS t SET " + strings.Join(sets, ", ") +
		" FROM unnest(" + strings.Join(arrays, ", ") + ") AS v(" + strings.Join(names, ", ") + ") WHERE " +
		strings.Join(keys, " AND "), args
}

// size scales the rows of the last ANALYZE to the table's present size.
func size(n catalogue.Name) (string, []any) {
	return `SELECT coalesce(max(CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN
	(c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::bigint))::bigint END), -1)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r'`, []any{n.Schema, n.Table}
}
