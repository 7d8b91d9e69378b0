// Package subject is the person whose data it is: typed identities in their
// normal form, the keyed digest that they are found by, and the type that
// keeps personal values out of logs.
package subject

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid is wrapped by every refusal of an identity or a type. The
// messages say what is wrong and the mend; they never quote what was given.
var ErrInvalid = errors.New("invalid identity")

// Type is the type of an identity: one of those below or a custom one.
type Type string

// The built-in types.
const (
	Email      Type = "email"
	Phone      Type = "phone_number" // E.164
	DeviceID   Type = "device_id"
	ExternalID Type = "external_id"
)

const maxTypeLength = 64 // bytes

// ParseType gives a built-in or custom type: a lower-case ASCII letter, then
// up to 63 lower-case letters, digits and underscores.
func ParseType(s string) (Type, error) {
	if len(s) > maxTypeLength {
		return "", fmt.Errorf("%w: the type is longer than %d characters", ErrInvalid, maxTypeLength)
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '_') {
			continue
		}
		return "", fmt.Errorf("%w: the type needs lower-case letters, digits and underscores, a letter first, like customer_number", ErrInvalid)
	}
	if s == "" {
		return "", fmt.Errorf("%w: the type is missing", ErrInvalid)
	}
	return Type(s), nil
}

// Identity is one thing that a person is known by.
type Identity struct {
	Type Type
	// Value is the normal form.
	Value Personal[string]
	// Given is what was handed in, in each spelling, without surrounding space:
	// a database may hold it in that form.
	Given []Personal[string]
}

// New brings raw into the normal form of type t. The error wraps ErrInvalid.
func New(t Type, raw string) (Identity, error) {
	if _, err := ParseType(string(t)); err != nil {
		return Identity{}, err
	}
	given := strings.TrimSpace(raw)
	normal, err := normalize(t, given)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %s: %w", ErrInvalid, t, err)
	}
	return Identity{Type: t, Value: Conceal(normal), Given: []Personal[string]{Conceal(given)}}, nil
}

// Digest is what the identity is found by: the hex HMAC-SHA256 under the
// tenant's digest key of the type, a zero byte and the normal form.
func (id Identity) Digest(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id.Type))
	mac.Write([]byte{0})
	mac.Write([]byte(id.Value.Reveal()))
	return hex.EncodeToString(mac.Sum(nil))
}

// Values are the forms in which a database may hold the identity: the normal
// form, then each spelling that was given and differs.
func (id Identity) Values() []Personal[string] {
	values := []Personal[string]{id.Value}
	for _, g := range id.Given {
		if !slices.ContainsFunc(values, func(v Personal[string]) bool { return v.Reveal() == g.Reveal() }) {
			values = append(values, g)
		}
	}
	return values
}

// Together makes one identity of those that are the same but for their
// spelling. The first of each keeps its place.
func Together(ids []Identity) []Identity {
	var all []Identity
	for _, id := range ids {
		at := slices.IndexFunc(all, func(o Identity) bool { return o.Type == id.Type && o.Value.Reveal() == id.Value.Reveal() })
		if at < 0 {
			all = append(all, id)
			continue
		}
		all[at].Given = append(slices.Clip(all[at].Given), id.Given...)
	}
	return all
}
