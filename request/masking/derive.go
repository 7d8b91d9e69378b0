package masking

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"strings"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/value"
)

// What the secret is used for. Each use has a key of its own.
const (
	forHashSalt = "masking: salt of hash"
	forHMACKey  = "masking: key of hmac"
	forHMACSalt = "masking: salt of hmac"
	forAESKey   = "masking: key of aes_encrypt"
	forAESNonce = "masking: nonce of aes_encrypt"
	forRandom   = "masking: random_string_rewrite"
)

var errSecret = errors.New("mask: the secret must have 16 bytes at least")

// shortest is the least length of a secret in bytes: 128 bits cannot be tried
// out, and a mask is worth as much as its secret.
const shortest = 16

// constant is string_rewrite.
type constant struct{ options }

func (constant) Name() string { return StringRewrite }

func (m constant) Mask(v any, c Column, p Place) (any, error) {
	return walk(v, c, p, func(v any, c Column, _ Place) (any, error) {
		switch c.Type.Kind {
		case value.Unknown, value.String, value.JSON, value.Object:
			return cut(m.rewrite, m.suffix, c.Length), nil
		case value.Bytes:
			return cutBytes([]byte(m.rewrite), c.Length), nil
		default:
			return value.Cast(m.rewrite, value.Type{Kind: c.Type.Kind})
		}
	})
}

// derived is hash, hmac and random_string_rewrite: a digest, shaped like the
// column.
type derived struct {
	name string
	options
}

func (m derived) Name() string { return m.name }

func (m derived) Mask(v any, c Column, p Place) (any, error) {
	if len(p.Secret) < shortest {
		return nil, errSecret
	}
	return walk(v, c, p, m.scalar)
}

// scalar tries again where a short mask happens to be the value itself. What
// it tries follows from the same inputs, and so does the mask.
func (m derived) scalar(v any, c Column, p Place) (any, error) {
	var mask any
	for attempt := range byte(64) {
		input := plain(v)
		if attempt > 0 {
			input = append(input, attempt)
		}
		mask = m.shape(m.digest(input, p), v, c)
		if !value.Equal(mask, v) {
			break
		}
	}
	return mask, nil
}

func (m derived) digest(input []byte, p Place) []byte {
	switch m.name {
	case Hash:
		return digest(m.algorithm, input, derive(p.Secret, forHashSalt))
	case HMAC:
		return keyed(m.algorithm, derive(p.Secret, forHMACKey), input, derive(p.Secret, forHMACSalt))
	default:
		key := derive(derive(p.Secret, forRandom), p.Table, p.Key, p.Column, string(input))
		return stream(key, max(sha256.Size, m.length))
	}
}

// shape makes a digest of 32 bytes or more into a value of the column's type.
func (m derived) shape(d []byte, v any, c Column) any {
	switch kindOf(v, c) {
	case value.Integer:
		return int64(leading(d) >> (64 - integerBits(c)))
	case value.Float:
		return float64(leading(d) >> (64 - floatBits))
	case value.Number:
		return decimal(leading(d), c)
	case value.UUID:
		return uuid8(d)
	case value.ObjectID:
		return hex.EncodeToString(d[:12])
	case value.Bytes:
		if m.name == RandomStringRewrite {
			d = d[:m.length]
		}
		return cutBytes(d, c.Length)
	default:
		return cut(m.letters(d), m.suffix, c.Length)
	}
}

func (m derived) letters(d []byte) string {
	if m.name == RandomStringRewrite {
		return letters.EncodeToString(d)[:m.length]
	}
	return hex.EncodeToString(d)
}

// letters has no upper case: two masks differ also where case does not count.
var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// encrypted is aes_encrypt: base64(nonce || ciphertext || tag) of AES-256-GCM.
// The nonce is a keyed digest of the value (as in RFC 5297), so that equal
// values stay equal and no two values share a nonce.
type encrypted struct{ options }

func (encrypted) Name() string { return AESEncrypt }

func (m encrypted) Mask(v any, c Column, p Place) (any, error) {
	if len(p.Secret) < shortest {
		return nil, errSecret
	}
	return walk(v, c, p, func(v any, c Column, p Place) (any, error) {
		sealed, err := seal(derive(p.Secret, forAESKey), derive(p.Secret, forAESNonce), plain(v))
		if err != nil {
			return nil, err
		}
		if kindOf(v, c) == value.Bytes {
			return cutBytes(sealed, c.Length), nil
		}
		return cut(base64.StdEncoding.EncodeToString(sealed), m.suffix, c.Length), nil
	})
}

func seal(key, nonceKey, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := derive(nonceKey, string(plain))[:gcm.NonceSize()]
	return gcm.Seal(nonce[:len(nonce):len(nonce)], nonce, plain, nil), nil
}

// plain is what of a value goes into a mask: its text, the same for all that
// is Equal, and the same for the number 5 and a text "5" that is joined to it.
func plain(v any) []byte {
	if b, ok := v.([]byte); ok {
		return b[:len(b):len(b)]
	}
	if s, err := value.Cast(v, value.Type{Kind: value.String}); err == nil {
		if s, ok := s.(string); ok {
			return []byte(s)
		}
	}
	return []byte(value.Text(v))
}

func digest(algorithm string, v, salt []byte) []byte {
	h := newHash(algorithm)()
	h.Write(v)
	h.Write(salt)
	return h.Sum(nil)
}

func keyed(algorithm string, key, v, salt []byte) []byte {
	h := hmac.New(newHash(algorithm), key)
	h.Write(v)
	h.Write(salt)
	return h.Sum(nil)
}

func newHash(algorithm string) func() hash.Hash {
	if algorithm == sha512Name {
		return sha512.New
	}
	return sha256.New
}

// derive gives 32 bytes that depend on every part and on where one ends.
func derive(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// stream gives n bytes and a few more.
func stream(key []byte, n int) []byte {
	var out []byte
	for i := uint64(0); len(out) < n; i++ {
		out = append(out, derive(key, string(binary.BigEndian.AppendUint64(nil, i)))...)
	}
	return out
}

func leading(d []byte) uint64 { return binary.BigEndian.Uint64(d) }

// cut shortens text to a length in characters, 0 for none, keeping the suffix.
func cut(s, suffix string, length int) string {
	if length > 0 {
		s = firstRunes(s, max(0, length-utf8.RuneCountInString(suffix)))
	}
	return s + suffix
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return strings.Clone(s[:i])
		}
		n--
	}
	return s
}

func cutBytes(b []byte, length int) []byte {
	if length > 0 && len(b) > length {
		return b[:length]
	}
	return b
}
