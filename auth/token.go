package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// What tokens begin with; it lets scanners for leaked secrets recognise them.
const (
	keyPrefix        = "vk_"
	sessionPrefix    = "vs_"
	invitationPrefix = "vi_"
)

const (
	idSize     = 10 // bytes; 16 characters
	secretSize = 32 // bytes; 43 characters
)

// newToken makes a token of random bytes, and its id.
func newToken(prefix string, random io.Reader) (id, token string, err error) {
	b := make([]byte, idSize+secretSize)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", "", fmt.Errorf("draw a token: %w", err)
	}
	id = strings.ToLower(base32.StdEncoding.EncodeToString(b[:idSize]))
	return id, prefix + id + "_" + base64.RawURLEncoding.EncodeToString(b[idSize:]), nil
}

// IDOf gives the id of the key that a token belongs to; false when it is no
// token of a key at all.
func IDOf(token string) (string, bool) { return idOf(keyPrefix, token) }

// SessionOf gives the id of the session that a token belongs to; false when it
// is no token of a session at all.
func SessionOf(token string) (string, bool) { return idOf(sessionPrefix, token) }

// InvitationOf gives the id of the invitation that a token belongs to; false
// when it is no token of an invitation at all.
func InvitationOf(token string) (string, bool) { return idOf(invitationPrefix, token) }

func idOf(prefix, token string) (string, bool) {
	rest, ok := strings.CutPrefix(token, prefix)
	id, secret, _ := strings.Cut(rest, "_")
	if !ok || len(id) != base32.StdEncoding.EncodedLen(idSize) || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return "", false
	}
	return id, len(secret) == base64.RawURLEncoding.EncodedLen(secretSize)
}

// digest is what is kept of a token. Its secret has 256 random bits, so that
// nobody finds it from an unsalted SHA-256.
func digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func matches(kept []byte, token string) bool {
	return subtle.ConstantTimeCompare(kept, digest(token)) == 1
}
