package subject

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Limits in bytes of the normal form.
const (
	maxEmail    = 254 // RFC 5321 section 4.5.3.1.3: a path of 256 with its angle brackets
	maxLocal    = 64  // RFC 5321 section 4.5.3.1.1
	maxLabel    = 63  // RFC 1035 section 2.3.4
	maxPhone    = 64  // as given, with separators; E.164 itself has 15 digits
	maxDeviceID = 256
	maxValue    = 1024
)

// normalize gives the normal form of a trimmed value. It is idempotent.
func normalize(t Type, s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("the value is empty")
	case len(s) > maxValue:
		return "", fmt.Errorf("the value is longer than %d bytes", maxValue)
	case !utf8.ValidString(s):
		return "", errors.New("the value is not UTF-8 text")
	}
	switch t {
	case Email:
		return normalEmail(s)
	case Phone:
		return normalPhone(s)
	case DeviceID:
		return normalID(s, maxDeviceID)
	case ExternalID:
		return normalID(s, maxValue)
	default:
		return normalCustom(s)
	}
}

// normalEmail takes what a mailbox is called, not all that RFC 5322 can
// write: quoted local parts and address literals are refused.
func normalEmail(s string) (string, error) {
	s = norm.NFC.String(strings.ToLower(norm.NFC.String(s)))
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok || local == "" || domain == "":
		return "", errors.New("an address needs a name, @ and a domain")
	case strings.Contains(domain, "@"):
		return "", errors.New("an address has one @ only")
	case len(local) > maxLocal:
		return "", fmt.Errorf("the part before @ is longer than %d bytes", maxLocal)
	case strings.IndexFunc(local, notInMailbox) >= 0:
		return "", errors.New("the part before @ has a space, a quote, a bracket or another character that mailboxes do not have")
	}
	if strings.IndexFunc(domain, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		ascii, err := idna.Lookup.ToASCII(domain) // RFC 5890: what mail is sent to
		if err != nil {
			return "", errors.New("the domain has a character that domains do not have")
		}
		domain = ascii
	}
	if err := checkDomain(domain); err != nil {
		return "", err
	}
	if s = local + "@" + domain; len(s) > maxEmail {
		return "", fmt.Errorf("an address has at most %d bytes", maxEmail)
	}
	return s, nil
}

func notInMailbox(r rune) bool {
	return r == ' ' || !unicode.IsPrint(r) || strings.ContainsRune(`"(),:;<>[\]`, r)
}

func checkDomain(domain string) error {
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("each part of the domain has 1 to %d characters, without a hyphen at its ends", maxLabel)
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
				return errors.New("the domain has a character that domains do not have")
			}
		}
	}
	return nil
}

// normalPhone gives E.164. It judges the length, not whether the range is in
// use: a table of ranges is older than the newest number.
func normalPhone(s string) (string, error) {
	mend := "give it as +, country code and number, like +49 30 1234567"
	switch {
	case len(s) > maxPhone || strings.IndexFunc(s[1:], notInPhone) >= 0:
		return "", errors.New("the number has letters, an extension or other characters: " + mend)
	case s[0] != '+':
		return "", errors.New("the number has no country code: " + mend)
	}
	normal, ok := e164(s)
	again, _ := e164(normal)
	if !ok || again != normal { // each reading takes one trunk zero away: with several, the number is unclear
		return "", errors.New("the number is too short, too long or of no country: " + mend)
	}
	return normal, nil
}

func e164(s string) (string, bool) {
	number, err := phonenumbers.Parse(s, "ZZ") // ZZ is no country: none is assumed
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", false
	}
	return phonenumbers.Format(number, phonenumbers.E164), true
}

func notInPhone(r rune) bool {
	return !(r >= '0' && r <= '9' || unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("./()", r))
}

func normalID(s string, limit int) (string, error) {
	s = norm.NFC.String(s)
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return "", errors.New("the value has a character that cannot be printed")
	}
	if len(s) > limit {
		return "", fmt.Errorf("the value is longer than %d bytes", limit)
	}
	return s, nil
}

func normalCustom(s string) (string, error) {
	if strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return "", errors.New("the value has a control character")
	}
	return s, nil
}
