package masking

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/value"
)

// The limits of random_string_rewrite's length, in characters. The default is
// that of the format.
const (
	defaultLength = 30
	maximumLength = 10000
)

// options is a configuration that was read. Only what the strategy has is set.
type options struct {
	rewrite   string
	suffix    string
	algorithm string // sha256 or sha512
	length    int
	alphabet  string // digits or alphanumeric
	kind      string // of a fake value
	to        string // year, month or decade
	days      int
	percent   int
	step      fixed
}

// What a suffix of email_rewrite may be: RFC 2606 keeps example.com from
// anybody's hands.
const defaultDomain = "example.com"

// The widest shift, in days, and the most noise, in percent.
const (
	mostDays    = 36525 // a hundred years
	mostPercent = 100
)

const (
	sha256Name = "SHA-256"
	sha512Name = "SHA-512"
)

// Check says everything that is wrong with a Spec by itself, joined as by
// errors.Join: a strategy that does not exist, settings that are unknown,
// missing or of the wrong form.
func Check(s Spec) error {
	_, err := parse(s)
	return err
}

func parse(s Spec) (options, error) {
	r := reader{strategy: s.Strategy, rest: maps.Clone(s.Configuration)}
	var o options
	switch s.Strategy {
	case NullRewrite, Preserve, Delete:
	case StringRewrite:
		o.rewrite = r.text("rewrite_value")
		o.suffix = r.suffix()
	case RandomStringRewrite:
		o.length = r.within("length", defaultLength, maximumLength)
		o.suffix = r.suffix()
	case Hash, HMAC:
		o.algorithm = r.choice("algorithm", sha256Name, sha512Name)
		o.suffix = r.suffix()
	case AESEncrypt:
		r.choice("mode", "GCM")
		o.suffix = r.suffix()
	case FF1Encrypt:
		o.alphabet = r.choice("alphabet", digitsOnly, alphanumeric)
	case EmailRewrite:
		o.suffix = "@" + r.domain()
	case PhoneRewrite, NumberZero:
	case FakeRewrite:
		o.kind = r.choice("kind", fakes...)
	case DateShift:
		o.days = r.within("days", 0, mostDays)
	case DateGeneralise:
		o.to = r.choice("to", toYear, toMonth, toDecade)
	case NumberRound:
		o.step = r.step()
	case NumberNoise:
		o.percent = r.within("percent", 0, mostPercent)
	case "":
		return o, fmt.Errorf("no masking strategy is named: name one of %s", strings.Join(Names, ", "))
	default:
		return o, fmt.Errorf("there is no masking strategy %q%s: use one of %s", s.Strategy, suggest(s.Strategy, Names), strings.Join(Names, ", "))
	}
	r.unknown("", r.rest, r.asked)
	return o, errors.Join(r.problems...)
}

// reader takes settings out of a configuration and collects what is wrong.
type reader struct {
	strategy string
	rest     map[string]any // not asked for yet
	asked    []string
	problems []error
}

func (r *reader) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("masking strategy "+r.strategy+": "+format, args...))
}

func (r *reader) take(key string) any {
	v := r.rest[key]
	delete(r.rest, key)
	r.asked = append(r.asked, key)
	return v
}

func (r *reader) text(key string) string {
	switch v := r.take(key).(type) {
	case string:
		return v
	case nil:
		r.problem("%s is missing", key)
	default:
		r.problem("%s must be text: put it in quotes", key)
	}
	return ""
}

// choice takes one of the allowed words; the first is the default.
func (r *reader) choice(key string, allowed ...string) string {
	v := r.take(key)
	if v == nil {
		return allowed[0]
	}
	s, ok := v.(string)
	if !ok || !slices.Contains(allowed, s) {
		r.problem("%s is %v: use %s", key, v, strings.Join(allowed, " or "))
	}
	return s
}

// within takes a whole number from 1 to most; without a default, 0, it must be
// there.
func (r *reader) within(key string, otherwise, most int) int {
	v := r.take(key)
	if v == nil && otherwise > 0 {
		return otherwise
	}
	n, ok := integer(v)
	switch {
	case v == nil:
		r.problem("%s is missing: use a whole number from 1 to %d", key, most)
	case !ok || n < 1 || n > most:
		r.problem("%s is %v: use a whole number from 1 to %d", key, v, most)
	}
	return n
}

func (r *reader) step() fixed {
	v := r.take("step")
	if v == nil {
		r.problem("step is missing: use a number greater than 0, without quotes, such as 1000 or 0.5")
		return fixed{}
	}
	if n, ok := integer(v); ok {
		v = int64(n)
	}
	d, err := value.Cast(v, value.Type{Kind: value.Number})
	text, _ := d.(value.Decimal)
	step, ok := parseFixed(string(text))
	if _, quoted := v.(string); err != nil || quoted || !ok || step.n.Sign() <= 0 {
		r.problem("step is %v: use a number greater than 0, without quotes, such as 1000 or 0.5", v)
	}
	return step
}

// hostname is a domain as mail needs it.
var hostname = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$`)

func (r *reader) domain() string {
	v := r.take("domain")
	if v == nil {
		return defaultDomain
	}
	s, ok := v.(string)
	if !ok || len(s) > 200 || !hostname.MatchString(s) {
		r.problem("domain is %v: use one in lower case, such as %s", v, defaultDomain)
	}
	return s
}

// integer takes the types that YAML gives and the one that JSON gives.
func integer(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), v == int64(int(v))
	case uint64:
		return int(v), v <= math.MaxInt32
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) <= math.MaxInt32
	}
	return 0, false
}

func (r *reader) suffix() string {
	v := r.take("format_preservation")
	if v == nil {
		return ""
	}
	format, ok := v.(map[string]any)
	if !ok {
		r.problem("format_preservation must be a mapping such as {suffix: \"@example.com\"}")
		return ""
	}
	format = maps.Clone(format)
	suffix, ok := format["suffix"].(string)
	if !ok || suffix == "" {
		r.problem("format_preservation needs a suffix, as text")
	}
	delete(format, "suffix")
	r.unknown("format_preservation.", format, []string{"suffix"})
	return suffix
}

func (r *reader) unknown(prefix string, rest map[string]any, known []string) {
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		if len(known) == 0 {
			r.problem("it has no settings, but %q is set: remove it", prefix+key)
			continue
		}
		r.problem("it has no setting %q%s: it has %s", prefix+key, suggest(key, known), strings.Join(known, ", "))
	}
}

// suggest names the word that was probably meant, "" when none is near.
func suggest(word string, known []string) string {
	best, least := "", len(word)/3+2
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance counts the letters to be added, dropped or replaced (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
