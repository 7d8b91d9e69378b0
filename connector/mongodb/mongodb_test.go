package mongodb_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/connectortest"
	"volenti.dev/volenti/connector/mongodb"
	"volenti.dev/volenti/internal/ferretdbtest"
	"volenti.dev/volenti/internal/masktest"
)

// The suite holds the connector to D14, D15, D17, D22-D24, D29 and SE5.
func TestConnector(t *testing.T) { connectortest.RunDocuments(t, harness()) }

func TestMasks(t *testing.T) { connectortest.DocumentMasks(t, harness(), masktest.Masks()) }

func harness() connectortest.Documents {
	return connectortest.Documents{
		New:     func(t testing.TB) connectortest.DocumentStore { return store(t, ferretdbtest.URL(t)) },
		Key:     "_id",
		Samples: samples,
		// What FerretDB takes; MongoDB takes more.
		Collection: func(name string) bool {
			return len(name) < 200 && !strings.ContainsAny(name, "$\x00\" \t\r\n") && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "system.")
		},
		Field: func(name string) bool { return !strings.HasPrefix(name, "$") && !strings.ContainsAny(name, ".\x00") },
		Racy:  true,
	}
}

func store(t testing.TB, url string) connectortest.DocumentStore {
	db := database(t, url)
	return connectortest.DocumentStore{
		Put: func(t testing.TB, collection string, documents ...map[string]any) {
			t.Helper()
			for _, d := range documents {
				_, err := db.Collection(collection).ReplaceOne(t.Context(), bson.M{"_id": d["_id"]}, d, options.Replace().SetUpsert(true))
				if err != nil {
					t.Fatalf("put into %q: %v", collection, err)
				}
			}
		},
		Open: func(t testing.TB, readOnly bool) connector.Connector { return open(t, url, readOnly) },
	}
}

func open(t testing.TB, url string, readOnly bool) *mongodb.DB {
	t.Helper()
	c, err := mongodb.Open(connector.Settings{Key: "docs", Secrets: map[string]string{"url": url}, ReadOnly: readOnly})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// database opens a way past the connector.
func database(t testing.TB, url string) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(t.Context()) })
	return client.Database(url[strings.LastIndex(url, "/")+1:])
}

var (
	moment = time.Date(2009, 1, 2, 3, 4, 5, 678e6, time.UTC)
	id     = uuid.MustParse("6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11")
	hex24  = "5d505646cf6d4fe581014ab2"
)

func objectID(hex string) bson.ObjectID {
	out, err := bson.ObjectIDFromHex(hex)
	if err != nil {
		panic(err)
	}
	return out
}

var samples = []connectortest.DocumentSample{
	{Name: "int32", Stored: int32(-7), Want: int64(-7)},
	{Name: "int64", Stored: int64(9223372036854775807), Want: int64(9223372036854775807)},
	{Name: "double", Stored: 0.1, Want: 0.1},
	{Name: "whole double", Stored: 3.0, Want: 3.0},
	{Name: "text", Stored: "Zoë ", Want: "Zoë "},
	{Name: "empty text", Stored: "", Want: ""},
	{Name: "text with NUL", Stored: "a\x00b", Want: "a\x00b"},
	{Name: "true", Stored: true, Want: true},
	{Name: "date", Stored: moment, Want: moment},
	{Name: "date before 1970", Stored: moment.AddDate(-60, 0, 0), Want: moment.AddDate(-60, 0, 0)},
	{Name: "ObjectID", Stored: objectID(hex24), Want: hex24},
	{Name: "text like an ObjectID", Stored: hex24, Want: hex24},
	{Name: "text like an ObjectID in capitals", Stored: strings.ToUpper(hex24), Want: strings.ToUpper(hex24)},
	{Name: "UUID", Stored: bson.Binary{Subtype: bson.TypeBinaryUUID, Data: id[:]}, Want: id.String()},
	{Name: "text like a UUID", Stored: id.String(), Want: id.String()},
	{Name: "binary", Stored: bson.Binary{Data: []byte{0, 255, 16}}, Want: []byte{0, 255, 16}},
	{Name: "empty binary", Stored: bson.Binary{Data: []byte{}}, Want: []byte{}},
	{Name: "user defined binary", Stored: bson.Binary{Subtype: bson.TypeBinaryUserDefined, Data: []byte{1}}, Want: []byte{1}},
	{Name: "regular expression", Stored: bson.Regex{Pattern: "^a", Options: "i"}, Want: `{"$regularExpression":{"pattern":"^a","options":"i"}}`, NoMatch: true},
	{Name: "timestamp", Stored: bson.Timestamp{T: 1, I: 2}, Want: `{"$timestamp":{"t":1,"i":2}}`, NoMatch: true},
	{Name: "object", Stored: bson.D{{Key: "z", Value: int32(1)}, {Key: "a", Value: bson.A{}}}, Want: map[string]any{"z": int64(1), "a": []any{}}, NoMatch: true},
}
