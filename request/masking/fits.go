package masking

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/value"
)

var errDelete = errors.New("delete removes whole rows: it cannot be applied to a field, only to a collection")

// room is how many bits a mask must have to be put where values are unique.
// Among a billion other values, the masks of 1,000 rows then meet one of them
// in one request of ten thousand; and the database refuses that row, and the
// report says so.
const room = 53

// Fits says why a strategy cannot be applied to a column, and what can; nil
// when it can.
func Fits(s Spec, c Column) error {
	o, err := parse(s)
	switch {
	case err != nil:
		return err
	case s.Strategy == Preserve:
		return nil
	case s.Strategy == Delete:
		return errDelete
	case c.Generated:
		return fmt.Errorf("the database computes this column: %s cannot write it; mask the columns that it is computed from", s.Strategy)
	case s.Strategy == NullRewrite && c.NotNull:
		return fmt.Errorf("the column is NOT NULL: null_rewrite cannot be applied; use %s", forType(c))
	case s.Strategy == NullRewrite:
		return nil
	case len(c.Labels) > 0 && (s.Strategy != StringRewrite || !slices.Contains(c.Labels, o.rewrite)):
		return fmt.Errorf("the column takes only %s: %s cannot be applied; use %s", strings.Join(c.Labels, ", "), s.Strategy, orNull("string_rewrite with one of them", c))
	case s.Strategy == StringRewrite && c.Unique:
		return fmt.Errorf("the column is UNIQUE: string_rewrite would give every row the same value; use %s", forUnique(c))
	}
	if err := fitsType(s.Strategy, o, c); err != nil {
		return err
	}
	if err := fitsSuffix(s.Strategy, o, c); err != nil {
		return err
	}
	if _, looks := forms[s.Strategy]; looks && c.Unique && s.Strategy != EmailRewrite {
		return fmt.Errorf("the column is UNIQUE and two masks of %s may be the same: use %s", s.Strategy, forUnique(c))
	}
	if bits := entropy(s.Strategy, o, c); c.Unique && bits < room {
		return fmt.Errorf("the column is UNIQUE and too small for masks that never meet (%d bits, %d are needed): %s cannot be applied; use %s", bits, room, s.Strategy, orNull("delete for the collection", c))
	}
	return nil
}

// Notes gives what a plan must say about a strategy that fits a column.
func Notes(s Spec, c Column) []string {
	o, err := parse(s)
	if err != nil || s.Strategy == Preserve || s.Strategy == Delete {
		return nil
	}
	var notes []string
	note := forms[s.Strategy].note
	if s.Strategy == FF1Encrypt {
		note = ff1Note(o)
	}
	if note != "" {
		notes = append(notes, note)
	}
	if full := fullLength(s.Strategy, o, c); c.Length > 0 && full > c.Length {
		notes = append(notes, fmt.Sprintf("the mask is cut to %d characters", c.Length))
	}
	if s.Strategy != NullRewrite && c.Type.Kind == value.Object {
		notes = append(notes, "each part of the object is masked; the names of its parts stay")
	}
	for _, check := range c.Checks {
		// A null passes every check but one that asks for it.
		if s.Strategy != NullRewrite || strings.Contains(strings.ToLower(check), "null") {
			notes = append(notes, fmt.Sprintf("a check constraint may refuse the mask: %s", check))
		}
	}
	return notes
}

func fitsType(strategy string, o options, c Column) error {
	if f, looks := forms[strategy]; looks {
		return fitsForm(strategy, f, o, c)
	}
	switch kind := c.Type.Kind; kind {
	case value.Unknown, value.String, value.JSON, value.Object, value.Bytes:
		return nil
	case value.Other:
		return wrongType(strategy, c)
	default:
		if strategy == StringRewrite {
			return fitsConstant(o, c)
		}
		if strategy == AESEncrypt || !derivable[kind] {
			return wrongType(strategy, c)
		}
		return nil
	}
}

// fitsForm is fitsType for what looks like the value.
func fitsForm(strategy string, f form, o options, c Column) error {
	kind := c.Type.Kind
	switch {
	case kind == value.JSON:
		return fmt.Errorf("%s cannot be applied to a whole JSON value: describe its parts, or use %s", strategy, forType(c))
	case !f.has(kind):
		return wrongType(strategy, c)
	case strategy == FF1Encrypt && kind == value.Integer && c.Bits > 0 && c.Bits < 24,
		strategy == FF1Encrypt && c.Length > 0 && c.Length < fewest(len(symbols(o.alphabet, ""))):
		return fmt.Errorf("%s can hold fewer than a million values, which ff1_encrypt must not be used on; use %s", named(c), forType(c))
	case strategy == NumberRound && kind == value.Integer && !o.step.at(0).same(o.step),
		strategy == NumberRound && kind == value.Number && c.Precision > 0 && !o.step.at(c.Scale).same(o.step):
		return fmt.Errorf("its step has more decimal places than %s: use a greater one", named(c))
	}
	return nil
}

// derivable are the kinds besides text that a digest makes sense in. A random
// truth or date would read as a fact about the person.
var derivable = map[value.Kind]bool{
	value.Integer: true, value.Float: true, value.Number: true, value.UUID: true, value.ObjectID: true,
}

func fitsConstant(o options, c Column) error {
	v, err := value.Cast(o.rewrite, value.Type{Kind: c.Type.Kind})
	if err != nil {
		return fmt.Errorf("its rewrite_value is no %s: string_rewrite cannot be applied; use %s", named(c), forType(c))
	}
	if !holds(v, c) {
		return fmt.Errorf("its rewrite_value is too large for %s: use a smaller one", named(c))
	}
	return nil
}

func wrongType(strategy string, c Column) error {
	return fmt.Errorf("%s makes no sense for %s; use %s", strategy, named(c), forType(c))
}

func named(c Column) string {
	kind := string(c.Type.Kind)
	if c.Native != "" && c.Native != kind {
		return fmt.Sprintf("%s (%s)", kind, c.Native)
	}
	return kind
}

// forType suggests what fits a column.
func forType(c Column) string {
	kind := c.Type.Kind
	switch {
	case kind == value.Other:
		return orNull("preserve, or delete for the collection", c)
	case derivable[kind]:
		return orNull("hash", c)
	case kind == value.Boolean, kind == value.Timestamp, kind == value.Day, kind == value.Clock:
		others := fmt.Sprintf("string_rewrite with a rewrite_value that is a %s", kind)
		if forms[DateGeneralise].has(kind) {
			others = "date_generalise, or " + others
		}
		return orNull(others, c)
	default:
		return "string_rewrite or hash"
	}
}

// forUnique suggests what keeps the values of a column apart.
func forUnique(c Column) string {
	switch kind := c.Type.Kind; {
	case derivable[kind]:
		return orNull("hash", c)
	case kind == value.Day, kind == value.Timestamp:
		return orNull("delete for the collection", c)
	}
	return orNull("hash or random_string_rewrite", c)
}

func orNull(others string, c Column) string {
	if c.NotNull {
		return others
	}
	return "null_rewrite, or " + others
}

func fitsSuffix(strategy string, o options, c Column) error {
	if o.suffix == "" {
		return nil
	}
	switch c.Type.Kind {
	case value.Unknown, value.String, value.JSON, value.Object:
	default:
		return fmt.Errorf("%s with a suffix needs text, this is %s: remove format_preservation", strategy, named(c))
	}
	if n := utf8.RuneCountInString(o.suffix); c.Length > 0 && n >= c.Length {
		if strategy == EmailRewrite {
			return fmt.Errorf("an address at %s has more than the %d characters that the column holds: use a shorter domain", strings.TrimPrefix(o.suffix, "@"), c.Length)
		}
		return fmt.Errorf("its suffix has %d characters and the column holds %d: use a shorter suffix", n, c.Length)
	}
	return nil
}

// entropy is how many bits a mask has.
func entropy(strategy string, o options, c Column) int {
	perCharacter := 4 // hex
	switch {
	case c.Type.Kind == value.Bytes:
		perCharacter = 8
	case strategy == RandomStringRewrite, strategy == AESEncrypt, strategy == EmailRewrite:
		perCharacter = 5 // base32, and base64 where case does not count
	}
	switch c.Type.Kind {
	case value.Integer:
		return integerBits(c)
	case value.Float:
		return floatBits
	case value.Number:
		return decimalDigits(c) * 332 / 100 // log2(10)
	case value.UUID, value.ObjectID:
		return 96
	}
	characters := fullLength(strategy, o, c)
	if c.Length > 0 {
		characters = min(characters, c.Length)
	}
	return (characters - utf8.RuneCountInString(o.suffix)) * perCharacter
}

// fullLength is how many characters (or bytes) a mask has before it is cut, 0
// where it is not text. Encryption makes at least this many.
func fullLength(strategy string, o options, c Column) int {
	switch c.Type.Kind {
	case value.Bytes:
		return byteLength(strategy, o)
	case value.Unknown, value.String, value.JSON:
	default:
		return 0
	}
	n := 0
	switch strategy {
	case StringRewrite:
		n = utf8.RuneCountInString(o.rewrite)
	case RandomStringRewrite:
		n = o.length
	case EmailRewrite:
		n = localLength
	case AESEncrypt:
		n = base64.StdEncoding.EncodedLen(nonceAndTag)
	case Hash, HMAC:
		n = hex.EncodedLen(newHash(o.algorithm)().Size())
	}
	return n + utf8.RuneCountInString(o.suffix)
}

// nonceAndTag is what AES-GCM adds to a value, in bytes.
const nonceAndTag = 12 + 16

func byteLength(strategy string, o options) int {
	switch strategy {
	case StringRewrite:
		return len(o.rewrite)
	case RandomStringRewrite:
		return o.length
	case AESEncrypt:
		return nonceAndTag
	case Hash, HMAC:
		return newHash(o.algorithm)().Size()
	}
	return 0
}
