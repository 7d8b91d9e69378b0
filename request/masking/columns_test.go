package masking_test

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/masktest"
	"volenti.dev/volenti/request/masking"
)

// strategies are all of them, in the forms that a policy writes.
func strategies() map[string]masking.Spec { return masktest.Specs() }

// shape is a column and values that may stand in it.
type shape struct {
	masking.Column
	values []any
}

// shapes are columns as catalogues give them.
func shapes() map[string]shape {
	text := []any{nil, "", "a", "Ada Lovelace", "ada@example.com", strings.Repeat("ß", 5)}
	of := func(kind value.Kind) masking.Column { return masking.Column{Type: value.Type{Kind: kind}} }
	with := func(c masking.Column, change func(*masking.Column)) masking.Column { change(&c); return c }
	length := func(n int) masking.Column {
		return with(of(value.String), func(c *masking.Column) { c.Length = n })
	}
	bits := func(n int) masking.Column { return with(of(value.Integer), func(c *masking.Column) { c.Bits = n }) }
	numeric := func(p, s int) masking.Column {
		return with(of(value.Number), func(c *masking.Column) { c.Precision, c.Scale = p, s })
	}
	unique := func(c masking.Column) masking.Column { c.Unique = true; return c }
	notNull := func(c masking.Column) masking.Column { c.NotNull = true; return c }
	array := func(c masking.Column) masking.Column { c.Type.Array = true; return c }
	numbers := []any{nil, int64(0), int64(1), int64(7)}
	decimals := []any{nil, value.Decimal("0"), value.Decimal("1"), value.Decimal("0.1")}
	at := time.Date(1990, 5, 17, 12, 0, 0, 123456000, time.UTC)
	document := map[string]any{"name": "Ada", "age": int64(36), "tags": []any{"x", nil}, "born": at, "score": 1.5, "raw": []byte("b")}
	return map[string]shape{
		"text":               {of(value.String), text},
		"text not null":      {notNull(of(value.String)), text[1:]},
		"text unique":        {unique(of(value.String)), text},
		"varchar 1":          {length(1), []any{nil, "", "a", "f", "0"}},
		"varchar 12":         {length(12), text},
		"varchar 13":         {length(13), text},
		"varchar 40 unique":  {unique(length(40)), text},
		"varchar 13 unique":  {unique(length(13)), text},
		"varchar 255":        {notNull(length(255)), text[1:]},
		"smallint":           {bits(16), numbers},
		"integer":            {bits(32), numbers},
		"bigint":             {bits(64), append(numbers, int64(math.MinInt64))},
		"bigint unique":      {unique(bits(64)), numbers},
		"integer unique":     {unique(bits(32)), numbers},
		"tinyint":            {notNull(bits(8)), numbers[1:]},
		"integer, no size":   {of(value.Integer), numbers},
		"numeric":            {numeric(0, 0), decimals},
		"numeric 10,2":       {numeric(10, 2), decimals},
		"numeric 3,5":        {numeric(3, 5), []any{value.Decimal("0.00123")}},
		"numeric 3,-2":       {numeric(3, -2), []any{value.Decimal("12300")}},
		"numeric 1,0":        {numeric(1, 0), []any{value.Decimal("4"), value.Decimal("5")}},
		"numeric 38,10":      {numeric(38, 10), decimals},
		"numeric 10 unique":  {unique(numeric(10, 0)), decimals},
		"float":              {of(value.Float), []any{nil, 0.0, 1.5, -2.0}},
		"float unique":       {unique(of(value.Float)), []any{1.5}},
		"boolean":            {of(value.Boolean), []any{nil, true, false}},
		"boolean not null":   {notNull(of(value.Boolean)), []any{true, false}},
		"timestamp":          {of(value.Timestamp), []any{nil, at}},
		"timestamp not null": {notNull(of(value.Timestamp)), []any{at}},
		"date":               {of(value.Day), []any{nil, value.Date("1990-05-17")}},
		"date not null":      {notNull(of(value.Day)), []any{value.Date("1990-05-17")}},
		"time":               {of(value.Clock), []any{nil, "12:00:00"}},
		"uuid":               {of(value.UUID), []any{nil, "0190c0de-0000-7000-8000-000000000000"}},
		"uuid unique":        {unique(notNull(of(value.UUID))), []any{"0190c0de-0000-7000-8000-000000000000"}},
		"object id":          {of(value.ObjectID), []any{nil, "507f1f77bcf86cd799439011"}},
		"bytea":              {of(value.Bytes), []any{nil, []byte{}, []byte("abc")}},
		"binary 16":          {with(of(value.Bytes), func(c *masking.Column) { c.Length = 16 }), []any{[]byte("0123456789abcdef")}},
		"json":               {of(value.JSON), []any{nil, document, []any{"a"}, "x", int64(4)}},
		"other":              {with(of(value.Other), func(c *masking.Column) { c.Native = "inet" }), []any{"10.0.0.1"}},
		"generated":          {with(of(value.String), func(c *masking.Column) { c.Generated = true }), text},
		"text array":         {array(of(value.String)), []any{nil, []any{}, []any{"a", nil, "b"}}},
		"integer array":      {array(bits(32)), []any{[]any{int64(1), int64(2)}}},
		"varchar 20 array":   {array(length(20)), []any{[]any{"a", "b"}}},
		"object":             {of(value.Object), []any{nil, document}},
		"objects":            {array(of(value.Object)), []any{[]any{document, document}}},
		"undeclared":         {of(value.Unknown), append(slices.Clone(text), document, []any{document}, int64(1), 1.5, at, true, []byte("b"))},
	}
}

// cannotHold says why a column would refuse a mask, "" when it would not.
func cannotHold(c masking.Column, mask, from any) string {
	if mask == nil {
		if c.NotNull {
			return "NOT NULL"
		}
		return ""
	}
	if elements, ok := mask.([]any); ok && c.Type.Kind != value.JSON {
		was, ok := from.([]any)
		if !ok || len(was) != len(elements) {
			return "the shape changed"
		}
		for i, e := range elements {
			if reason := cannotHold(masking.Column{Type: value.Type{Kind: c.Type.Kind}, Bits: c.Bits, Length: c.Length}, e, was[i]); reason != "" {
				return reason
			}
		}
		return ""
	}
	switch c.Type.Kind {
	case value.Unknown, value.Object:
		return lostShape(from, mask)
	case value.JSON:
		if _, ok := mask.(string); !ok {
			return "not a JSON string"
		}
		return ""
	}
	cast, err := value.Cast(mask, value.Type{Kind: c.Type.Kind})
	if err != nil {
		return err.Error()
	}
	if diff := cmp.Diff(cast, mask); diff != "" {
		return "of another type: " + diff
	}
	switch m := mask.(type) {
	case string:
		if c.Length > 0 && utf8.RuneCountInString(m) > c.Length || !utf8.ValidString(m) {
			return "too long"
		}
	case []byte:
		if c.Length > 0 && len(m) > c.Length {
			return "too long"
		}
	case int64:
		was, _ := from.(int64)
		if m < 0 && was >= 0 || c.Bits > 0 && m > math.MaxInt64>>(64-c.Bits) || c.Bits == 0 && m > 1<<53 {
			return "out of range"
		}
	case float64:
		if single, err := strconv.ParseFloat(strconv.FormatFloat(m, 'g', -1, 32), 64); single != m || err != nil {
			return "not exact in single precision"
		}
	case value.Decimal:
		return badDecimal(c, string(m))
	}
	return ""
}

func badDecimal(c masking.Column, s string) string {
	whole, fraction, _ := strings.Cut(s, ".")
	whole = strings.TrimLeft(whole, "-0")
	if c.Precision > 0 && len(whole) > max(0, c.Precision-c.Scale) || c.Precision > 0 && len(fraction) > max(0, c.Scale) {
		return "out of precision or scale"
	}
	if c.Scale < 0 && whole != "" && !strings.HasSuffix(whole, strings.Repeat("0", -c.Scale)) {
		return "finer than the scale"
	}
	return ""
}

// lostShape compares what a document was with what it became.
func lostShape(from, mask any) string {
	switch from := from.(type) {
	case map[string]any:
		m, ok := mask.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(m)), slices.Sorted(maps.Keys(from))) {
			return "the object lost its shape"
		}
		for name := range from {
			if from[name] == nil {
				continue
			}
			if reason := lostShape(from[name], m[name]); reason != "" {
				return name + ": " + reason
			}
		}
	case []any:
		m, ok := mask.([]any)
		if !ok || len(m) != len(from) {
			return "the array lost its shape"
		}
		for i := range from {
			if reason := lostShape(from[i], m[i]); from[i] != nil && reason != "" {
				return reason
			}
		}
	}
	return ""
}

// differs fails where any scalar survived.
func differs(t *testing.T, v, mask any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if m, ok := mask.(map[string]any); ok {
			for name := range v {
				differs(t, v[name], m[name])
			}
		}
	case []any:
		if m, ok := mask.([]any); ok {
			for i := range v {
				differs(t, v[i], m[i])
			}
		}
	case nil:
	default:
		if value.Equal(v, mask) {
			t.Errorf("%v is its own mask", v)
		}
	}
}
