package value_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/datamap/value"
)

func FuzzDocuments(f *testing.F) {
	for _, s := range []string{`null`, `{"a":[1,1.5,-0,1e5,0.1]}`, `12345678901234567890`, `0.12345678901234567891`, `1e400`, `1e-400`, `"<&>"`, `{"a":1} x`, `[`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := value.DecodeJSON(s)
		if !ok {
			return
		}
		text, err := value.EncodeJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		again, ok := value.DecodeJSON(text)
		if !ok || !value.Equal(v, again) {
			t.Errorf("%q was written as %q and read as something else", s, text)
		}
	})
}

func TestNumbersOfDocumentsLoseNoDigit(t *testing.T) {
	for text, want := range map[string]any{
		"1": int64(1), "1.5": 1.5, "1.50": 1.5, "1e3": 1000.0, "9223372036854775807": int64(9223372036854775807),
		"9223372036854775808": value.Decimal("9223372036854775808"), "0.1": 0.1,
		"0.12345678901234567891": value.Decimal("0.12345678901234567891"), "1e400": value.Decimal("1e400"), "1e-400": value.Decimal("1e-400"),
	} {
		got, ok := value.DecodeJSON(text)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
