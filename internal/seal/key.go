package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Key seals what belongs to one owner: a data subject or a request. Once its
// wrapped form is deleted everywhere, what it sealed is gone. It is safe for
// concurrent use.
type Key struct {
	hidden
	root secret
	aead cipher.AEAD
}

// NewKey makes a key for owner, and its wrapped form, which opens for that
// owner only.
func (t *Tenant) NewKey(owner string) (*Key, []byte, error) {
	root := make([]byte, keySize)
	if _, err := rand.Read(root); err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	key, err := newKey(root)
	if err != nil {
		return nil, nil, err
	}
	return key, t.seal("key", root, []byte(owner)), nil
}

// OpenKey unwraps the key of owner, or fails with ErrSealed.
func (t *Tenant) OpenKey(owner string, wrapped []byte) (*Key, error) {
	root, err := t.open("key", wrapped, []byte(owner))
	if err != nil {
		return nil, fmt.Errorf("unwrap a key: %w", err)
	}
	return newKey(root)
}

// RewrapKey wraps the key of owner again, with the newest key of the keyset.
func (t *Tenant) RewrapKey(owner string, wrapped []byte) ([]byte, error) {
	root, err := t.open("key", wrapped, []byte(owner))
	if err != nil {
		return nil, fmt.Errorf("rewrap a key: %w", err)
	}
	return t.seal("key", root, []byte(owner)), nil
}

// Seal encrypts plain for the place that associated names: a version byte, a
// random nonce of 12 bytes, the ciphertext and a tag of 16 bytes.
func (k *Key) Seal(plain, associated []byte) []byte {
	sealed := make([]byte, 1, 1+k.aead.Overhead()+len(plain))
	sealed[0] = version
	return k.aead.Seal(sealed, nil, plain, associated)
}

// Open decrypts what Seal gave for the same place, or fails with ErrSealed.
func (k *Key) Open(sealed, associated []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return nil, ErrSealed
	}
	plain, err := k.aead.Open(nil, nil, sealed[1:], associated)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// Derive gives 32 bytes that the key and the purpose determine, by
// HKDF-SHA256. They tell nothing of the key or of other purposes.
func (k *Key) Derive(purpose string) []byte {
	b, err := derive(k.root(), "derive/"+purpose)
	if err != nil {
		panic("seal: " + err.Error()) // HKDF refuses only lengths beyond 8160 bytes
	}
	return b
}

func newKey(root []byte) (*Key, error) {
	if len(root) != keySize {
		return nil, errors.New("a key has another size than this version makes")
	}
	sealing, err := derive(root, "seal")
	if err != nil {
		return nil, fmt.Errorf("derive a sealing key: %w", err)
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return &Key{root: conceal(root), aead: aead}, nil
}

func derive(root []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, root, nil, "volenti/"+purpose, keySize)
}
