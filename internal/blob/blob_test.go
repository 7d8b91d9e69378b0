package blob

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestFilesCanBeReadByTheirOwnerOnly(t *testing.T) { // X16
	d := Directory{Path: t.TempDir()}
	if err := d.Put(t.Context(), "a/b.json", text("first")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(d.Path, "a", "b.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
}

func TestSetAsideKeepsWhatWasThereUnderOneNumber(t *testing.T) {
	d := Directory{Path: t.TempDir()}
	for _, name := range []string{"a", "b", "b.1"} {
		if err := d.Put(t.Context(), name, text(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.SetAside("a", "b", "not there"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, d.Path); !slices.Equal(got, []string{"a.2", "b.1", "b.2"}) {
		t.Errorf("files: %v", got)
	}
}

func TestHalfOfWhatAKilledPutWroteIsRemovedByTheNext(t *testing.T) { // X16
	d := Directory{Path: t.TempDir()}
	for _, name := range []string{".writing-a.json-12345", ".writing-a.json-x-1", ".writing-b.json-6"} {
		if err := os.WriteFile(filepath.Join(d.Path, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Put(t.Context(), "a.json", text("whole")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, d.Path); !slices.Equal(got, []string{".writing-a.json-x-1", ".writing-b.json-6", "a.json"}) {
		t.Errorf("files: %v", got)
	}
	err := d.Put(t.Context(), "a.json", func(w io.Writer) error {
		return errors.Join(text("slow")(w), d.Put(t.Context(), "a.json", text("quick")))
	})
	if b, _ := os.ReadFile(filepath.Join(d.Path, "a.json")); !errors.Is(err, os.ErrNotExist) || string(b) != "quick" {
		t.Errorf("two at once: %q, %v", b, err)
	}
}
