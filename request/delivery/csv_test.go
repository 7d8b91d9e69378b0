package delivery_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/delivery"
)

func writeCSV(t *testing.T, fields []string, all ...map[string]any) string {
	t.Helper()
	var b bytes.Buffer
	if err := delivery.WriteCSV(&b, delivery.Collection{Address: "a:b", Fields: fields, Rows: rows(all...)}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSpreadsheetsFindNoFormula(t *testing.T) { // SE6
	for _, test := range []struct {
		v    any
		want string
	}{
		{"=1+1", "'=1+1"}, {"+49 30 1", "'+49 30 1"}, {"-5", "'-5"}, {"@SUM(A1)", "'@SUM(A1)"},
		{"＝1", "'＝1"}, {"＋1", "'＋1"}, {"－1", "'－1"}, {"＠x", "'＠x"},
		{"\t=1", "'\t=1"}, {"\r=1", "\"'\r=1\""}, {"\n=1", "\"'\n=1\""}, {"\t", "\"'\t\""},
		{`=HYPERLINK("http://x","y")`, `"'=HYPERLINK(""http://x"",""y"")"`},
		{[]any{"=1"}, `"[""=1""]"`}, {[]byte{0xfb}, "'+w=="}, {value.Date("-1"), "'-1"}, {value.Decimal("=1"), "'=1"},
		{value.Decimal("-12.50"), "-12.50"}, {int64(-5), "-5"}, {-0.5, "-0.5"}, {"a=b", "a=b"}, {"ada@example.com", "ada@example.com"},
		{nil, ""}, {"", `""`}, {" =1", `" =1"`}, {"a\r\nb", "\"a\r\nb\""}, {true, "true"}, {"'=1", "'=1"},
	} {
		got := writeCSV(t, []string{"=a", "b"}, map[string]any{"=a": test.v, "b": int64(1)})
		if want := "'=a,b\r\n" + test.want + ",1\r\n"; got != want {
			t.Errorf("%v: %q", test.v, got)
		}
	}
	if got := writeCSV(t, []string{"a"}, map[string]any{"a": nil}); got != "a\r\n\"\"\r\n" {
		t.Errorf("a lone null: %q", got)
	}
}

func TestCSVLosesNoField(t *testing.T) {
	c := delivery.Collection{Address: "a:b", Fields: []string{"id"}, Rows: rows(map[string]any{"id": int64(1), "more": "canary"})}
	err := delivery.WriteCSV(io.Discard, c)
	if err == nil || !strings.Contains(err.Error(), "more") || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func FuzzCSVCell(f *testing.F) {
	for _, text := range append(hostile, "=1", "\r\n", `"`, `",=1`, "a\xffb", "\xff=1", "＝", ",", ";=1") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		written := writeCSV(t, []string{"a", text}, map[string]any{"a": text, text: int64(-1)})
		read, err := csv.NewReader(strings.NewReader(written)).ReadAll()
		if err != nil || len(read) != 2 || len(read[1]) != 2 {
			if text == "a" {
				return
			}
			t.Fatalf("%q: %v %q", written, err, read)
		}
		// The reader takes CRLF within a cell for LF.
		want := strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
		for _, cell := range []string{read[1][0], read[0][1]} {
			if text != "a" && cell != want && cell != "'"+want {
				t.Fatalf("%q became %q", text, cell)
			}
			if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "+") || strings.HasPrefix(cell, "-") && text != "a" ||
				strings.HasPrefix(cell, "@") || strings.ContainsAny(firstRune(cell), "\t\r\n＝＋－＠") {
				t.Fatalf("%q may be a formula", cell)
			}
		}
	})
}

func firstRune(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}
