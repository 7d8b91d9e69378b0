package connectortest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// person is the table of most tests.
const person = `CREATE TABLE person (
	id integer PRIMARY KEY,
	email varchar(200) UNIQUE,
	name varchar(40) NOT NULL,
	age integer,
	note varchar(200),
	boss integer REFERENCES person (id),
	CONSTRAINT grown CHECK (age >= 0)
)`

func people(n int) []string {
	out := []string{person}
	for from := 1; from <= n; from += 500 {
		var rows []string
		for i := from; i < min(from+500, n+1); i++ {
			rows = append(rows, fmt.Sprintf("(%d, 'p%d@example.org', 'Name %d', %d, 'n%d')", i, i, i, i%90, i))
		}
		out = append(out, "INSERT INTO person (id, email, name, age, note) VALUES "+strings.Join(rows, ", "))
	}
	return out
}

func testDescribe(t *testing.T, h Harness) {
	b := open(t, h, person,
		"CREATE TABLE visit (person integer NOT NULL, day date NOT NULL, place varchar(20), UNIQUE (place, person), PRIMARY KEY (person, day),"+
			" FOREIGN KEY (person) REFERENCES person (id) ON DELETE CASCADE)",
		"CREATE VIEW names AS SELECT id, name FROM person")
	var got []string
	for _, table := range b.schema.Tables {
		got = append(got, table.Name.Table)
	}
	if diff := cmp.Diff([]string{"names", "person", "visit"}, got); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	p := b.table(t, "person")
	if p.View || !b.table(t, "names").View {
		t.Error("a catalogue tells views from tables")
	}
	if diff := cmp.Diff([]string{"id"}, p.PrimaryKey); diff != "" {
		t.Errorf("primary key (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"email"}}, p.Unique); diff != "" {
		t.Errorf("unique (-want +got):\n%s", diff)
	}
	if len(p.Checks) != 1 || p.Checks[0].Name != "grown" || !slices.Equal(p.Checks[0].Columns, []string{"age"}) {
		t.Errorf("checks %+v, want grown on age", p.Checks)
	}
	for name, want := range map[string]catalogue.Column{
		"id":    {Type: value.Type{Kind: value.Integer}, NotNull: true},
		"email": {Type: value.Type{Kind: value.String}, Length: 200},
		"name":  {Type: value.Type{Kind: value.String}, Length: 40, NotNull: true},
	} {
		got := *p.Column(name)
		got.Name, got.Native, got.Bits = "", "", 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("column %s (-want +got):\n%s", name, diff)
		}
	}
	v := b.table(t, "visit")
	if diff := cmp.Diff([]string{"person", "day"}, v.PrimaryKey); diff != "" {
		t.Errorf("primary key (-want +got):\n%s", diff)
	}
	want := []catalogue.ForeignKey{{
		Columns: []string{"person"}, References: p.Name, ReferencedColumns: []string{"id"},
		OnDelete: "cascade", OnUpdate: "no action",
	}}
	for i := range v.ForeignKeys {
		v.ForeignKeys[i].Name = ""
	}
	if diff := cmp.Diff(want, v.ForeignKeys); diff != "" {
		t.Errorf("foreign keys (-want +got):\n%s", diff)
	}
	again, err := b.Describe(t.Context())
	for i := range again.Tables {
		for j := range again.Tables[i].ForeignKeys {
			if again.Tables[i].Name.Table == "visit" {
				again.Tables[i].ForeignKeys[j].Name = ""
			}
		}
	}
	if diff := cmp.Diff(b.schema, again); diff != "" || err != nil {
		t.Errorf("described twice: %v\n%s", err, diff)
	}
}

func testTypes(t *testing.T, h Harness) {
	var ddl []string
	for i, s := range h.Samples {
		ddl = append(ddl, fmt.Sprintf("CREATE TABLE s%d (id integer PRIMARY KEY, v %s)", i, s.Native),
			fmt.Sprintf("INSERT INTO s%d VALUES (1, %s)", i, s.Literal), fmt.Sprintf("INSERT INTO s%d VALUES (2, NULL)", i))
	}
	b := open(t, h, ddl...)
	for i, s := range h.Samples {
		t.Run(s.Native+" "+s.Literal, func(t *testing.T) {
			name := fmt.Sprintf("s%d", i)
			got := b.rows(t, name, "id", 1, 2)
			if diff := cmp.Diff(s.Want, got["1"]["v"]); diff != "" { // D29
				t.Fatalf("read (-want +got):\n%s", diff)
			}
			if got["2"]["v"] != nil {
				t.Errorf("null came as %v", got["2"]["v"])
			}
			if !s.NoMatch {
				searched := s.Want
				if list, ok := searched.([]any); ok && b.table(t, name).Column("v").Type.Array {
					searched = list[0]
				}
				if found := b.rows(t, name, "v", searched); len(found) != 1 {
					t.Errorf("%d rows found by the value, want 1", len(found))
				}
			}
			if s.NoWrite {
				return
			}
			batch := connector.Batch{
				Table: b.table(t, name), KeyColumns: []string{"id"}, Columns: []string{"v"},
				Changes: []connector.Change{{Key: connector.Tuple{2}, Before: connector.Row{"v": nil}, After: connector.Row{"v": s.Want}}},
			}
			out, err := b.Mask(t.Context(), batch)
			wants(t, out, err, connector.Changed)
			if diff := cmp.Diff(s.Want, b.rows(t, name, "id", 2)["2"]["v"]); diff != "" {
				t.Errorf("written and read (-want +got):\n%s", diff)
			}
			out, err = b.Mask(t.Context(), batch)
			wants(t, out, err, connector.AlreadyDone)
			batch.Changes[0] = connector.Change{Key: connector.Tuple{1}, Before: connector.Row{"v": s.Want}, After: connector.Row{"v": nil}}
			out, err = b.Mask(t.Context(), batch)
			wants(t, out, err, connector.Changed)
		})
	}
}

func testRead(t *testing.T, h Harness) {
	b := open(t, h, append(people(1500),
		"CREATE TABLE thing (n integer, s varchar(20), b "+h.Bool+")",
		"INSERT INTO thing VALUES (0, '', NULL)", "INSERT INTO thing VALUES (NULL, NULL, NULL)", "INSERT INTO thing VALUES (5, '5', NULL)",
	)...)
	p, thing := b.table(t, "person"), b.table(t, "thing")
	for _, c := range []struct {
		name    string
		read    connector.Read
		rows    int64
		dropped int
	}{
		{"ZeroIsAValue", connector.Read{Table: thing, Where: []connector.Match{match("n", 0, nil)}}, 1, 0},
		{"EmptyTextIsAValue", connector.Read{Table: thing, Where: []connector.Match{match("s", "", nil)}}, 1, 0},
		{"NumbersMeetText", connector.Read{Table: thing, Where: []connector.Match{match("n", 5.0, "5", value.Decimal("5.00"))}}, 1, 0}, // D15
		{"TextMeetsNumbers", connector.Read{Table: thing, Where: []connector.Match{match("s", 5.0)}}, 1, 0},
		{"WhatCannotBeCastIsDropped", connector.Read{Table: p, Where: []connector.Match{match("id", "x", 5.5, 7)}}, 1, 2},
		{"OutOfRangeFindsNothing", connector.Read{Table: p, Where: []connector.Match{match("id", int64(1)<<62, 7, value.Decimal("1e400"))}}, 1, -1},
		{"Either", connector.Read{Table: p, Where: []connector.Match{match("id", 1, 2), match("email", "p2@example.org", "p3@example.org")}}, 3, 0}, // D16
		{"Composite", connector.Read{Table: p, Where: []connector.Match{{Columns: []string{"age", "name"}, Tuples: []connector.Tuple{
			{1, "Name 1"}, {1, "Name 2"}, {2, "Name 2"}, {3, nil}, {1, "Name 1"}}}}}, 2, 0},
		{"Partition", connector.Read{Table: p, Where: []connector.Match{match("id", 1, 2, 3), match("email", "p4@example.org")},
			Partition: []connector.Condition{{Column: "age", Operator: ">=", Constant: 2}, {Column: "age", Operator: "<>", Constant: 4}}}, 2, 0},
		{"ManyValues", connector.Read{Table: p, Where: []connector.Match{match("id", upTo(130_000)...)}}, 1500, 0},
		{"SameValueManyTimes", connector.Read{Table: p, Where: []connector.Match{match("id", slices.Repeat([]any{7, "7", 7.0}, 10_000)...)}}, 1, 0},
		{"TextThatNoDatabaseHolds", connector.Read{Table: p, Where: []connector.Match{match("email", "p1\x00", "\xff", "p1@example.org")}}, 1, -1},
		{"NoColumns", connector.Read{Table: p, Where: []connector.Match{match("id", 1, 2)}}, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, column := range c.read.Table.Columns {
				if c.name != "NoColumns" {
					c.read.Columns = append(c.read.Columns, column.Name)
				}
			}
			rows, dropped, count := b.read(t, c.read)
			if rows != c.rows || count != c.rows || c.dropped >= 0 && dropped != c.dropped {
				t.Errorf("%d rows, %d counted, %d dropped, want %d, %d", rows, count, dropped, c.rows, c.dropped)
			}
		})
	}
}

// read reads and counts, and gives the rows read, the values dropped and the
// rows counted.
func (b *bench) read(t testing.TB, r connector.Read) (rows int64, dropped int, counted int64) {
	t.Helper()
	res, err := b.Read(t.Context(), r, func(connector.Row) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	n, err := b.Count(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res.Rows, res.Dropped, n
}

func upTo(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func testReadContract(t *testing.T, h Harness) {
	b := open(t, h, people(1500)...)
	p := b.table(t, "person")
	t.Run("CountIsDistinctOverChunks", func(t *testing.T) {
		emails := make([]any, 0, 20_000)
		for i := range 20_000 {
			emails = append(emails, fmt.Sprintf("p%d@example.org", 20_000-i))
		}
		_, _, n := b.read(t, connector.Read{Table: p, Where: []connector.Match{match("id", upTo(20_000)...), match("email", emails...)}})
		if n != 1500 {
			t.Errorf("%d rows, want 1500", n)
		}
	})
	t.Run("SizeIsNear", func(t *testing.T) {
		if n, err := b.Size(t.Context(), p.Name); err != nil || n < 1000 || n > 2000 {
			t.Errorf("%d rows, %v, want about 1500", n, err)
		}
	})
	t.Run("QueriesShowWhatIsSent", func(t *testing.T) {
		q, err := b.Queries(connector.Read{Table: p, Columns: []string{"id"}, Where: []connector.Match{match("email"), match("id")}})
		if err != nil || len(q) != 1 || !strings.Contains(q[0], " OR ") || strings.Count(q[0], " IN (") != 2 {
			t.Errorf("%q, %v", q, err)
		}
	})
	t.Run("UnknownColumnIsDrift", func(t *testing.T) {
		_, err := b.Read(t.Context(), connector.Read{Table: p, Columns: []string{"gone"}, Where: []connector.Match{match("id", 1)}}, nil)
		kind(t, err, connector.Drift)
		if err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("%v does not name the column", err)
		}
		stale := *p
		stale.Columns = append(slices.Clone(p.Columns), catalogue.Column{Name: "gone", Native: "text", Type: value.Type{Kind: value.String}})
		_, err = b.Read(t.Context(), connector.Read{Table: &stale, Columns: []string{"gone"}, Where: []connector.Match{match("id", 1)}}, nil)
		kind(t, err, connector.Drift)
	})
	t.Run("NothingIsSentWithoutAValue", func(t *testing.T) { // D16, X27
		closed := connect(t, b.Database, true)
		_ = closed.Close() // whatever is sent from here on fails
		for _, where := range [][]connector.Match{nil, {match("id")}, {match("id", nil)}, {match("id", "x")},
			{{Columns: []string{"age", "name"}, Tuples: []connector.Tuple{{nil, "Name 1"}}}}} {
			r := connector.Read{Table: p, Columns: []string{"id"}, Where: where, Partition: []connector.Condition{{Column: "age", Operator: ">", Constant: 0}}}
			if res, err := closed.Read(t.Context(), r, nil); err != nil || res.Rows != 0 {
				t.Errorf("read: %+v, %v", res, err)
			}
			if n, err := closed.Count(t.Context(), r); err != nil || n != 0 {
				t.Errorf("count: %d, %v", n, err)
			}
		}
		_, err := closed.Read(t.Context(), connector.Read{Table: p, Columns: []string{"id"}, Where: []connector.Match{match("id", 1)}}, nil)
		if err == nil {
			t.Error("a closed connector read rows")
		}
	})
}
