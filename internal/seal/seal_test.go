package seal_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"volenti.dev/volenti/internal/seal"
)

// sealer is what tenants and keys have in common.
type sealer interface {
	Seal(plain, associated []byte) []byte
	Open(sealed, associated []byte) ([]byte, error)
}

func TestWhatIsSealedOpensAgain(t *testing.T) {
	tenant, key := newKeys(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.SliceOf(rapid.Byte()).Draw(t, "place")
		for name, s := range map[string]sealer{"tenant": tenant, "key": key} {
			sealed := s.Seal(plain, place)
			got, err := s.Open(sealed, place)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("%s: opened %x, %v; want %x", name, got, err, plain)
			}
			if bytes.Equal(sealed, s.Seal(plain, place)) {
				t.Fatalf("%s: the same value is sealed the same twice", name)
			}
		}
	})
}

// SE9
func TestSwappedOrChangedCiphertextsDoNotOpen(t *testing.T) {
	tenant, key := newKeys(t)
	other, otherKey := newKeys(t)
	for name, c := range map[string]struct{ s, other sealer }{"tenant": {tenant, other}, "key": {key, otherKey}} {
		sealed := c.s.Seal([]byte("ann@example.org"), []byte("row 1"))
		refused(t, name+" in another row", c.s, sealed, "row 2")
		refused(t, name+" in no row", c.s, sealed, "")
		refused(t, name+" with another key", c.other, sealed, "row 1")
		for i := range sealed {
			for _, flip := range []byte{0x01, 0x80} {
				changed := bytes.Clone(sealed)
				changed[i] ^= flip
				refused(t, fmt.Sprintf("%s with byte %d changed", name, i), c.s, changed, "row 1")
			}
			refused(t, fmt.Sprintf("%s cut to %d bytes", name, i), c.s, sealed[:i], "row 1")
		}
		refused(t, name+" with a byte more", c.s, append(bytes.Clone(sealed), 0), "row 1")
	}
}

func refused(t *testing.T, what string, s sealer, sealed []byte, place string) {
	t.Helper()
	if plain, err := s.Open(sealed, []byte(place)); !errors.Is(err, seal.ErrSealed) || plain != nil {
		t.Errorf("%s: opened %q, %v", what, plain, err)
	}
}

func TestKeysOpenForTheirOwnerAndTenantOnly(t *testing.T) {
	m := newMaster(t)
	acme, bolt := unwrap(t, m, "acme", newTenant(t, m, "acme")), unwrap(t, m, "bolt", newTenant(t, m, "bolt"))
	key, wrapped, err := acme.NewKey("request/1")
	if err != nil {
		t.Fatal(err)
	}
	sealed := key.Seal([]byte("value"), nil)
	again, err := acme.OpenKey("request/1", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(sealed, nil); err != nil || string(got) != "value" {
		t.Errorf("the key opened again gives %q, %v", got, err)
	}
	if !bytes.Equal(key.Derive("mask"), again.Derive("mask")) {
		t.Error("the key opened again derives another secret")
	}
	if _, err := acme.OpenKey("request/2", wrapped); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("for another owner: %v", err)
	}
	if _, err := bolt.OpenKey("request/1", wrapped); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("for another tenant: %v", err)
	}
	if _, err := acme.Open(wrapped, []byte("request/1")); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("as a value: %v", err)
	}
	if _, err := acme.OpenKey("request/1", acme.Seal(make([]byte, 32), []byte("request/1"))); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("a value as a key: %v", err)
	}
}

func TestWrappedTenantOpensForItsNameAndMasterOnly(t *testing.T) {
	m := newMaster(t)
	wrapped := newTenant(t, m, "acme")
	for name, try := range map[string]func() error{
		"another tenant": func() error { _, err := m.Unwrap("bolt", wrapped); return err },
		"another master": func() error { _, err := newMaster(t).Unwrap("acme", wrapped); return err },
		"nothing":        func() error { _, err := m.Unwrap("acme", nil); return err },
		"rewrap":         func() error { _, err := m.Rewrap(newMaster(t), "bolt", wrapped); return err },
		"rotate":         func() error { _, err := m.Rotate("bolt", wrapped); return err },
	} {
		if err := try(); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%s: %v, want ErrSealed", name, err)
		}
	}
	for i := range wrapped {
		changed := bytes.Clone(wrapped)
		changed[i] ^= 0x01
		if _, err := m.Unwrap("acme", changed); !errors.Is(err, seal.ErrSealed) {
			t.Fatalf("with byte %d changed: %v, want ErrSealed", i, err)
		}
	}
}

func TestTheDigestKeyRotatesAndWhatIsRecalledStays(t *testing.T) { // A31
	m := newMaster(t)
	wrapped := newTenant(t, m, "acme")
	first := unwrap(t, m, "acme", wrapped)
	if bytes.Equal(first.DigestKey(), first.RecallKey()) {
		t.Error("what is to stay would rotate")
	}
	both, err := m.RotateDigest("acme", wrapped, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second := unwrap(t, m, "acme", both)
	keys := second.DigestKeys()
	if len(keys) != 2 || !bytes.Equal(keys[0], second.DigestKey()) || !bytes.Equal(keys[1], first.DigestKey()) || bytes.Equal(keys[0], keys[1]) {
		t.Errorf("%d keys while it is rotated", len(keys))
	}
	if first.DigestKeyNumber() != 1 || second.DigestKeyNumber() != 2 {
		t.Errorf("numbers %d, %d", first.DigestKeyNumber(), second.DigestKeyNumber())
	}
	if _, err := m.RotateDigest("acme", both, rand.Reader); err == nil {
		t.Error("it was rotated before the last rotation had ended")
	}
	alone, err := m.RetireDigest("acme", both)
	if err != nil {
		t.Fatal(err)
	}
	last := unwrap(t, m, "acme", alone)
	if keys := last.DigestKeys(); len(keys) != 1 || !bytes.Equal(keys[0], second.DigestKey()) || last.DigestKeyNumber() != 2 {
		t.Error("the former key is still there, or the new one is not")
	}
	if !bytes.Equal(last.RecallKey(), first.RecallKey()) || last.Verifier() != first.Verifier() {
		t.Error("another key changed with it")
	}
}

// Bundles that were wrapped before the digest key could be rotated have one
// key for both; see testdata/tenant-1.
func TestTheKeysOfAnEarlierVersionOpen(t *testing.T) { // A31
	m, err := seal.ParseMaster(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := os.ReadFile("testdata/tenant-1")
	if err != nil {
		t.Fatal(err)
	}
	first := unwrap(t, m, "acme", wrapped)
	if first.DigestKeyNumber() != 1 || len(first.DigestKeys()) != 1 || !bytes.Equal(first.DigestKey(), first.RecallKey()) {
		t.Error("it is not the first digest key, alone")
	}
	rotated, err := m.RotateDigest("acme", wrapped, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if rotated, err = m.RetireDigest("acme", rotated); err != nil {
		t.Fatal(err)
	}
	if last := unwrap(t, m, "acme", rotated); !bytes.Equal(last.RecallKey(), first.DigestKey()) || bytes.Equal(last.DigestKey(), first.DigestKey()) {
		t.Error("what was digested before is not recalled")
	}
}

func TestRotatedKeysetOpensOldAndSealsNew(t *testing.T) { // SE9
	m := newMaster(t)
	wrapped := newTenant(t, m, "acme")
	before := unwrap(t, m, "acme", wrapped)
	value := before.Seal([]byte("value"), []byte("row"))
	key, wrappedKey, err := before.NewKey("request/1")
	if err != nil {
		t.Fatal(err)
	}
	sealed := key.Seal([]byte("chunk"), nil)

	rotated, err := m.Rotate("acme", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	after := unwrap(t, m, "acme", rotated)
	if got, err := after.Open(value, []byte("row")); err != nil || string(got) != "value" {
		t.Errorf("a value from before gives %q, %v", got, err)
	}
	rewrapped, err := after.RewrapKey("request/1", wrappedKey)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(rewrapped[:6], wrappedKey[:6]) {
		t.Error("the rewrapped key names the old key of the keyset")
	}
	refused(t, "a new value with the old keyset", before, after.Seal([]byte("new"), []byte("row")), "row")
	for name, w := range map[string][]byte{"as it was": wrappedKey, "rewrapped": rewrapped} {
		k, err := after.OpenKey("request/1", w)
		if err != nil {
			t.Errorf("the key %s: %v", name, err)
			continue
		}
		if got, err := k.Open(sealed, nil); err != nil || string(got) != "chunk" {
			t.Errorf("the key %s opens %q, %v", name, got, err)
		}
	}
	if !bytes.Equal(before.DigestKey(), after.DigestKey()) || before.Verifier() != after.Verifier() {
		t.Error("rotation changed the digest key or the signing key")
	}
}

func TestRewrappedTenantNeedsTheNewMaster(t *testing.T) { // SE9
	old, fresh := newMaster(t), newMaster(t)
	wrapped := newTenant(t, old, "acme")
	keys := unwrap(t, old, "acme", wrapped)
	moved, err := old.Rewrap(fresh, "acme", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	again := unwrap(t, fresh, "acme", moved)
	if got, err := again.Open(keys.Seal([]byte("value"), nil), nil); err != nil || string(got) != "value" {
		t.Errorf("under the new master: %q, %v", got, err)
	}
	if _, err := old.Unwrap("acme", moved); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("the old master still opens it: %v", err)
	}
}

func TestTenantSignsAsItsOrigin(t *testing.T) {
	m := newMaster(t)
	keys := unwrap(t, m, "acme", newTenant(t, m, "acme"))
	signed, err := note.Sign(&note.Note{Text: "text\n"}, keys.Signer())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(keys.Verifier())
	if err != nil || verifier.Name() != "volenti.example.org/acme" {
		t.Fatalf("the verifier is of %v, %v", verifier, err)
	}
	if _, err := note.Open(signed, note.VerifierList(verifier)); err != nil {
		t.Error(err)
	}
	for _, origin := range []string{"", "two words", "a+b"} {
		if _, err := seal.NewTenant(m, "acme", origin, rand.Reader); err == nil {
			t.Errorf("the origin %q is accepted", origin)
		}
	}
	if _, err := seal.NewTenant(m, "", "origin", rand.Reader); err == nil {
		t.Error("a tenant without a name is accepted")
	}
}

func TestDerivedSecretsDifferByPurposeAndKey(t *testing.T) {
	_, one := newKeys(t)
	_, two := newKeys(t)
	seen := map[string]bool{}
	for _, k := range []*seal.Key{one, two} {
		for _, purpose := range []string{"", "seal", "mask/a", "mask/b"} {
			s := k.Derive(purpose)
			if len(s) != 32 || seen[string(s)] {
				t.Errorf("purpose %q: %d bytes, seen before: %v", purpose, len(s), seen[string(s)])
			}
			seen[string(s)] = true
		}
	}
}

// SE10
func TestKeysShowNothingOfThemselves(t *testing.T) {
	m := newMaster(t)
	tenant := unwrap(t, m, "acme", newTenant(t, m, "acme"))
	key, _, err := tenant.NewKey("request/1")
	if err != nil {
		t.Fatal(err)
	}
	digest := tenant.DigestKey()
	type holder struct {
		m *seal.Master
		t *seal.Tenant
		k *seal.Key
		v seal.Tenant
	}
	h := holder{m, tenant, key, *tenant}
	for _, shape := range []any{m, tenant, *tenant, key, *key, h, &h} {
		var shown strings.Builder
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %d %t") {
			fmt.Fprintf(&shown, verb, shape)
		}
		out, _ := json.Marshal(shape)
		shown.Write(out)
		for _, form := range []string{
			string(digest), hex.EncodeToString(digest), base64.StdEncoding.EncodeToString(digest),
			strings.Trim(fmt.Sprint(digest), "[]"), strings.Trim(fmt.Sprintf("%#v", digest), "[]byte{}"), "PRIVATE",
		} {
			if strings.Contains(shown.String(), form) {
				t.Errorf("%T shows a key: %s", shape, shown.String())
				break
			}
		}
	}
}

func newKeys(t testing.TB) (*seal.Tenant, *seal.Key) {
	t.Helper()
	m := newMaster(t)
	tenant := unwrap(t, m, "acme", newTenant(t, m, "acme"))
	key, _, err := tenant.NewKey("request/1")
	if err != nil {
		t.Fatal(err)
	}
	return tenant, key
}

func BenchmarkSeal(b *testing.B) {
	_, key := newKeys(b)
	plain := make([]byte, 64<<10)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		key.Seal(plain, []byte("row"))
	}
}

func BenchmarkOpen(b *testing.B) {
	_, key := newKeys(b)
	sealed := key.Seal(make([]byte, 64<<10), []byte("row"))
	b.SetBytes(64 << 10)
	for b.Loop() {
		if _, err := key.Open(sealed, []byte("row")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewKey(b *testing.B) {
	tenant, _ := newKeys(b)
	for b.Loop() {
		if _, _, err := tenant.NewKey("request/1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTenantSeal(b *testing.B) {
	tenant, _ := newKeys(b)
	plain := make([]byte, 256)
	for b.Loop() {
		tenant.Seal(plain, []byte("row"))
	}
}
