package masking

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"volenti.dev/volenti/datamap/value"
)

const (
	// floatBits is what a number in single precision holds exactly, so that
	// a mask reads back as it was written whatever the column's precision.
	floatBits = 24
	// unknownBits is what every system that has no sizes holds exactly.
	unknownBits = 53
	// digits of an exact number that a mask has at most: 10^18 is less than 2^63.
	mostDigits = 18
)

// integerBits is how many bits a mask has in an integer column; the sign is
// not one of them, as masks are never negative.
func integerBits(c Column) int {
	if c.Bits == 0 {
		return unknownBits
	}
	return c.Bits - 1
}

// decimalDigits is how many digits a mask has in a column of exact numbers.
func decimalDigits(c Column) int {
	if c.Precision == 0 {
		return mostDigits
	}
	return min(c.Precision, mostDigits)
}

// decimal writes a number within precision and scale. A scale may be negative
// or greater than the precision.
func decimal(n uint64, c Column) value.Decimal {
	limit := uint64(1)
	for range decimalDigits(c) {
		limit *= 10
	}
	s := strconv.FormatUint(n%limit, 10)
	if c.Scale <= 0 {
		return value.Decimal(s + strings.Repeat("0", -c.Scale))
	}
	if missing := c.Scale + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	point := len(s) - c.Scale
	return value.Decimal(s[:point] + "." + s[point:])
}

// holds says whether a number can be stored in the column without loss.
func holds(v any, c Column) bool {
	switch v := v.(type) {
	case int64:
		return c.Bits == 0 || v>>(c.Bits-1) == 0 || v>>(c.Bits-1) == -1
	case value.Decimal:
		return c.Precision == 0 || holdsDecimal(v, c)
	}
	return true
}

func holdsDecimal(d value.Decimal, c Column) bool {
	r, ok := new(big.Rat).SetString(string(d))
	if !ok {
		return false
	}
	ten := func(n int) *big.Rat {
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil))
		if n < 0 {
			return power.Inv(power)
		}
		return power
	}
	unscaled := new(big.Rat).Mul(r, ten(c.Scale))
	return unscaled.IsInt() && unscaled.Abs(unscaled).Cmp(ten(c.Precision)) < 0
}

// uuid8 makes a valid UUID of the first 16 bytes: version 8 is the one for
// contents of one's own making (RFC 9562, section 5.8).
func uuid8(d []byte) string {
	id := uuid.UUID(d[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// kindOf is what a mask must be: the column's kind, or where none is known
// that of the value, as far as masks have it.
func kindOf(v any, c Column) value.Kind {
	if c.Type.Kind != value.Unknown && c.Type.Kind != value.Object {
		return c.Type.Kind
	}
	switch v.(type) {
	case int, int64:
		return value.Integer
	case float64:
		return value.Float
	case value.Decimal:
		return value.Number
	case []byte:
		return value.Bytes
	}
	return value.String
}
