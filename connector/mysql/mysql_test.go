package mysql_test

import (
	"database/sql"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/connectortest"
	"volenti.dev/volenti/connector/mysql"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/mariadbtest"
	"volenti.dev/volenti/internal/masktest"
)

func TestMain(m *testing.M) { os.Exit(mariadbtest.Run(m)) }

// The suite holds the connector to D15, D16, D22-D25, D29, SE5 and R6.
func TestConnector(t *testing.T) { connectortest.Run(t, harness()) }

func TestMasksOfEveryTypeAreWrittenOnceAndRecognised(t *testing.T) { // D25, D28
	h := harness()
	// A TIMESTAMP begins with 1970, which no catalogue says: the server refuses
	// a constant before it.
	h.Samples = slices.DeleteFunc(slices.Clone(h.Samples), func(s connectortest.Sample) bool { return strings.HasPrefix(s.Native, "timestamp") })
	connectortest.Masks(t, h, masktest.Masks())
}

// Without encryption, as what it is compared with.
func BenchmarkConnector(b *testing.B) {
	h := harness()
	h.New = func(t testing.TB) connectortest.Database {
		url := mariadbtest.URL(t)
		d := database(t, url)
		d.Open = func(t testing.TB, readOnly bool) connector.Connector {
			return open(t, url+"?ssl-mode=DISABLED", readOnly)
		}
		return d
	}
	connectortest.Benchmark(b, h)
}

func harness() connectortest.Harness {
	return connectortest.Harness{
		New:        func(t testing.TB) connectortest.Database { return database(t, mariadbtest.URL(t)) },
		Quote:      func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" },
		NameLimit:  64,
		Unnameable: unnameable,
		Text:       "text",
		Bool:       "boolean",
		Generated:  "AS (%s) STORED",
		Samples:    samples,
	}
}

// unnameable: a name must not end with a space and has no letters beyond the
// basic plane. A table is a file, in whose name most letters take five bytes.
func unnameable(name string) bool {
	bytes := 0
	for _, r := range name {
		if r > 0xffff {
			return true
		}
		bytes++
		if r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			bytes += 4
		}
	}
	return strings.TrimRight(name, " \t\r\n") != name || bytes > 245
}

func database(t testing.TB, url string) connectortest.Database {
	t.Helper()
	raw := mariadbtest.Open(t, url)
	raw.SetMaxOpenConns(1) // so that a statement may begin a transaction
	return connectortest.Database{
		Exec: func(t testing.TB, statements ...string) { execute(t, raw, statements...) },
		Open: func(t testing.TB, readOnly bool) connector.Connector { return open(t, url, readOnly) },
	}
}

func execute(t testing.TB, raw *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := raw.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
}

func open(t testing.TB, url string, readOnly bool) connector.Connector {
	t.Helper()
	c, err := mysql.Spec().New(connector.Settings{Key: "shop", Secrets: map[string]string{"url": url}, ReadOnly: readOnly})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var moment = time.Date(2009, 1, 2, 3, 4, 5, 123456000, time.UTC)

var samples = []connectortest.Sample{
	{Native: "tinyint", Literal: "-128", Want: int64(-128)},
	{Native: "tinyint unsigned", Literal: "255", Want: int64(255)},
	{Native: "smallint", Literal: "-7", Want: int64(-7)},
	{Native: "smallint unsigned zerofill", Literal: "65535", Want: int64(65535)},
	{Native: "mediumint", Literal: "8388607", Want: int64(8388607)},
	{Native: "integer", Literal: "0", Want: int64(0)},
	{Native: "int unsigned", Literal: "4294967295", Want: int64(4294967295)},
	{Native: "bigint", Literal: "9223372036854775807", Want: int64(9223372036854775807)},
	{Native: "bigint unsigned", Literal: "5", Want: int64(5)},
	{Native: "bigint unsigned", Literal: "18446744073709551615", Want: value.Decimal("18446744073709551615")},
	{Native: "boolean", Literal: "true", Want: true},
	{Native: "boolean", Literal: "false", Want: false},
	{Native: "tinyint(1)", Literal: "-3", Want: int64(-3)},
	{Native: "bit(1)", Literal: "b'1'", Want: true},
	{Native: "bit(3)", Literal: "b'101'", Want: int64(5)},
	{Native: "bit(64)", Literal: "b'1" + strings.Repeat("0", 63) + "'", Want: value.Decimal("9223372036854775808")},
	{Native: "float", Literal: "0.1", Want: 0.1},
	{Native: "double", Literal: "0.1", Want: 0.1},
	{Native: "double precision", Literal: "1e308", Want: 1e308},
	{Native: "decimal(10,2)", Literal: "3.96", Want: value.Decimal("3.96")},
	{Native: "decimal(10,2)", Literal: "1", Want: value.Decimal("1.00")},
	{Native: "decimal(65,30)", Literal: "12345678901234567890.123456789012345678901234567890", Want: value.Decimal("12345678901234567890.123456789012345678901234567890")},
	{Native: "numeric(3,3)", Literal: "-0.5", Want: value.Decimal("-0.500")},
	{Native: "text", Literal: "''", Want: ""},
	{Native: "text", Literal: "'Zoë \"1\" 😀'", Want: `Zoë "1" 😀`},
	{Native: "varchar(20)", Literal: "'+49 170 1234567'", Want: "+49 170 1234567"},
	{Native: "varchar(30)", Literal: "'1815-12-10T08:00:00+01:00'", Want: "1815-12-10T08:00:00+01:00"},
	{Native: "varchar(20)", Literal: "'0012 '", Want: "0012 "},
	{Native: "char(8)", Literal: "'ab'", Want: "ab"},
	{Native: "varchar(20) character set latin1", Literal: "'Zoë €'", Want: "Zoë €"},
	{Native: "varchar(20) character set utf8mb3", Literal: "'日本'", Want: "日本"},
	{Native: "varchar(20) character set utf16", Literal: "'日本'", Want: "日本"},
	{Native: "varchar(20) collate utf8mb4_bin", Literal: "'Ab'", Want: "Ab"},
	{Native: "tinytext", Literal: "'x'", Want: "x"},
	{Native: "mediumtext", Literal: "'x'", Want: "x"},
	{Native: "longtext", Literal: "'{}'", Want: "{}"},
	{Native: "enum('sad','it''s \\\\ ok','1')", Literal: "'it''s \\\\ ok'", Want: `it's \ ok`},
	{Native: "enum('sad','2','1')", Literal: "'1'", Want: "1"},
	{Native: "set('a','b','c')", Literal: "'c,a'", Want: "a,c"},
	{Native: "set('a','b','c')", Literal: "''", Want: ""},
	{Native: "binary(4)", Literal: "x'00ff'", Want: []byte{0, 255, 0, 0}},
	{Native: "varbinary(10)", Literal: "x'00ff10'", Want: []byte{0, 255, 16}},
	{Native: "blob", Literal: "x'00ff10'", Want: []byte{0, 255, 16}},
	{Native: "tinyblob", Literal: "''", Want: []byte{}},
	{Native: "longblob", Literal: "x'01'", Want: []byte{1}},
	{Native: "datetime", Literal: "'2009-01-02 03:04:05'", Want: moment.Truncate(time.Second)},
	{Native: "datetime(6)", Literal: "'2009-01-02 03:04:05.123456'", Want: moment},
	{Native: "datetime(3)", Literal: "'2009-01-02 03:04:05.120'", Want: moment.Truncate(10 * time.Millisecond)},
	{Native: "datetime", Literal: "'0000-00-00 00:00:00'", Want: "0000-00-00 00:00:00"},
	{Native: "timestamp(6)", Literal: "'2009-01-02 03:04:05.123456'", Want: moment},
	{Native: "date", Literal: "'2009-01-02'", Want: value.Date("2009-01-02")},
	{Native: "date", Literal: "'0000-00-00'", Want: "0000-00-00"},
	{Native: "date", Literal: "'1980-00-00'", Want: "1980-00-00"},
	{Native: "time", Literal: "'03:04:05'", Want: "03:04:05"},
	{Native: "time", Literal: "'-12:00:00'", Want: "-12:00:00"},
	{Native: "time(2)", Literal: "'838:59:59.50'", Want: "838:59:59.5"},
	{Native: "year", Literal: "2009", Want: int64(2009)},
	{Native: "year", Literal: "0", Want: int64(0)},
	{Native: "uuid", Literal: "'6F1F9F0E-5a0c-4a58-9a55-7d3c2f6f7c11'", Want: "6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11"},
	{Native: "inet4", Literal: "'10.0.0.1'", Want: "10.0.0.1"},
	{Native: "inet6", Literal: "'2001:db8::1'", Want: "2001:db8::1"},
	{Native: "inet6", Literal: "'::ffff:10.0.0.1'", Want: "::ffff:10.0.0.1"},
	{Native: "json", Literal: `'{"a":[1,1.5,12345678901234567890,null,"x"]}'`,
		Want: map[string]any{"a": []any{int64(1), 1.5, value.Decimal("12345678901234567890"), nil, "x"}}},
	{Native: "json", Literal: `'{"b": 0.10}'`, Want: map[string]any{"b": 0.1}, NoMatch: true},
	{Native: "json", Literal: `'"text"'`, Want: "text"},
	{Native: "point", Literal: "ST_GeomFromText('POINT(1 2)')", Want: "POINT(1 2)", NoWrite: true},
	{Native: "geometry", Literal: "ST_GeomFromText('LINESTRING(0 0,1 1)')", Want: "LINESTRING(0 0,1 1)", NoWrite: true},
}

func TestPermissionTables(t *testing.T) { connectortest.Permissions(t, harness()) }

func BenchmarkPermissionTables(b *testing.B) { connectortest.PermissionsBenchmark(b, harness()) }
