package masking

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"volenti.dev/volenti/datamap/value"
)

// The alphabets of ff1_encrypt.
const (
	digitsOnly   = "digits"
	alphanumeric = "alphanumeric"
)

const (
	tenDigits = "0123456789"
	small     = "abcdefghijklmnopqrstuvwxyz"
	capitals  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// symbols is the alphabet for a text. Letters keep to the case that all of
// them are written in.
func symbols(alphabet, s string) string {
	switch {
	case alphabet == digitsOnly:
		return tenDigits
	case !strings.ContainsAny(s, small):
		return tenDigits + capitals
	case !strings.ContainsAny(s, capitals):
		return tenDigits + small
	}
	return tenDigits + small + capitals
}

// fewest is how many characters a text must have to be encrypted: fewer give
// less than a million possibilities, which NIST SP 800-38G rev. 1 forbids
// (section 5.1), as all of them could be tried out.
func fewest(radix int) int {
	n := 0
	for domain := 1; domain < 1_000_000; domain *= radix {
		n++
	}
	return n
}

// ff1Note is what a plan must say of the strategy.
func ff1Note(o options) string {
	masked := "digits"
	if o.alphabet == alphanumeric {
		masked = "letters and digits of ASCII"
	}
	return fmt.Sprintf("only %s are masked, other characters stay; a value with fewer than %d of them is refused", masked, fewest(len(symbols(o.alphabet, ""))))
}

// most is how many characters are encrypted together at most: the work grows
// with the square of it.
const most = 10_000

// ff1Mask is ff1_encrypt: the characters of the alphabet are encrypted as one
// text and put back where they stood, between all others.
func ff1Mask(o options, v any, c Column, d draw) (any, error) {
	switch v := v.(type) {
	case int:
		return ff1Integer(int64(v), c, d)
	case int64:
		return ff1Integer(v, c, d)
	case string:
		if c.Type.Kind == value.Integer {
			return nil, errOtherForm
		}
		alphabet := symbols(o.alphabet, v)
		outside := func(r rune) bool { return !strings.ContainsRune(alphabet, r) }
		x := strings.Map(func(r rune) rune {
			if outside(r) {
				return -1
			}
			return r
		}, v)
		if x == "" {
			return nil, errOtherForm
		}
		y, err := ff1Text(x, alphabet, d)
		if err != nil {
			return nil, err
		}
		return strings.Map(func(r rune) rune {
			if outside(r) {
				return r
			}
			next := rune(y[0])
			y = y[1:]
			return next
		}, v), nil
	}
	return nil, errOtherForm
}

// ff1Integer keeps the sign and the number of digits. It encrypts again until
// the mask has no zero in front and the column holds it (cycle walking), so
// that two numbers do not share a mask, but where one would be its own.
func ff1Integer(v int64, c Column, d draw) (any, error) {
	if !holds(v, c) {
		return nil, errOtherForm
	}
	sign, digits := "", strconv.FormatInt(v, 10)
	if v < 0 {
		sign, digits = "-", digits[1:]
	}
	for {
		var err error
		if digits, err = ff1Text(digits, tenDigits, d); err != nil {
			return nil, err
		}
		if n, err := strconv.ParseInt(sign+digits, 10, 64); err == nil && digits[0] != '0' && holds(n, c) {
			return n, nil
		}
	}
}

// ff1Text encrypts a text of the alphabet.
func ff1Text(s, alphabet string, d draw) (string, error) {
	radix := len(alphabet)
	if n := fewest(radix); len(s) < n || len(s) > most {
		return "", fmt.Errorf("%w: it has %d characters to be encrypted, and %d to %d are needed", ErrForm, len(s), n, most)
	}
	x := make([]byte, len(s))
	for i := range x {
		x[i] = byte(strings.IndexByte(alphabet, s[i]))
	}
	x, err := ff1(derive(d.key, "key"), []byte{d.attempt}, radix, x)
	for i := range x {
		x[i] = alphabet[x[i]]
	}
	return string(x), err
}

// ff1 encrypts numerals, each less than the radix, by FF1 of NIST SP 800-38G
// (algorithm 7, whose names it uses). The radix is 2 to 256, and the key one
// of AES. There is nothing that decrypts: nobody has the key afterwards.
func ff1(key, tweak []byte, radix int, x []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if len(x) < 2 {
		return nil, errors.New("encrypt: two numerals are needed")
	}
	u := len(x) / 2
	v := len(x) - u
	power := func(m int) *big.Int {
		return new(big.Int).Exp(big.NewInt(int64(radix)), big.NewInt(int64(m)), nil)
	}
	modU, modV := power(u), power(v)
	b := (new(big.Int).Sub(modV, big.NewInt(1)).BitLen() + 7) / 8
	length := 4*((b+3)/4) + 4 // d of the algorithm
	p := []byte{1, 2, 1, 0, byte(radix >> 8), byte(radix), 10, byte(u)}
	p = binary.BigEndian.AppendUint32(p, uint32(len(x)))
	p = binary.BigEndian.AppendUint32(p, uint32(len(tweak)))
	p = append(p, tweak...)
	p = append(p, make([]byte, (15-(len(tweak)+b)%16))...)

	numA, numB := fromNumerals(x[:u], radix), fromNumerals(x[u:], radix)
	for i := range byte(10) {
		q := append(p[:len(p):len(p)], i)
		q = append(q, numB.FillBytes(make([]byte, b))...)
		y := new(big.Int).SetBytes(expand(block, q, length))
		mod := modU
		if i%2 == 1 {
			mod = modV
		}
		y.Add(y, numA)
		numA, numB = numB, y.Mod(y, mod)
	}
	return append(toNumerals(numA, radix, u), toNumerals(numB, radix, v)...), nil
}

// expand gives n bytes of the CBC-MAC of q and what follows from it.
func expand(block cipher.Block, q []byte, n int) []byte {
	mac := make([]byte, len(q))
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(mac, q)
	r := mac[len(mac)-aes.BlockSize:]
	out := append([]byte(nil), r...)
	for j := uint64(1); len(out) < n; j++ {
		next := append([]byte(nil), r...)
		binary.BigEndian.PutUint64(next[8:], binary.BigEndian.Uint64(next[8:])^j)
		block.Encrypt(next, next)
		out = append(out, next...)
	}
	return out[:n]
}

func fromNumerals(x []byte, radix int) *big.Int {
	n, base := new(big.Int), big.NewInt(int64(radix))
	for _, digit := range x {
		n.Mul(n, base).Add(n, big.NewInt(int64(digit)))
	}
	return n
}

func toNumerals(n *big.Int, radix, length int) []byte {
	out := make([]byte, length)
	rest, digit, base := new(big.Int).Set(n), new(big.Int), big.NewInt(int64(radix))
	for i := range out {
		rest.QuoRem(rest, base, digit)
		out[len(out)-1-i] = byte(digit.Int64())
	}
	return out
}
