package discover

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/subject"
)

// samples are the values of one field, nulls left out. Describe drops them at
// its end, so that none is in a draft.
type samples struct {
	all  []any
	rows int // how many rows were sampled
}

// gather takes one field out of rows.
func gather(rows Rows, name string) samples {
	s := samples{rows: len(rows)}
	for _, r := range rows {
		if v := r[name]; v != nil {
			s.all = append(s.all, v)
		}
	}
	return s
}

// distinct gives the values as text, each once; the elements of arrays count
// as values, and objects not at all.
func (s samples) distinct() []string {
	var out []string
	seen := map[string]bool{}
	var take func(any)
	take = func(v any) {
		switch v := v.(type) {
		case nil, map[string]any, []byte:
			return
		case []any:
			for _, e := range v {
				take(e)
			}
			return
		case string:
			if t := strings.TrimSpace(v); t != "" && !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
			return
		default:
			if t := fmt.Sprint(v); !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	for _, v := range s.all {
		take(v)
	}
	return out
}

// detector knows a kind of value by what it looks like.
type detector struct {
	category taxonomy.Category
	what     string
	fits     func(string) bool
	share    float64    // of the values must fit
	least    int        // distinct values there must be
	alone    Confidence // when nothing else speaks for it
}

// detectors, the most telling first. Where a random number would pass a check
// digit one time in ten, more values are asked for.
var detectors = []detector{
	{"user.contact.email", "mail addresses", isEmail, 0.8, 2, High},
	{"user.financial.bank_account", "IBANs with right check digits", isIBAN, 0.8, 2, High},
	{"user.device.ip_address", "network addresses", isIP, 0.9, 3, High},
	{"user.contact.phone_number", "phone numbers with a country code", isPhone, 0.8, 3, High},
	{"user.financial.credit_card", "card numbers with right check digits", isCard, 0.95, 6, Medium},
	{"user.government_id.national_identification_number", "national numbers with right check digits", isNational, 0.95, 6, Medium},
	{"user.device.device_id", "MAC addresses", regexp.MustCompile(`^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$`).MatchString, 0.9, 3, Medium},
	{"user.device", "user agents of browsers", regexp.MustCompile(`^(Mozilla|Opera|Dalvik)/\d`).MatchString, 0.7, 2, Medium},
	{"user.government_id.national_identification_number", "numbers in the form of a US social security number", regexp.MustCompile(`^[0-8]\d\d-\d\d-\d{4}$`).MatchString, 0.9, 3, Low},
}

// look gives what values look like, nil for nothing in particular.
func (d *describer) look(s samples, kind value.Kind) *Label {
	values := s.distinct()
	if c := class(kind); c != "text" && c != "number" {
		return d.born(values, c)
	}
	for _, t := range detectors {
		if len(values) >= t.least && share(values, t.fits) >= t.share {
			return &Label{Category: t.category, Confidence: t.alone, Reasons: []string{most(share(values, t.fits)) + " sampled values are " + t.what}}
		}
	}
	if len(values) >= 5 && share(values, d.startsWithName) >= 0.3 {
		return &Label{Category: "user.name", Confidence: Low, Reasons: []string{"many sampled values begin with a common given name"}}
	}
	if len(values) >= 3 && share(values, mentions) >= 0.05 && share(values, isText) >= 0.5 {
		return &Label{Category: "user.content.private", Confidence: Medium, Reasons: []string{"sampled values are sentences, and mail addresses or phone numbers stand in some of them"}}
	}
	if len(values) >= 5 && share(values, isText) >= 0.7 {
		return &Label{Category: "user.content", Confidence: Low, Reasons: []string{"sampled values are sentences"}}
	}
	return nil
}

// born tells dates that lie a lifetime back from others.
func (d *describer) born(values []string, class string) *Label {
	today, err := strconv.Atoi(string(d.Today)[:min(4, len(d.Today))])
	if class != "date" || err != nil || len(values) < 8 {
		return nil
	}
	age := func(v string) bool {
		year, err := strconv.Atoi(v[:min(4, len(v))])
		return err == nil && today-year >= 14 && today-year <= 110
	}
	spread := map[string]bool{}
	for _, v := range values {
		spread[v[:min(3, len(v))]] = true
	}
	if share(values, age) < 0.95 || len(spread) < 3 {
		return nil
	}
	return &Label{Category: "user.demographic.date_of_birth", Confidence: Low, Reasons: []string{"sampled dates lie decades back and far apart"}}
}

// unlike says that values are not what their category needs, for those
// categories that can be told by looking.
func unlike(c taxonomy.Category, s samples) bool {
	fits := map[taxonomy.Category]func(string) bool{
		"user.contact.email": isEmail, "user.device.ip_address": isIP, "user.financial.bank_account": hasDigits, "user.contact.phone_number": hasDigits,
	}[c]
	values := s.distinct()
	return fits != nil && len(values) >= 3 && share(values, fits) < 0.2
}

// choice says that a field holds one of a few words again and again.
func (s samples) choice() bool {
	return len(s.all) >= 20 && len(s.distinct()) <= 3
}

func share(values []string, fits func(string) bool) float64 {
	if len(values) == 0 {
		return 0
	}
	n := 0
	for _, v := range values {
		if fits(v) {
			n++
		}
	}
	return float64(n) / float64(len(values))
}

func most(share float64) string {
	if share == 1 {
		return "all"
	}
	return "most"
}

func isEmail(s string) bool {
	_, err := subject.New(subject.Email, s)
	at := strings.LastIndex(s, "@")
	return err == nil && strings.Contains(s[at+1:], ".")
}

func isPhone(s string) bool {
	_, err := subject.New(subject.Phone, s)
	return err == nil
}

// isNormal says whether a value is stored in the form in which requests ask
// for it.
func isNormal(t subject.Type) func(string) bool {
	return func(s string) bool {
		id, err := subject.New(t, s)
		return err == nil && id.Value.Reveal() == s
	}
}

func isIP(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

func (d *describer) startsWithName(s string) bool {
	words := parts(s)
	return len(words) > 0 && len(words) < 5 && d.given[words[0]]
}

func isText(s string) bool { return strings.Count(s, " ") >= 4 && len(s) >= 30 }

func hasDigits(s string) bool { return len(digits(s)) >= 4 }

// mentions finds an address or a number in the middle of a text.
func mentions(s string) bool {
	return slices.ContainsFunc(strings.Fields(s), func(w string) bool { return isEmail(strings.Trim(w, ".,;:()<>")) }) || within.MatchString(s)
}

var within = regexp.MustCompile(`\s\+\d{2}[\d /-]{7,}`)
