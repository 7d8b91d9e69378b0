package postgres_test

import (
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/connectortest"
	"volenti.dev/volenti/connector/postgres"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/masktest"
	"volenti.dev/volenti/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// The suite holds the connector to D15, D16, D22-D25, D29, SE5 and R6.
func TestConnector(t *testing.T) { connectortest.Run(t, harness()) }

func TestMasksOfEveryTypeAreWrittenOnceAndRecognised(t *testing.T) { // D25, D28
	connectortest.Masks(t, harness(), masktest.Masks())
}

func BenchmarkConnector(b *testing.B) { connectortest.Benchmark(b, harness()) }

func harness() connectortest.Harness {
	return connectortest.Harness{
		New:       func(t testing.TB) connectortest.Database { return database(t, pgtest.URL(t)) },
		Quote:     func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` },
		NameLimit: 63,
		Text:      "text",
		Bool:      "boolean",
		Generated: "AS (%s) STORED",
		Samples:   samples,
	}
}

func database(t testing.TB, url string) connectortest.Database {
	t.Helper()
	// One message a statement: the benchmark takes these for what a plain
	// program does, and to prepare each would flatter what it is set against.
	raw, err := sql.Open("pgx", url+"&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	raw.SetMaxOpenConns(1) // so that a statement may begin a transaction
	t.Cleanup(func() { _ = raw.Close() })
	d := connectortest.Database{
		Schema: "public",
		Exec: func(t testing.TB, statements ...string) {
			t.Helper()
			for _, s := range statements {
				if _, err := raw.ExecContext(t.Context(), s); err != nil {
					t.Fatalf("%.200s: %v", s, err)
				}
			}
		},
		Open: func(t testing.TB, readOnly bool) connector.Connector { return open(t, url, readOnly) },
	}
	d.Exec(t,
		"CREATE TYPE mood AS ENUM ('sad', 'happy')",
		"CREATE DOMAIN short AS varchar(20) CHECK (VALUE <> 'no')",
		`CREATE TYPE "odd(20) ""type" AS ENUM ('a)b')`,
		"CREATE TYPE pair AS (a integer, b text)",
		"CREATE EXTENSION IF NOT EXISTS citext")
	return d
}

func open(t testing.TB, url string, readOnly bool) connector.Connector {
	t.Helper()
	c, err := postgres.Spec().New(connector.Settings{Key: "shop", Secrets: map[string]string{"url": url}, ReadOnly: readOnly})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var moment = time.Date(2009, 1, 2, 3, 4, 5, 123456000, time.UTC)

var samples = []connectortest.Sample{
	{Native: "smallint", Literal: "-7", Want: int64(-7)},
	{Native: "integer", Literal: "0", Want: int64(0)},
	{Native: "bigint", Literal: "9223372036854775807", Want: int64(9223372036854775807)},
	{Native: "real", Literal: "0.1", Want: 0.1},
	{Native: "double precision", Literal: "0.1", Want: 0.1},
	{Native: "double precision", Literal: "'NaN'", Want: "NaN", NoMatch: true, NoWrite: true},
	{Native: "double precision", Literal: "'-Infinity'", Want: "-Infinity", NoMatch: true, NoWrite: true},
	{Native: "numeric(10,2)", Literal: "3.96", Want: value.Decimal("3.96")},
	{Native: "numeric(10,2)", Literal: "1", Want: value.Decimal("1.00")},
	{Native: "numeric", Literal: "12345678901234567890.12345678901234567890", Want: value.Decimal("12345678901234567890.12345678901234567890")},
	{Native: "numeric", Literal: "'NaN'", Want: "NaN", NoMatch: true, NoWrite: true},
	{Native: "boolean", Literal: "true", Want: true},
	{Native: "boolean", Literal: "false", Want: false},
	{Native: "text", Literal: "''", Want: ""},
	{Native: "text", Literal: "'Zoë \"1\"'", Want: `Zoë "1"`},
	{Native: "varchar(20)", Literal: "'0012'", Want: "0012"},
	{Native: "varchar(20)", Literal: "'+49 170 1234567'", Want: "+49 170 1234567"},
	{Native: "varchar(30)", Literal: "'1815-12-10T08:00:00+01:00'", Want: "1815-12-10T08:00:00+01:00"},
	{Native: "char(8)", Literal: "'ab'", Want: "ab"},
	{Native: "citext", Literal: "'Ab'", Want: "Ab"},
	{Native: "mood", Literal: "'happy'", Want: "happy"},
	{Native: "short", Literal: "'yes'", Want: "yes"},
	{Native: `"odd(20) ""type"`, Literal: "'a)b'", Want: "a)b"},
	{Native: "bytea", Literal: `'\x00ff10'`, Want: []byte{0, 255, 16}},
	{Native: "timestamp", Literal: "'2009-01-02 03:04:05.123456'", Want: moment},
	{Native: "timestamp(3)", Literal: "'2009-01-02 03:04:05.123456'", Want: moment.Truncate(time.Millisecond)},
	{Native: "timestamptz", Literal: "'2009-01-02 04:04:05.123456+01'", Want: moment},
	{Native: "timestamptz", Literal: "'infinity'", Want: "infinity", NoMatch: true, NoWrite: true},
	{Native: "timestamp", Literal: "'0044-03-15 12:00:00 BC'", Want: "0044-03-15 12:00:00 BC", NoMatch: true, NoWrite: true},
	{Native: "date", Literal: "'2009-01-02'", Want: value.Date("2009-01-02")},
	{Native: "date", Literal: "'infinity'", Want: "infinity", NoMatch: true, NoWrite: true},
	{Native: "time", Literal: "'03:04:05'", Want: "03:04:05"},
	{Native: "timetz", Literal: "'03:04:05+01'", Want: "03:04:05+01"},
	{Native: "interval", Literal: "'1 year 2 days'", Want: "1 year 2 days"},
	{Native: "uuid", Literal: "'6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11'", Want: "6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11"},
	{Native: "inet", Literal: "'10.0.0.1'", Want: "10.0.0.1"},
	{Native: "inet", Literal: "'10.0.0.1/24'", Want: "10.0.0.1/24"},
	{Native: "cidr", Literal: "'10.0.0.0/8'", Want: "10.0.0.0/8"},
	{Native: "macaddr", Literal: "'08:00:2b:01:02:03'", Want: "08:00:2b:01:02:03"},
	{Native: "int4range", Literal: "'[1,5)'", Want: "[1,5)"},
	{Native: "point", Literal: "'(1,2)'", Want: "(1,2)"},
	{Native: "xml", Literal: "'<a>1</a>'", Want: "<a>1</a>"},
	{Native: "money", Literal: "'1.50'", Want: "$1.50"},
	{Native: "bit(3)", Literal: "B'101'", Want: "101"},
	{Native: "tsvector", Literal: "'a b'", Want: "'a' 'b'"},
	{Native: "pair", Literal: "(1,'x y')", Want: `(1,"x y")`},
	{Native: "jsonb", Literal: `'{"a": [1, 1.5, 12345678901234567890, null, "x"]}'`,
		Want: map[string]any{"a": []any{int64(1), 1.5, value.Decimal("12345678901234567890"), nil, "x"}}},
	{Native: "json", Literal: `'{"b": 0.10}'`, Want: map[string]any{"b": 0.1}},
	{Native: "jsonb", Literal: `'"text"'`, Want: "text"},
	{Native: "integer[]", Literal: "'{1,NULL,3}'", Want: []any{int64(1), nil, int64(3)}},
	{Native: "integer[]", Literal: "'[0:1]={7,8}'", Want: []any{int64(7), int64(8)}},
	{Native: "integer[]", Literal: "'{{1,2},{3,4}}'", Want: []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}}, NoMatch: true},
	{Native: "text[]", Literal: `ARRAY['a "b" \ ,', '', 'NULL', '{x}']`, Want: []any{`a "b" \ ,`, "", "NULL", "{x}"}},
	{Native: "varchar(5)[]", Literal: "'{}'", Want: []any{}, NoMatch: true},
	{Native: "timestamptz[]", Literal: "'{2009-01-02 03:04:05.123456+00}'", Want: []any{moment}},
	{Native: "bytea[]", Literal: `ARRAY['\x01'::bytea]`, Want: []any{[]byte{1}}},
	{Native: "mood[]", Literal: "'{sad}'", Want: []any{"sad"}},
	{Native: "jsonb[]", Literal: `ARRAY['{"a": 1}'::jsonb]`, Want: []any{map[string]any{"a": int64(1)}}},
	{Native: "bool[]", Literal: "'{t,f}'", Want: []any{true, false}},
	{Native: "inet[]", Literal: "'{10.0.0.1}'", Want: []any{"10.0.0.1"}},
}

func TestPermissionTables(t *testing.T) { connectortest.Permissions(t, harness()) }

func BenchmarkPermissionTables(b *testing.B) { connectortest.PermissionsBenchmark(b, harness()) }
