package auth_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func madeKey(t *testing.T, expires time.Time) (auth.Key, string) {
	t.Helper()
	k, token, err := auth.New("default", "ci", []auth.Scope{auth.ReadRequests}, expires, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k, token
}

func TestKeyOpensOnlyWithItsToken(t *testing.T) {
	k, token := madeKey(t, time.Time{})
	if err := k.Check(token, now); err != nil {
		t.Errorf("its own token: %v", err)
	}
	if id, ok := auth.IDOf(token); !ok || id != k.ID {
		t.Errorf("token %q has id %q", token, id)
	}
	for i := range token {
		b := []byte(token)
		b[i] ^= 1
		if err := k.Check(string(b), now); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	_, other := madeKey(t, time.Time{})
	for _, wrong := range []string{"", token[:len(token)-1], token + "A", other} {
		if err := k.Check(wrong, now); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestKeyEndsWhenItExpiresOrIsRevoked(t *testing.T) { // SE12
	k, token := madeKey(t, now)
	if err := k.Check(token, now.Add(-time.Nanosecond)); err != nil {
		t.Errorf("just before: %v", err)
	}
	if err := k.Check(token, now); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("expired: %v", err)
	}
	k.Expires, k.Revoked = time.Time{}, now.Add(-time.Hour)
	if err := k.Check(token, now); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("revoked: %v", err)
	}
}

func TestKeyKeepsNothingOfItsSecret(t *testing.T) {
	k, token := madeKey(t, time.Time{})
	secret := token[strings.LastIndex(token, k.ID)+len(k.ID)+1:]
	if len(secret) != 43 || bytes.Contains(k.Digest, []byte(secret)) || strings.Contains(k.ID, secret) {
		t.Errorf("secret of %d characters, key %+v", len(secret), k)
	}
	if !k.May(auth.ReadRequests) || k.May(auth.ReadAudit) || k.May("") {
		t.Error("the key is for other things than it was made for")
	}
}

func TestWhatIsNoTokenHasNoID(t *testing.T) {
	for _, text := range []string{"", "vk_", "vk__", "vk_a_b", "bearer", "vk_ABCDEFGHIJKLMNOP_" + strings.Repeat("a", 43), "vk_aaaaaaaaaaaaaaa\x00_" + strings.Repeat("a", 43), "vk_aaaaaaaaaaaaaaaa_short"} {
		if _, ok := auth.IDOf(text); ok {
			t.Errorf("%q has an id", text)
		}
	}
}

func TestUnknownScopeNamesThoseThereAre(t *testing.T) {
	if _, err := auth.ParseScope("everything"); err == nil || !strings.Contains(err.Error(), "requests:read") {
		t.Errorf("%v", err)
	}
	for _, s := range auth.Scopes() {
		if got, err := auth.ParseScope(string(s)); err != nil || got != s {
			t.Errorf("%s: %v", s, err)
		}
	}
}
