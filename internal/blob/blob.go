// Package blob keeps bytes by name: as files below a directory, or as objects
// of a bucket that speaks S3. A name is made of parts with slashes between
// them; what comes before a slash is a folder. What is not there fails with
// fs.ErrNotExist.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Directory keeps bytes as files below a directory.
type Directory struct{ Path string }

// Put stores what write produces under a name: whole, durably, or not at all.
// Files can be read by their owner only. What a Put of the same name left that
// was killed is removed; one that is still under way fails.
func (d Directory) Put(ctx context.Context, name string, write func(io.Writer) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	target, err := d.at(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	half := ".writing-" + filepath.Base(target) + "-"
	if err := removeHalves(filepath.Dir(target), half); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(target), half+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return err
	}
	return errors.Join(f.Close(), syncDirectory(filepath.Dir(target)))
}

// Open gives what is kept under a name.
func (d Directory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	target, err := d.at(name)
	if err != nil {
		return nil, err
	}
	return os.Open(target)
}

// Remove removes a folder and all that is in it. It may be gone already.
func (d Directory) Remove(_ context.Context, folder string) error {
	target, err := d.at(folder)
	if err != nil {
		return err
	}
	return os.RemoveAll(target)
}

// Folders lists the folders in a folder; none where that is not there.
func (d Directory) Folders(_ context.Context, folder string) ([]string, error) {
	target, err := d.at(folder)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (d Directory) at(name string) (string, error) {
	if err := check(name); err != nil {
		return "", err
	}
	return filepath.Join(d.Path, filepath.FromSlash(name)), nil
}

// check refuses names that would lead elsewhere, on any system.
func check(name string) error {
	if name == "." || !fs.ValidPath(name) || strings.ContainsAny(name, `\:`) {
		return fmt.Errorf("%q is not a name for a file", name)
	}
	return nil
}

// removeHalves removes the files that begin with prefix and end with a number.
func removeHalves(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), prefix)
		if !ours || strings.Trim(rest, "0123456789") != "" {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// SetAside renames what there is under the names to name.1, or the first
// number that is free for all of them, so that nothing is overwritten.
func (d Directory) SetAside(names ...string) error {
	var there []string
	for _, name := range names {
		target := filepath.Join(d.Path, filepath.FromSlash(name))
		if _, err := os.Lstat(target); err == nil {
			there = append(there, target)
		}
	}
	n := 1
	for i := 0; i < len(there); i++ {
		if _, err := os.Lstat(aside(there[i], n)); err == nil {
			n, i = n+1, -1
		}
	}
	for _, target := range there {
		if err := os.Rename(target, aside(target, n)); err != nil {
			return err
		}
	}
	return nil
}

func aside(target string, n int) string { return fmt.Sprintf("%s.%d", target, n) }

// syncDirectory makes a rename survive a loss of power.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
