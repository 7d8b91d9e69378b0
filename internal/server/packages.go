package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"filippo.io/age"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/blob"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// depot keeps files by name: a directory, or a bucket.
type depot interface {
	Put(ctx context.Context, name string, write func(io.Writer) error) error
	// Open fails with fs.ErrNotExist where there is no such file.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Remove removes a folder and all that is in it.
	Remove(ctx context.Context, folder string) error
	// Folders lists the folders in one.
	Folders(ctx context.Context, folder string) ([]string, error)
}

// openDepot gives what Server.Packages names.
func openDepot(ctx context.Context, setting string) (depot, error) {
	if strings.HasPrefix(setting, "s3:") {
		return blob.OpenS3(ctx, setting)
	}
	return blob.Directory{Path: setting}, nil
}

// packages keeps what requests hand out as files, each request's sealed under
// a key of its own: TENANT/REQUEST/NAME.
type packages struct {
	keys *store.Keys
	at   depot
}

// shelf is where one request puts its package.
type shelf struct {
	packages
	tenant, id string
	// recipient, when set, can open what is put here, and nobody else can.
	recipient age.Recipient
}

var _ fulfill.Output = shelf{}

// ageSuffix is what names of files end with that only a recipient can open.
const ageSuffix = ".age"

// Put implements fulfill.Output.
func (s shelf) Put(ctx context.Context, name string, write func(io.Writer) error) error {
	if s.recipient == nil || name == fulfill.AddressName {
		return s.seal(ctx, name, write)
	}
	return s.seal(ctx, name+ageSuffix, func(w io.Writer) error {
		closed, err := age.Encrypt(w, s.recipient)
		if err != nil {
			return err
		}
		if err := write(closed); err != nil {
			return err
		}
		return closed.Close()
	})
}

func (s shelf) seal(ctx context.Context, name string, write func(io.Writer) error) error {
	key, err := s.keys.PackageKey(ctx, s.tenant, s.id)
	if err != nil {
		return fmt.Errorf("make the key of the package: %w", err)
	}
	return s.at.Put(ctx, s.place(name), func(w io.Writer) error {
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

// handout gives the package of an access rule, "" where there is one, as it was
// written: closed for its recipient or not.
func (s shelf) handout(ctx context.Context, rule string) (api.Handout, error) {
	name, called := packageName, "package-"+s.id
	if rule != "" {
		name, called = rule+"/"+packageName, called+"-"+rule
	}
	file, err := s.open(ctx, name)
	if !errors.Is(err, request.ErrNotFound) {
		return api.Handout{Name: called + ".zip", Type: "application/zip", File: file}, err
	}
	file, err = s.open(ctx, name+ageSuffix)
	return api.Handout{Name: called + ".zip" + ageSuffix, Type: "application/octet-stream", File: file}, err
}

// open gives a file of a package in the clear, or request.ErrNotFound.
func (s shelf) open(ctx context.Context, name string) (io.ReadCloser, error) {
	key, err := s.keys.OpenPackage(ctx, s.tenant, s.id)
	if err != nil {
		return nil, err
	}
	file, err := s.at.Open(ctx, s.place(name))
	if errors.Is(err, fs.ErrNotExist) {
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
	if err := s.at.Remove(ctx, s.tenant+"/"+s.id); err != nil {
		return fmt.Errorf("the package cannot be opened any more, but its files are still there: %w", err)
	}
	return nil
}

type opened struct {
	io.Reader
	io.Closer
}
