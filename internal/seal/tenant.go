package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/mod/sumdb/note"
)

// Tenant holds the keys of one tenant, unwrapped. It is safe for concurrent
// use.
type Tenant struct {
	hidden
	aead     tink.AEAD
	number   int64 // of digest
	digest   secret
	former   secret // nil when there is none
	recall   secret
	signer   note.Signer
	verifier string
}

// bundle is what a tenant's wrapped keys consist of. The master's encryption
// around it is the only one of the keyset.
type bundle struct {
	Keyset []byte `json:"keyset"`
	Digest []byte `json:"digest"`
	// Number counts the digest keys. Bundles of before they could be rotated
	// have none, and recall with their only digest key.
	Number   int64  `json:"digest_number,omitempty"`
	Former   []byte `json:"former_digest,omitempty"` // number-1, while something is digested with it
	Recall   []byte `json:"recall,omitempty"`
	Signer   string `json:"signer"`
	Verifier string `json:"verifier"`
}

// NewTenant makes the keys of a tenant, wrapped by m. The origin names the
// tenant's log in its checkpoints: a text without spaces and "+", like
// "privacy.example.org/default". Random gives the digest and signing keys;
// Tink draws its own.
func NewTenant(m *Master, tenant, origin string, random io.Reader) ([]byte, error) {
	if tenant == "" {
		return nil, errors.New("make the tenant's keys: the tenant has no name")
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make the tenant's keyset: %w", err)
	}
	b := bundle{Digest: make([]byte, keySize), Number: 1, Recall: make([]byte, keySize)}
	for _, key := range [][]byte{b.Digest, b.Recall} {
		if _, err := io.ReadFull(random, key); err != nil {
			return nil, fmt.Errorf("make the tenant's digest key: %w", err)
		}
	}
	b.Signer, b.Verifier, err = note.GenerateKey(random, origin)
	if err != nil {
		return nil, fmt.Errorf("make the tenant's signing key: %w", err)
	}
	if _, err := note.NewVerifier(b.Verifier); err != nil {
		return nil, errors.New(`make the tenant's signing key: the origin must not be empty and not have spaces or "+"`)
	}
	return b.wrap(m, tenant, handle)
}

// Unwrap opens the keys of a tenant.
func (m *Master) Unwrap(tenant string, wrapped []byte) (*Tenant, error) {
	b, handle, err := m.unwrap(tenant, wrapped)
	if err != nil {
		return nil, err
	}
	t := &Tenant{number: b.Number, digest: conceal(b.Digest), recall: conceal(b.Recall), verifier: b.Verifier}
	if b.Former != nil {
		t.former = conceal(b.Former)
	}
	if t.aead, err = aead.New(handle); err != nil {
		return nil, fmt.Errorf("open the tenant's keyset: %w", err)
	}
	if t.signer, err = note.NewSigner(b.Signer); err != nil {
		return nil, errors.New("open the tenant's signing key: it is malformed")
	}
	return t, nil
}

// Rotate adds a key to the tenant's keyset, which seals from now on; what the
// earlier keys sealed still opens. The digest and signing keys stay.
func (m *Master) Rotate(tenant string, wrapped []byte) ([]byte, error) {
	b, handle, err := m.unwrap(tenant, wrapped)
	if err != nil {
		return nil, err
	}
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = manager.SetPrimary(id)
	}
	if err == nil {
		handle, err = manager.Handle()
	}
	if err != nil {
		return nil, fmt.Errorf("rotate the tenant's keyset: %w", err)
	}
	return b.wrap(m, tenant, handle)
}

// RotateDigest gives the tenant another digest key and keeps the former one,
// until RetireDigest. It fails while there still is an earlier one.
func (m *Master) RotateDigest(tenant string, wrapped []byte, random io.Reader) ([]byte, error) {
	b, handle, err := m.unwrap(tenant, wrapped)
	if err != nil {
		return nil, err
	}
	if b.Former != nil {
		return nil, errors.New("rotate the digest key: the last rotation has not ended")
	}
	b.Former, b.Digest = b.Digest, make([]byte, keySize)
	b.Number++
	if _, err := io.ReadFull(random, b.Digest); err != nil {
		return nil, fmt.Errorf("rotate the digest key: %w", err)
	}
	return b.wrap(m, tenant, handle)
}

// RetireDigest forgets the former digest key: what is digested with it is not
// found any more.
func (m *Master) RetireDigest(tenant string, wrapped []byte) ([]byte, error) {
	b, handle, err := m.unwrap(tenant, wrapped)
	if err != nil {
		return nil, err
	}
	b.Former = nil
	return b.wrap(m, tenant, handle)
}

// DigestKey is the key under which identities are found.
func (t *Tenant) DigestKey() []byte { return bytes.Clone(t.digest()) }

// DigestKeyNumber counts the digest keys: 1 for the first.
func (t *Tenant) DigestKeyNumber() int64 { return t.number }

// DigestKeys are the keys under which identities may be found: DigestKey, and
// the former one during a rotation.
func (t *Tenant) DigestKeys() [][]byte {
	keys := [][]byte{t.DigestKey()}
	if t.former != nil {
		keys = append(keys, bytes.Clone(t.former()))
	}
	return keys
}

// RecallKey is the key by whose digests something is recognised that was not
// kept: an idempotency key, what was asked under it, the identities of a
// request that has ended. They cannot be digested again, so it stays.
func (t *Tenant) RecallKey() []byte { return bytes.Clone(t.recall()) }

// Signer signs the checkpoints of the tenant's log.
func (t *Tenant) Signer() note.Signer { return t.signer }

// Verifier is the public half of Signer, in the text form of a note key.
func (t *Tenant) Verifier() string { return t.verifier }

// Seal encrypts plain for the place that associated names.
func (t *Tenant) Seal(plain, associated []byte) []byte {
	return t.seal("value", plain, associated)
}

// Open decrypts what Seal gave for the same place, or fails with ErrSealed.
func (t *Tenant) Open(sealed, associated []byte) ([]byte, error) {
	return t.open("value", sealed, associated)
}

func (t *Tenant) seal(kind string, plain, associated []byte) []byte {
	sealed, err := t.aead.Encrypt(plain, place(kind, associated))
	if err != nil {
		panic("seal: " + err.Error()) // GCM refuses only plaintexts beyond 64 GiB
	}
	return append([]byte{version}, sealed...)
}

func (t *Tenant) open(kind string, sealed, associated []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return nil, ErrSealed
	}
	plain, err := t.aead.Decrypt(sealed[1:], place(kind, associated))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// place keeps apart what the tenant seals itself and the keys that it wraps.
func place(kind string, associated []byte) []byte {
	return append([]byte(kind+"\x00"), associated...)
}

func (m *Master) unwrap(tenant string, wrapped []byte) (bundle, *keyset.Handle, error) {
	plain, err := m.open(tenant, wrapped)
	if err != nil {
		return bundle{}, nil, err
	}
	var b bundle
	if json.Unmarshal(plain, &b) != nil || len(b.Digest) != keySize || !strings.HasPrefix(b.Signer, "PRIVATE+KEY+") {
		return bundle{}, nil, errors.New("unwrap the tenant's keys: they were written by another version")
	}
	if b.Number == 0 {
		b.Number, b.Recall = 1, b.Digest
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(b.Keyset)))
	if err != nil {
		return bundle{}, nil, fmt.Errorf("read the tenant's keyset: %w", err)
	}
	return b, handle, nil
}

func (b bundle) wrap(m *Master, tenant string, handle *keyset.Handle) ([]byte, error) {
	var clear bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&clear)); err != nil {
		return nil, fmt.Errorf("write the tenant's keyset: %w", err)
	}
	b.Keyset = clear.Bytes()
	plain, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("write the tenant's keys: %w", err)
	}
	return m.seal(tenant, plain)
}
