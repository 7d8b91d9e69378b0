// Package server builds everything and is the only place that knows all
// names: the store and its keys, the connections of a configuration, the
// executor of requests.
package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/internal/store"
)

// Config says where Volenti keeps what it knows. The zero value keeps it in
// a temporary directory that is removed in the end.
type Config struct {
	// Data is a directory for the database and the master key, made when it
	// is not there.
	Data string
	// Database is postgres://... to keep the data there; "" for a file in Data.
	Database string
	// MasterKey is the base64 of 32 bytes; "" for the file master.key in Data.
	MasterKey string
	// Trouble is told what failed in the background and is tried again; nil
	// drops it.
	Trouble func(error)
}

// House is an open installation.
type House struct {
	Store *store.DB
	// Owner holds the leases of this installation. It stays the same over
	// restarts, since no two processes have the same data directory open: what
	// the last one held can be taken up at once.
	Owner string

	lock      io.Closer
	temporary string
}

// Open opens the store of an installation, and makes what is not there yet.
func Open(ctx context.Context, c Config) (h *House, err error) {
	h = &House{}
	if c.Data == "" {
		if h.temporary, err = os.MkdirTemp("", "volenti-*"); err != nil {
			return nil, fmt.Errorf("make a temporary directory: %w", err)
		}
		c.Data = h.temporary
		key := make([]byte, 32) // nowhere but in memory: what a killed process leaves behind opens no more
		_, _ = rand.Read(key)
		c.MasterKey = base64.StdEncoding.EncodeToString(key)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
			h = nil
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return h, fmt.Errorf("make the data directory: %w", err)
	}
	if h.lock, err = store.Lock(filepath.Join(c.Data, "volenti.lock")); err != nil {
		return h, err
	}
	if h.Owner, err = owner(filepath.Join(c.Data, "owner")); err != nil {
		return h, fmt.Errorf("name this installation: %w", err)
	}
	var master *seal.Master
	if c.MasterKey != "" {
		master, err = seal.ParseMaster(c.MasterKey)
	} else {
		master, err = seal.OpenMasterFile(filepath.Join(c.Data, "master.key"))
	}
	if err != nil {
		return h, fmt.Errorf("master key: %w", err)
	}
	url := c.Database
	if url == "" {
		url = "sqlite:" + filepath.Join(c.Data, "volenti.db")
	}
	h.Store, err = store.Open(ctx, store.Config{URL: url, Master: master, Trouble: c.Trouble})
	return h, err
}

// owner reads the name of an installation, or makes one up.
func owner(path string) (string, error) {
	name, err := os.ReadFile(path)
	if err == nil && len(name) > 0 {
		return string(name), nil
	}
	fresh := uuid.NewString()
	return fresh, os.WriteFile(path, []byte(fresh), 0o600)
}

// Close gives everything back, and removes what was temporary.
func (h *House) Close() error {
	var errs []error
	if h.Store != nil {
		errs = append(errs, h.Store.Close())
	}
	if h.lock != nil {
		errs = append(errs, h.lock.Close())
	}
	if h.temporary != "" {
		errs = append(errs, os.RemoveAll(h.temporary))
	}
	return errors.Join(errs...)
}
