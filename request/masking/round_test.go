package masking_test

import (
	"bytes"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

func numeric(p, s int) masking.Column {
	return masking.Column{Type: value.Type{Kind: value.Number}, Precision: p, Scale: s}
}

func sized(bits int) masking.Column {
	return masking.Column{Type: value.Type{Kind: value.Integer}, Bits: bits}
}

func TestNumbersAreRoundedTowardsZero(t *testing.T) {
	float, undeclared := masking.Column{Type: value.Type{Kind: value.Float}}, masking.Column{}
	for _, test := range []struct {
		step any
		c    masking.Column
		from any
		want any
	}{
		{1000, sized(32), int64(52_499), int64(52_000)},
		{1000, sized(32), int64(-52_999), int64(-52_000)},
		{1000, sized(16), int64(999), int64(0)},
		{7, sized(64), int64(math.MinInt64), int64(math.MinInt64 + 1)},
		{0.05, numeric(10, 2), value.Decimal("3.99"), value.Decimal("3.95")},
		{0.5, numeric(10, 2), value.Decimal("-0.49"), value.Decimal("0")},
		{1000, numeric(5, 2), value.Decimal("999.99"), value.Decimal("0")},
		{1, numeric(0, 0), value.Decimal("12345678901234567890.5"), value.Decimal("12345678901234567890")},
		{0.25, float, 7.9, 7.75},
		{1, float, 123456789.0, 123456000.0},
		{10, undeclared, 123456789.5, 123456780.0},
		{10, undeclared, int64(36), int64(30)},
		{10, anyText, "36.5", "30"},
		{10, anyText, "0036", "30"},
		{0.3, masking.Column{Type: anyText.Type, Length: 4}, "12.1", "12"},
	} {
		if got := mask(t, spec("number_round", "step", test.step), test.from, test.c, place()); !value.Equal(got, test.want) {
			t.Errorf("%v to %v: %v, want %v", test.from, test.step, got, test.want)
		}
	}
}

func TestEveryNumberBecomesZero(t *testing.T) {
	for _, test := range []struct {
		c          masking.Column
		from, want any
	}{
		{sized(16), int64(7), int64(0)},
		{numeric(3, 1), value.Decimal("-12.5"), value.Decimal("0")},
		{masking.Column{}, 1.5, 0.0},
		{anyText, "12.50", "0"},
		{anyText, "twelve", "0"},
		{sized(64), "what", int64(0)}, // SQLite holds anything anywhere
	} {
		if got := mask(t, spec("number_zero"), test.from, test.c, place()); got != test.want {
			t.Errorf("%v became %v, want %v", test.from, got, test.want)
		}
	}
}

func TestTextThatIsNoNumberBecomesADigest(t *testing.T) {
	for _, text := range []string{"", "12 apples", "12e4", "1,000", "0x10", "NaN", "--1"} {
		for _, strategy := range []string{"round", "noise"} {
			if got, want := mask(t, strategies()[strategy], text, anyText, place()), mask(t, strategies()["hash"], text, anyText, place()); got != want {
				t.Errorf("%s made %q of %q, want its digest", strategy, got, text)
			}
		}
	}
}

func TestNoiseStaysNearAndWithinTheColumn(t *testing.T) {
	for secret := range byte(20) {
		p := place()
		p.Secret = bytes.Repeat([]byte{secret}, 16)
		if got := mask(t, strategies()["noise"], int64(0), sized(16), p); got != int64(1) {
			t.Fatalf("0 became %v", got)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		percent := rapid.IntRange(1, 100).Draw(r, "percent")
		c, from := sized(64), any(rapid.Int64().Draw(r, "integer"))
		if rapid.Bool().Draw(r, "decimal") {
			c = numeric(5, 2)
			cents := rapid.Int64Range(-99_999, 99_999).Draw(r, "cents")
			from = value.Decimal(big.NewRat(cents, 100).FloatString(2))
		}
		s := spec("number_noise", "percent", percent)
		got := mask(t, s, from, c, place())
		if value.Equal(got, from) || !value.Equal(got, mask(t, s, from, c, place())) {
			r.Fatalf("%v became %v", from, got)
		}
		if reason := cannotHold(c, got, from); reason != "" {
			r.Fatalf("%v became %v: %s", from, got, reason)
		}
		rat := func(v any) *big.Rat { x, _ := new(big.Rat).SetString(value.Text(v)); return x }
		unit, was := big.NewRat(1, 1), rat(from)
		if c.Scale > 0 {
			unit = big.NewRat(1, 100)
		}
		most := new(big.Rat).Mul(new(big.Rat).Abs(was), big.NewRat(int64(percent), 100))
		if most.Cmp(unit) < 0 {
			most = unit
		}
		if distance := new(big.Rat).Sub(rat(got), was); distance.Abs(distance).Cmp(most) > 0 || rat(got).Sign()*was.Sign() < 0 {
			r.Fatalf("%v became %v with %d percent of noise", from, got, percent)
		}
	})
}

func FuzzNumbersInText(f *testing.F) {
	for _, seed := range []string{"36.5", "-0.0", "12e4", "", "999999999999999999999999", "."} {
		f.Add(seed, 9)
	}
	f.Fuzz(func(t *testing.T, text string, length int) {
		c := anyText
		c.Length = min(max(length, 2), 100)
		for _, name := range []string{"zero", "round", "round finely", "noise"} {
			got := mask(t, strategies()[name], text, c, place())
			if reason := cannotHold(c, got, text); reason != "" {
				t.Fatalf("%s: %q became %q: %s", name, text, got, reason)
			}
		}
	})
}
