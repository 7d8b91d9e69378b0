package masking_test

import (
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

func TestAnAddressBecomesAnAddressOfNobody(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		from := rapid.OneOf(rapid.Just("Ada@Example.com"), rapid.String()).Draw(r, "address")
		c := masking.Column{Type: value.Type{Kind: value.String}, Length: rapid.SampledFrom([]int{0, 13, 20, 28, 254}).Draw(r, "length")}
		got := mask(t, spec("email_rewrite"), from, c, place()).(string)
		address, err := mail.ParseAddress(got)
		if err != nil || address.Address != got || !strings.HasSuffix(got, "@example.com") || c.Length > 0 && len(got) > c.Length || len(got) > 28 {
			r.Fatalf("%q became %q: %v", from, got, err)
		}
	})
	if got := mask(t, spec("email_rewrite", "domain", "erased.invalid"), "ada@example.com", anyText, place()).(string); !strings.HasSuffix(got, "@erased.invalid") {
		t.Errorf("the address is %s", got)
	}
}

func TestAPhoneNumberKeepsItsCountryAndItsLooks(t *testing.T) {
	for from, shape := range map[string]string{
		"+49 170 1234567":    `^\+49 [1-9]\d\d \d{7}$`,
		"+1 (212) 555-0100":  `^\+1 \([1-9]\d\d\) \d{3}-\d{4}$`,
		"0049 (0)30/12 34":   `^0049 \(0\)[1-9]\d/\d\d \d\d$`,
		"+353.1.555.0000":    `^\+353\.[1-9]\.\d{3}\.\d{4}$`,
		"030 123456":         `^0[1-9]\d \d{6}$`,
		"555-0100":           `^[1-9]\d\d-\d{4}$`,
		"(+7) 495 000-00-00": `^\(\+7\) [1-9]\d\d \d{3}-\d\d-\d\d$`,
		"+49":                "^[0-9a-f]{64}$",
		"":                   "^[0-9a-f]{64}$",
		"Bob's: 030 123456":  "^[0-9a-f]{64}$",
		"030 123456 (Bob)":   "^[0-9a-f]{64}$",
		"٠٣٠١٢٣":             "^[0-9a-f]{64}$",
	} {
		got := mask(t, spec("phone_rewrite"), from, anyText, place()).(string)
		if !regexp.MustCompile(shape).MatchString(got) || got == from {
			t.Errorf("%q became %q, want %s", from, got, shape)
		}
	}
	digits := func(s string) string {
		return strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(mask(t, spec("phone_rewrite"), s, anyText, place()).(string))
	}
	if a, b := digits("+1 (212) 555-0100"), digits("+12125550100"); a != b {
		t.Errorf("a number that is punctuated otherwise became another: %s, %s", a, b)
	}
}

func FuzzPhone(f *testing.F) {
	for _, seed := range []string{"+49 170 1234567", "00", "+", "0", "+1(2)3", "555-0100 x7", "++49"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`[0-9]`)
	f.Fuzz(func(t *testing.T, from string) {
		got := mask(t, spec("phone_rewrite"), from, anyText, place()).(string)
		if got == from || got != mask(t, spec("phone_rewrite"), from, anyText, place()) {
			t.Fatalf("%q became %q", from, got)
		}
		if digest := mask(t, spec("hash"), from, anyText, place()); got != digest && form.ReplaceAllString(got, "#") != form.ReplaceAllString(from, "#") {
			t.Fatalf("%q became %q: it lost its looks", from, got)
		}
	})
}
