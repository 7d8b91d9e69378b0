package mysql

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// written is how times are written and read, in UTC.
const written = "2006-01-02 15:04:05.999999"

func decode(c *catalogue.Column, v any) any {
	switch v := v.(type) {
	case []byte:
		return decodeBytes(c, v)
	case string:
		return decodeText(c, v)
	case float32:
		f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
		return f
	case float64:
		if baseOf(c) == "float" {
			return decode(c, float32(v))
		}
	case int64:
		if c.Type.Kind == value.Boolean && (v == 0 || v == 1) {
			return v == 1
		}
	case uint64:
		return whole(v)
	}
	return v
}

func decodeBytes(c *catalogue.Column, b []byte) any {
	switch {
	case c.Type.Kind == value.Bytes:
		return b
	case baseOf(c) == "bit":
		var n uint64
		for _, octet := range b {
			n = n<<8 | uint64(octet)
		}
		return decode(c, whole(n))
	case !utf8.Valid(b): // a type that this package knows nothing of
		return b
	}
	return decodeText(c, string(b))
}

// whole is an int64 where that is enough, else a Decimal.
func whole(n uint64) any {
	if n > math.MaxInt64 {
		return value.Decimal(strconv.FormatUint(n, 10))
	}
	return int64(n)
}

func decodeText(c *catalogue.Column, s string) any {
	switch c.Type.Kind {
	case value.Integer, value.Boolean:
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			return whole(n)
		}
	case value.Number:
		return value.Decimal(s)
	case value.Timestamp:
		if t, err := time.Parse(written, s); err == nil {
			return t
		}
		return shortened(s)
	case value.Day:
		if _, err := time.Parse(time.DateOnly, s); err == nil {
			return value.Date(s)
		}
	case value.Clock:
		return shortened(s)
	case value.JSON:
		if v, ok := value.DecodeJSON(s); ok {
			return v
		}
	case value.String:
		if baseOf(c) == "char" { // the server takes the spaces at the end for its own
			return strings.TrimRight(s, " ")
		}
	}
	return s
}

// shortened leaves out the digits of a second that say nothing.
func shortened(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

var (
	errRange   = errors.New("out of range")
	errFiner   = errors.New("finer than the column keeps")
	errLetters = errors.New("not a text of the column's character set")
)

func encode(c *catalogue.Column, v any) (any, error) {
	switch c.Type.Kind {
	case value.JSON:
		return value.EncodeJSON(v)
	case value.Boolean:
		if v == true {
			return int64(1), nil
		}
		return int64(0), nil
	case value.Integer:
		return integer(c, v.(int64))
	case value.Float:
		return float(c, v.(float64))
	case value.Number:
		return exact(c, string(v.(value.Decimal)))
	case value.Timestamp:
		return instant(c, v.(time.Time))
	case value.Clock:
		return clock(c, v.(string))
	case value.Bytes:
		return padded(c, v.([]byte)), nil
	case value.String:
		return text(c, v.(string))
	case value.Day, value.UUID:
		return value.Text(v), nil
	}
	return other(c, v)
}

func integer(c *catalogue.Column, n int64) (any, error) {
	width := c.Bits
	switch {
	case width == 0:
	case baseOf(c) == "bit" || unsigned(c):
		if n < 0 || width < 64 && n>>width != 0 {
			return nil, errRange
		}
	case width < 64 && (n >= 1<<(width-1) || n < -1<<(width-1)):
		return nil, errRange
	}
	return n, nil
}

func float(c *catalogue.Column, f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errRange
	}
	if baseOf(c) != "float" {
		return f, nil
	}
	if single := float64(float32(f)); !math.IsInf(single, 0) {
		return single, nil
	}
	return nil, errRange
}

// exact writes a number with the places that the column has. The server would
// round what does not fit, or take the nearest number that does.
func exact(c *catalogue.Column, s string) (any, error) {
	r, ok := new(big.Rat), false
	if len(s) < 100 && !strings.ContainsAny(s, "eE/") {
		_, ok = r.SetString(s)
	}
	if !ok {
		return nil, errRange
	}
	fixed := r.FloatString(c.Scale)
	if back, _ := new(big.Rat).SetString(fixed); back.Cmp(r) != 0 {
		return nil, errFiner
	}
	if digits, _, _ := strings.Cut(strings.TrimLeft(fixed, "-0"), "."); len(digits) > c.Precision-c.Scale {
		return nil, errRange
	}
	return fixed, nil
}

func decimalType(c *catalogue.Column) string {
	return fmt.Sprintf("DECIMAL(%d,%d)", c.Precision, c.Scale)
}

// fraction is how many digits of a second a column keeps.
func fraction(c *catalogue.Column) int {
	if _, after, ok := strings.Cut(c.Native, "("); ok && after != "" {
		return int(after[0] - '0')
	}
	return 0
}

func instant(c *catalogue.Column, t time.Time) (any, error) {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return nil, errRange
	}
	unit := time.Second
	for range fraction(c) {
		unit /= 10
	}
	if !t.Truncate(unit).Equal(t) {
		return nil, errFiner
	}
	return t.Format(written), nil
}

func clock(c *catalogue.Column, s string) (any, error) {
	if _, digits, _ := strings.Cut(s, "."); len(digits) > fraction(c) {
		return nil, errFiner
	}
	return s, nil
}

// padded fills what has a fixed length up with zeros, as the server does.
func padded(c *catalogue.Column, b []byte) []byte {
	if missing := c.Length - len(b); missing > 0 && baseOf(c) == "binary" {
		return append(slices.Clone(b), make([]byte, missing)...)
	}
	return b
}

// letters are the character sets whose letters are known here.
var letters = map[string]func(rune) bool{
	"utf8mb3": func(r rune) bool { return r <= 0xffff },
	"utf8":    func(r rune) bool { return r <= 0xffff },
	"ascii":   func(r rune) bool { return r < 0x80 },
	"latin1": func(r rune) bool {
		_, ok := charmap.Windows1252.EncodeRune(r)
		return ok
	},
}

func text(c *catalogue.Column, s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, errLetters
	}
	if known := letters[charsetOf(c)]; known != nil {
		for _, r := range s {
			if !known(r) {
				return nil, errLetters
			}
		}
	}
	switch baseOf(c) {
	case "char":
		return strings.TrimRight(s, " "), nil
	case "enum":
		return labelled(c, s)
	case "set":
		return members(c, s)
	}
	return s, nil
}

// labelled gives the label that a text stands for. A text that is none would
// be taken for the number of one.
func labelled(c *catalogue.Column, s string) (string, error) {
	i := slices.IndexFunc(c.Labels, func(l string) bool { return strings.EqualFold(l, s) })
	if i < 0 {
		return "", errors.New("none of the column's words")
	}
	return c.Labels[i], nil
}

// members writes the words of a set in the order that the server keeps.
func members(c *catalogue.Column, s string) (string, error) {
	if s == "" {
		return s, nil
	}
	var out []string
	for _, word := range strings.Split(s, ",") {
		l, err := labelled(c, word)
		if err != nil {
			return "", err
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b string) int { return slices.Index(c.Labels, a) - slices.Index(c.Labels, b) })
	return strings.Join(slices.Compact(out), ","), nil
}

func other(c *catalogue.Column, v any) (any, error) {
	switch baseOf(c) {
	case "year":
		n, err := strconv.ParseInt(value.Text(v), 10, 64)
		if err != nil || n != 0 && (n < 1901 || n > 2155) {
			return nil, errRange
		}
		return n, nil
	case "inet4", "inet6":
		ip, err := netip.ParseAddr(value.Text(v))
		if err != nil || baseOf(c) == "inet4" && !ip.Is4() {
			return nil, errors.New("not an address")
		}
		if baseOf(c) == "inet6" {
			ip = netip.AddrFrom16(ip.As16())
		}
		return ip.String(), nil
	}
	if b, ok := v.([]byte); ok {
		return b, nil
	}
	return value.Text(v), nil
}

// What MySQL keeps although no calendar or clock has it.
var (
	anyDay   = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	anyTime  = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?$`)
	anyClock = regexp.MustCompile(`^-?\d{2,3}:\d\d:\d\d(\.\d{1,6})?$`)
)

// raw takes days and times that no calendar has, unsigned numbers beyond
// int64, and numbers in columns for truth values.
func raw(c *catalogue.Column, v any) (any, bool) {
	if n, ok := v.(int64); ok {
		return n, c.Type.Kind == value.Boolean && n == int64(int8(n)) && baseOf(c) == "tinyint"
	}
	s, ok := v.(string)
	if d, exact := v.(value.Decimal); exact {
		s, ok = string(d), true
	}
	if !ok {
		return nil, false
	}
	switch c.Type.Kind {
	case value.Day:
		return s, anyDay.MatchString(s)
	case value.Timestamp:
		return s, anyTime.MatchString(s)
	case value.Clock:
		return s, anyClock.MatchString(s)
	case value.Integer:
		n, err := strconv.ParseUint(s, 10, 64)
		return n, err == nil && c.Bits == 64 && (unsigned(c) || baseOf(c) == "bit")
	}
	return nil, false
}
