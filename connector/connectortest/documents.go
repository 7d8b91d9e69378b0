package connectortest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// Documents makes databases of documents for the suite.
type Documents struct {
	// New makes an empty database that is gone when the test ends.
	New func(t testing.TB) DocumentStore
	// Key is the field that tells documents apart; its values are text here.
	Key string
	// Samples are values of every type that the system has.
	Samples []DocumentSample
	// Collection and Field say whether the system can have a name at all.
	Collection, Field func(name string) bool
	// Racy: the server of the tests may let two conditional writes of the same
	// document both go through, which the real one does not.
	Racy bool
}

// DocumentStore is an empty database of documents.
type DocumentStore struct {
	// Put writes documents past the connector, in place of those with their
	// keys. Their values are those of package value, or a sample's.
	Put func(t testing.TB, collection string, documents ...map[string]any)
	// Open opens a connection on it.
	Open func(t testing.TB, readOnly bool) connector.Connector
}

// DocumentSample is a value as the system's own client writes it and as a
// connector gives it.
type DocumentSample struct {
	Name   string
	Stored any
	Want   any
	// NoMatch: documents are not found by this value.
	NoMatch bool
}

// RunDocuments runs the suite for systems whose tables are open.
func RunDocuments(t *testing.T, h Documents) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Documents)
	}{
		{"Describe", testDocumentsDescribe},
		{"EveryTypeSurvives", testDocumentTypes},
		{"ReadByPaths", testReadByPaths},
		{"ReadContract", testDocumentReadContract},
		{"HostileNames", testHostileFields},
		{"HostileValues", testHostileDocumentValues},
		{"MaskPositions", testMaskPositions},
		{"ChangedMeanwhile", testDocumentsChanged},
		{"ChangedWhileWritten", testDocumentsRaced},
		{"ManyElements", testManyElements},
		{"Guard", testDocumentGuard},
		{"ReadOnly", testDocumentsReadOnly},
		{"Delete", testDocumentsDelete},
		{"Verify", testDocumentsVerify},
		{"Sample", testSample},
		{"Concurrent", testDocumentsConcurrent},
		{"Cancelled", testDocumentsCancelled},
		{"ErrorsKeepQuiet", testDocumentErrorsKeepQuiet},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h) })
	}
}

type (
	object = map[string]any
	list   = []any
)

// shelf is a database of documents under test.
type shelf struct {
	*bench
	DocumentStore
	key string
}

// stored makes a database with documents in a collection and opens it.
func stored(t testing.TB, h Documents, collection string, documents ...object) *shelf {
	t.Helper()
	d := h.New(t)
	d.Put(t, collection, documents...)
	s := &shelf{DocumentStore: d, key: h.Key}
	s.bench = &bench{full: connect(t, Database{Open: d.Open}, false)}
	s.describe(t)
	return s
}

// doc gives a document its key.
func (h Documents) doc(id string, fields object) object {
	out := maps.Clone(fields)
	if out == nil {
		out = object{}
	}
	out[h.Key] = id
	return out
}

// found gives the keys of the documents that a match finds, sorted.
func (s *shelf) found(t testing.TB, collection string, where ...connector.Match) []string {
	t.Helper()
	ids := []string{}
	r := connector.Read{Table: s.table(t, collection), Columns: []string{s.key}, Where: where}
	result, err := s.Read(t.Context(), r, func(row connector.Row) error {
		ids = append(ids, fmt.Sprint(row[s.key]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Count(t.Context(), r); err != nil || n != int64(len(ids)) || result.Rows != n {
		t.Errorf("%d rows read, %d said, %d counted, %v", len(ids), result.Rows, n, err)
	}
	slices.Sort(ids)
	return ids
}

// row reads one document.
func (s *shelf) row(t testing.TB, collection, id string, columns ...string) object {
	t.Helper()
	var got object
	_, err := s.Read(t.Context(), connector.Read{Table: s.table(t, collection), Columns: columns, Where: []connector.Match{match(s.key, id)}},
		func(row connector.Row) error { got = row; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// change is a batch with one change of one document.
func (s *shelf) change(t testing.TB, collection, id string, before, after object) connector.Batch {
	b := connector.Batch{Table: s.table(t, collection), KeyColumns: []string{s.key},
		Changes: []connector.Change{{Key: connector.Tuple{id}, Before: before, After: after}}}
	for name := range after {
		b.Columns = append(b.Columns, name)
	}
	slices.Sort(b.Columns)
	return b
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func testDocumentsDescribe(t *testing.T, h Documents) {
	s := stored(t, h, "bbb", h.doc("1", object{"x": "text"}))
	s.Put(t, "aaa", h.doc("1", nil))
	s.describe(t)
	before := s.schema
	if len(before.Tables) != 2 || before.Tables[0].Name.Table != "aaa" {
		t.Fatalf("tables %+v, want a and b", before.Tables)
	}
	for _, table := range before.Tables {
		if !table.Open || !slices.Equal(table.PrimaryKey, []string{h.Key}) || table.Column(h.Key) == nil || !table.Column(h.Key).NotNull || table.View {
			t.Errorf("%+v", table)
		}
	}
	s.Put(t, "bbb", h.doc("2", object{"x": int64(5), "y": list{object{"z": true}}}))
	s.describe(t)
	same(t, "the catalogue follows the data", s.schema, before) // X17
	if err := s.Test(t.Context()); err != nil {
		t.Error(err)
	}
}

func testDocumentTypes(t *testing.T, h Documents) {
	s := stored(t, h, "types", h.doc("none", nil))
	for i, sample := range h.Samples {
		id := fmt.Sprintf("s%d", i)
		s.Put(t, "types", h.doc(id, object{"v": sample.Stored, "in": object{"v": sample.Stored, "note": "hello"}, "all": list{sample.Stored, "other"}, "tag": id}))
		t.Run(sample.Name, func(t *testing.T) {
			want := object{"v": sample.Want, "in": object{"v": sample.Want, "note": "hello"}, "all": list{sample.Want, "other"}}
			before := s.row(t, "types", id, "v", "in", "all")
			same(t, "read", before, want) // D29
			if !sample.NoMatch {
				for _, path := range []string{"v", "in.v", "all"} {
					if ids := s.found(t, "types", match(path, sample.Want)); !slices.Contains(ids, id) {
						t.Errorf("found by %s: %q", path, ids)
					}
				}
			}
			masked := object{"in": object{"v": sample.Want, "note": "M"}, "all": list{sample.Want, nil}}
			out, err := s.Mask(t.Context(), s.change(t, "types", id, before, masked))
			wants(t, out, err, connector.Changed)
			same(t, "beside what was masked", s.row(t, "types", id, "in", "all"), masked)
			if !sample.NoMatch {
				if ids := s.found(t, "types", match("in.v", sample.Want)); !slices.Contains(ids, id) {
					t.Error("a value beside the mask changed its type")
				}
			}
			replaced := object{"v": "M"}
			out, err = s.Mask(t.Context(), s.change(t, "types", id, before, replaced))
			wants(t, out, err, connector.Changed)
			same(t, "replaced", s.row(t, "types", id, "v"), replaced)
			out, err = s.Mask(t.Context(), s.change(t, "types", id, before, replaced))
			wants(t, out, err, connector.AlreadyDone)
		})
	}
}

func testReadByPaths(t *testing.T, h Documents) {
	s := stored(t, h, "orders",
		h.doc("1", object{"buyer": object{"id": int64(5), "mail": "a"}, "items": list{object{"for": object{"mail": "a"}}, object{"for": object{"mail": "b"}}}, "tags": list{"x", int64(0)}, "n": int64(0), "s": "", "b": false}),
		h.doc("2", object{"buyer": object{"id": 5.0, "mail": nil}, "items": list{}, "tags": "x", "n": nil, "s": nil}),
		h.doc("3", object{"buyer": "a", "items": list{"a", object{"for": "b"}, object{"for": object{"mail": "b"}}}, "n": int64(7)}),
	)
	for _, c := range []struct {
		name  string
		where []connector.Match
		want  []string
	}{
		{"Nested", []connector.Match{match("buyer.mail", "a")}, []string{"1"}},
		{"NumbersMeet", []connector.Match{match("buyer.id", int64(5))}, []string{"1", "2"}}, // D15
		{"FloatsMeetIntegers", []connector.Match{match("buyer.id", 5.0, value.Decimal("5.00"))}, []string{"1", "2"}},
		{"ElementsOfObjects", []connector.Match{match("items.for.mail", "b")}, []string{"1", "3"}}, // D14
		{"Elements", []connector.Match{match("tags", "x")}, []string{"1", "2"}},
		{"ZeroIsAValue", []connector.Match{match("n", int64(0), nil)}, []string{"1"}},
		{"EmptyTextIsAValue", []connector.Match{match("s", "", nil)}, []string{"1"}},
		{"FalseIsAValue", []connector.Match{match("b", false, nil)}, []string{"1"}},
		{"Either", []connector.Match{match("n", int64(7)), match("buyer.mail", "a"), match("tags", "nobody")}, []string{"1", "3"}}, // D17
		{"Composite", []connector.Match{{Columns: []string{"buyer.id", "n"}, Tuples: []connector.Tuple{{int64(5), int64(0)}, {int64(5), int64(7)}, {int64(5), nil}}}}, []string{"1"}},
		{"ByKey", []connector.Match{match(h.Key, "2", "9")}, []string{"2"}},
		{"TextIsNoNumber", []connector.Match{match("buyer.id", "5")}, []string{}},
		{"AbsentEverywhere", []connector.Match{match("gone.away", "a")}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) { same(t, "found", s.found(t, "orders", c.where...), c.want) })
	}
	t.Run("AbsentStaysAbsent", func(t *testing.T) {
		same(t, "null and absent", s.row(t, "orders", "2", "n", "b", "s"), object{"n": nil, "s": nil})
	})
	t.Run("Partition", func(t *testing.T) {
		for operator, want := range map[string][]string{"=": {"3"}, "<>": {"1"}, "<": {"1"}, "<=": {"1", "3"}, ">": {}, ">=": {"3"}} {
			r := connector.Read{Table: s.table(t, "orders"), Columns: []string{h.Key}, Where: []connector.Match{match(h.Key, "1", "2", "3")},
				Partition: []connector.Condition{{Column: "n", Operator: operator, Constant: int64(7)}}}
			ids := []string{}
			if _, err := s.Read(t.Context(), r, func(row connector.Row) error { ids = append(ids, fmt.Sprint(row[h.Key])); return nil }); err != nil {
				t.Fatal(err)
			}
			slices.Sort(ids)
			same(t, "n "+operator+" 7", ids, want)
		}
	})
}

func testDocumentReadContract(t *testing.T, h Documents) {
	var all []object
	for i := range 100 {
		all = append(all, h.doc(fmt.Sprintf("d%d", i), object{"n": int64(i), "mail": fmt.Sprintf("p%d@example.org", i)}))
	}
	s := stored(t, h, "many", all...)
	table := s.table(t, "many")
	t.Run("ManyValuesFindEachOnce", func(t *testing.T) {
		var mails []any
		for i := range 12_000 {
			mails = append(mails, fmt.Sprintf("p%d@example.org", 12_000-i))
		}
		if ids := s.found(t, "many", match("n", upTo(12_000)...), match("mail", mails...)); len(ids) != 100 {
			t.Errorf("%d documents", len(ids))
		}
	})
	t.Run("WhatCannotBeStoredIsDropped", func(t *testing.T) { // D15
		r := connector.Read{Table: table, Columns: []string{h.Key}, Where: []connector.Match{match("mail", "\xff", "p1@example.org", object{"$gt": ""}, list{"p2@example.org"})}}
		result, err := s.Read(t.Context(), r, func(connector.Row) error { return nil })
		if err != nil || result.Rows != 1 || result.Dropped != 3 {
			t.Errorf("%+v, %v", result, err)
		}
	})
	t.Run("SizeIsNear", func(t *testing.T) {
		if n, err := s.Size(t.Context(), table.Name); err != nil || n < 80 || n > 120 {
			t.Errorf("%d documents, %v", n, err)
		}
	})
	t.Run("QueriesShowWhatIsSent", func(t *testing.T) { // D17
		q, err := s.Queries(connector.Read{Table: table, Columns: []string{h.Key, "mail"}, Where: []connector.Match{match("a.b"), match("mail")}})
		if err != nil || len(q) == 0 {
			t.Errorf("%q, %v", q, err)
		}
	})
	t.Run("NothingIsSentWithoutAValue", func(t *testing.T) { // X27
		closed := connect(t, Database{Open: s.DocumentStore.Open}, true)
		_ = closed.Close()
		for _, where := range [][]connector.Match{nil, {match("n")}, {match("n", nil)}, {{Columns: []string{"n", "mail"}, Tuples: []connector.Tuple{{nil, "p1@example.org"}}}}} {
			r := connector.Read{Table: table, Columns: []string{h.Key}, Where: where, Partition: []connector.Condition{{Column: "n", Operator: ">", Constant: int64(0)}}}
			if res, err := closed.Read(t.Context(), r, nil); err != nil || res.Rows != 0 {
				t.Errorf("read: %+v, %v", res, err)
			}
			if n, err := closed.Count(t.Context(), r); err != nil || n != 0 {
				t.Errorf("count: %d, %v", n, err)
			}
		}
		if _, err := closed.Read(t.Context(), connector.Read{Table: table, Columns: []string{h.Key}, Where: []connector.Match{match("n", int64(1))}}, nil); err == nil {
			t.Error("a closed connector read documents")
		}
	})
}
