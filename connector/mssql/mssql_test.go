package mssql

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	msdriver "github.com/microsoft/go-mssqldb"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/connectortest"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// person is the table of most tests.
var person = table("person", []string{"id"},
	column("id", "int", 4, 10, 0), column("email", "varchar", 200, 0, 0), column("name", "nvarchar", 80, 0, 0),
	column("balance", "money", 8, 19, 4), column("photo", "varbinary", -1, 0, 0), column("seen", "datetime", 8, 23, 3))

func table(name string, key []string, columns ...catalogue.Column) *catalogue.Table {
	return &catalogue.Table{Name: catalogue.Name{Schema: "dbo", Table: name}, PrimaryKey: key, Columns: columns}
}

func column(name, native string, length, precision, scale int) catalogue.Column {
	c := catalogue.Column{Name: name}
	typed(&c, native, length, precision, scale)
	return c
}

func match(column string, values ...any) connector.Match {
	m := connector.Match{Columns: []string{column}}
	for _, v := range values {
		m.Tuples = append(m.Tuples, connector.Tuple{v})
	}
	return m
}

func change(key any, before, after connector.Row) connector.Change {
	return connector.Change{Key: connector.Tuple{key}, Before: before, After: after}
}

// statuses of a batch, and the columns that were refused.
func statuses(out []connector.Outcome) string {
	var all []string
	for _, o := range out {
		s := string(o.Status)
		for name := range o.Fields {
			s += " without " + name
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func TestReadsBindEveryValue(t *testing.T) { // D16
	s := &server{answer: func(string, []driver.NamedValue) reply {
		return reply{rows: [][]driver.Value{{int64(7), "Zoë", []byte("12.5000"), nil, time.Date(2009, 1, 2, 3, 4, 5, 3e6, time.UTC)}}}
	}}
	db := open(t, s)
	var got []connector.Row
	res, err := db.Read(t.Context(), connector.Read{
		Table: person, Columns: []string{"id", "name", "balance", "photo", "seen"},
		Where: []connector.Match{
			match("id", 7, "8", "x"), match("email", "a@example.org", "é@example.org"), match("photo", []byte{1}),
			match("balance", value.Decimal("12.5")), match("seen", time.Date(2009, 1, 2, 3, 4, 5, 123456789, time.UTC)),
			{Columns: []string{"email", "id"}, Tuples: []connector.Tuple{{"b@example.org", 1}, {"c@example.org", 2}, {"d@example.org", nil}}},
		},
		Partition: []connector.Condition{{Column: "id", Operator: "<>", Constant: 4}},
	}, func(r connector.Row) error { got = append(got, r); return nil })
	want := map[string]any{"id": int64(7), "name": "Zoë", "balance": value.Decimal("12.5000"), "photo": nil, "seen": time.Date(2009, 1, 2, 3, 4, 5, 3e6, time.UTC)}
	if err != nil || res.Rows != 1 || res.Dropped != 1 || !value.Equal(map[string]any(got[0]), want) {
		t.Errorf("%+v, %v, %v", res, err, map[string]any(got[0]))
	}
	s.golden(t, "read")
}

func TestNoStatementBindsMoreThanTheServerTakes(t *testing.T) { // D16
	most := 0
	s := &server{}
	s.answer = func(text string, args []driver.NamedValue) reply {
		most = max(most, len(args))
		switch {
		case strings.HasPrefix(text, "UPDATE"):
			return reply{wrote: int64(strings.Count(text, "), (") + 1)}
		case strings.Contains(text, "UPDLOCK"):
			var r reply
			for _, a := range args {
				r.rows = append(r.rows, []driver.Value{a.Value, "before", nil, nil})
			}
			return r
		}
		return reply{}
	}
	db := open(t, s)
	ids := make([]any, 5000)
	batch := connector.Batch{Table: person, KeyColumns: []string{"id"}, Columns: []string{"name", "balance", "photo"}}
	for i := range ids {
		ids[i] = i
		batch.Changes = append(batch.Changes, change(i, connector.Row{"name": "before", "balance": nil, "photo": nil},
			connector.Row{"name": fmt.Sprint("n", i), "balance": value.Decimal("1"), "photo": []byte{1}}))
	}
	if _, err := db.Read(t.Context(), connector.Read{Table: person, Columns: []string{"id"}, Where: []connector.Match{match("id", ids...)}}, nil); err != nil {
		t.Fatal(err)
	}
	out, err := db.Mask(t.Context(), batch)
	if err != nil || slices.ContainsFunc(out, func(o connector.Outcome) bool { return o.Status != connector.Changed }) {
		t.Fatal(err, statuses(out)[:100])
	}
	byText := connector.Batch{Table: person, KeyColumns: []string{"email"}}
	for i := range ids {
		byText.Changes = append(byText.Changes, change(fmt.Sprint("p", i), nil, nil))
	}
	s.answer = func(text string, args []driver.NamedValue) reply {
		most = max(most, len(args))
		if !strings.HasPrefix(text, "SELECT") {
			return reply{wrote: int64(len(args) / 2)} // each value is compared twice
		}
		var r reply
		for _, a := range args {
			r.rows = append(r.rows, []driver.Value{string(a.Value.(msdriver.VarChar))})
		}
		return r
	}
	if _, err := db.Delete(t.Context(), byText); err != nil {
		t.Fatal(err)
	}
	if most < 1000 || most > 2098 {
		t.Errorf("%d values in one statement", most)
	}
}

// found answers the SELECT that locks rows, and counts what is written.
func found(wrote int64, rows ...[]driver.Value) func(string, []driver.NamedValue) reply {
	return func(text string, _ []driver.NamedValue) reply {
		if strings.HasPrefix(text, "SELECT") {
			return reply{rows: rows}
		}
		return reply{wrote: wrote}
	}
}

func TestMasksOfManyRowsAreOneStatement(t *testing.T) { // D23
	s := &server{answer: found(2, []driver.Value{int64(1), "Anna", []byte{9}}, []driver.Value{int64(2), "Bob", nil}, []driver.Value{int64(3), "m3", nil})}
	out, err := open(t, s).Mask(t.Context(), connector.Batch{Table: person, KeyColumns: []string{"id"}, Columns: []string{"name", "photo"}, Changes: []connector.Change{
		change(1, connector.Row{"name": "Anna", "photo": []byte{9}}, connector.Row{"name": "m1"}),
		change(2, connector.Row{"name": "Bob", "photo": nil}, connector.Row{"name": "m2"}),
		change(3, connector.Row{"name": "Carl", "photo": nil}, connector.Row{"name": "m3"}),
		change(4, connector.Row{"name": "Dora", "photo": nil}, connector.Row{"name": "m4"}),
	}})
	if got := statuses(out); err != nil || got != "changed, changed, already_done, missing" {
		t.Error(got, err)
	}
	s.golden(t, "mask-many")
}

func TestOneConstantIsOneStatement(t *testing.T) { // D23
	var rows [][]driver.Value
	batch := connector.Batch{Table: person, KeyColumns: []string{"id"}, Columns: []string{"photo", "balance", "seen"}}
	for i := range 9 {
		rows = append(rows, []driver.Value{int64(i), []byte{9}, []byte("1.0000"), nil})
		batch.Changes = append(batch.Changes, change(i, connector.Row{"photo": []byte{9}, "balance": value.Decimal("1"), "seen": nil},
			connector.Row{"photo": nil, "balance": value.Decimal("0"), "seen": time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)}))
	}
	s := &server{answer: found(9, rows...)}
	out, err := open(t, s).Mask(t.Context(), batch)
	if got := statuses(out); err != nil || got != strings.Repeat("changed, ", 8)+"changed" {
		t.Error(got, err)
	}
	s.golden(t, "mask-one")
}

// refusing refuses updates that write to a column.
func refusing(column string, then func(string, []driver.NamedValue) reply, number int32) func(string, []driver.NamedValue) reply {
	return func(text string, args []driver.NamedValue) reply {
		if set, _, _ := strings.Cut(text, " WHERE "); strings.HasPrefix(text, "UPDATE") && strings.Contains(set, quote(column)) {
			return reply{err: msdriver.Error{Number: number, Message: "The value canary cannot be written"}}
		}
		return then(text, args)
	}
}

func TestRefusedColumnLeavesTheOthersWritten(t *testing.T) { // D24
	then := found(1, []driver.Value{int64(1), "Anna", "a@example.org"})
	s := &server{answer: refusing("email", then, 2627)}
	out, err := open(t, s).Mask(t.Context(), connector.Batch{Table: person, KeyColumns: []string{"id"}, Columns: []string{"name", "email"}, Changes: []connector.Change{
		change(1, connector.Row{"name": "Anna", "email": "a@example.org"}, connector.Row{"name": "m", "email": "m"}),
	}})
	if got := statuses(out); err != nil || got != "changed without email" || strings.Contains(out[0].Fields["email"], "canary") {
		t.Error(got, err, out)
	}
	s.golden(t, "mask-apart")
}

func TestTriggerThatEndsTheTransactionEndsTheBatch(t *testing.T) { // D24
	then := found(1, []driver.Value{int64(1), "Anna"})
	s := &server{answer: func(text string, args []driver.NamedValue) reply {
		if strings.HasPrefix(text, "UPDATE") {
			return reply{err: msdriver.Error{Number: 3609, All: []msdriver.Error{{Number: 50000, Message: "no"}, {Number: 3609}}}}
		}
		return then(text, args)
	}}
	_, err := open(t, s).Mask(t.Context(), connector.Batch{Table: person, KeyColumns: []string{"id"}, Columns: []string{"name"}, Changes: []connector.Change{
		change(1, connector.Row{"name": "Anna"}, connector.Row{"name": "m"}),
	}})
	if connector.KindOf(err) != connector.Permanent || !strings.Contains(fmt.Sprint(err), "error 3609: a trigger ended the transaction") {
		t.Error(err)
	}
	if log := s.log.String(); strings.Contains(log, "COMMIT") || strings.Count(log, "UPDATE [dbo]")+strings.Count(log, "UPDATE t") != 1 {
		t.Errorf("sent after the transaction had ended:\n%s", log)
	}
}

func TestRowsWithoutAKeyAreToldApartByAllThatWasRead(t *testing.T) { // D22
	visit := table("visit", nil, column("email", "varchar", 50, 0, 0), column("site", "nvarchar", 40, 0, 0), column("page", "nvarchar", 100, 0, 0))
	s := &server{answer: found(1, []driver.Value{"a", "s", "one"}, []driver.Value{"a", "s", "two"}, []driver.Value{"A", "s", "another's"}, []driver.Value{"a", nil, "three"})}
	keyed := func(site any, before, after string) connector.Change {
		return connector.Change{Key: connector.Tuple{"a", site}, Before: connector.Row{"page": before}, After: connector.Row{"page": after}}
	}
	out, err := open(t, s).Mask(t.Context(), connector.Batch{Table: visit, KeyColumns: []string{"email", "site"}, Columns: []string{"page"},
		Changes: []connector.Change{keyed("s", "one", "m1"), keyed("s", "two", "m2"), keyed(nil, "three", "m3")}})
	if got := statuses(out); err != nil || got != "changed, changed, changed" {
		t.Error(got, err)
	}
	s.golden(t, "mask-keyless")
}

func TestDeletesAndVerifiesByKey(t *testing.T) {
	s := &server{answer: found(2, []driver.Value{int64(1)}, []driver.Value{int64(2)})}
	db := open(t, s)
	batch := connector.Batch{Table: person, KeyColumns: []string{"id"}, Changes: []connector.Change{change(1, nil, nil), change(2, nil, nil), change(3, nil, nil)}}
	out, err := db.Delete(t.Context(), batch)
	if got := statuses(out); err != nil || got != "changed, changed, already_done" {
		t.Error(got, err)
	}
	out, err = db.Verify(t.Context(), batch)
	if got := statuses(out); err != nil || got != "conflict, conflict, already_done" {
		t.Error(got, err)
	}
	s.golden(t, "delete")
}

func TestCountsSizesAndSamplesAskTheServer(t *testing.T) {
	s := &server{answer: func(string, []driver.NamedValue) reply { return reply{rows: [][]driver.Value{{int64(12)}}} }}
	db := open(t, s)
	if n, err := db.Count(t.Context(), connector.Read{Table: person, Where: []connector.Match{match("email", "a")}}); n != 12 || err != nil {
		t.Error(n, err)
	}
	if n, err := db.Size(t.Context(), person.Name); n != 12 || err != nil {
		t.Error(n, err)
	}
	s.answer = func(string, []driver.NamedValue) reply { return reply{} }
	if _, err := db.Sample(t.Context(), table("person", nil, column("id", "int", 4, 10, 0)), 20); err != nil {
		t.Error(err)
	}
	s.golden(t, "count")
}

func TestDescribeReadsTheCatalogueViews(t *testing.T) {
	s := &server{answer: func(text string, _ []driver.NamedValue) reply {
		switch text {
		case queryColumns:
			return reply{rows: [][]driver.Value{
				{"dbo", "names", int64(1), "name", "nvarchar", int64(80), int64(0), int64(0), int64(1), int64(0)},
				{"dbo", "person", int64(0), "id", "int", int64(4), int64(10), int64(0), int64(1), int64(1)},
				{"dbo", "person", int64(0), "name", "nvarchar", int64(-1), int64(0), int64(0), int64(0), int64(0)},
				{"dbo", "person", int64(0), "price", "decimal", int64(9), int64(10), int64(2), int64(0), int64(0)},
				{"dbo", "person", int64(0), "version", "timestamp", int64(8), int64(0), int64(0), int64(1), int64(0)},
				{"dbo", "visit", int64(0), "person", "int", int64(4), int64(10), int64(0), int64(1), int64(0)},
				{"dbo", "visit", int64(0), "place", "varchar", int64(20), int64(0), int64(0), int64(0), int64(0)},
			}}
		case queryKeys:
			return reply{rows: [][]driver.Value{
				{"dbo", "person", int64(1), int64(1), "id"},
				{"dbo", "person", int64(2), int64(0), "name"}, {"dbo", "person", int64(2), int64(0), "price"},
				{"dbo", "visit", int64(2), int64(0), "place"}, {"dbo", "visit", int64(3), int64(0), "person"},
				{"gone", "gone", int64(1), int64(1), "gone"},
			}}
		case queryForeignKeys:
			return reply{rows: [][]driver.Value{
				{"dbo", "visit", int64(9), "fk", "person", "dbo", "person", "id", "CASCADE", "NO_ACTION"},
				{"dbo", "visit", int64(9), "fk", "place", "dbo", "person", "name", "CASCADE", "NO_ACTION"},
			}}
		case queryChecks:
			return reply{rows: [][]driver.Value{{"dbo", "person", int64(8), "grown", "([price]>(0))", "price"}, {"dbo", "person", int64(8), "grown", "([price]>(0))", "id"}}}
		case queryTriggers:
			return reply{rows: [][]driver.Value{{"dbo", "person", "log", "delete"}, {"dbo", "person", "log", "update"}, {"dbo", "visit", "history in dbo.old", "delete"}}}
		}
		t.Errorf("sent %s", text)
		return reply{}
	}}
	got, err := open(t, s).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kind := func(k value.Kind) value.Type { return value.Type{Kind: k} }
	name := func(n string) catalogue.Name { return catalogue.Name{Schema: "dbo", Table: n} }
	want := catalogue.Catalogue{Tables: []catalogue.Table{
		{Name: name("names"), View: true, Columns: []catalogue.Column{{Name: "name", Native: "nvarchar(40)", Type: kind(value.String), Length: 40, NotNull: true}}},
		{
			Name: name("person"), PrimaryKey: []string{"id"}, Unique: [][]string{{"name", "price"}},
			Columns: []catalogue.Column{
				{Name: "id", Native: "int", Type: kind(value.Integer), Bits: 32, NotNull: true, Generated: true},
				{Name: "name", Native: "nvarchar(max)", Type: kind(value.String)},
				{Name: "price", Native: "decimal(10,2)", Type: kind(value.Number), Precision: 10, Scale: 2},
				{Name: "version", Native: "timestamp", Type: kind(value.Bytes), NotNull: true, Generated: true},
			},
			Checks:   []catalogue.Check{{Name: "grown", Columns: []string{"price", "id"}, Expression: "([price]>(0))"}},
			Triggers: []catalogue.Trigger{{Name: "log", On: []string{"delete", "update"}}},
		},
		{
			Name: name("visit"), Unique: [][]string{{"place"}, {"person"}},
			Columns: []catalogue.Column{
				{Name: "person", Native: "int", Type: kind(value.Integer), Bits: 32, NotNull: true},
				{Name: "place", Native: "varchar(20)", Type: kind(value.String), Length: 20},
			},
			ForeignKeys: []catalogue.ForeignKey{{Name: "fk", Columns: []string{"person", "place"}, References: name("person"),
				ReferencedColumns: []string{"id", "name"}, OnDelete: "cascade", OnUpdate: "no action"}},
			Triggers: []catalogue.Trigger{{Name: "history in dbo.old", On: []string{"delete"}}},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.golden(t, "describe")
}

// outside is all that a statement of this connector may hold between names in
// brackets.
var outside = regexp.MustCompile(`^(SELECT|FROM|WHERE|UPDATE|SET|DELETE|WITH|UPDLOCK|ROWLOCK|ORDER|BY|IN|AS|JOIN|VALUES|ON|AND|OR|CONVERT|CAST|COLLATE|Latin1_General_100_BIN2|` +
	`nvarchar|varbinary|max|t|v|c[0-9]+|count|@p[0-9]+|@written|ROWCOUNT_BIG|1|[ (),.=*]|\(\)|; SET @written = ROWCOUNT_BIG)*$`)

// names takes a statement apart and gives the names in it, unquoted.
func names(text string) (out []string, rest string) {
	for {
		before, after, found := strings.Cut(text, "[")
		rest += before
		if !found {
			return out, rest
		}
		var name strings.Builder
		for {
			part, left, closed := strings.Cut(after, "]")
			name.WriteString(part)
			after = left
			if !closed {
				return out, rest + "["
			}
			if !strings.HasPrefix(after, "]") {
				break
			}
			name.WriteByte(']')
			after = after[1:]
		}
		out, text = append(out, name.String()), after
	}
}

func TestHostileNamesNeverLeaveTheirBrackets(t *testing.T) { // SE5
	for _, name := range connectortest.HostileNames() {
		s := &server{answer: func(text string, _ []driver.NamedValue) reply {
			in, _ := names(text)
			row := []driver.Value{"before", "before"}[:max(0, min(2, slices.Index(in, "dbo")))] // as many columns as are asked for
			return reply{rows: [][]driver.Value{row}, wrote: 1}
		}}
		db := open(t, s)
		one := table(name, nil, column(name, "nvarchar", -1, 0, 0))
		batch := connector.Batch{Table: one, KeyColumns: []string{name}, Columns: []string{name}, Changes: []connector.Change{
			{Key: connector.Tuple{"before"}, Before: connector.Row{name: "before"}, After: connector.Row{name: "after"}}}}
		_, err := db.Read(t.Context(), connector.Read{Table: one, Columns: []string{name}, Where: []connector.Match{match(name, name)}}, func(connector.Row) error { return nil })
		_, err2 := db.Mask(t.Context(), batch)
		batch.Columns = nil
		_, err3 := db.Delete(t.Context(), batch)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		for _, text := range s.texts {
			in, rest := names(text)
			if len(in) == 0 || slices.ContainsFunc(in, func(n string) bool { return n != name && n != "dbo" }) || !outside.MatchString(rest) {
				t.Fatalf("%q was sent as %s", name, text)
			}
		}
	}
}
