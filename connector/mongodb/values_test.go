package mongodb

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"volenti.dev/volenti/datamap/value"
)

// raw gives a value as it stands in a document.
func raw(t testing.TB, v any) bson.RawValue {
	t.Helper()
	doc, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	if err != nil {
		t.Fatal(err)
	}
	return bson.Raw(doc).Lookup("v")
}

func decimal(t testing.TB, s string) bson.Decimal128 {
	t.Helper()
	d, err := bson.ParseDecimal128(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What the server of our tests does not have is tested here.
func TestValuesThatFerretDBLacks(t *testing.T) { // D29
	for _, c := range []struct {
		stored, want any
	}{
		{decimal(t, "12.50"), value.Decimal("12.50")},
		{decimal(t, "-0.001"), value.Decimal("-0.001")},
		{decimal(t, "NaN"), value.Decimal("NaN")},
		{decimal(t, "Infinity"), value.Decimal("Infinity")},
		{bson.Symbol("sym"), "sym"},
		{bson.Undefined{}, nil},
		{bson.JavaScript("a()"), `{"$code":"a()"}`},
		{bson.MinKey{}, `{"$minKey":1}`},
		{bson.MaxKey{}, `{"$maxKey":1}`},
		{bson.Binary{Subtype: bson.TypeBinaryUUID, Data: []byte("short")}, []byte("short")},
		{bson.A{bson.A{int32(1), bson.A{}}, bson.D{}}, []any{[]any{int64(1), []any{}}, map[string]any{}}},
		{bson.D{{Key: "a.b", Value: 1.5}, {Key: "$c", Value: nil}, {Key: "", Value: true}}, map[string]any{"a.b": 1.5, "$c": nil, "": true}},
		{bson.D{{Key: "a", Value: "first"}, {Key: "a", Value: "second"}}, map[string]any{"a": "first"}},
		{bson.DateTime(-1), time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC)},
	} {
		got, err := decode(raw(t, c.stored), depth)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%T (-want +got):\n%s%v", c.stored, diff, err)
		}
	}
}

func TestADocumentThatIsNestedTooDeeplyIsRefused(t *testing.T) {
	nested := func(levels int) bson.RawValue {
		var v any = "x"
		for range levels {
			v = bson.D{{Key: "a", Value: bson.A{v}}}
		}
		return raw(t, v)
	}
	if _, err := decode(nested(50), depth); err != nil { // 100 levels, which is all that MongoDB takes
		t.Error(err)
	}
	if _, err := decode(nested(5000), depth); err == nil || !strings.Contains(err.Error(), "levels deep") {
		t.Errorf("10,000 levels: %v", err)
	}
}

// TestFormsAreWhatReadsAsTheValue: what a value is looked for as is read as
// that value again, for then the elements of arrays that were found are kept.
func TestFormsAreWhatReadsAsTheValue(t *testing.T) { // D15, D18
	for _, c := range []struct {
		v     any
		forms int
	}{
		{"x", 1}, {"", 1}, {"5d505646cf6d4fe581014ab2", 2}, {"5D505646CF6D4FE581014AB2", 1},
		{"6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11", 2}, {"{6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11}", 1},
		{int64(5), 1}, {5.0, 1}, {false, 1}, {value.Decimal("5.00"), 1}, {value.Decimal("0.1"), 2}, {value.Decimal("0.12345678901234567890"), 1},
		{time.Unix(5, 678e6).UTC(), 1}, {[]byte{1, 2}, len(binaries)},
		// These are nowhere in a MongoDB, or nobody's.
		{nil, 0}, {"\xff", 0}, {time.Unix(5, 1).UTC(), 0}, {value.Date("2020-01-01"), 0}, {map[string]any{"$gt": ""}, 0}, {[]any{"x"}, 0}, {value.Decimal("NaN"), 0},
	} {
		got := forms(c.v)
		if len(got) != c.forms {
			t.Errorf("%T: %d forms, want %d", c.v, len(got), c.forms)
		}
		for _, form := range got {
			if back, err := decode(raw(t, form), depth); err != nil || !value.Equal(back, c.v) {
				t.Errorf("a form %T of %T is read as another value, %v", form, c.v, err)
			}
		}
	}
}

func TestEveryKeyIsFoundAgainOrRefused(t *testing.T) { // D22
	id := bson.NewObjectID()
	for _, key := range []any{id, id.Hex(), int32(5), int64(5), 5.0, 5.5, decimal(t, "5.5"), "", true, bson.DateTime(5), bson.Timestamp{T: 1, I: 2}, bson.MinKey{}, bson.JavaScript("x"),
		bson.Binary{Subtype: bson.TypeBinaryUUID, Data: make([]byte, 16)}, bson.Binary{Subtype: bson.TypeBinaryMD5, Data: []byte{1}}, bson.D{{Key: "a", Value: 1}}} {
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: key}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rowOf(doc, []string{"_id"}); err != nil {
			t.Errorf("%T: %v", key, err)
		}
	}
	for _, key := range []any{bson.Binary{Subtype: 0x42, Data: []byte{1}}, bson.CodeWithScope{Code: "x", Scope: bson.D{}}} {
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: key}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rowOf(doc, []string{"_id"}); err == nil {
			t.Errorf("%T is read, and would not be found again", key)
		}
	}
}

func TestMasksKeepTheTypeThatStoodThere(t *testing.T) { // D25
	id := bson.NewObjectID()
	uuid4 := bson.Binary{Subtype: bson.TypeBinaryUUID, Data: make([]byte, 16)}
	for _, c := range []struct {
		was, mask any
		want      any // as it is written
	}{
		{int32(1), int64(7), int32(7)},
		{int32(1), int64(1) << 40, int64(1) << 40},
		{1.5, int64(7), 7.0},
		{int64(1), 1.5, 1.5},
		{decimal(t, "1.5"), int64(7), decimal(t, "7")},
		{decimal(t, "1.5"), value.Decimal("2.50"), decimal(t, "2.50")},
		{"x", value.Decimal("2.5"), decimal(t, "2.5")},
		{id, "000000000000000000000001", bson.ObjectID{11: 1}},
		{id, "text", "text"},
		{"text", "000000000000000000000001", "000000000000000000000001"},
		{uuid4, "6f1f9f0e-5a0c-8a58-9a55-7d3c2f6f7c11", "uuid"},
		{bson.Binary{Subtype: bson.TypeBinaryMD5, Data: []byte{1}}, []byte{2}, bson.Binary{Subtype: bson.TypeBinaryMD5, Data: []byte{2}}},
		{bson.DateTime(5), value.Date("1970-01-02"), bson.DateTime(24 * 60 * 60 * 1000)},
		{"x", value.Date("1970-01-02"), "1970-01-02"},
		{bson.DateTime(5), time.UnixMilli(7).UTC(), bson.DateTime(7)},
		{true, nil, nil},
	} {
		got, err := encode(c.mask, raw(t, c.was))
		if b, ok := got.(bson.Binary); ok && c.want == "uuid" {
			got = map[bool]string{true: "uuid"}[b.Subtype == bson.TypeBinaryUUID && len(b.Data) == 16]
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(bson.Decimal128{})); diff != "" || err != nil {
			t.Errorf("%T over %T (-want +got):\n%s%v", c.mask, c.was, diff, err)
		}
	}
	for _, mask := range []any{"\xff", struct{}{}, value.Decimal("1e99999")} {
		if _, err := encode(mask, bson.RawValue{}); err == nil {
			t.Errorf("%T was taken", mask)
		}
	}
}
