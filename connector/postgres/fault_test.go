package postgres_test

import (
	"context"
	"database/sql"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/postgres"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/pgtest"
)

// rows makes table t with n rows and gives a connector and its description.
func rows(t *testing.T, url string, n string) (connectorUnderTest, *catalogue.Table) {
	t.Helper()
	database(t, url).Exec(t, "CREATE TABLE t (id integer PRIMARY KEY, name text)",
		"INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, "+n+") AS i")
	c := open(t, url, false).(connectorUnderTest)
	t.Cleanup(func() { _ = c.Close() })
	schema, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, schema.Table(catalogue.Name{Schema: "public", Table: "t"})
}

type connectorUnderTest interface {
	connector.Connector
	connector.Tester
	connector.Describer
	connector.Reader
	connector.Masker
	connector.Deleter
}

func one(table *catalogue.Table) connector.Batch {
	return connector.Batch{Table: table, KeyColumns: []string{"id"}, Columns: []string{"name"}, Changes: []connector.Change{
		{Key: connector.Tuple{1}, Before: connector.Row{"name": strings.Repeat("x", 1000)}, After: connector.Row{"name": "M"}}}}
}

func ids(n int) connector.Match {
	m := connector.Match{Columns: []string{"id"}}
	for i := range n {
		m.Tuples = append(m.Tuples, connector.Tuple{i})
	}
	return m
}

func TestServerThatDiesInMidReadIsARetryableError(t *testing.T) { // R6
	c, table := rows(t, pgtest.URL(t), "20000")
	read := connector.Read{Table: table, Columns: []string{"name"}, Where: []connector.Match{ids(20000)}}
	n := 0
	_, err := c.Read(t.Context(), read, func(connector.Row) error {
		if n++; n == 1 {
			pgtest.Restart(t)
		}
		return nil
	})
	if err == nil || !connector.Retryable(err) {
		t.Fatalf("after %d rows: %v", n, err)
	}
	if got, err := c.Read(t.Context(), read, func(connector.Row) error { return nil }); err != nil || got.Rows != 19999 {
		t.Errorf("read again: %d rows, %v", got.Rows, err)
	}
}

func TestServerThatDiesBeforeTheCommitWritesNothing(t *testing.T) { // R6
	c, table := rows(t, pgtest.URL(t), "1")
	batch := one(table)
	batch.Guard = func(context.Context) error { pgtest.Restart(t); return nil }
	if _, err := c.Mask(t.Context(), batch); err == nil || !connector.Retryable(err) {
		t.Fatalf("%v, want a retryable error", err)
	}
	batch.Guard = nil
	out, err := c.Mask(t.Context(), batch)
	if err != nil || out[0].Status != connector.Changed {
		t.Errorf("%v, %v", out, err)
	}
}

func TestTimeLimitsAreTransient(t *testing.T) { // R6
	url := pgtest.URL(t)
	_, table := rows(t, url, "1")
	raw, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	holder, err := raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback() }()
	if _, err := holder.ExecContext(t.Context(), "UPDATE t SET name = name"); err != nil {
		t.Fatal(err)
	}
	for limit, code := range map[string]string{"lock_timeout=50": "55P03", "statement_timeout=50": "57014"} {
		c := open(t, url+"&"+limit, false).(connectorUnderTest)
		_, err := c.Mask(t.Context(), one(table))
		if connector.KindOf(err) != connector.Transient || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", limit, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReadOnlySessionRefusesWritesItself(t *testing.T) {
	url := pgtest.URL(t)
	d := database(t, url)
	d.Exec(t, "CREATE TABLE t (id integer)", "CREATE FUNCTION grow() RETURNS integer LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING 1'",
		"CREATE VIEW sly AS SELECT grow() AS id")
	for _, readOnly := range []bool{true, false} { // sessions that read refuse to write anyway
		c := open(t, url, readOnly).(connectorUnderTest)
		schema, err := c.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		view := schema.Table(catalogue.Name{Schema: "public", Table: "sly"})
		_, err = c.Read(t.Context(), connector.Read{Table: view, Columns: []string{"id"}, Where: []connector.Match{ids(2)}}, nil)
		if connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), "25006") {
			t.Errorf("read only %v: %v", readOnly, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReadOnlySessionStartsReadOnly(t *testing.T) {
	url := pgtest.URL(t)
	database(t, url).Exec(t, "CREATE VIEW mode AS SELECT 1 AS id, current_setting('default_transaction_read_only') AS only")
	c := open(t, url, true).(connectorUnderTest)
	defer func() { _ = c.Close() }()
	schema, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read := connector.Read{Table: &schema.Tables[0], Columns: []string{"only"}, Where: []connector.Match{ids(2)}}
	res, err := c.Read(t.Context(), read, func(r connector.Row) error {
		if r["only"] != "on" {
			t.Error("the session may write")
		}
		return nil
	})
	if err != nil || res.Rows != 1 {
		t.Error(res.Rows, err)
	}
}

func TestWhoCannotConnectIsToldWhyWithoutTheSecret(t *testing.T) {
	url := pgtest.URL(t)
	database(t, url).Exec(t, "CREATE ROLE clerk LOGIN PASSWORD 'hunter2'", "CREATE TABLE t (id integer PRIMARY KEY, name text)", "GRANT SELECT ON t TO clerk")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	_ = listener.Close()
	for address, want := range map[string]connector.Kind{
		"postgres://clerk:hunter2@" + nobody + "/x":                                     connector.Unreachable,
		"postgres://clerk:hunter2@no-such-host.invalid/x":                               connector.Unreachable,
		strings.Replace(url, "postgres@", "nobody:hunter2@", 1):                         connector.Denied,
		strings.Replace(url, "/test_", "/hunter2_", 1):                                  connector.Permanent,
		strings.Replace(url, "postgres@", "clerk:hunter2@", 1) + "&statement_timeout=0": "",
	} {
		c := open(t, address, false).(connectorUnderTest)
		err := c.Test(t.Context())
		if want == "" {
			schema, describeErr := c.Describe(t.Context())
			if err != nil || describeErr != nil {
				t.Fatal(err, describeErr)
			}
			want = connector.Denied // may read, may not write
			_, err = c.Mask(t.Context(), one(schema.Table(catalogue.Name{Schema: "public", Table: "t"})))
		}
		if connector.KindOf(err) != want || err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %s", err, want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, address := range []string{"postgres://clerk:hunter2@%zz", "host=x password=hunter2", ""} {
		_, err := postgres.Open(connector.Settings{Key: "shop", Secrets: map[string]string{"url": address}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestDescribeKnowsWhatOnlyPostgreSQLHas(t *testing.T) {
	url := pgtest.URL(t)
	database(t, url).Exec(t,
		"CREATE SCHEMA crm",
		`CREATE TABLE crm.lead (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, nick short NOT NULL, price numeric(10,2), tags varchar(9)[],
			feel mood, size smallint, upper_nick text GENERATED ALWAYS AS (upper(nick)) STORED, gone text)`,
		"ALTER TABLE crm.lead DROP COLUMN gone",
		"CREATE UNIQUE INDEX ON crm.lead (size, nick) INCLUDE (price)",
		"CREATE UNIQUE INDEX ON crm.lead (nick) WHERE size > 0",
		"CREATE UNIQUE INDEX ON crm.lead (lower(nick))",
		"CREATE TABLE log (at date NOT NULL, lead bigint REFERENCES crm.lead ON DELETE SET NULL) PARTITION BY RANGE (at)",
		"CREATE TABLE log_2024 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')")
	c := open(t, url, true).(connectorUnderTest)
	defer func() { _ = c.Close() }()
	got, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lead := catalogue.Name{Schema: "crm", Table: "lead"}
	text := value.Type{Kind: value.String}
	want := catalogue.Catalogue{Tables: []catalogue.Table{{
		Name: lead,
		Columns: []catalogue.Column{
			{Name: "id", Native: "bigint", Type: value.Type{Kind: value.Integer}, Bits: 64, NotNull: true, Generated: true},
			{Name: "nick", Native: "character varying(20)", Type: text, Length: 20, NotNull: true},
			{Name: "price", Native: "numeric(10,2)", Type: value.Type{Kind: value.Number}, Precision: 10, Scale: 2},
			{Name: "tags", Native: "character varying(9)[]", Type: value.Type{Kind: value.String, Array: true}, Length: 9},
			{Name: "feel", Native: "mood", Type: text, Labels: []string{"sad", "happy"}},
			{Name: "size", Native: "smallint", Type: value.Type{Kind: value.Integer}, Bits: 16},
			{Name: "upper_nick", Native: "text", Type: text, Generated: true},
		},
		PrimaryKey: []string{"id"},
		Unique:     [][]string{{"size", "nick"}},
		Checks:     []catalogue.Check{{Name: "short_check", Columns: []string{"nick"}, Expression: "((nick)::text <> 'no'::text)"}},
	}, {
		Name: catalogue.Name{Schema: "public", Table: "log"},
		Columns: []catalogue.Column{
			{Name: "at", Native: "date", Type: value.Type{Kind: value.Day}, NotNull: true},
			{Name: "lead", Native: "bigint", Type: value.Type{Kind: value.Integer}, Bits: 64},
		},
		ForeignKeys: []catalogue.ForeignKey{{Name: "log_lead_fkey", Columns: []string{"lead"}, References: lead,
			ReferencedColumns: []string{"id"}, OnDelete: "set null", OnUpdate: "no action"}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("catalogue (-want +got):\n%s", diff)
	}
}
