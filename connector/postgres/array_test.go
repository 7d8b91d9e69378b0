package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func FuzzArray(f *testing.F) {
	for _, s := range []string{`{}`, `{1,NULL,"NULL"}`, `[0:1]={a,b}`, `{{1},{2}}`, `{"a\"b\\",","}`, `{`, `{"`, `{a`, `{,}`, `"`, `{a\b}`} {
		f.Add(s)
	}
	same := func(s string) any { return s }
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseArray(s, same)
		if !ok {
			return
		}
		text, err := writeArray(got, func(v any) (string, error) { return v.(string), nil })
		if err != nil {
			t.Fatal(err)
		}
		again, ok := parseArray(text, same)
		if diff := cmp.Diff(got, again); !ok || diff != "" {
			t.Errorf("%q was written as %q and read as something else:\n%s", s, text, diff)
		}
	})
}

func TestTypesLoseTheirLimits(t *testing.T) {
	for native, want := range map[string]string{
		"character varying(20)":          "character varying",
		"character(5)":                   "bpchar",
		"character(5)[]":                 "bpchar[]",
		"bit(3)":                         "bit varying",
		"numeric(10,2)[]":                "numeric[]",
		"timestamp(3) without time zone": "timestamp without time zone",
		`crm."odd(20) ""type"`:           `crm."odd(20) ""type"`,
		"geometry(Point,4326)":           "geometry",
		"text":                           "text",
	} {
		if got := unmodified(native); got != want {
			t.Errorf("%s: %s, want %s", native, got, want)
		}
	}
}
