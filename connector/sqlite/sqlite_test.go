package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/connectortest"
	"volenti.dev/volenti/connector/sqlite"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/masktest"
)

// The suite holds the connector to D15, D16, D22-D25, D29, SE5 and R6.
func TestConnector(t *testing.T) { connectortest.Run(t, harness()) }

func TestMasksOfEveryTypeAreWrittenOnceAndRecognised(t *testing.T) { // D25, D28
	connectortest.Masks(t, harness(), masktest.Masks())
}

func BenchmarkConnector(b *testing.B) { connectortest.Benchmark(b, harness()) }

func harness() connectortest.Harness {
	return connectortest.Harness{
		New: func(t testing.TB) connectortest.Database {
			return database(t, filepath.Join(t.TempDir(), "a?b#c%41 é.db"))
		},
		Quote:     func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` },
		Text:      "text",
		Bool:      "boolean",
		Generated: "AS (%s) STORED",
		Samples:   samples,
	}
}

func database(t testing.TB, path string) connectortest.Database {
	t.Helper()
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	raw, err := sql.Open("sqlite", "file:"+escaped+"?_pragma=journal_mode(wal)")
	if err != nil {
		t.Fatal(err)
	}
	raw.SetMaxOpenConns(1) // so that a statement may begin a transaction
	t.Cleanup(func() { _ = raw.Close() })
	return connectortest.Database{
		Exec: func(t testing.TB, statements ...string) {
			t.Helper()
			for _, s := range statements {
				if _, err := raw.ExecContext(t.Context(), s); err != nil {
					t.Fatalf("%.200s: %v", s, err)
				}
			}
		},
		Open: func(t testing.TB, readOnly bool) connector.Connector {
			t.Helper()
			c, err := sqlite.Spec().New(connector.Settings{Key: "shop", Secrets: map[string]string{"url": "sqlite:" + path}, ReadOnly: readOnly})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
	}
}

var moment = time.Date(2009, 1, 2, 3, 4, 5, 0, time.UTC)

var samples = []connectortest.Sample{
	{Native: "integer", Literal: "9223372036854775807", Want: int64(9223372036854775807)},
	{Native: "smallint", Literal: "-1", Want: int64(-1)},
	{Native: "integer", Literal: "'what'", Want: "what", NoMatch: true, NoWrite: true},
	{Native: "int", Literal: "40", Want: int64(40)},
	{Native: "tinyint", Literal: "7", Want: int64(7)},
	{Native: "mediumint", Literal: "8388607", Want: int64(8388607)},
	{Native: "bigint", Literal: "491701234567", Want: int64(491701234567)},
	{Native: "unsigned big int", Literal: "0", Want: int64(0)},
	{Native: "int8", Literal: "-9223372036854775808", Want: int64(-9223372036854775808)},
	{Native: "real", Literal: "0.1", Want: 0.1},
	{Native: "float", Literal: "-1234567.5", Want: -1234567.5},
	{Native: "double precision", Literal: "3", Want: 3.0},
	{Native: "numeric(10,2)", Literal: "3.96", Want: value.Decimal("3.96")},
	{Native: "numeric(10,2)", Literal: "1", Want: value.Decimal("1.00")},
	{Native: "numeric(10,2)", Literal: "3.967", Want: value.Decimal("3.967")},
	{Native: "decimal", Literal: "1.5", Want: value.Decimal("1.5")},
	{Native: "numeric", Literal: "12345", Want: value.Decimal("12345")},
	{Native: "numeric(18,0)", Literal: "123456789012345678", Want: value.Decimal("123456789012345678")},
	{Native: "number(12)", Literal: "5", Want: value.Decimal("5")},
	{Native: "money", Literal: "12.5", Want: value.Decimal("12.5")},
	{Native: "bool", Literal: "1", Want: true},
	{Native: "boolean", Literal: "0", Want: false},
	{Native: "boolean", Literal: "1", Want: true},
	{Native: "boolean", Literal: "7", Want: int64(7), NoMatch: true, NoWrite: true},
	{Native: "varchar(20)", Literal: "'Zoë '", Want: "Zoë "},
	{Native: "character(20)", Literal: "'+49 170 1234567'", Want: "+49 170 1234567"},
	{Native: "varying character(255)", Literal: "'ada@example.org'", Want: "ada@example.org"},
	{Native: "nchar(55)", Literal: "'Ada Lovelace'", Want: "Ada Lovelace"},
	{Native: "nvarchar(100)", Literal: "'1815-12-10T08:00:00+01:00'", Want: "1815-12-10T08:00:00+01:00"},
	{Native: "clob", Literal: "'-12.50'", Want: "-12.50"},
	{Native: "string", Literal: "'DE89 3704 0044 0532 0130 00'", Want: "DE89 3704 0044 0532 0130 00"},
	{Native: "string", Literal: "'0012'", Want: int64(12)},
	{Native: "text", Literal: "''", Want: ""},
	{Native: "text", Literal: "'0012'", Want: "0012"},
	{Native: "datetime", Literal: "'2009-01-02 03:04:05'", Want: moment},
	{Native: "datetime", Literal: "'2009-01-02 03:04:05.123456'", Want: moment.Add(123456 * time.Microsecond)},
	{Native: "datetime", Literal: "'2009-01-02T03:04:05Z'", Want: moment},
	{Native: "timestamp", Literal: "'2009-01-02 04:04:05+01:00'", Want: moment, NoMatch: true},
	{Native: "timestamp", Literal: "1230865445", Want: moment},
	{Native: "timestamp", Literal: "1230865445000", Want: moment},
	{Native: "timestamp(3)", Literal: "'2009-01-02T03:04:05.000Z'", Want: moment},
	{Native: "datetime", Literal: "'yesterday'", Want: "yesterday", NoMatch: true, NoWrite: true},
	{Native: "datetime", Literal: "'2009-01-02 03:04:05 +0100 CET m=+0.1'", Want: "2009-01-02 03:04:05 +0100 CET m=+0.1", NoMatch: true, NoWrite: true},
	{Native: "date", Literal: "'2009-01-02'", Want: value.Date("2009-01-02")},
	{Native: "date", Literal: "'2009-01-02 00:00:00'", Want: value.Date("2009-01-02")},
	{Native: "date", Literal: "'2009-01-02 03:04:05'", Want: "2009-01-02 03:04:05", NoMatch: true, NoWrite: true},
	{Native: "time", Literal: "'03:04:05'", Want: "03:04:05"},
	{Native: "uuid", Literal: "'6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11'", Want: "6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11"},
	{Native: "blob", Literal: "x'00ff10'", Want: []byte{0, 255, 16}},
	{Native: "json", Literal: `'{"a": [1, 1.5, 12345678901234567890, null, "x"]}'`,
		Want: map[string]any{"a": []any{int64(1), 1.5, value.Decimal("12345678901234567890"), nil, "x"}}, NoMatch: true},
	{Native: "binary(4)", Literal: "x'00000001'", Want: []byte{0, 0, 0, 1}},
	{Native: "guid", Literal: "'6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11'", Want: "6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11"},
	{Native: "json", Literal: "'{not json'", Want: "{not json", NoMatch: true, NoWrite: true},
	{Native: "", Literal: "5", Want: int64(5)},
	{Native: "", Literal: "'5'", Want: "5"},
}

func TestMissingFileIsUnreachableAndNotMade(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none.db")
	c, err := sqlite.Open(connector.Settings{Key: "shop", Secrets: map[string]string{"url": "sqlite:" + path}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for range 2 {
		if err := c.Test(t.Context()); connector.KindOf(err) != connector.Unreachable || strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
}

func TestPermissionTables(t *testing.T) { connectortest.Permissions(t, harness()) }

func BenchmarkPermissionTables(b *testing.B) { connectortest.PermissionsBenchmark(b, harness()) }
