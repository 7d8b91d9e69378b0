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
	digest   secret
	signer   note.Signer
	verifier string
}

// bundle is what a tenant's wrapped keys consist of. The master's encryption
// around it is the only one of the keyset.
type bundle struct {
	Keyset   []byte `json:"keyset"`
	Digest   []byte `json:"digest"`
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
	b := bundle{Digest: make([]byte, keySize)}
	if _, err := io.ReadFull(random, b.Digest); err != nil {
		return nil, fmt.Errorf("make the tenant's digest key: %w", err)
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
	t := &Tenant{digest: conceal(b.Digest), verifier: b.Verifier}
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

// DigestKey is the key under which identities are found.
func (t *Tenant) DigestKey() []byte { return bytes.Clone(t.digest()) }

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
