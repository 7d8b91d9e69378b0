package masking

import (
	"regexp"
	"strings"
)

// localLength is how many characters the masks of email_rewrite have before
// the @: 80 bits of 5 each.
const localLength = 16

// emailMask is email_rewrite. Any text becomes an address, also that which is
// none.
func emailMask(o options, v any, c Column, d draw) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errOtherForm
	}
	return cut(letters.EncodeToString(d.bytes(s, 10))[:localLength], o.suffix, c.Length), nil
}

// phoneForm is a number as people write it, of the 15 digits that
// recommendation E.164 of the ITU grants and a prefix.
var phoneForm = regexp.MustCompile(`^[ \t(]*(?:\+|00)?(?:[ \t()./-]*[0-9]){1,18}[ \t)]*$`)

// phoneMask is phone_rewrite: every digit is another's but those of the
// country code and the zero that a number within a country begins with. However a
// number is punctuated, its digits become the same.
func phoneMask(_ options, v any, _ Column, d draw) (any, error) {
	s, ok := v.(string)
	if !ok || !phoneForm.MatchString(s) {
		return nil, errOtherForm
	}
	digits := strings.Map(onlyDigits, s)
	kept := prefix(digits, strings.Contains(s, "+"))
	if strings.HasPrefix(digits[kept:], "0") {
		kept++
	}
	if kept == len(digits) {
		return nil, errOtherForm
	}
	random := d.bytes(digits, len(digits))
	masked := []byte(digits)
	masked[kept] = '1' + random[kept]%9
	for i := kept + 1; i < len(digits); i++ {
		masked[i] = '0' + random[i]%10
	}
	out := []byte(s)
	for i := range out {
		if onlyDigits(rune(out[i])) >= 0 {
			out[i], masked = masked[0], masked[1:]
		}
	}
	return string(out), nil
}

func onlyDigits(r rune) rune {
	if r >= '0' && r <= '9' {
		return r
	}
	return -1
}

// prefix is how many digits a number begins with that say no more than its
// country.
func prefix(digits string, plus bool) int {
	switch {
	case plus:
		return countryCode(digits)
	case strings.HasPrefix(digits, "00"):
		return 2 + countryCode(digits[2:])
	}
	return 0
}

// twoDigits are the country codes of two digits; 1 and 7 have one, all others
// three. ITU-T, list of recommendation E.164 assigned country codes. It does
// not come from a library, whose next version might end a code elsewhere and
// change the masks of a request that is under way.
const twoDigits = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58" +
	" 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "

func countryCode(digits string) int {
	switch {
	case digits == "":
		return 0
	case digits[0] == '1' || digits[0] == '7':
		return 1
	case len(digits) >= 2 && strings.Contains(twoDigits, " "+digits[:2]+" "):
		return 2
	}
	return min(3, len(digits))
}
