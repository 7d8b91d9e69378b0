package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/blob"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// packages keeps what requests hand out as files, each request's sealed under
// a key of its own: TENANT/REQUEST/NAME.
type packages struct {
	keys *store.Keys
	dir  string
}

// shelf is where one request puts its package.
type shelf struct {
	packages
	tenant, id string
}

var _ fulfill.Output = shelf{}

// Put implements fulfill.Output.
func (s shelf) Put(ctx context.Context, name string, write func(io.Writer) error) error {
	key, err := s.keys.PackageKey(ctx, s.tenant, s.id)
	if err != nil {
		return fmt.Errorf("make the key of the package: %w", err)
	}
	return blob.Directory{Path: s.dir}.Put(ctx, s.place(name), func(w io.Writer) error {
		sealed, err := key.Writer(w, []byte(s.place(name)))
		if err != nil {
			return err
		}
		if err := write(sealed); err != nil {
			return err
		}
		return sealed.Close()
	})
}

func (s shelf) place(name string) string { return s.tenant + "/" + s.id + "/" + name }

// open gives a file of a package in the clear, or request.ErrNotFound.
func (s shelf) open(ctx context.Context, name string) (io.ReadCloser, error) {
	key, err := s.keys.OpenPackage(ctx, s.tenant, s.id)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(s.dir, filepath.FromSlash(s.place(name))))
	if errors.Is(err, os.ErrNotExist) {
		return nil, request.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open a package: %w", err)
	}
	plain, err := key.Reader(file, []byte(s.place(name)))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return opened{plain, file}, nil
}

// destroy makes a package unreadable, wherever copies of it are, and removes
// its files.
func (s shelf) destroy(ctx context.Context, entry audit.Entry) error {
	if err := s.keys.DestroyPackage(ctx, s.tenant, s.id, entry); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(s.dir, s.tenant, s.id)); err != nil {
		return fmt.Errorf("the package cannot be opened any more, but its files are still there: %w", err)
	}
	return nil
}

type opened struct {
	io.Reader
	io.Closer
}
