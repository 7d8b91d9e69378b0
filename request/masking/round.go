package masking

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/value"
)

// zeroMask is number_zero.
func zeroMask(_ options, v any, c Column, _ draw) (any, error) {
	switch kind := kindOf(v, c); kind {
	case value.Integer, value.Float, value.Number:
		return zero(kind), nil
	}
	if _, ok := v.(string); !ok {
		return nil, errOtherForm
	}
	return "0", nil
}

func zero(kind value.Kind) any {
	switch kind {
	case value.Integer:
		return int64(0)
	case value.Float:
		return 0.0
	default:
		return value.Decimal("0")
	}
}

// roundMask is number_round: the multiple of the step that is nearest on the
// way to zero, which every column holds that holds the number.
func roundMask(o options, v any, c Column, _ draw) (any, error) {
	kind := kindOf(v, c)
	x, ok := read(v)
	if !ok || !x.within(kind, c) {
		return nil, errOtherForm
	}
	scale := max(x.scale, o.step.scale)
	step := o.step.at(scale).n
	n := new(big.Int).Quo(x.at(scale).n, step)
	return fixed{n.Mul(n, step), scale}.as(kind, c), nil
}

// noiseMask is number_noise: the number and up to so many percent of it, one
// unit of its last place at least, in either direction. It follows from the
// number itself, so that an average over many places does not bring it back.
func noiseMask(o options, v any, c Column, d draw) (any, error) {
	kind := kindOf(v, c)
	x, ok := read(v)
	if !ok || !x.within(kind, c) {
		return nil, errOtherForm
	}
	switch {
	case kind == value.Integer:
		x = x.at(0)
	case kind == value.Number && c.Precision > 0:
		x = x.at(c.Scale)
	}
	most := new(big.Int).Abs(x.n)
	most.Mul(most, big.NewInt(int64(o.percent))).Quo(most, big.NewInt(100))
	random := d.bytes(string(plain(v)), 8+len(most.Bytes()))
	noise := new(big.Int).SetBytes(random[1:])
	if most.Sign() > 0 {
		noise.Mod(noise, most)
	} else {
		noise.SetInt64(0)
	}
	noise.Add(noise, big.NewInt(1))
	if random[0]&1 == 1 {
		noise.Neg(noise)
	}
	sum := fixed{new(big.Int).Add(x.n, noise), x.scale}
	if sum.n.Sign()*x.n.Sign() < 0 || x.n.Sign() == 0 && sum.n.Sign() < 0 || !sum.within(kind, c) {
		sum.n.Sub(x.n, noise)
	}
	return sum.as(kind, c), nil
}

// fixed is n divided by 10 to the power of scale.
type fixed struct {
	n     *big.Int
	scale int
}

// longest is how many characters a number may have to be taken for one.
const longest = 1000

var fixedForm = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

func parseFixed(s string) (fixed, bool) {
	if len(s) > longest || !fixedForm.MatchString(s) {
		return fixed{}, false
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, ok := new(big.Int).SetString(whole+fraction, 10)
	return fixed{n, len(fraction)}, ok
}

// read takes a number, or text that is one.
func read(v any) (fixed, bool) {
	switch v.(type) {
	case int, int64, float64, value.Decimal, string:
	default:
		return fixed{}, false
	}
	d, err := value.Cast(v, value.Type{Kind: value.Number})
	text, ok := d.(value.Decimal)
	if err != nil || !ok {
		return fixed{}, false
	}
	return parseFixed(string(text))
}

// at gives the number with so many decimal places, cut towards zero. A scale
// may be negative.
func (x fixed) at(scale int) fixed {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale-x.scale, x.scale-scale))), nil)
	if scale < x.scale {
		return fixed{power.Quo(x.n, power), scale}
	}
	return fixed{power.Mul(x.n, power), scale}
}

func (x fixed) same(y fixed) bool { return x.String() == y.String() }

// String writes the number without zeros at the end.
func (x fixed) String() string {
	if x.scale < 0 {
		x = x.at(0)
	}
	s := new(big.Int).Abs(x.n).String()
	if missing := x.scale + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	if x.scale > 0 {
		s = strings.TrimRight(strings.TrimRight(s[:len(s)-x.scale]+"."+s[len(s)-x.scale:], "0"), ".")
	}
	if x.n.Sign() < 0 {
		s = "-" + s
	}
	return s
}

// within says whether the column holds the number, as far as its places go.
func (x fixed) within(kind value.Kind, c Column) bool {
	switch kind {
	case value.Integer:
		whole := x.at(0).n
		return whole.IsInt64() && holds(whole.Int64(), c)
	case value.Number:
		return holds(value.Decimal(x.at(c.Scale).String()), c)
	case value.String:
		return c.Length == 0 || utf8.RuneCountInString(x.String()) <= c.Length
	}
	return true
}

// floatDigits is how many decimal digits a number in single precision keeps
// (FLT_DIG of IEEE 754), and those that every database writes of it.
const floatDigits = 6

// as gives the number as a value of a kind. Text is cut to the column's length,
// and a column of floating point takes the first six digits, so that the mask
// reads back as it was written whatever its precision.
func (x fixed) as(kind value.Kind, c Column) any {
	switch kind {
	case value.Integer:
		return x.at(0).n.Int64()
	case value.Number:
		return value.Decimal(x.String())
	case value.Float:
		if digits := len(new(big.Int).Abs(x.n).String()); c.Type.Kind == value.Float && digits > floatDigits {
			x = x.at(x.scale + floatDigits - digits)
		}
		f, _ := strconv.ParseFloat(x.String(), 64) // a number no greater than one that was a float
		return f
	default:
		return strings.TrimSuffix(cut(x.String(), "", c.Length), ".")
	}
}
