// Package seal keeps secrets and personal values: envelope encryption with
// keys that can be destroyed.
//
//	master key             a file, or the environment
//	  wraps a tenant's     keyset and digest key (rotatable), recall key, signing key
//	    wraps a Key        one per data subject or request: deleting its
//	      seals values     wrapped form erases all that it sealed
//
// Everything is AES-256-GCM. What is sealed names its place (its row) as
// associated data and opens nowhere else. Every sealed form begins with a
// version byte; what a tenant seals goes on with the id of the key in its
// keyset, so that old forms open after a rotation. Nonces are random: one key
// seals at most 2^32 times (NIST SP 800-38D section 8.3), then the keyset is
// to be rotated.
package seal

import (
	"errors"
	"fmt"
	"io"
)

// ErrSealed means that something does not open: it was sealed with another
// key, for another place, or was changed since. Which one cannot be told.
var ErrSealed = errors.New("does not open: sealed with another key or for another place, or damaged")

const (
	version = 1  // first byte of every sealed form
	keySize = 32 // bytes of every secret
)

// secret gives a key's bytes. It is a func because fmt, which walks
// unexported fields by reflection, finds no way into one.
type secret func() []byte

func conceal(b []byte) secret { return func() []byte { return b } }

// hidden keeps the keys that embed it out of logs and errors.
type hidden struct{}

// Format shows nothing of a key, under every verb.
func (hidden) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[key]") }
