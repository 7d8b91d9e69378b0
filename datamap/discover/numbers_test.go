package discover_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/discover"
)

// numbers are examples of the authorities themselves, or made by their rule.
var numbers = map[string]struct {
	is    func(string) bool
	right []string
}{
	"IBAN":           {is: discover.IsIBAN, right: []string{"DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606", "NO9386011117947"}},
	"card":           {is: discover.IsCard, right: []string{"4111111111111111", "5555555555554444", "6011111111111117"}},
	"Steuer-ID":      {is: discover.IsSteuerID, right: []string{"86095742719", "47036892816", "65929970489"}},
	"DNI and NIE":    {is: discover.IsDNI, right: []string{"12345678Z", "00000000T", "X1234567L"}},
	"codice fiscale": {is: discover.IsCodiceFiscale, right: []string{"RSSMRA85T10A562S", "MRTMTT91D08F205J"}},
	"PESEL":          {is: discover.IsPESEL, right: []string{"44051401359", "02070803628"}},
	"BSN":            {is: discover.IsBSN, right: []string{"111222333", "123456782"}},
	"NIR":            {is: discover.IsNIR, right: []string{"255081416802538", "1850578006084 91"}},
	"CPF":            {is: discover.IsCPF, right: []string{"111.444.777-35", "52998224725"}},
	"HETU":           {is: discover.IsHETU, right: []string{"131052-308T", "010101A000P"}},
}

func TestNumbersAreKnownByTheirCheckDigits(t *testing.T) {
	for name, n := range numbers {
		for _, right := range n.right {
			if !n.is(right) {
				t.Errorf("%s %s is not taken as one", name, right)
			}
			for i, r := range right { // every one of these rules finds a single wrong digit
				if r < '0' || r > '9' {
					continue
				}
				wrong := right[:i] + string('0'+(r-'0'+1)%10) + right[i+1:]
				if n.is(wrong) {
					t.Errorf("%s %s with one digit changed is taken as one: %s", name, right, wrong)
				}
			}
		}
		for _, wrong := range []string{"", "0", "00000000000", strings.Repeat("1", 40), "DE", "abc", "١٢٣٤٥٦٧٨٩", "-", "12345678\xff"} {
			if n.is(wrong) {
				t.Errorf("%q is taken as a %s", wrong, name)
			}
		}
	}
}

func TestDetectorsTakeAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9A-Z .-]{0,40}`)).Draw(t, "s")
		for _, n := range numbers {
			n.is(s) // must not panic
		}
	})
}
