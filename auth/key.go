package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// ErrRefused: the token is no key, or one that has expired or was revoked.
// Which of them is not told to those who show it.
var ErrRefused = errors.New("the key is not valid")

// Key is an API key as it is kept.
type Key struct {
	Tenant  string
	ID      string // random; the same for no two tenants
	Name    string // what it is for, in the words of who made it
	Digest  []byte // SHA-256 of the token
	Scopes  []Scope
	Created time.Time // by the database's clock
	Expires time.Time // zero: never
	Revoked time.Time // zero: it was not
}

const (
	prefix     = "vk_" // lets scanners for leaked secrets recognise it
	idSize     = 10    // bytes; 16 characters
	secretSize = 32    // bytes; 43 characters
)

// New makes a key of a tenant and the token that is shown once.
func New(tenant, name string, scopes []Scope, expires time.Time, random io.Reader) (k Key, token string, err error) {
	if len(scopes) == 0 {
		return k, "", errors.New("make an API key: it needs a scope")
	}
	b := make([]byte, idSize+secretSize)
	if _, err := io.ReadFull(random, b); err != nil {
		return k, "", fmt.Errorf("make an API key: %w", err)
	}
	id := strings.ToLower(base32.StdEncoding.EncodeToString(b[:idSize]))
	token = prefix + id + "_" + base64.RawURLEncoding.EncodeToString(b[idSize:])
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	return Key{Tenant: tenant, ID: id, Name: name, Digest: digest(token), Scopes: scopes, Expires: expires}, token, nil
}

// IDOf gives the id of the key that a token belongs to; false when it is no
// token at all.
func IDOf(token string) (string, bool) {
	rest, ok := strings.CutPrefix(token, prefix)
	id, secret, _ := strings.Cut(rest, "_")
	if !ok || len(id) != base32.StdEncoding.EncodedLen(idSize) || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return "", false
	}
	return id, len(secret) == base64.RawURLEncoding.EncodedLen(secretSize)
}

// Check says whether the token is this key's and may still be used.
func (k Key) Check(token string, now time.Time) error {
	if subtle.ConstantTimeCompare(k.Digest, digest(token)) != 1 || !k.Stands(now) {
		return ErrRefused
	}
	return nil
}

// Stands says that the key was not revoked and has not expired.
func (k Key) Stands(now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// May says whether the key is for this.
func (k Key) May(s Scope) bool { return slices.Contains(k.Scopes, s) }

func digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
