package auth

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// ErrRefused: the token is no key, or one that has expired or was revoked.
// Which of them is not told to those who show it.
var ErrRefused = errors.New("the key is not valid")

// ErrNoKey: the tenant has no such API key.
var ErrNoKey = errors.New("no such API key")

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

// New makes a key of a tenant and the token that is shown once.
func New(tenant, name string, scopes []Scope, expires time.Time, random io.Reader) (k Key, token string, err error) {
	if len(scopes) == 0 {
		return k, "", errors.New("make an API key: it needs a scope")
	}
	id, token, err := newToken(keyPrefix, random)
	if err != nil {
		return k, "", fmt.Errorf("make an API key: %w", err)
	}
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	return Key{Tenant: tenant, ID: id, Name: name, Digest: digest(token), Scopes: scopes, Expires: expires}, token, nil
}

// Check says whether the token is this key's and may still be used.
func (k Key) Check(token string, now time.Time) error {
	if !matches(k.Digest, token) || !k.Stands(now) {
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

// Caller is who uses the key.
func (k Key) Caller() Caller {
	return Caller{Tenant: k.Tenant, ID: k.ID, kind: byKey, scopes: k.Scopes}
}
