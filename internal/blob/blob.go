// Package blob keeps bytes by name.
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
	if name == "." || !fs.ValidPath(name) || strings.ContainsAny(name, `\:`) {
		return fmt.Errorf("%q is not a name for a file", name)
	}
	target := filepath.Join(d.Path, filepath.FromSlash(name))
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
