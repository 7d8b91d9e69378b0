package mongodb

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"volenti.dev/volenti/datamap/value"
)

// depth is how deep a document may nest; MongoDB takes 100 levels.
const depth = 180

var errDepth = fmt.Errorf("a document is nested more than %d levels deep", depth)

// decode gives a value as package value has it:
//
//	int32, int64           int64
//	double                 float64
//	decimal                value.Decimal
//	date                   time.Time
//	ObjectID, UUID         text
//	symbol                 text
//	other binary           []byte
//	undefined              nil
//	timestamp, regular expression, code, min and max key, database pointer
//	                       text in MongoDB's Extended JSON (canonical)
func decode(raw bson.RawValue, depth int) (any, error) {
	switch raw.Type {
	case 0, bson.TypeNull, bson.TypeUndefined: // 0: absent
		return nil, nil
	case bson.TypeBoolean:
		return raw.Boolean(), nil
	case bson.TypeInt32:
		return int64(raw.Int32()), nil
	case bson.TypeInt64:
		return raw.Int64(), nil
	case bson.TypeDouble:
		return raw.Double(), nil
	case bson.TypeDecimal128:
		return value.Decimal(raw.Decimal128().String()), nil
	case bson.TypeString:
		return raw.StringValue(), nil
	case bson.TypeSymbol:
		return raw.Symbol(), nil
	case bson.TypeObjectID:
		return raw.ObjectID().Hex(), nil
	case bson.TypeDateTime:
		return time.UnixMilli(raw.DateTime()).UTC(), nil
	case bson.TypeBinary:
		subtype, data := raw.Binary()
		if subtype == bson.TypeBinaryUUID && len(data) == len(uuid.UUID{}) {
			return uuid.UUID(data).String(), nil
		}
		return slices.Clone(data), nil
	case bson.TypeArray:
		return decodeArray(raw, depth)
	case bson.TypeEmbeddedDocument:
		return decodeDocument(raw.Document(), depth)
	default:
		return raw.String(), nil
	}
}

func decodeArray(raw bson.RawValue, depth int) (any, error) {
	if depth == 0 {
		return nil, errDepth
	}
	elements, err := raw.Array().Values()
	if err != nil {
		return nil, errMalformed
	}
	out := make([]any, len(elements))
	for i, e := range elements {
		if out[i], err = decode(e, depth-1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var errMalformed = errors.New("a document that is not BSON")

// decodeDocument takes the first of fields that have the same name, which is
// the one that the server finds too.
func decodeDocument(raw bson.Raw, depth int) (map[string]any, error) {
	if depth == 0 {
		return nil, errDepth
	}
	elements, err := raw.Elements()
	if err != nil {
		return nil, errMalformed
	}
	out := make(map[string]any, len(elements))
	for _, e := range elements {
		name := e.Key()
		if _, twice := out[name]; twice {
			continue
		}
		if out[name], err = decode(e.Value(), depth-1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// binaries are the subtypes that a []byte may have been read from.
var binaries = []byte{bson.TypeBinaryGeneric, bson.TypeBinaryBinaryOld, bson.TypeBinaryUUIDOld, bson.TypeBinaryUUID,
	bson.TypeBinaryMD5, bson.TypeBinaryEncrypted, bson.TypeBinaryColumn, bson.TypeBinarySensitive, bson.TypeBinaryVector, bson.TypeBinaryUserDefined}

// forms gives the values that decode would read as v, none when there are
// none: a document is found by just what it is then seen to hold. Numbers meet
// across their types by the server's own comparison.
func forms(v any) []any {
	switch v := v.(type) {
	case bool, int64:
		return []any{v}
	case int:
		return []any{int64(v)}
	case float64:
		if !math.IsNaN(v) { // nobody's key
			return []any{v}
		}
	case value.Decimal:
		return decimalForms(v)
	case string:
		return textForms(v)
	case time.Time:
		if v.Nanosecond()%int(time.Millisecond) == 0 {
			return []any{bson.NewDateTimeFromTime(v)}
		}
	case []byte:
		out := make([]any, len(binaries))
		for i, subtype := range binaries {
			out[i] = bson.Binary{Subtype: subtype, Data: v}
		}
		return out
	}
	return nil
}

func decimalForms(d value.Decimal) []any {
	if i, err := value.Cast(d, value.Type{Kind: value.Integer}); err == nil {
		return []any{i}
	}
	var out []any
	if f, err := value.Cast(d, value.Type{Kind: value.Float}); err == nil {
		out = append(out, f)
	}
	if n, err := bson.ParseDecimal128(string(d)); err == nil && !n.IsNaN() {
		out = append(out, n)
	}
	return out
}

func textForms(s string) []any {
	if !utf8.ValidString(s) {
		return nil
	}
	out := []any{s}
	if id, err := bson.ObjectIDFromHex(s); err == nil && id.Hex() == s {
		out = append(out, id)
	}
	if id, err := uuid.Parse(s); err == nil && id.String() == s {
		out = append(out, bson.Binary{Subtype: bson.TypeBinaryUUID, Data: id[:]})
	}
	return out
}

// keyForms gives what an _id that was read as v may be. An _id may be of the
// types that are read as Extended JSON too.
func keyForms(v any) []any {
	out := forms(v)
	s, ok := v.(string)
	if !ok || !strings.HasPrefix(s, `{"$`) {
		return out
	}
	var doc struct {
		V bson.RawValue `bson:"v"`
	}
	if err := bson.UnmarshalExtJSON([]byte(`{"v": `+s+`}`), true, &doc); err != nil || doc.V.String() != s {
		return out
	}
	switch doc.V.Type {
	case bson.TypeTimestamp, bson.TypeMinKey, bson.TypeMaxKey, bson.TypeJavaScript, bson.TypeDBPointer:
		return append(out, doc.V)
	}
	return out
}

// encode gives what to write in place of a value, of that value's type where
// it can be.
func encode(v any, was bson.RawValue) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		return encodeText(v, was)
	case int, int64, float64, value.Decimal:
		return encodeNumber(v, was)
	case time.Time:
		return bson.NewDateTimeFromTime(v), nil
	case value.Date:
		if was.Type == bson.TypeDateTime {
			t, err := value.Cast(v, value.Type{Kind: value.Timestamp})
			if err != nil {
				return nil, err
			}
			return encode(t, was)
		}
		return string(v), nil
	case []byte:
		b := bson.Binary{Data: v}
		if was.Type == bson.TypeBinary {
			b.Subtype, _ = was.Binary()
		}
		return b, nil
	case []any:
		out := make(bson.A, len(v))
		for i, e := range v {
			var err error
			if out[i], err = encode(e, bson.RawValue{}); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := bson.M{}
		for name, e := range v {
			var err error
			if out[name], err = encode(e, bson.RawValue{}); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return nil, errors.New("MongoDB has no type for it")
	}
}

func encodeText(s string, was bson.RawValue) (any, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("it is text that is not UTF-8")
	}
	switch was.Type {
	case bson.TypeObjectID:
		if id, err := hex.DecodeString(s); err == nil && len(id) == len(bson.ObjectID{}) {
			return bson.ObjectID(id), nil
		}
	case bson.TypeBinary:
		if id, err := uuid.Parse(s); err == nil {
			return bson.Binary{Subtype: bson.TypeBinaryUUID, Data: id[:]}, nil
		}
	}
	return s, nil
}

// encodeNumber keeps to the type that stood there while that holds the number.
func encodeNumber(v any, was bson.RawValue) (any, error) {
	i, whole := cast[int64](v, value.Integer)
	f, short := cast[float64](v, value.Float)
	switch {
	case was.Type == bson.TypeInt32 && whole && i == int64(int32(i)):
		return int32(i), nil
	case was.Type == bson.TypeDouble && short:
		return f, nil
	case was.Type != bson.TypeDecimal128 && whole:
		return i, nil
	}
	if f, ok := v.(float64); ok && was.Type != bson.TypeDecimal128 {
		return f, nil
	}
	d, ok := cast[value.Decimal](v, value.Number)
	if !ok {
		return v, nil
	}
	n, err := bson.ParseDecimal128(string(d))
	if err != nil {
		return nil, errors.New("it has more digits than MongoDB's decimals")
	}
	return n, nil
}

func cast[T any](v any, kind value.Kind) (T, bool) {
	out, err := value.Cast(v, value.Type{Kind: kind})
	t, ok := out.(T)
	return t, ok && err == nil
}
