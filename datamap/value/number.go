package value

import (
	"math"
	"strconv"
	"strings"
)

// number is sign, digits and a power of ten: negative "125" -1 is -12.5. The
// digits have no zeros at either end; none at all is zero. Special is "NaN",
// "Infinity" or "-Infinity", and then the rest is unset.
type number struct {
	negative bool
	digits   string
	exponent int64
	special  string
}

// padding is how many zeros text adds at most before it writes an exponent.
// Every float64 is written without one.
const padding = 400

// parseNumber reads [+-]digits[.digits][e[+-]digits], and the words that
// PostgreSQL writes for numbers that are none.
func parseNumber(s string) (number, bool) {
	switch s {
	case "NaN", "Infinity", "-Infinity":
		return number{special: s}, true
	}
	var n number
	if s != "" && (s[0] == '-' || s[0] == '+') {
		n.negative = s[0] == '-'
		s = s[1:]
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.ParseInt(s[i+1:], 10, 32)
		if err != nil {
			return number{}, false
		}
		n.exponent = e
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if whole == "" && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return number{}, false
	}
	n.digits = whole + fraction
	n.exponent -= int64(len(fraction))
	return n.trimmed(), true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (n number) trimmed() number {
	n.digits = strings.TrimLeft(n.digits, "0")
	short := strings.TrimRight(n.digits, "0")
	n.exponent += int64(len(n.digits) - len(short))
	n.digits = short
	if n.digits == "" {
		return number{}
	}
	return n
}

// text is the one way to write the number: "12.5", "500", "-0.001", and
// "15e900" where the zeros would be too many.
func (n number) text() string {
	if n.special != "" {
		return n.special
	}
	if n.digits == "" {
		return "0"
	}
	sign := ""
	if n.negative {
		sign = "-"
	}
	point := int64(len(n.digits)) + n.exponent
	switch {
	case n.exponent > padding || point < -padding:
		return sign + n.digits + "e" + strconv.FormatInt(n.exponent, 10)
	case n.exponent >= 0:
		return sign + n.digits + strings.Repeat("0", int(n.exponent))
	case point > 0:
		return sign + n.digits[:point] + "." + n.digits[point:]
	default:
		return sign + "0." + strings.Repeat("0", int(-point)) + n.digits
	}
}

// floatText is the canonical text of the number that a float64 stands for: the
// very integer where it is one that int64 holds, so that it meets keys kept as
// integers; else the shortest decimal that reads back as the same float, so
// that 0.1 meets Decimal("0.1").
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if i, ok := floatInteger(f); ok {
		return strconv.FormatInt(i, 10)
	}
	n, _ := parseNumber(strconv.FormatFloat(f, 'e', -1, 64))
	return n.text()
}

func floatInteger(f float64) (int64, bool) {
	if f != math.Trunc(f) || f < -(1<<63) || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}
