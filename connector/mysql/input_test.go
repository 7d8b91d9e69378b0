package mysql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/mariadbtest"
)

type full interface {
	connector.Connector
	connector.Tester
	connector.Describer
	connector.Reader
	connector.Masker
	connector.Deleter
	connector.Verifier
}

// shop is a database with tables, opened.
type shop struct {
	full
	t      *testing.T
	url    string
	exec   func(statements ...string)
	schema catalogue.Catalogue
}

func tables(t *testing.T, statements ...string) *shop {
	t.Helper()
	s := &shop{t: t, url: mariadbtest.URL(t)}
	d := database(t, s.url)
	s.exec = func(statements ...string) { t.Helper(); d.Exec(t, statements...) }
	s.exec(statements...)
	s.full = d.Open(t, false).(full)
	t.Cleanup(func() { _ = s.Close() })
	s.describe()
	return s
}

func (s *shop) describe() {
	s.t.Helper()
	var err error
	if s.schema, err = s.Describe(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) table(name string) *catalogue.Table {
	s.t.Helper()
	table := s.schema.Table(catalogue.Name{Table: name})
	if table == nil {
		s.t.Fatalf("no table %q in the catalogue", name)
	}
	return table
}

// column reads one column of the rows that match, sorted as text.
func (s *shop) column(table, column string, where ...connector.Match) []string {
	s.t.Helper()
	out := []string{}
	r := connector.Read{Table: s.table(table), Columns: []string{column}, Where: where}
	_, err := s.Read(s.t.Context(), r, func(row connector.Row) error {
		out = append(out, fmt.Sprint(map[string]any(row)[column]))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func match(column string, values ...any) connector.Match {
	m := connector.Match{Columns: []string{column}}
	for _, v := range values {
		m.Tuples = append(m.Tuples, connector.Tuple{v})
	}
	return m
}

func (s *shop) batch(table string, key, columns []string, changes ...connector.Change) connector.Batch {
	return connector.Batch{Table: s.table(table), KeyColumns: key, Columns: columns, Changes: changes}
}

func (s *shop) wants(out []connector.Outcome, err error, want ...connector.Status) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	var got []connector.Status
	for _, o := range out {
		got = append(got, o.Status)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Fatalf("outcomes (-want +got):\n%s%+v", diff, out)
	}
}

func (s *shop) equal(what string, got, want any) {
	s.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const mails = "CREATE TABLE mail (id integer PRIMARY KEY, email varchar(50), note varchar(50), KEY (email))"

func TestTextIsFoundAsTheDatabaseComparesIt(t *testing.T) { // D15, D16
	s := tables(t, mails, "INSERT INTO mail VALUES (1, 'anna@x', 'a'), (2, 'Anna@X', 'b'), (3, 'anna@x ', 'c'), (4, 'ben@x', 'd')")
	s.equal("rows of ANNA@X", s.column("mail", "id", match("email", "ANNA@X")), []string{"1", "2", "3"})

	// Both spellings, far enough apart to be sent in different statements.
	values := []any{"ANNA@X"}
	for i := range 9000 {
		values = append(values, fmt.Sprintf("p%d@x", i))
	}
	values = append(values, "anna@x")
	for name, where := range map[string][]connector.Match{
		"one column": {match("email", values...)}, "two columns": {match("email", values...), match("note", "C", "b")},
	} {
		s.equal(name, s.column("mail", "id", where...), []string{"1", "2", "3"})
		n, err := s.Count(t.Context(), connector.Read{Table: s.table("mail"), Where: where})
		if err != nil || n != 3 {
			t.Errorf("%s: %d rows counted, want 3: %v", name, n, err)
		}
	}
}

// Rows are addressed by a column that the database takes for equal in more
// than one of them.
func TestOnlyTheSpellingThatWasReadIsWritten(t *testing.T) { // D22
	s := tables(t, mails, "INSERT INTO mail VALUES (1, 'anna@x', 'a'), (2, 'Anna@X', 'b'), (3, 'anna@x ', 'c'), (4, 'ben@x', 'd'), (5, 'Ben@x', 'e')")
	change := func(key, before string, after any) connector.Change {
		return connector.Change{Key: connector.Tuple{key}, Before: connector.Row{"note": before}, After: connector.Row{"note": after}}
	}
	notes := func() []string { return s.column("mail", "note", match("id", 1, 2, 3, 4, 5)) }
	one := s.batch("mail", []string{"email"}, []string{"note"}, change("anna@x", "a", "M"), change("anna@x ", "c", "M"))
	out, err := s.Mask(t.Context(), one)
	s.wants(out, err, connector.Changed, connector.Changed)
	s.equal("notes", notes(), []string{"M", "M", "b", "d", "e"})

	many := s.batch("mail", []string{"email"}, []string{"note"}, change("anna@x", "M", "1"), change("Ben@x", "e", "2"))
	out, err = s.Mask(t.Context(), many)
	s.wants(out, err, connector.Changed, connector.Changed)
	s.equal("notes", notes(), []string{"1", "2", "M", "b", "d"})

	gone := s.batch("mail", []string{"email"}, nil, change("Anna@X", "b", nil))
	gone.Changes[0].After = nil
	out, err = s.Delete(t.Context(), gone)
	s.wants(out, err, connector.Changed)
	s.equal("notes", notes(), []string{"1", "2", "M", "d"})

	recased := s.batch("mail", []string{"id"}, []string{"email"}, connector.Change{Key: connector.Tuple{4},
		Before: connector.Row{"email": "BEN@x"}, After: connector.Row{"email": "M"}})
	out, err = s.Mask(t.Context(), recased)
	s.wants(out, err, connector.Conflict) // a value in another case has changed
}

// The server counts rows that it found, not only those that it changed.
func TestRowsThatHoldTheirMaskBesideOthersAreCounted(t *testing.T) { // D22, D23
	s := tables(t, "CREATE TABLE visit (email varchar(50), page varchar(50))", "INSERT INTO visit VALUES ('a@x', 'one'), ('a@x', 'M')")
	batch := s.batch("visit", []string{"email"}, []string{"page"}, connector.Change{Key: connector.Tuple{"a@x"}, Before: connector.Row{"page": "one"}, After: connector.Row{"page": "M"}})
	out, err := s.Mask(t.Context(), batch)
	s.wants(out, err, connector.Changed)
	s.equal("pages", s.column("visit", "page", match("email", "a@x")), []string{"M", "M"})
}

func TestLettersThatTheColumnCannotHoldFindNothing(t *testing.T) { // D16
	s := tables(t, "CREATE TABLE old (id integer, a varchar(20) CHARACTER SET latin1, b varchar(20) CHARACTER SET utf8mb3, c varchar(20) CHARACTER SET sjis, KEY (a))",
		"INSERT INTO old VALUES (1, 'café', '日本', '日本')")
	for column, values := range map[string][]any{"a": {"日本", "café"}, "b": {"😀", "日本"}, "c": {"😀", "日本"}} {
		s.equal("found by "+column, s.column("old", "id", match(column, values...)), []string{"1"})
		both := connector.Match{Columns: []string{"id", column}, Tuples: []connector.Tuple{{2, values[0]}, {1, values[1]}}}
		s.equal("found by two columns", s.column("old", "id", both), []string{"1"})
		out, err := s.Mask(t.Context(), s.batch("old", []string{"id", column}, []string{column}, connector.Change{
			Key: connector.Tuple{1, values[1]}, Before: connector.Row{column: values[1]}, After: connector.Row{column: values[0]}}))
		s.wants(out, err, connector.Failed)
		if len(out[0].Fields) != 1 || out[0].Fields[column] == "" {
			t.Errorf("%s: %+v gives no reason", column, out[0])
		}
	}
}

func TestDatesThatNoCalendarHasAreReadMaskedAndLeft(t *testing.T) {
	s := tables(t, "CREATE TABLE visit (born date, at datetime(3), note varchar(20), KEY (born))",
		"INSERT INTO visit VALUES ('0000-00-00', '0000-00-00', 'zero'), ('1980-00-00', '2009-01-02 03:04:05.5', 'year'), ('1980-01-01', NULL, 'full')")
	all := match("note", "zero", "year", "full")
	s.equal("days", s.column("visit", "born", all), []string{"0000-00-00", "1980-00-00", "1980-01-01"})
	s.equal("found by a zero date", s.column("visit", "note", match("born", "0000-00-00")), []string{"zero"})

	// No primary key: rows are told apart by all their values, dates too.
	change := func(born, at any, note string) connector.Change {
		return connector.Change{Key: connector.Tuple{born}, Before: connector.Row{"at": at, "note": note}, After: connector.Row{"at": nil, "note": "M" + note}}
	}
	moment := s.row("visit", match("note", "year"))["at"]
	batch := s.batch("visit", []string{"born"}, []string{"at", "note"},
		change("0000-00-00", "0000-00-00 00:00:00", "zero"), change("1980-00-00", moment, "year"))
	out, err := s.Mask(t.Context(), batch)
	s.wants(out, err, connector.Changed, connector.Changed)
	out, err = s.Mask(t.Context(), batch)
	s.wants(out, err, connector.AlreadyDone, connector.AlreadyDone)
	s.equal("times", s.column("visit", "at", match("note", "Mzero", "Myear", "full")), []string{"<nil>", "<nil>", "<nil>"})

	batch = s.batch("visit", []string{"note"}, []string{"born"}, connector.Change{Key: connector.Tuple{"Myear"},
		Before: connector.Row{"born": "1980-00-00"}, After: connector.Row{"born": value.Date("1900-01-01")}})
	out, err = s.Mask(t.Context(), batch)
	s.wants(out, err, connector.Changed)
	s.equal("days", s.column("visit", "born", match("note", "Mzero", "Myear")), []string{"0000-00-00", "1900-01-01"})
}

// row reads all columns of the one row that matches.
func (s *shop) row(table string, where connector.Match) (out connector.Row) {
	s.t.Helper()
	r := connector.Read{Table: s.table(table), Where: []connector.Match{where}}
	for _, c := range r.Table.Columns {
		r.Columns = append(r.Columns, c.Name)
	}
	got, err := s.Read(s.t.Context(), r, func(row connector.Row) error { out = row; return nil })
	if err != nil || got.Rows != 1 {
		s.t.Fatalf("%d rows, %v, want one", got.Rows, err)
	}
	return out
}

// Every kind of key, with masks that are all the same and all different.
func TestRowsAreAddressedByKeysOfEveryKind(t *testing.T) { // D22, D23
	s := tables(t)
	for i, c := range []struct {
		declared string
		literals []string
	}{
		{"a bigint unsigned", []string{"18446744073709551615", "18446744073709551614", "5"}},
		{"a bit(64)", []string{"b'1" + strings.Repeat("0", 63) + "'", "7", "b'" + strings.Repeat("1", 64) + "'"}},
		{"a binary(16)", []string{"x'00ff'", "x'6f1f9f0e5a0c4a589a557d3c2f6f7c11'", "''"}},
		{"a varbinary(16)", []string{"x'00'", "x'0000'", "''"}},
		{"a decimal(40,2)", []string{"12345678901234567890123456.01", "12345678901234567890123456.02", "-1"}},
		{"a varchar(40) COLLATE utf8mb4_bin", []string{"'a'", "'A'", "'é'"}},
		{"a varchar(40) CHARACTER SET latin1", []string{"'é'", "'x'", "''"}},
		{"a char(36)", []string{"'6f1f9f0e'", "'1'", "''"}},
		{"a datetime(6)", []string{"'2009-01-02 03:04:05.123456'", "'0000-00-00'", "'2009-01-02'"}},
		{"a date", []string{"'0000-00-00'", "'2009-01-02'", "'1980-00-00'"}},
		{"a time", []string{"'-838:59:59'", "'00:00:00'", "'24:00:00'"}},
		{"a uuid", []string{"'6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11'", "'6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c12'", "'00000000-0000-0000-0000-000000000000'"}},
		{"a inet6", []string{"'::1'", "'::2'", "'::'"}},
		{"a enum('x','y','1')", []string{"'x'", "'1'", "'y'"}},
		{"a double", []string{"0.1", "0", "1e300"}},
		{"a year", []string{"2001", "0", "1999"}},
		{"a integer, b varchar(9)", []string{"1, 'a'", "1, 'b'", "2, 'a'"}},
		{"a integer, b date, c varbinary(9)", []string{"1, '0000-00-00', x'ff'", "1, '2009-01-02', ''", "1, '2009-01-02', x'00'"}},
	} {
		t.Log(c.declared)
		name := fmt.Sprintf("k%d", i)
		key := []string{"a", "b", "c"}[:strings.Count(c.declared, ", ")+1]
		s.exec("CREATE TABLE " + name + " (" + c.declared + ", v varchar(20), w varbinary(20), PRIMARY KEY (" + strings.Join(key, ", ") + "))")
		for _, literal := range c.literals {
			s.exec("INSERT INTO " + name + " VALUES (" + literal + ", 'old', 'old')")
		}
		s.describe()
		batch := s.batch(name, key, []string{"v", "w"})
		r := connector.Read{Table: s.table(name), Columns: key, Where: []connector.Match{match("v", "old")}}
		if _, err := s.Read(t.Context(), r, func(row connector.Row) error {
			change := connector.Change{Before: connector.Row{"v": "old", "w": []byte("old")}, After: connector.Row{"v": "M", "w": nil}}
			for _, k := range key {
				change.Key = append(change.Key, row[k])
			}
			batch.Changes = append(batch.Changes, change)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		changed := []connector.Status{connector.Changed, connector.Changed, connector.Changed}
		out, err := s.Mask(t.Context(), batch)
		s.wants(out, err, changed...)
		for j := range batch.Changes {
			batch.Changes[j].Before = batch.Changes[j].After
			batch.Changes[j].After = connector.Row{"v": fmt.Sprintf("\x00 \"%d\u2028", j), "w": []byte{0xff, byte(j)}}
		}
		out, err = s.Mask(t.Context(), batch)
		s.wants(out, err, changed...)
		out, err = s.Verify(t.Context(), batch)
		s.wants(out, err, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone)
		batch.Columns = nil
		for j := range batch.Changes {
			batch.Changes[j].Before = batch.Changes[j].After
		}
		out, err = s.Delete(t.Context(), batch)
		s.wants(out, err, changed...)
	}
}

func TestTableWithoutTransactionsIsReadAndNotWritten(t *testing.T) { // R6
	s := tables(t, "CREATE TABLE log (id integer PRIMARY KEY, who varchar(20)) ENGINE = MyISAM", "INSERT INTO log VALUES (1, 'Anna')")
	batch := s.batch("log", []string{"id"}, []string{"who"}, connector.Change{Key: connector.Tuple{1}, Before: connector.Row{"who": "Anna"}, After: connector.Row{"who": "M"}})
	_, masked := s.Mask(t.Context(), batch)
	batch.Columns = nil
	_, deleted := s.Delete(t.Context(), batch)
	for _, err := range []error{masked, deleted} {
		if connector.KindOf(err) != connector.Permanent || !strings.Contains(err.Error(), "InnoDB") {
			t.Errorf("%v, want a refusal that names InnoDB", err)
		}
	}
	s.equal("names", s.column("log", "who", match("id", 1)), []string{"Anna"})
}

func TestViewsAreReadAndThoseThatCanAreWritten(t *testing.T) {
	s := tables(t, mails, "INSERT INTO mail VALUES (1, 'a@x', 'a'), (2, 'b@x', 'b')",
		"CREATE VIEW plain AS SELECT id, note FROM mail", "CREATE VIEW summed AS SELECT min(id) AS id, note FROM mail GROUP BY note")
	for name, want := range map[string]connector.Kind{"plain": "", "summed": connector.Permanent} {
		if v := s.table(name); !v.View || v.Writable != (want == "") {
			t.Errorf("%s is described as a view: %v, that can be written: %v", name, v.View, v.Writable)
		}
		out, err := s.Mask(t.Context(), s.batch(name, []string{"id"}, []string{"note"},
			connector.Change{Key: connector.Tuple{1}, Before: connector.Row{"note": "a"}, After: connector.Row{"note": "M"}}))
		if want == "" {
			s.wants(out, err, connector.Changed)
			s.exec("UPDATE mail SET note = 'a' WHERE id = 1")
		} else if connector.KindOf(err) != want || !strings.Contains(err.Error(), "the tables under it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPartitionsAndTriggersKeepTheirCounts(t *testing.T) { // D23
	s := tables(t,
		"CREATE TABLE audit (what varchar(50))",
		"CREATE TABLE ord (id integer, region integer, note varchar(50), PRIMARY KEY (id, region)) PARTITION BY HASH (region) PARTITIONS 4",
		"CREATE TRIGGER kept BEFORE UPDATE ON ord FOR EACH ROW INSERT INTO audit VALUES (OLD.note)",
		"CREATE TRIGGER gone AFTER DELETE ON ord FOR EACH ROW INSERT INTO audit VALUES (OLD.note)",
		"CREATE TRIGGER fresh BEFORE INSERT ON ord FOR EACH ROW SET NEW.note = 'n'",
		"INSERT INTO ord VALUES (1, 1, ''), (2, 2, ''), (3, 3, '')")
	s.equal("triggers", s.table("ord").Triggers, []catalogue.Trigger{{Name: "gone", On: []string{"delete"}}, {Name: "kept", On: []string{"update"}}})
	batch := s.batch("ord", []string{"id", "region"}, []string{"note", "region"})
	for i := 1; i <= 3; i++ { // each row moves to another partition
		batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{i, i}, Before: connector.Row{"note": "n", "region": i}, After: connector.Row{"note": fmt.Sprintf("M%d", i)}})
	}
	out, err := s.Mask(t.Context(), batch)
	s.wants(out, err, connector.Changed, connector.Changed, connector.Changed)
	s.equal("notes", s.column("ord", "note", match("id", 1, 2, 3)), []string{"M1", "M2", "M3"})
	s.equal("what the trigger wrote", s.column("audit", "what", match("what", "n")), []string{"n", "n", "n"})
}

func TestGeneratedColumnsAreToldAndNeverWritten(t *testing.T) { // D25
	s := tables(t, "CREATE TABLE g (id integer PRIMARY KEY, a varchar(20), v varchar(40) AS (upper(a)) VIRTUAL, s varchar(40) AS (lower(a)) STORED, d datetime DEFAULT current_timestamp())",
		"INSERT INTO g (id, a) VALUES (1, 'x')")
	var computed []string
	for _, c := range s.table("g").Columns {
		if c.Generated {
			computed = append(computed, c.Name)
		}
	}
	s.equal("computed", computed, []string{"v", "s"})
	out, err := s.Mask(t.Context(), s.batch("g", []string{"id"}, []string{"a", "v", "s"}, connector.Change{Key: connector.Tuple{1},
		Before: connector.Row{"a": "x", "v": "X", "s": "x"}, After: connector.Row{"a": "M", "v": "M", "s": "M"}}))
	s.wants(out, err, connector.Changed)
	if len(out[0].Fields) != 2 {
		t.Errorf("%+v, want v and s refused", out[0].Fields)
	}
	s.equal("what is computed", s.column("g", "s", match("v", "M")), []string{"m"})
}

func TestNamesOf64Letters(t *testing.T) { // SE5
	long := strings.Repeat("日", 40) + strings.Repeat("n", 24)
	s := tables(t, "CREATE TABLE `"+long+"` (`"+long+"` integer PRIMARY KEY, v varchar(9))", "INSERT INTO `"+long+"` VALUES (1, 'x')")
	out, err := s.Mask(t.Context(), s.batch(long, []string{long}, []string{"v"}, connector.Change{Key: connector.Tuple{1}, Before: connector.Row{"v": "x"}, After: connector.Row{"v": "M"}}))
	s.wants(out, err, connector.Changed)
}

// A batch that is larger than a packet goes row by row; a row that is larger
// is refused.
func TestLargeMasksGoAsFarAsThePacketAllows(t *testing.T) { // D24
	s := tables(t, "CREATE TABLE doc (id integer PRIMARY KEY, body longtext)", "INSERT INTO doc VALUES (1, 'a'), (2, 'b'), (3, 'c')")
	batch := s.batch("doc", []string{"id"}, []string{"body"})
	for i, megabytes := range []int{9, 9, 17} { // of the server's 16
		batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{i + 1}, Before: connector.Row{"body": string(rune('a' + i))},
			After: connector.Row{"body": strings.Repeat(string(rune('A'+i)), megabytes<<20)}})
	}
	out, err := s.Mask(t.Context(), batch)
	s.wants(out, err, connector.Changed, connector.Changed, connector.Failed)
	if !strings.Contains(out[2].Fields["body"], "max_allowed_packet") {
		t.Errorf("%.200v", out[2].Fields)
	}
	s.equal("the third", s.column("doc", "body", match("id", 3)), []string{"c"})
}

func TestMasksThatAreTooLongAreRefusedAndNeverCut(t *testing.T) { // D25
	s := tables(t, "CREATE TABLE doc (id integer PRIMARY KEY, a tinytext, b tinyblob, c varchar(3))", "INSERT INTO doc VALUES (1, 'a', 'a', 'a'), (2, 'b', 'b', 'b')")
	for column, mask := range map[string]any{"a": strings.Repeat("ä", 200), "b": make([]byte, 300), "c": "long"} {
		before := s.row("doc", match("id", 1))[column]
		batch := s.batch("doc", []string{"id"}, []string{column},
			connector.Change{Key: connector.Tuple{1}, Before: connector.Row{column: before}, After: connector.Row{column: mask}},
			connector.Change{Key: connector.Tuple{2}, Before: s.row("doc", match("id", 2)), After: connector.Row{column: before}})
		out, err := s.Mask(t.Context(), batch)
		s.wants(out, err, connector.Failed, connector.Changed)
		s.equal(column, s.row("doc", match("id", 1))[column], before)
	}
}

func TestNothingHangsOnTheServersSettings(t *testing.T) { // D29
	s := tables(t, "CREATE TABLE t (id integer PRIMARY KEY, at timestamp NOT NULL, c char(5), s varchar(3))",
		"INSERT INTO t VALUES (1, '2009-01-02 03:04:05', 'ab', 'x')")
	s.exec("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'", "SET GLOBAL time_zone = '+05:00'", "SET GLOBAL tx_isolation = 'SERIALIZABLE'")
	defer s.exec("SET GLOBAL sql_mode = DEFAULT", "SET GLOBAL time_zone = DEFAULT", "SET GLOBAL tx_isolation = DEFAULT")
	s.full = open(t, s.url, false).(full)
	defer func() { _ = s.Close() }()
	before := s.row("t", match("id", 1))
	if got := fmt.Sprint(before["at"], before["c"]); got != "2009-01-02 03:04:05 +0000 UTCab" {
		t.Errorf("%s", got)
	}
	out, err := s.Mask(t.Context(), s.batch("t", []string{"id"}, []string{"s"}, connector.Change{Key: connector.Tuple{1},
		Before: connector.Row{"s": "x"}, After: connector.Row{"s": "too long"}}))
	s.wants(out, err, connector.Failed) // not cut
	out, err = s.Mask(t.Context(), s.batch("t", []string{"id"}, []string{"s"}, connector.Change{Key: connector.Tuple{1},
		Before: connector.Row{"s": "x"}, After: connector.Row{"s": `\'`}}))
	s.wants(out, err, connector.Changed)
	s.equal("the mask", s.column("t", "s", match("s", `\'`)), []string{`\'`})
}

// What a deletion would take along must be known to whoever may delete.
func TestWhoMayReadSingleColumnsIsToldOfAllConstraints(t *testing.T) { // D26
	s := tables(t, "CREATE TABLE a (id integer PRIMARY KEY, b integer UNIQUE, j json, d varchar(50) DEFAULT ' CHECK (1)', CHECK (b > 0))",
		"CREATE TABLE c (id integer PRIMARY KEY, a integer REFERENCES a (id) ON DELETE CASCADE)",
		"CREATE TRIGGER u BEFORE UPDATE ON a FOR EACH ROW SET NEW.b = 1")
	for i, grants := range [][]string{{"SELECT", "TRIGGER"}, {"SELECT (id, b, j, d), UPDATE (b)", "TRIGGER"}} {
		clerk := fmt.Sprintf("c%d_%s", i, s.url[strings.LastIndex(s.url, "/")+1:])
		s.exec("CREATE USER "+clerk, "GRANT SELECT ON c TO "+clerk)
		for _, g := range grants {
			s.exec("GRANT " + g + " ON a TO " + clerk)
		}
		c := open(t, strings.Replace(s.url, "root@", clerk+"@", 1), false).(full)
		defer func() { _ = c.Close() }()
		got, err := c.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.equal(grants[0], got, s.schema)
	}
}

func TestDescribeKnowsWhatOnlyMariaDBHas(t *testing.T) {
	s := tables(t,
		"CREATE TABLE `le``ad` (`i``d` bigint unsigned AUTO_INCREMENT PRIMARY KEY, nick varchar(20) CHARACTER SET latin1 NOT NULL CHECK (nick <> 'no'), price decimal(10,2), "+
			"feel enum('sad','happy'), `a\nb` tinyint, doc json NOT NULL COMMENT 'x', UNIQUE KEY (`a\nb`, nick), UNIQUE KEY (feel), UNIQUE KEY (nick(3)), "+
			"CONSTRAINT `o,k` CHECK (price > 0 AND feel <> 'a)b')) WITH SYSTEM VERSIONING",
		"CREATE TABLE log (at date NOT NULL, lead bigint unsigned, x tinyint, n varchar(20) CHARACTER SET latin1, "+
			"FOREIGN KEY (x, n) REFERENCES `le``ad` (`a\nb`, nick) ON UPDATE CASCADE ON DELETE SET NULL, "+
			"CONSTRAINT b FOREIGN KEY (lead) REFERENCES `le``ad` (`i``d`) ON DELETE RESTRICT)",
		"CREATE SEQUENCE counting")
	text, number := value.Type{Kind: value.String}, value.Type{Kind: value.Integer}
	lead := catalogue.Name{Table: "le`ad"}
	s.equal("catalogue", s.schema, catalogue.Catalogue{Tables: []catalogue.Table{{
		Name: lead,
		Columns: []catalogue.Column{
			{Name: "i`d", Native: "bigint(20) unsigned", Type: number, Bits: 64, NotNull: true},
			{Name: "nick", Native: "varchar(20) character set latin1", Type: text, Length: 20, NotNull: true},
			{Name: "price", Native: "decimal(10,2)", Type: value.Type{Kind: value.Number}, Precision: 10, Scale: 2},
			{Name: "feel", Native: "enum('sad','happy')", Type: text, Labels: []string{"sad", "happy"}},
			{Name: "a\nb", Native: "tinyint(4)", Type: number, Bits: 8},
			{Name: "doc", Native: "longtext", Type: value.Type{Kind: value.JSON}, NotNull: true, Comment: "x"},
		},
		PrimaryKey: []string{"i`d"},
		Unique:     [][]string{{"a\nb", "nick"}, {"feel"}},
		Checks: []catalogue.Check{{Name: "nick", Columns: []string{"nick"}, Expression: "`nick` <> 'no'"},
			{Name: "o,k", Columns: []string{"price", "feel"}, Expression: "`price` > 0 and `feel` <> 'a)b'"}},
	}, {
		Name: catalogue.Name{Table: "log"},
		Columns: []catalogue.Column{
			{Name: "at", Native: "date", Type: value.Type{Kind: value.Day}, NotNull: true},
			{Name: "lead", Native: "bigint(20) unsigned", Type: number, Bits: 64},
			{Name: "x", Native: "tinyint(4)", Type: number, Bits: 8},
			{Name: "n", Native: "varchar(20) character set latin1", Type: text, Length: 20},
		},
		ForeignKeys: []catalogue.ForeignKey{
			{Name: "b", Columns: []string{"lead"}, References: lead, ReferencedColumns: []string{"i`d"}, OnDelete: "no action", OnUpdate: "no action"},
			{Name: "log_ibfk_1", Columns: []string{"x", "n"}, References: lead, ReferencedColumns: []string{"a\nb", "nick"}, OnDelete: "set null", OnUpdate: "cascade"},
		},
	}}})
}
