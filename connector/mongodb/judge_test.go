package mongodb

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/documents"
)

func document(t testing.TB, d bson.D) bson.Raw {
	t.Helper()
	doc, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// shown writes what is sent, for comparisons.
func shown(t testing.TB, d bson.D) string {
	t.Helper()
	return document(t, d).String()
}

type (
	object = map[string]any
	list   = []any
)

const (
	read   = documents.Read
	leaves = documents.Most
)

// judged is a field that was compared, as MongoDB is told of it.
type judged struct {
	state      documents.State
	refused    string
	set, where bson.D
}

func judge(column string, doc bson.Raw, before, after any) (judged, error) {
	p := &batch{db: &DB{}, ids: [][]bson.RawValue{{{}}}}
	f, err := documents.Judge(p, column, doc.Lookup(column), before, after)
	return judged{f.State, f.Refused, assigned(f.Set), p.stands(0, f.Where)[1:]}, err
}

func TestOnlyWhatDiffersIsWrittenAndOnlyWhereItStillStands(t *testing.T) { // D28
	doc := document(t, bson.D{{Key: "in", Value: bson.D{{Key: "a", Value: int32(1)}, {Key: "b", Value: "x"}}},
		{Key: "grid", Value: bson.A{bson.A{"x", bson.D{{Key: "k", Value: "me"}}}, bson.A{"y"}}}})
	for name, c := range map[string]struct {
		column        string
		before, after any
		set, where    string
	}{
		"a leaf": {"in", object{"a": int64(1), "b": "x"}, object{"a": int64(1), "b": "M"},
			`{"in.b": "M"}`, `{"in.b": {"$eq": "x","$not": {"$type": {"$numberInt":"4"}},"$type": {"$numberInt":"2"}}}`},
		"arrays of arrays": {"grid", list{list{"x", object{"k": "me"}}, list{"y"}}, list{list{"x", object{"k": nil}}, list{"y"}},
			`{"grid.0.1.k": null}`, `{"grid.0": {"$eq": ["x",{"k": "me"}],"$type": {"$numberInt":"4"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := judge(c.column, doc, c.before, c.after)
			if err != nil || j.state != read {
				t.Fatalf("state %d, %v", j.state, err)
			}
			for _, pair := range [][2]string{{c.set, shown(t, j.set)}, {c.where, shown(t, j.where)}} {
				if diff := cmp.Diff(strings.ReplaceAll(pair[0], " ", ""), strings.ReplaceAll(pair[1], " ", "")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestMasksThatLosePrecisionAreKnownInArraysToo(t *testing.T) { // D28
	mask := time.Date(2026, 1, 1, 0, 0, 0, 123_456, time.UTC) // MongoDB keeps milliseconds
	doc := document(t, bson.D{{Key: "log", Value: bson.A{bson.D{{Key: "at", Value: mask}, {Key: "by", Value: "x"}}}}})
	entry := func(at time.Time, by any) list { return list{object{"at": at, "by": by}} }
	j, err := judge("log", doc, entry(mask.AddDate(-1, 0, 0), "x"), entry(mask, nil))
	if err != nil || j.state != read || shown(t, j.set) != `{"log.0.by": null}` {
		t.Errorf("%+v, %v", j, err)
	}
}

func TestFieldsThatAnUpdateCannotAddressAreRefused(t *testing.T) { // D24
	for _, name := range []string{"", "a.b", "$a", "."} {
		doc := document(t, bson.D{{Key: "in", Value: bson.D{{Key: name, Value: "x"}, {Key: "ok", Value: "x"}}}})
		j, err := judge("in", doc, object{name: "x", "ok": "x"}, object{name: "M", "ok": "M"})
		if err != nil || j.state != read || j.refused == "" || len(j.set) > 0 {
			t.Errorf("%q: %+v, %v", name, j, err)
		}
		j, err = judge("in", doc, object{name: "x", "ok": "x"}, object{name: "x", "ok": "M"})
		if err != nil || j.refused != "" || len(j.set) != 1 {
			t.Errorf("beside %q: %+v, %v", name, j, err)
		}
	}
}

func TestFieldsWrittenWholeKeepAllElseToTheBit(t *testing.T) { // D23
	var items, want bson.A
	var before, after list
	for i := range leaves + 5 {
		items = append(items, bson.D{{Key: "z", Value: int32(i)}, {Key: "a.b", Value: bson.Regex{Pattern: "x"}}, {Key: "m", Value: "me"}})
		want = append(want, bson.D{{Key: "z", Value: int32(i)}, {Key: "a.b", Value: bson.Regex{Pattern: "x"}}, {Key: "m", Value: "M"}})
		regex := `{"$regularExpression":{"pattern":"x","options":""}}`
		before = append(before, object{"z": int64(i), "a.b": regex, "m": "me"})
		after = append(after, object{"z": int64(i), "a.b": regex, "m": "M"})
	}
	items = append(items, bson.D{{Key: "m", Value: "another"}})
	want = append(want, bson.D{{Key: "m", Value: "another"}})
	j, err := judge("items", document(t, bson.D{{Key: "items", Value: items}}), before, after)
	if err != nil || j.state != read {
		t.Fatalf("%d, %v", j.state, err)
	}
	if diff := cmp.Diff(shown(t, bson.D{{Key: "items", Value: want}}), shown(t, j.set)); diff != "" {
		t.Errorf("(-want +got):\n%.500s", diff)
	}
	if len(j.where) != 1 || j.where[0].Key != "items" {
		t.Errorf("it is written whole where %d parts stand", len(j.where))
	}
}

// TestAMillionElementsStayBounded reads and masks an array of a million
// elements: what it costs in memory is a multiple of the document's size.
func TestAMillionElementsStayBounded(t *testing.T) { // D23
	const n = 1_000_000
	numbers := make(bson.A, n)
	for i := range n {
		numbers[i] = int32(i)
	}
	doc := document(t, bson.D{{Key: "n", Value: numbers}})
	var m runtime.MemStats
	allocated := func() uint64 { runtime.ReadMemStats(&m); return m.TotalAlloc }
	start := allocated()
	row, err := rowOf(doc, []string{"n"})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := row["n"].(list)
	one, all := slices.Clone(before), make(list, n)
	one[777_777] = nil
	for _, after := range []list{one, all} {
		j, err := judge("n", doc, before, after)
		if err != nil || j.state != read || len(j.set) != 1 {
			t.Fatalf("%d, %d, %v", j.state, len(j.set), err)
		}
	}
	if spent := allocated() - start; spent > 150*uint64(len(doc)) {
		t.Errorf("%d MB were allocated for a document of %d MB", spent>>20, len(doc)>>20)
	}
}

func TestKeysThatLookAlikeInTwoTypesAreNotWritten(t *testing.T) { // D22
	id := bson.NewObjectID()
	p := &batch{Batch: connector.Batch{Changes: []connector.Change{{Key: connector.Tuple{id.Hex()}}, {Key: connector.Tuple{nil}}}}, doing: "mask c",
		ids: [][]bson.RawValue{{raw(t, id), raw(t, id.Hex())}, nil}}
	w := documents.New(connector.Settings{}, func(context.Context, string, connector.Batch) (documents.Target[bson.RawValue], error) { return p, nil })
	out, err := w.Mask(t.Context(), p.Batch) // no database is there to be written
	if err != nil || out[0].Status != connector.Failed || !strings.Contains(out[0].Reason, "told apart") || out[1].Status != connector.Failed {
		t.Errorf("%+v, %v", out, err)
	}
}
