package masking_test

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

func TestWhatIsEncryptedKeepsItsFormat(t *testing.T) {
	for _, test := range []struct{ alphabet, from, shape string }{
		{"digits", "4111 1111-1111 1111", `^\d{4} \d{4}-\d{4} \d{4}$`},
		{"digits", "Kd.-Nr. 0012345/é", `^Kd\.-Nr\. \d{7}/é$`},
		{"alphanumeric", "DE89 3704 0044 0532 0130 00", `^([0-9A-Z]{4} ){5}[0-9A-Z]{2}$`},
		{"alphanumeric", "c3po-r2d2", `^[0-9a-z]{4}-[0-9a-z]{4}$`},
		{"alphanumeric", "aB3dE", `^[0-9a-zA-Z]{5}$`},
		{"alphanumeric", "Zoë 1", `^[0-9a-zA-Z]{2}ë [0-9a-zA-Z]$`},
		{"digits", "none", "^[0-9a-f]{64}$"},
		{"digits", "", "^[0-9a-f]{64}$"},
	} {
		s := spec("ff1_encrypt", "alphabet", test.alphabet)
		m, err := masking.New(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Mask(test.from, anyText, place())
		if test.from == "Zoë 1" { // three characters of 62: 238,328 possibilities
			if !errors.Is(err, masking.ErrForm) {
				t.Errorf("%q became %v", test.from, got)
			}
			continue
		}
		if err != nil || !regexp.MustCompile(test.shape).MatchString(got.(string)) || got == test.from {
			t.Errorf("%q became %v: %v", test.from, got, err)
		}
	}
}

func TestTooFewPossibilitiesAreRefused(t *testing.T) {
	digits, both := spec("ff1_encrypt"), spec("ff1_encrypt", "alphabet", "alphanumeric")
	for _, test := range []struct {
		spec masking.Spec
		v    any
		c    masking.Column
	}{
		{digits, "12345", anyText}, {digits, "12.34.5", anyText}, {digits, int64(-99_999), sized(64)}, {both, "A1B", anyText},
		{digits, []any{"123456", "1"}, masking.Column{Type: value.Type{Kind: value.String, Array: true}}},
		{digits, strings.Repeat("1", 10_001), anyText},
	} {
		m, err := masking.New(test.spec)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Mask(test.v, test.c, place())
		if !errors.Is(err, masking.ErrForm) || got != nil {
			t.Errorf("a value of %v became %v: %v", test.c.Type, got, err)
		}
	}
	mask(t, digits, "123456", anyText, place())
	mask(t, both, "A1B2", anyText, place())
	short := masking.Column{Type: value.Type{Kind: value.String}, Length: 5}
	for _, c := range []masking.Column{short, sized(16)} {
		if err := masking.Fits(digits, c); err == nil || !strings.Contains(err.Error(), "a million") {
			t.Errorf("ff1_encrypt on %v: %v", c, err)
		}
	}
	if err := masking.Fits(both, short); err != nil {
		t.Error(err)
	}
}

// A wrong round or a wrong split would still look random; but then two
// numbers could meet.
func TestTwoNumbersDoNotShareAMask(t *testing.T) {
	seen := map[any]int64{}
	for n := int64(2_147_480_000); n <= 2_147_483_647; n++ {
		got := mask(t, spec("ff1_encrypt"), n, sized(32), place())
		if other, met := seen[got]; met || got.(int64) > math.MaxInt32 {
			t.Fatalf("%d became %v, as %d did", n, got, other)
		}
		seen[got] = n
	}
	if got := mask(t, spec("ff1_encrypt"), int64(999_999_999_999), sized(32), place()); got != int64(0) {
		t.Errorf("a number that the column cannot hold became %v", got)
	}
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.Int64().Filter(func(n int64) bool { return n > 99_999 || n < -99_999 }).Draw(r, "n")
		got := mask(t, spec("ff1_encrypt"), n, sized(64), place()).(int64)
		if got == n || (got < 0) != (n < 0) || len(strconv.FormatInt(got, 10)) != len(strconv.FormatInt(n, 10)) {
			r.Fatalf("%d became %d", n, got)
		}
	})
}
