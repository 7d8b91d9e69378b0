package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Master wraps the keys of tenants. Whoever has it and the database can read
// everything; without it nothing can be read again.
type Master struct {
	hidden
	aead tink.AEAD
}

// ParseMaster takes the base64 of 32 random bytes.
func ParseMaster(text string) (*Master, error) {
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace([]byte(text))))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("the master key is not the base64 of %d bytes: make one with `openssl rand -base64 %d`", keySize, keySize)
	}
	aead, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return &Master{aead: aead}, nil
}

// OpenMasterFile reads the master key from a file, in the form that
// ParseMaster takes. Where there is none it makes one with mode 0600, and
// returns when it is durable. A file that others than its owner may read is
// refused.
func OpenMasterFile(path string) (*Master, error) {
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createMaster(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("create master key file: %w", err)
		}
		text, err = readPrivate(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read master key file: %w", err)
	}
	m, err := ParseMaster(string(text))
	if err != nil {
		return nil, fmt.Errorf("master key file %s: %w; nothing sealed before opens without the right key, so look for a backup first", path, err)
	}
	return m, nil
}

// Rewrap wraps a tenant's keys with another master key.
func (m *Master) Rewrap(other *Master, tenant string, wrapped []byte) ([]byte, error) {
	plain, err := m.open(tenant, wrapped)
	if err != nil {
		return nil, err
	}
	return other.seal(tenant, plain)
}

func (m *Master) seal(tenant string, plain []byte) ([]byte, error) {
	sealed, err := m.aead.Encrypt(plain, tenantPlace(tenant))
	if err != nil {
		return nil, fmt.Errorf("wrap the tenant's keys: %w", err)
	}
	return append([]byte{version}, sealed...), nil
}

func (m *Master) open(tenant string, wrapped []byte) ([]byte, error) {
	if len(wrapped) == 0 || wrapped[0] != version {
		return nil, fmt.Errorf("unwrap the tenant's keys: %w", ErrSealed)
	}
	plain, err := m.aead.Decrypt(wrapped[1:], tenantPlace(tenant))
	if err != nil {
		return nil, fmt.Errorf("unwrap the tenant's keys: %w; is this the master key of this database?", ErrSealed)
	}
	return plain, nil
}

func tenantPlace(tenant string) []byte { return []byte("volenti/tenant/" + tenant) }

func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s can be read by others than its owner (mode %04o): run `chmod 600 %s`", path, info.Mode().Perm(), path)
	}
	return io.ReadAll(io.LimitReader(f, 1024))
}

// createMaster links a complete file into place: no reader and no crash ever
// sees half a key, and of two starts at the same time one wins.
func createMaster(path string) error {
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".master-*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
