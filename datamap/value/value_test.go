package value_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
)

// anyValue draws a value of any type, nested at most deep levels. It prefers
// numbers that several types can hold.
func anyValue(deep int) *rapid.Generator[any] {
	whole := rapid.Int64Range(-20, 20)
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Int64().AsAny(),
		whole.AsAny(),
		rapid.Float64().AsAny(),
		rapid.Map(whole, func(i int64) any { return float64(i) / 4 }),
		rapid.Map(rapid.StringMatching(`-?[0-9]{1,3}(\.[0-9]{0,3})?(e-?[0-9])?`), func(s string) any { return value.Decimal(s) }),
		rapid.SampledFrom([]any{
			math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), int64(math.MinInt64), int64(math.MaxInt64),
			float64(1 << 53), int64(1<<53 + 1), float64(1 << 62), value.Decimal("NaN"), value.Decimal("not a number"),
			value.Decimal("1e999999999"), value.Decimal("-0.00"), "", "5", "NaN",
		}),
		rapid.String().AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(),
		rapid.Custom(func(t *rapid.T) any {
			at := time.Unix(rapid.Int64Range(-1e11, 1e12).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns"))
			return at.In(time.FixedZone("", rapid.IntRange(-12, 12).Draw(t, "zone")*3600))
		}),
		rapid.Map(rapid.StringMatching(`20[0-9]{2}-0[1-9]-[12][0-9]`), func(s string) any { return value.Date(s) }),
	}
	if deep > 0 {
		kinds = append(kinds,
			rapid.SliceOfN(anyValue(deep-1), 0, 3).AsAny(),
			rapid.MapOfN(rapid.SampledFrom([]string{"", "a", "b", "long name"}), anyValue(deep-1), 0, 3).AsAny(),
		)
	}
	return rapid.OneOf(kinds...)
}

func TestNumbersAreEqualWhateverTypeHoldsThem(t *testing.T) { // D15
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, equal := range [][]any{
		{int64(5), 5.0, value.Decimal("5.00"), value.Decimal("+5"), value.Decimal("0.5e1"), 5},
		{int64(0), 0.0, math.Copysign(0, -1), value.Decimal("-0.00"), value.Decimal("0e7")},
		{0.1, value.Decimal("0.1"), value.Decimal("0.10")},
		{int64(500), value.Decimal("5e2")},
		{int64(1 << 62), float64(1 << 62), value.Decimal("4611686018427387904")},
		{int64(math.MinInt64), -float64(1 << 63), value.Decimal("-9223372036854775808")},
		{1e300, value.Decimal("1e300")},
		{math.NaN(), value.Decimal("NaN")},
		{value.Decimal("1e500"), value.Decimal("10e499")},
		{at, at.In(time.FixedZone("", 3600))},
		{[]any{int64(1), "x"}, []any{1.0, "x"}},
		{map[string]any{"a": int64(1), "b": nil}, map[string]any{"b": nil, "a": value.Decimal("1")}},
		{[]byte{}, []byte(nil)},
		{nil, nil},
	} {
		for _, a := range equal {
			for _, b := range equal {
				if !value.Equal(a, b) || value.Key(a) != value.Key(b) {
					t.Errorf("%T %v and %T %v are not equal", a, a, b, b)
				}
			}
		}
	}
}

func TestDifferentThingsAreNotEqual(t *testing.T) {
	all := []any{
		nil, false, true, int64(0), int64(1), 1.5, "", "0", "1", "1.5", "true", "2026-03-01", []byte("1"),
		value.Date("2026-03-01"), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 1, time.UTC),
		[]any{}, []any{nil}, []any{"1"}, []any{int64(1)}, []any{"a", "b"}, []any{"a:sb"}, []any{[]any{"a"}, "b"},
		map[string]any{}, map[string]any{"a": nil}, map[string]any{"a": "b"}, []any{"a", []any{"b"}},
		int64(1<<53 + 1), float64(1 << 53), value.Decimal("one"), math.NaN(), math.Inf(1), math.Inf(-1),
	}
	for i, a := range all {
		for j, b := range all {
			if i != j && (value.Equal(a, b) || value.Key(a) == value.Key(b)) {
				t.Errorf("%T %v equals %T %v", a, a, b, b)
			}
		}
	}
}

func TestEqualIsAnEquivalenceAndAgreesWithKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(anyValue(2), 3, 3).Draw(t, "values")
		a, b, c := values[0], values[1], values[2]
		if !value.Equal(a, a) {
			t.Fatal("not reflexive")
		}
		if value.Equal(a, b) != value.Equal(b, a) {
			t.Fatal("not symmetric")
		}
		if value.Equal(a, b) && value.Equal(b, c) && !value.Equal(a, c) {
			t.Fatal("not transitive")
		}
		if value.Equal(a, b) != (value.Key(a) == value.Key(b)) {
			t.Fatal("Key disagrees")
		}
	})
}

func TestRowsSurviveTheEncodingExactly(t *testing.T) { // X16
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.MapOfN(rapid.String(), anyValue(3), 0, 5), 0, 4).Draw(t, "rows")
		var chunk []byte
		for _, row := range rows {
			var err error
			if chunk, err = value.Append(chunk, row); err != nil {
				t.Fatal(err)
			}
		}
		var got []map[string]any
		err := value.Decode(chunk, func(row map[string]any) error { got = append(got, row); return nil })
		if err != nil {
			t.Fatal(err)
		}
		bits := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
		empty := cmp.FilterValues(func(a, b []byte) bool { return len(a)+len(b) == 0 }, cmp.Comparer(func(a, b []byte) bool { return true }))
		none := cmp.FilterValues(func(a, b []map[string]any) bool { return len(a)+len(b) == 0 }, cmp.Ignore())
		if diff := cmp.Diff(rows, got, bits, empty, none); diff != "" {
			t.Fatal(diff)
		}
		var again []byte
		for _, row := range got {
			again, _ = value.Append(again, row)
		}
		if string(again) != string(chunk) {
			t.Fatal("the same rows gave other bytes")
		}
	})
}

func TestAppendRefusesWhatItCannotKeepAndLeavesTheChunkAlone(t *testing.T) {
	chunk, err := value.Append(nil, map[string]any{"a": "canary"})
	if err != nil {
		t.Fatal(err)
	}
	deep := any("canary")
	for range 1000 {
		deep = []any{deep}
	}
	for _, bad := range []any{struct{ S string }{"canary"}, []string{"canary"}, deep} {
		after, err := value.Append(chunk, map[string]any{"column": bad})
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "column") {
			t.Errorf("error: %v", err)
		}
		if string(after) != string(chunk) {
			t.Error("the chunk changed")
		}
	}
}

func TestDecodeStopsWithTheErrorOfItsCaller(t *testing.T) {
	chunk, _ := value.Append(nil, map[string]any{"a": int64(1)})
	chunk, _ = value.Append(chunk, map[string]any{"a": int64(2)})
	stop, rows := errors.New("stop"), 0
	err := value.Decode(chunk, func(map[string]any) error { rows++; return stop })
	if !errors.Is(err, stop) || rows != 1 {
		t.Errorf("error %v after %d rows", err, rows)
	}
}

func TestDecodeRefusesWhatNestsTooDeeply(t *testing.T) {
	chunk := "\x01\x01\x00" + strings.Repeat("\x0a\x01", 100000) + "\x00"
	if err := value.Decode([]byte(chunk), func(map[string]any) error { return nil }); !errors.Is(err, value.ErrEncoding) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	chunk, _ := value.Append(nil, map[string]any{
		"a": []any{int64(-1), 1.5, "x", value.Decimal("1.0"), time.Unix(1, 2), value.Date("2026-01-01"), []byte("b"), nil, true},
		"b": map[string]any{"c": []any{}},
	})
	f.Add(chunk)
	f.Add([]byte{})
	f.Add([]byte{2})
	f.Add([]byte("\x01\x01\x00\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte("\x01\xff\xff\xff\xff\x0f"))
	f.Add([]byte("\x01\x01\x00" + strings.Repeat("\x0a\x01", 100000)))
	f.Fuzz(func(t *testing.T, chunk []byte) {
		var again []byte
		err := value.Decode(chunk, func(row map[string]any) error {
			var err error
			again, err = value.Append(again, row)
			return err
		})
		if err != nil && !errors.Is(err, value.ErrEncoding) {
			t.Fatal(err)
		}
		if len(again) > len(chunk) {
			t.Fatalf("%d bytes held rows of %d bytes", len(chunk), len(again))
		}
	})
}
