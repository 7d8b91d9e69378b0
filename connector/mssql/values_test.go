package mssql

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	msdriver "github.com/microsoft/go-mssqldb"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

func at(ns int) time.Time { return time.Date(2009, 1, 2, 3, 4, 5, ns, time.UTC) }

// of makes a column of a type as a catalogue would give it.
func of(native string, length, precision, scale int) catalogue.Column {
	return column("v", native, length, precision, scale)
}

func TestValuesCrossAsTheirTypesAskForIt(t *testing.T) { // D29
	for _, c := range []struct {
		column catalogue.Column
		gives  any // the driver
		want   any // of a read
		bound  any
	}{
		{of("bigint", 8, 19, 0), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64)},
		{of("tinyint", 1, 3, 0), int64(255), int64(255), int64(255)},
		{of("bit", 1, 1, 0), true, true, true},
		{of("real", 4, 24, 0), float64(float32(0.1)), 0.1, float64(float32(0.1))},
		{of("float", 8, 53, 0), 0.1, 0.1, 0.1},
		{of("decimal", 9, 10, 2), []byte("-3.96"), value.Decimal("-3.96"), "-3.96"},
		{of("money", 8, 19, 4), []byte("1.5000"), value.Decimal("1.5000"), "1.5000"},
		{of("varchar", 20, 0, 0), "0012", "0012", msdriver.VarChar("0012")},
		{of("varchar", 20, 0, 0), "Zoë ", "Zoë ", "Zoë "},
		{of("nvarchar", 40, 0, 0), "Zoe", "Zoe", "Zoe"},
		{of("nchar", 16, 0, 0), "ab      ", "ab", "ab"},
		{of("varbinary", -1, 0, 0), []byte{0, 255}, []byte{0, 255}, []byte{0, 255}},
		{of("date", 3, 10, 0), time.Date(2009, 1, 2, 0, 0, 0, 0, time.UTC), value.Date("2009-01-02"), "2009-01-02"},
		{of("time", 5, 16, 7), time.Date(1, 1, 1, 3, 4, 5, 500, time.UTC), "03:04:05.0000005", "03:04:05.0000005"},
		{of("datetime", 8, 23, 3), at(123e6), at(123e6), "2009-01-02T03:04:05.123"},
		{of("smalldatetime", 4, 16, 0), at(-5e9), at(-5e9), "2009-01-02T03:04:00"},
		{of("datetime2", 8, 27, 7), at(100), at(100), "2009-01-02T03:04:05.0000001"},
		{of("datetimeoffset", 10, 34, 7), at(0).In(time.FixedZone("", 3600)), at(0), "2009-01-02T03:04:05+00:00"},
		{of("uniqueidentifier", 16, 0, 0), "6F1F9F0E-5A0C-4A58-9A55-7D3C2F6F7C11", "6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11", "6f1f9f0e-5a0c-4a58-9a55-7d3c2f6f7c11"},
		{of("xml", -1, 0, 0), "<a>1</a>", "<a>1</a>", "<a>1</a>"},
		{of("sql_variant", 8016, 0, 0), "5", "5", "5"},
		{of("json", -1, 0, 0), `{"a":[1,0.5]}`, map[string]any{"a": []any{int64(1), 0.5}}, `{"a":[1,0.5]}`},
	} {
		got := decode(&c.column, c.gives)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.column.Native, diff)
		}
		v, err := value.Cast(c.want, c.column.Type)
		if err != nil {
			t.Fatal(err)
		}
		bound, err := encode(&c.column, v)
		if diff := cmp.Diff(c.bound, bound); diff != "" || err != nil {
			t.Errorf("%s is bound, %v (-want +got):\n%s", c.column.Native, err, diff)
		}
		if again := decode(&c.column, bound); !value.Equal(again, c.want) {
			t.Errorf("%s: what was bound would be read as %v", c.column.Native, again)
		}
	}
}

func TestWhatAColumnDoesNotKeepIsRoundedBeforeItIsWritten(t *testing.T) { // D28
	binary := of("binary", 4, 0, 0)
	for _, c := range []struct {
		column catalogue.Column
		v      any
		want   any
	}{
		{of("decimal", 9, 10, 2), value.Decimal("3.967"), "3.97"},
		{of("decimal", 9, 10, 2), value.Decimal("5e1"), "50.00"},
		{of("datetime", 8, 23, 3), at(124999999), "2009-01-02T03:04:05.123"},
		{of("datetime", 8, 23, 3), at(999999999), "2009-01-02T03:04:06"},
		{of("datetime2", 8, 23, 3), at(123456789), "2009-01-02T03:04:05.123"},
		{of("time", 3, 8, 0), "03:04:05.6", "03:04:06"},
		{of("smalldatetime", 4, 16, 0), at(0), "2009-01-02T03:04:00"},
		{binary, []byte{1}, []byte{1, 0, 0, 0}},
	} {
		got, err := encode(&c.column, c.v)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s, %v (-want +got):\n%s", c.column.Native, err, diff)
		}
	}
}

func TestWhatAColumnCannotHoldIsAnErrorWithoutTheValue(t *testing.T) { // D25
	for _, c := range []struct {
		column catalogue.Column
		v      any
	}{
		{of("tinyint", 1, 3, 0), int64(-77)}, {of("tinyint", 1, 3, 0), int64(777)}, {of("int", 4, 10, 0), int64(77777777777)},
		{of("decimal", 9, 4, 2), value.Decimal("777.77")}, {of("decimal", 9, 4, 2), value.Decimal("7e999999999")},
		{of("smallmoney", 4, 10, 4), value.Decimal("777777.77")}, {of("float", 8, 53, 0), math.NaN()},
		{of("datetime", 8, 23, 3), time.Date(1752, 7, 7, 0, 0, 0, 0, time.UTC)}, {of("smalldatetime", 4, 16, 0), time.Date(2079, 7, 7, 0, 0, 0, 0, time.UTC)},
		{of("datetime2", 8, 27, 7), time.Date(77777, 1, 1, 0, 0, 0, 0, time.UTC)}, {of("time", 3, 8, 0), "23:59:59.7"},
		{of("nvarchar", 40, 0, 0), "\xff7777"}, {of("varchar", 40, 0, 0), "\xff7777"}, {of("xml", -1, 0, 0), "\xff7777"},
	} {
		if got, err := encode(&c.column, c.v); err == nil || strings.Contains(err.Error(), "77") {
			t.Errorf("%s took it as %v, %v", c.column.Native, got, err)
		}
	}
}

func TestWhatTheServerCannotCompareIsConverted(t *testing.T) {
	for native, want := range map[string][3]string{
		"int":              {"[v]", "[v]", ""},
		"uniqueidentifier": {"CONVERT(char(36), [v])", "[v]", ""},
		"nvarchar":         {"[v]", "[v]", "[v] COLLATE Latin1_General_100_BIN2"},
		"text":             {"[v]", "CONVERT(nvarchar(max), [v])", "CONVERT(nvarchar(max), [v]) COLLATE Latin1_General_100_BIN2"},
		"image":            {"[v]", "CONVERT(varbinary(max), [v])", ""},
		"money":            {"[v]", "CONVERT(decimal(19,4), [v])", ""},
		"geography":        {"CONVERT(nvarchar(max), [v])", "CONVERT(nvarchar(max), [v])", "CONVERT(nvarchar(max), [v]) COLLATE Latin1_General_100_BIN2"},
	} {
		c := of(native, 8, 0, 0)
		if diff := cmp.Diff(want, [3]string{selected(&c, "[v]"), matched(&c, "[v]"), exact(&c, "[v]")}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", native, diff)
		}
	}
}
