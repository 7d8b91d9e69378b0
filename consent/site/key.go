package site

import (
	"encoding/base32"
	"io"
	"strings"
)

// keyLength is that of a site's key, which has 80 bits.
const keyLength = 16

const keyLetters = "abcdefghijklmnopqrstuvwxyz234567"

// NewKey makes the key of a site, which names it in the snippet.
func NewKey(random io.Reader) (string, error) {
	b := make([]byte, keyLength*5/8)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	return base32.NewEncoding(keyLetters).EncodeToString(b), nil
}

// ValidKey says whether s has the form of a site's key.
func ValidKey(s string) bool {
	return len(s) == keyLength && strings.Trim(s, keyLetters) == ""
}
