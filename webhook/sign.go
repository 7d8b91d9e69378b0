package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Secret is what an endpoint verifies signatures with. It shows in no text.
type Secret struct {
	key     func() []byte
	Expires time.Time // zero: it does not
}

const (
	secretPrefix = "whsec_"
	secretSize   = 32 // bytes; the standard asks for 24 to 64
)

// NewSecret makes a secret.
func NewSecret(random io.Reader) (Secret, error) {
	key := make([]byte, secretSize)
	if _, err := io.ReadFull(random, key); err != nil {
		return Secret{}, fmt.Errorf("make a secret: %w", err)
	}
	return Secret{key: func() []byte { return key }}, nil
}

// ParseSecret reads what Reveal gave.
func ParseSecret(text string) (Secret, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, secretPrefix))
	if err != nil || !strings.HasPrefix(text, secretPrefix) || len(key) < 24 || len(key) > 64 {
		return Secret{}, errors.New("the secret is not whsec_ and the base64 of 24 to 64 bytes")
	}
	return Secret{key: func() []byte { return key }}, nil
}

// Reveal gives the secret as its owner is shown it.
func (s Secret) Reveal() string {
	return secretPrefix + base64.StdEncoding.EncodeToString(s.key())
}

// Format hides the secret.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"[secret]"`), nil }

// sign gives the header webhook-signature: one signature for each secret that
// holds, so that a receiver can exchange its own at any time meanwhile.
func sign(secrets []Secret, id string, at time.Time, body []byte) string {
	var all []string
	for _, s := range secrets {
		if !s.Expires.IsZero() && !at.Before(s.Expires) {
			continue
		}
		mac := hmac.New(sha256.New, s.key())
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}
