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
		return fmt.Errorf("the column is UNIQUE: string_rewrite would give every row the same value; use %s", orNull("hash or random_string_rewrite", c))
	}
	if err := fitsType(s.Strategy, o, c); err != nil {
		return err
	}
	if err := fitsSuffix(s.Strategy, o, c); err != nil {
		return err
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
		return orNull(fmt.Sprintf("string_rewrite with a rewrite_value that is a %s", kind), c)
	default:
		return "string_rewrite or hash"
	}
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
	case strategy == RandomStringRewrite, strategy == AESEncrypt:
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
