// Package sqlite reaches SQLite database files.
//
// SQLite types its values, not its columns; what a column holds is told by
// its declared type, and a value that does not fit that comes through as it
// is. Times are read from the text forms that applications write and from
// Unix times in seconds or milliseconds, and written as
// "YYYY-MM-DD HH:MM:SS[.ffffff]" in UTC, the form of SQLite's own functions.
package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/relational"
)

// parameters is how many values a statement binds. Reads by an index were
// fastest with 1,000 and a few hundredths slower with 4,000; without an index
// every statement is a scan of the table. SQLite's limit is 32,766.
const parameters = 4000

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "sqlite",
		Name:    "SQLite",
		Summary: "An SQLite database file on this machine.",
		Secrets: []connector.Setting{
			{Name: "url", Required: true, Help: "sqlite:PATH, the path of the database file", Local: func(string) error {
				return errors.New("it is a file of the server")
			}},
		},
		Local:   true,
		Permits: true,
		New:     func(s connector.Settings) (connector.Connector, error) { return Open(s) },
	}
}

// Open prepares a connection. The file must exist; a write waits five seconds
// at most for other writers. Foreign keys are enforced, and a name that the
// database does not know is an error, never text.
func Open(s connector.Settings) (*relational.DB, error) {
	path, ok := strings.CutPrefix(s.Secrets["url"], "sqlite:")
	if !ok || path == "" || strings.Contains(path, "\x00") {
		return nil, fmt.Errorf("connection %s: secrets.url must be sqlite:PATH", s.Key)
	}
	mode := "rw"
	if s.ReadOnly {
		mode = "ro"
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"mode":    {mode},
		"_pragma": {"busy_timeout(5000)", "foreign_keys(1)"},
		"_txlock": {"immediate"},
		"_dqs":    {"0"},
	}.Encode()}
	pool, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, errors.New("connection " + s.Key + ": the driver does not take the path")
	}
	return relational.New(s, pool, dialect()), nil
}

func dialect() relational.Dialect {
	return relational.Dialect{
		Quote:       func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` },
		Placeholder: func(int) string { return "?" },
		Parameters:  parameters,
		Rows:        [2]string{"(VALUES ", ")"},
		Select:      selected,
		Match:       matched,
		Decode:      decode,
		Encode:      encode,
		Forms:       forms,
		Permissions: &relational.Permissions{
			Key: "text", Identity: "text", Boolean: "boolean", Integer: "integer", Time: "datetime", Upsert: relational.OnConflict,
		},
		Describe: describe,
		Explain:  explain,
	}
}
