package masking

import (
	"errors"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/value"
)

// form is what a strategy knows of the values whose looks it keeps.
type form struct {
	// takes are the kinds of columns that may hold such values, besides
	// objects and fields of which nothing is declared.
	takes []value.Kind
	// mask gives errOtherForm for a value that looks otherwise. It may give the
	// value itself: then it is asked again with other draws.
	mask func(o options, v any, c Column, d draw) (any, error)
	// coarse masks say less than the value, and may be the value where that
	// says little already.
	coarse bool
	note   string // what a plan must say about it, "" for nothing
}

var (
	textual = []value.Kind{value.String}
	dated   = []value.Kind{value.String, value.Day, value.Timestamp}
	numeric = []value.Kind{value.String, value.Integer, value.Float, value.Number}
)

var forms = map[string]form{
	FF1Encrypt:   {takes: []value.Kind{value.String, value.Integer}, mask: ff1Mask},
	EmailRewrite: {takes: textual, mask: emailMask},
	PhoneRewrite: {
		takes: textual, mask: phoneMask,
		note: "a mask may be the number of somebody else: it must not be called",
	},
	FakeRewrite:    {takes: textual, mask: fakeMask},
	DateShift:      {takes: dated, mask: shiftMask},
	DateGeneralise: {takes: dated, mask: generaliseMask, coarse: true, note: "a date that is at a beginning already stays as it is"},
	NumberZero:     {takes: numeric, mask: zeroMask, coarse: true},
	NumberRound:    {takes: numeric, mask: roundMask, coarse: true, note: "a number that is round already stays as it is"},
	NumberNoise:    {takes: numeric, mask: noiseMask, note: "a mask is near the number that it replaces"},
}

var (
	// ErrForm: the strategy refuses this value, and no other strategy takes its
	// place, since what was asked for cannot be had.
	ErrForm = errors.New("the value cannot be masked by this strategy")
	// errOtherForm: the value is none of those that the strategy is about.
	errOtherForm = errors.New("the value has another form")
)

// shaped gives masks that look like what they replace.
type shaped struct {
	name string
	form
	options
}

func (m shaped) Name() string { return m.name }

func (m shaped) Mask(v any, c Column, p Place) (any, error) {
	if len(p.Secret) < shortest {
		return nil, errSecret
	}
	return walk(v, c, p, m.scalar)
}

// scalar tries again where a mask happens to be the value itself. What it
// tries follows from the same inputs, and so does the mask.
func (m shaped) scalar(v any, c Column, p Place) (any, error) {
	if text, err := value.Cast(v, c.Type); err == nil && c.Type.Kind == value.String {
		v = text // SQLite may hold a number there
	}
	key := derive(p.Secret, "masking: "+m.name)
	var mask any
	for attempt := range byte(64) {
		var err error
		mask, err = m.mask(m.options, v, c, draw{key, attempt})
		if errors.Is(err, errOtherForm) {
			return otherwise(v, c, p)
		}
		if err != nil {
			return nil, err
		}
		if text, ok := mask.(string); ok && c.Length > 0 { // the value may be longer than its description says
			mask = firstRunes(text, c.Length)
		}
		if m.coarse || !sameFor(mask, v) {
			break
		}
	}
	return mask, nil
}

// draw is where a mask takes from what it does not take from the value. It is
// the same for equal values of a request and rule.
type draw struct {
	key     []byte
	attempt byte
}

// bytes gives n bytes or more that follow from what is masked.
func (d draw) bytes(masked string, n int) []byte {
	return stream(derive(d.key, masked, string(rune(d.attempt))), n)
}

// number gives one from 0 to below n.
func (d draw) number(masked string, n int) int { return int(leading(d.bytes(masked, 8)) % uint64(n)) }

// otherwise masks what has not the form that a strategy is about: a number in
// a column of numbers becomes zero, a day the first of the century, and the
// rest a digest.
func otherwise(v any, c Column, p Place) (any, error) {
	switch kind := c.Type.Kind; kind {
	case value.Integer, value.Float, value.Number:
		return zero(kind), nil
	case value.Day, value.Timestamp:
		return value.Cast(value.Date("2000-01-01"), value.Type{Kind: kind})
	}
	return derived{name: Hash, options: options{algorithm: sha256Name}}.scalar(v, c, p)
}

// sameFor says whether a mask would be taken for the value, also where case
// does not count.
func sameFor(mask, v any) bool {
	a, isText := mask.(string)
	b, wasText := v.(string)
	return value.Equal(mask, v) || isText && wasText && strings.EqualFold(a, b)
}

// has says whether a field of the kind may hold such values.
func (f form) has(kind value.Kind) bool {
	return kind == value.Unknown || kind == value.Object || slices.Contains(f.takes, kind)
}
