// Package mysql reaches MariaDB and MySQL databases.
//
// Sessions fix every setting that the meaning of a statement hangs on, so that
// nothing depends on what the server was configured to. Values are bound in
// prepared statements. Text is found by the column's own collation, which is
// what the database's joins and unique keys go by: "ANNA" may find "anna". It
// is written only where it is the same to the byte. What no calendar has, such
// as 0000-00-00, is read as text.
package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/datamap/catalogue"
)

// parameters is how many values a statement binds: without an index every
// statement is a scan of the table, and fewer of them are better. The
// protocol's limit is 65,535, and a statement that writes binds the values of
// text columns twice.
const parameters = 4000

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "mysql",
		Name:    "MariaDB and MySQL",
		Summary: "A MariaDB or MySQL database.",
		Secrets: []connector.Setting{
			{Name: "url", Required: true, Help: "mysql://USER:PASSWORD@HOST:PORT/DATABASE; ?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE " +
				"for TLS, ?max_statement_time=60&lock_wait_timeout=5 set the time limits, in seconds", Local: func(value string) error {
				return connector.Remote(value, "lock_wait_timeout", "max_statement_time", "ssl-mode")
			}},
		},
		Permits: true,
		New:     func(s connector.Settings) (connector.Connector, error) { return Open(s) },
	}
}

// Open prepares a connection. A session of a read-only connection allows
// read-only transactions alone, so that the server refuses writes too.
func Open(s connector.Settings) (*relational.DB, error) {
	a, err := parse(s.Secrets["url"])
	if err != nil {
		return nil, fmt.Errorf("connection %s: secrets.url %w", s.Key, err)
	}
	inner, err := mysql.NewConnector(a.config)
	if err != nil { // the driver's error may quote the address
		return nil, fmt.Errorf("connection %s: the driver does not take secrets.url", s.Key)
	}
	return relational.New(s, sql.OpenDB(sessions{inner, a.settings(s.ReadOnly)}), dialect()), nil
}

// sessions sends the same statements at the start of every session.
type sessions struct {
	driver.Connector
	statements []string
}

func (s sessions) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range s.statements {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, statement, nil); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// settings gives what every session starts with. Dates that no calendar has
// are allowed, for rows that hold them must be found: masks are never such
// dates. Locks are those of the rows that were read, without the gaps between
// them. What stands in /*M! */ is for MariaDB, in /*!80000 */ for MySQL.
func (a address) settings(readOnly bool) []string {
	out := []string{
		"SET sql_mode = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ALLOW_INVALID_DATES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'" +
			", time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1, sql_auto_is_null = 0, sql_quote_show_create = 1" +
			fmt.Sprintf(", lock_wait_timeout = %d, innodb_lock_wait_timeout = %[1]d", a.lockWait) +
			fmt.Sprintf(" /*M! , max_statement_time = %d */ /*!80000 , max_execution_time = %d000 */", a.statement, a.statement),
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
	}
	if readOnly {
		out = append(out, "SET SESSION TRANSACTION READ ONLY")
	}
	return out
}

func dialect() relational.Dialect {
	return relational.Dialect{
		Quote:       quote,
		Placeholder: func(int) string { return "?" },
		Parameters:  parameters,
		Rows:        [2]string{"(", ")"},
		Select:      selected,
		Match:       matched,
		Operand:     operand,
		Bytes:       bytewise,
		Decode:      decode,
		Encode:      encode,
		Raw:         raw,
		Lock:        " FOR UPDATE",
		UpdateMany:  updateMany,
		// A space at the end of an identity counts, which it does not in all collations
		// of bytes; each of the two systems has its own that minds it.
		Permissions: &relational.Permissions{
			Key: "varchar(64) character set ascii collate ascii_bin", Boolean: "tinyint(1)", Integer: "bigint", Time: "datetime(6)",
			Identity: fmt.Sprintf("varchar(%d) character set utf8mb4 /*M! collate utf8mb4_nopad_bin */ /*!80000 collate utf8mb4_0900_bin */", connector.MaxPermitted),
			Options:  " ENGINE = InnoDB", Upsert: onDuplicate,
		},
		Describe: describe,
		Size:     size,
		Explain:  explain,
	}
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// onDuplicate takes whichever key is there twice.
func onDuplicate(_, set []string) string {
	all := make([]string, len(set))
	for i, name := range set {
		all[i] = name + " = VALUES(" + name + ")"
	}
	return " ON DUPLICATE KEY UPDATE " + strings.Join(all, ", ")
}

// size trusts the server's estimate of large tables only: it may be off by
// half, and know nothing of rows that have just come.
func size(n catalogue.Name) (string, []any) {
	return `SELECT coalesce(max(CASE WHEN TABLE_ROWS >= 100000 THEN TABLE_ROWS END), -1) FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CAST(TABLE_NAME AS BINARY) = ?`, []any{n.Table, n.Table}
}
