package dynamodb_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/connectortest"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/dynalitetest"
	"volenti.dev/volenti/internal/masktest"
)

// The suite holds the connector to D14, D15, D17, D22-D24, D29 and SE5.
func TestConnector(t *testing.T) { connectortest.RunDocuments(t, documents()) }

func TestMasksOnEveryType(t *testing.T) {
	connectortest.DocumentMasks(t, documents(), masktest.Masks())
}

func documents() connectortest.Documents {
	return connectortest.Documents{
		New:     func(t testing.TB) connectortest.DocumentStore { return store(t) },
		Key:     "id",
		Samples: samples,
		Collection: func(name string) bool {
			return len(name) >= 3 && len(name) <= 255 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
		},
		Field: func(string) bool { return true },
	}
}

func store(t testing.TB) connectortest.DocumentStore {
	url := dynalitetest.URL(t)
	client := raw(url)
	made := map[string]bool{}
	return connectortest.DocumentStore{
		Put: func(t testing.TB, collection string, documents ...map[string]any) {
			t.Helper()
			if !made[collection] {
				made[collection] = true
				create(t, client, &dynamodb.CreateTableInput{TableName: &collection, KeySchema: key("id"), AttributeDefinitions: texts("id")})
			}
			for _, d := range documents {
				put(t, client, collection, d)
			}
		},
		Open: func(t testing.TB, readOnly bool) connector.Connector { return open(t, url, readOnly) },
	}
}

var samples = []connectortest.DocumentSample{
	{Name: "integer", Stored: n("-7"), Want: int64(-7)},
	{Name: "largest integer", Stored: n("9223372036854775807"), Want: int64(9223372036854775807)},
	{Name: "beyond 64 bits", Stored: n("9223372036854775808"), Want: value.Decimal("9223372036854775808")},
	{Name: "fraction", Stored: n("0.1"), Want: 0.1},
	{Name: "38 digits", Stored: n("0.12345678901234567890123456789012345678"), Want: value.Decimal("0.12345678901234567890123456789012345678")},
	{Name: "whole with places", Stored: n("5.00"), Want: int64(5)},
	{Name: "large", Stored: n("1e20"), Want: 1e20},
	{Name: "text", Stored: "Zoë ", Want: "Zoë "},
	{Name: "empty text", Stored: "", Want: ""},
	{Name: "text with NUL", Stored: "a\x00b", Want: "a\x00b"},
	{Name: "true", Stored: true, Want: true},
	{Name: "false", Stored: false, Want: false},
	{Name: "binary", Stored: []byte{0, 255, 16}, Want: []byte{0, 255, 16}},
	{Name: "set of texts", Stored: &types.AttributeValueMemberSS{Value: []string{"b", "a"}}, Want: []any{"a", "b"}, NoMatch: true},
	{Name: "set of numbers", Stored: &types.AttributeValueMemberNS{Value: []string{"10", "9.5"}}, Want: []any{9.5, int64(10)}, NoMatch: true},
	{Name: "set of binaries", Stored: &types.AttributeValueMemberBS{Value: [][]byte{{2}, {1}}}, Want: []any{[]byte{1}, []byte{2}}, NoMatch: true},
	{Name: "map", Stored: map[string]any{"z": int64(1), "a": []any{}}, Want: map[string]any{"z": int64(1), "a": []any{}}, NoMatch: true},
}
