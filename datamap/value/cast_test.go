package value_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
)

var kinds = []value.Kind{
	value.Unknown, value.String, value.Integer, value.Float, value.Boolean, value.ObjectID, value.Object, value.Number,
	value.Timestamp, value.Day, value.Clock, value.Bytes, value.UUID, value.JSON, value.Other,
}

func TestValuesAreCastToTheReceivingField(t *testing.T) { // D15
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	midnight := noon.Add(-12 * time.Hour)
	for _, test := range []struct {
		to   value.Kind
		from any
		want any
	}{
		{value.String, 10002.0, "10002"},
		{value.String, int64(-5), "-5"},
		{value.String, value.Decimal("5.00"), "5"},
		{value.String, value.Decimal("12.50"), "12.5"},
		{value.String, value.Decimal("1e3"), "1000"},
		{value.String, 0.5, "0.5"},
		{value.String, 1e21, "1000000000000000000000"},
		{value.String, false, "false"},
		{value.String, " x ", " x "},
		{value.String, noon.In(time.FixedZone("", 7200)), "2026-03-01T12:00:00Z"},
		{value.String, value.Date("2026-03-01"), "2026-03-01"},
		{value.Integer, "10002", int64(10002)},
		{value.Integer, " 10002\n", int64(10002)},
		{value.Integer, "10002.0", int64(10002)},
		{value.Integer, "-0", int64(0)},
		{value.Integer, 10002.0, int64(10002)},
		{value.Integer, value.Decimal("5.00"), int64(5)},
		{value.Integer, value.Decimal("-9223372036854775808"), int64(math.MinInt64)},
		{value.Integer, 0.0, int64(0)},
		{value.Float, int64(5), 5.0},
		{value.Float, "0.1", 0.1},
		{value.Float, value.Decimal("0.10"), 0.1},
		{value.Number, int64(5), value.Decimal("5")},
		{value.Number, 0.1, value.Decimal("0.1")},
		{value.Number, "5.00", value.Decimal("5")},
		{value.Number, value.Decimal("5.00"), value.Decimal("5.00")},
		{value.Boolean, "TRUE", true},
		{value.Boolean, "false", false},
		{value.Boolean, int64(0), false},
		{value.Boolean, 1.0, true},
		{value.ObjectID, "507F1F77BCF86CD799439011", "507f1f77bcf86cd799439011"},
		{value.Timestamp, "2026-03-01T13:00:00+01:00", noon},
		{value.Timestamp, "2026-03-01 12:00:00", noon},
		{value.Timestamp, "2026-03-01 12:00:00.123456", noon.Add(123456 * time.Microsecond)},
		{value.Timestamp, value.Date("2026-03-01"), midnight},
		{value.Day, "2026-03-01", value.Date("2026-03-01")},
		{value.Day, midnight, value.Date("2026-03-01")},
		{value.Clock, "12:30", "12:30:00"},
		{value.Clock, "12:30:00.500", "12:30:00.5"},
		{value.Bytes, []byte("x"), []byte("x")},
		{value.UUID, "0190C0DE-0000-7000-8000-00000000000A", "0190c0de-0000-7000-8000-00000000000a"},
		{value.UUID, "0190c0de00007000800000000000000a", "0190c0de-0000-7000-8000-00000000000a"},
		{value.JSON, 1.0, 1.0},
		{value.Other, "x", "x"},
		{value.Unknown, []any{1.0}, []any{1.0}},
		{value.Object, map[string]any{"a": 1.0}, map[string]any{"a": 1.0}},
		{value.String, []any{1.0, nil, []any{int64(2)}}, []any{"1", nil, []any{"2"}}},
		{value.Integer, nil, nil},
	} {
		for _, array := range []bool{false, true} {
			got, err := value.Cast(test.from, value.Type{Kind: test.to, Array: array})
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%T %v to %s: %v %s", test.from, test.from, test.to, err, diff)
			}
		}
	}
}

func TestWhatCannotBeCastIsAnErrorWithoutTheValue(t *testing.T) { // D15, promise 8
	for _, test := range []struct {
		to   value.Kind
		from any
	}{
		{value.Integer, "7777x"},
		{value.Integer, "7777e4"}, // a key that only looks like a number
		{value.Integer, 7777.5},
		{value.Integer, math.NaN()},
		{value.Integer, math.Inf(1)},
		{value.Integer, value.Decimal("77777777777777777777")},
		{value.Integer, value.Decimal("7777e999999999")},
		{value.Integer, float64(1 << 63)},
		{value.Integer, true},
		{value.Integer, ""},
		{value.Float, int64(1<<53 + 1)}, // would be rounded to another key
		{value.Float, value.Decimal("0.77777777777777777777777")},
		{value.Float, "0x7777p0"},
		{value.Float, "Infinity"},
		{value.Number, math.NaN()},
		{value.Number, value.Decimal("7777,5")},
		{value.Number, "77_77"},
		{value.Boolean, int64(7777)},
		{value.Boolean, "yes 7777"},
		{value.ObjectID, "7777"},
		{value.ObjectID, "77777777777777777777777g"},
		{value.Object, "7777"},
		{value.Timestamp, "7777-13-01"},
		{value.Timestamp, int64(7777)},
		{value.Day, time.Date(7777, 1, 1, 12, 0, 0, 0, time.UTC)}, // would lose the hour
		{value.Day, "7777"},
		{value.Clock, "77:77"},
		{value.Bytes, "7777"},
		{value.UUID, "7777"},
		{value.String, []byte("7777")},
		{value.String, map[string]any{"7777": nil}},
		{value.Integer, []any{int64(1), "7777x"}},
	} {
		got, err := value.Cast(test.from, value.Type{Kind: test.to})
		if !errors.Is(err, value.ErrCast) || got != nil {
			t.Errorf("%T %v to %s gave %v, %v", test.from, test.from, test.to, got, err)
			continue
		}
		if strings.Contains(err.Error(), "7777") {
			t.Errorf("the error shows the value: %v", err)
		}
	}
}

func TestCastTwiceIsCastOnceAndKeepsNumbersEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(2).Draw(t, "value")
		to := value.Type{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Array: rapid.Bool().Draw(t, "array")}
		once, err := value.Cast(v, to)
		if err != nil {
			return
		}
		twice, err := value.Cast(once, to)
		if err != nil || !value.Equal(once, twice) {
			t.Fatalf("%#v then %#v, %v", once, twice, err)
		}
		switch v.(type) {
		case int64, float64, value.Decimal:
			if (to.Kind == value.Integer || to.Kind == value.Float || to.Kind == value.Number) && !value.Equal(v, once) {
				t.Fatalf("%#v became another number, %#v", v, once)
			}
		}
	})
}

func TestEqualValuesAreCastToEqualText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyValue(0).Draw(t, "a"), anyValue(0).Draw(t, "b")
		textA, errA := value.Cast(a, value.Type{Kind: value.String})
		textB, errB := value.Cast(b, value.Type{Kind: value.String})
		if value.Equal(a, b) && ((errA == nil) != (errB == nil) || !value.Equal(textA, textB)) {
			t.Fatalf("%v %v, %v %v", textA, errA, textB, errB)
		}
	})
}

func TestPackagesShowValuesInTheirDocumentedForms(t *testing.T) { // D29
	at := time.Date(2026, 3, 1, 13, 0, 0, 120000000, time.FixedZone("", 3600))
	row := map[string]any{
		"small": int64(-5), "edge": int64(1 << 53), "big": int64(1<<53 + 1), "least": int64(math.MinInt64),
		"float": 1.5, "nan": math.NaN(), "infinite": math.Inf(-1), "decimal": value.Decimal("5.00"), "time": at,
		"date": value.Date("2026-03-01"), "bytes": []byte{0xfb, 0xff}, "null": nil, "yes": true, "empty": "",
		"deep": []any{map[string]any{"d": value.Decimal("1"), "none": []any{}}},
	}
	got, err := json.Marshal(value.ForJSON(row))
	want := `{"big":"9007199254740993","bytes":"+/8=","date":"2026-03-01","decimal":"5.00","deep":[{"d":"1","none":[]}],` +
		`"edge":9007199254740992,"empty":"","float":1.5,"infinite":"-Infinity","least":"-9223372036854775808","nan":"NaN",` +
		`"null":null,"small":-5,"time":"2026-03-01T12:00:00.12Z","yes":true}`
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, ""}, {true, "true"}, {int64(1<<53 + 1), "9007199254740993"}, {1e21, "1000000000000000000000"},
		{value.Decimal("5.00"), "5.00"}, {at, "2026-03-01T12:00:00.12Z"}, {value.Date("2026-03-01"), "2026-03-01"},
		{[]byte{0xfb, 0xff}, "+/8="}, {"<b>", "<b>"}, {[]any{"<b>", nil}, `["<b>",null]`}, {map[string]any{"a": int64(1)}, `{"a":1}`},
	} {
		if got := value.Text(test.v); got != test.want {
			t.Errorf("Text of %v is %q", test.v, got)
		}
	}
}

func TestValuesAreWrittenAsEncodingJSONWritesThem(t *testing.T) { // D29
	same := func(v any) error {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("\t", "  ")
		if err := e.Encode(value.ForJSON(v)); err != nil {
			return err
		}
		got, err := value.AppendJSON([]byte("before "), v, "\t")
		if diff := cmp.Diff("before "+want.String(), string(got)+"\n"); diff != "" || err != nil {
			return fmt.Errorf("%w: %s", err, diff)
		}
		return nil
	}
	var every []byte
	for b := range 256 {
		every = append(every, 'x', byte(b))
	}
	wide := map[string]any{}
	for i := range 100 {
		wide[fmt.Sprint("field ", i)] = int64(i)
	}
	for _, v := range []any{
		string(every), "a\u2028b\u2029c\u2027", "\xe2\x80", "<b>&</b>", "ü€𝄞", value.Decimal("\x00"), value.Date("<\xff>"), 1e21, 1e-7, []any{}, map[string]any{},
		map[string]any{"\"<\xff": []any{nil, map[string]any{"": []any{}}}}, wide,
	} {
		if err := same(v); err != nil {
			t.Error(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := same(anyValue(3).Draw(t, "value")); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := value.AppendJSON(nil, []any{make(chan int)}, ""); err == nil || !strings.Contains(err.Error(), "chan int") {
		t.Errorf("a channel is written: %v", err)
	}
}

func BenchmarkKey(b *testing.B) {
	for name, v := range map[string]any{"int": int64(10002), "text": "ada@example.com", "float": 10002.0, "decimal": value.Decimal("12.50"), "time": time.Unix(1, 0)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_ = value.Key(v)
			}
		})
	}
}

func BenchmarkRows(b *testing.B) {
	row := map[string]any{
		"id": int64(10002), "email": "ada@example.com", "name": "Ada Lovelace", "born": value.Date("1815-12-10"),
		"balance": value.Decimal("12.50"), "created": time.Unix(1, 0), "active": true, "note": nil,
	}
	var chunk []byte
	for range 100 {
		chunk, _ = value.Append(chunk, row)
	}
	b.Run("append", func(b *testing.B) {
		var dst []byte
		for b.Loop() {
			dst, _ = value.Append(dst[:0], row)
		}
	})
	b.Run("decode hundred", func(b *testing.B) {
		for b.Loop() {
			_ = value.Decode(chunk, func(map[string]any) error { return nil })
		}
	})
	b.Run("json", func(b *testing.B) {
		var dst []byte
		for b.Loop() {
			dst, _ = value.AppendJSON(dst[:0], row, "    ")
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		var dst bytes.Buffer
		for b.Loop() {
			dst.Reset()
			e := json.NewEncoder(&dst)
			e.SetIndent("    ", "  ")
			_ = e.Encode(value.ForJSON(row))
		}
	})
}
