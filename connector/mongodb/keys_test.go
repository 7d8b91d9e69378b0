package mongodb_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/mongodb"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/internal/ferretdbtest"
)

// filled is a collection with documents, and a connection to it.
func filled(t *testing.T, documents ...bson.D) (*mongodb.DB, *mongo.Collection, *catalogue.Table) {
	t.Helper()
	url := ferretdbtest.URL(t)
	collection := database(t, url).Collection("c")
	for _, d := range documents {
		if _, err := collection.InsertOne(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	c := open(t, url, false)
	t.Cleanup(func() { _ = c.Close() })
	schema, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, collection, schema.Table(catalogue.Name{Table: "c"})
}

func TestDocumentsAreAddressedByKeysOfEveryType(t *testing.T) { // D22
	keys := []any{int32(5), int64(1) << 40, 2.5, "text", "", true, objectID(hex24), moment,
		bson.Binary{Subtype: bson.TypeBinaryUUID, Data: id[:]}, bson.Binary{Data: []byte{1}}, bson.Binary{Subtype: bson.TypeBinaryMD5, Data: []byte{2}},
		bson.Timestamp{T: 1, I: 2}, bson.D{{Key: "z", Value: int32(1)}, {Key: "a", Value: "x"}}, bson.D{{Key: "a", Value: "x"}, {Key: "z", Value: int32(2)}}}
	var documents []bson.D
	for _, k := range keys {
		documents = append(documents, bson.D{{Key: "_id", Value: k}, {Key: "who", Value: "me"}, {Key: "v", Value: "x"}})
	}
	c, collection, table := filled(t, documents...)
	batch := connector.Batch{Table: table, KeyColumns: []string{"_id"}, Columns: []string{"v"}}
	_, err := c.Read(t.Context(), connector.Read{Table: table, Columns: []string{"_id", "v"}, Where: []connector.Match{{Columns: []string{"who"}, Tuples: []connector.Tuple{{"me"}}}}},
		func(row connector.Row) error {
			batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{row["_id"]}, Before: connector.Row{"v": "x"}, After: connector.Row{"v": "M"}})
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	statuses := func(out []connector.Outcome, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		count := map[connector.Status]int{}
		for _, o := range out {
			count[o.Status]++
		}
		return fmt.Sprint(count)
	}
	want := func(s connector.Status) string { return fmt.Sprint(map[connector.Status]int{s: len(keys)}) }
	for _, step := range []struct{ got, want string }{
		{statuses(c.Mask(t.Context(), batch)), want(connector.Changed)},
		{statuses(c.Mask(t.Context(), batch)), want(connector.AlreadyDone)},
		{statuses(c.Verify(t.Context(), batch)), want(connector.AlreadyDone)},
	} {
		if step.got != step.want {
			t.Errorf("%s, want %s", step.got, step.want)
		}
	}
	batch.Columns = nil
	for i := range batch.Changes {
		batch.Changes[i].Before, batch.Changes[i].After = nil, nil
	}
	for _, status := range []connector.Status{connector.Changed, connector.AlreadyDone} {
		if got := statuses(c.Delete(t.Context(), batch)); got != want(status) {
			t.Errorf("deleted: %s, want %s", got, want(status))
		}
	}
	if n, err := collection.CountDocuments(t.Context(), bson.D{}); n != 0 || err != nil {
		t.Errorf("%d documents are left, %v", n, err)
	}
}

// FerretDB refuses to write a field named " ", which stands in for all that a
// server may refuse.
func TestWhatTheServerRefusesIsAllThatIsMissing(t *testing.T) { // D24
	c, collection, table := filled(t, bson.D{{Key: "_id", Value: "1"}, {Key: "a", Value: "x"}, {Key: "b", Value: bson.D{{Key: " ", Value: "x"}}}, {Key: "c", Value: bson.A{"x"}}})
	batch := connector.Batch{Table: table, KeyColumns: []string{"_id"}, Columns: []string{"a", "b", "c"}, Changes: []connector.Change{{Key: connector.Tuple{"1"},
		Before: connector.Row{"a": "x", "b": map[string]any{" ": "x"}, "c": []any{"x"}}, After: connector.Row{"a": "M", "b": map[string]any{" ": "M"}, "c": []any{nil}}}}}
	for _, want := range []connector.Status{connector.Changed, connector.AlreadyDone} {
		out, err := c.Mask(t.Context(), batch)
		if err != nil || out[0].Status != want || len(out[0].Fields) != 1 || out[0].Fields["b"] == "" {
			t.Errorf("%+v, %v, want %s and b refused", out, err, want)
		}
	}
	var got bson.D
	if err := collection.FindOne(t.Context(), bson.D{{Key: "_id", Value: "1"}}).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bson.D{{Key: "_id", Value: "1"}, {Key: "a", Value: "M"}, {Key: "b", Value: bson.D{{Key: " ", Value: "x"}}}, {Key: "c", Value: bson.A{nil}}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUniqueIndexesAreDescribed(t *testing.T) { // D25
	url := ferretdbtest.URL(t)
	collection := database(t, url).Collection("c")
	_, err := collection.Indexes().CreateMany(t.Context(), []mongo.IndexModel{
		{Keys: bson.D{{Key: "b.mail", Value: 1}}, Options: options.Index().SetUnique(true)},
		{Keys: bson.D{{Key: "a", Value: 1}, {Key: "z", Value: -1}}, Options: options.Index().SetUnique(true)},
		{Keys: bson.D{{Key: "plain", Value: 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, url, true)
	defer func() { _ = c.Close() }()
	schema, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"a", "z"}, {"b.mail"}}, schema.Tables[0].Unique); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What FerretDB can do with long arrays in a second; a million elements are in
// TestAMillionElementsStayBounded.
func TestLongArraysAreMasked(t *testing.T) { // D23
	const n = 20_000
	numbers, before, one, all := make(bson.A, n), make([]any, n), make([]any, n), make([]any, n)
	for i := range n {
		numbers[i], before[i], one[i], all[i] = int32(i), int64(i), int64(i), int64(0)
	}
	one[n-1] = nil
	c, _, table := filled(t, bson.D{{Key: "_id", Value: "1"}, {Key: "n", Value: numbers}})
	mask := func(before, after []any) connector.Outcome {
		t.Helper()
		out, err := c.Mask(t.Context(), connector.Batch{Table: table, KeyColumns: []string{"_id"}, Columns: []string{"n"},
			Changes: []connector.Change{{Key: connector.Tuple{"1"}, Before: connector.Row{"n": before}, After: connector.Row{"n": after}}}})
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	for _, o := range []connector.Outcome{mask(before, one), mask(one, all)} {
		if o.Status != connector.Changed {
			t.Errorf("%+v", o)
		}
	}
	if o := mask(all, all); o.Status != connector.AlreadyDone {
		t.Errorf("a second time: %+v", o)
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, url := range []string{"", "mongodb://", "mongodb://h", "mongodb://h/", "mongodb://h:x/db", "postgres://h/db", "mongodb://secret:secret@h/d b", "mongodb://h/db?nonsense=%zz", "mongodb+srv://h/db"} {
		_, err := mongodb.Open(connector.Settings{Key: "docs", Secrets: map[string]string{"url": url}})
		if err == nil || strings.Contains(err.Error(), "secret:") || !strings.Contains(err.Error(), "connection docs: secrets.url must be mongodb://") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestNobodyAtTheAddressIsUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	c, err := mongodb.Open(connector.Settings{Key: "docs", Secrets: map[string]string{"url": "mongodb://" + closed.Addr().String() + "/db?serverSelectionTimeoutMS=200"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Test(t.Context()); connector.KindOf(err) != connector.Unreachable || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("%v", err)
	}
}
