package auth

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of a password, as OWASP's cheat sheet on storing passwords has it
// for Argon2id: 19 MiB, two passes, one lane. It is kept beside each hash, so
// that it can be raised.
const (
	passMemory = 19 << 10 // KiB
	passTime   = 2
	passSalt   = 16 // bytes
	passSize   = 32 // bytes
)

// The least and the greatest length of a password, in characters. Length is
// what counts; no kind of character is asked for (NIST SP 800-63B).
const (
	leastPassword    = 12
	greatestPassword = 256
)

// busy bounds how many passwords are worked out at once: each takes 19 MiB.
var busy = make(chan struct{}, 4)

// CheckPassword says what is wrong with a new password of somebody who is
// known by these words.
func CheckPassword(password string, known ...string) error {
	password = norm.NFKC.String(password)
	switch n := utf8.RuneCountInString(password); {
	case n < leastPassword:
		return fmt.Errorf("the password has %d characters: use %d at least, some words in a row are fine", n, leastPassword)
	case n > greatestPassword:
		return fmt.Errorf("the password has %d characters: use %d at most", n, greatestPassword)
	}
	different := map[rune]bool{}
	for _, r := range password {
		different[r] = true
	}
	if len(different) < 5 {
		return errors.New("the password repeats a few characters: use more different ones")
	}
	for _, word := range known {
		if word != "" && strings.EqualFold(password, word) {
			return errors.New("the password is your address or name: use another one")
		}
	}
	return nil
}

// HashPassword gives what is kept of a password: $argon2id$v=19$m=...$salt$hash,
// the form that the reference implementation of Argon2 writes.
func HashPassword(password string, random io.Reader) (string, error) {
	salt := make([]byte, passSalt)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, passMemory, passTime, encode(salt), encode(stretch(password, salt, passTime, passMemory))), nil
}

// PasswordMatches says whether this is the password. It takes the same time for
// a hash that is "", which nothing matches: whether there is an operator is not
// to be told by a clock.
func PasswordMatches(hash, password string) bool {
	time, memory, salt, want := uint32(passTime), uint32(passMemory), make([]byte, passSalt), []byte(nil)
	parts := strings.Split(hash, "$")
	if len(parts) == 6 {
		if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=1", &memory, &time); err != nil {
			return false
		}
		var errs [2]error
		salt, errs[0] = base64.RawStdEncoding.DecodeString(parts[4])
		want, errs[1] = base64.RawStdEncoding.DecodeString(parts[5])
		if errors.Join(errs[:]...) != nil {
			return false
		}
	}
	got := stretch(password, salt, time, memory)
	return subtle.ConstantTimeCompare(got, want) == 1
}

func stretch(password string, salt []byte, time, memory uint32) []byte {
	busy <- struct{}{}
	defer func() { <-busy }()
	return argon2.IDKey([]byte(norm.NFKC.String(password)), salt, time, memory, 1, passSize)
}
