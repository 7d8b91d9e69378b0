package masking_test

import (
	"regexp"
	"strings"
	"testing"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

func TestFakesLookLikeWhatTheyStandFor(t *testing.T) {
	for kind, form := range map[string]string{
		"first_name": `^[A-Z][a-z]+$`,
		"last_name":  `^[A-Z][a-z]+$`,
		"name":       `^[A-Z][a-z]+ [A-Z][a-z]+$`,
		"street":     `^[1-9]\d{0,2} [A-Z][a-z]+ Street$`,
		"city":       `^[A-Z][a-z]+$`,
		"company":    `^[A-Z][a-z]+ [A-Z][a-z]+$`,
	} {
		seen := map[any]bool{}
		for _, from := range strings.Split("abcdefghijklmnopqrstuvwxyzäöüßéè", "") {
			got := mask(t, spec("fake_rewrite", "kind", kind), from, anyText, place()).(string)
			if seen[got] = true; !regexp.MustCompile(form).MatchString(got) {
				t.Errorf("%s: %q", kind, got)
			}
		}
		if len(seen) < 16 {
			t.Errorf("%s: only %d different fakes for 32 values", kind, len(seen))
		}
	}
}

func TestAFakeIsNeverTheNameItself(t *testing.T) {
	fake := func(v string, secret byte) string {
		p := place()
		p.Secret = []byte(strings.Repeat(string(rune(secret)), 16))
		return mask(t, spec("fake_rewrite", "kind", "first_name"), v, masking.Column{Type: value.Type{Kind: value.String}, Length: 2}, p).(string)
	}
	for secret := range byte(100) { // cut to two letters, one name in a few would meet
		for _, name := range []string{"An", "an", "MA"} {
			if got := fake(name, secret); strings.EqualFold(got, name) {
				t.Fatalf("%s became %s", name, got)
			}
		}
	}
}
