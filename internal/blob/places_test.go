package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
)

// place is what both kinds of places do.
type place interface {
	Put(ctx context.Context, name string, write func(io.Writer) error) error
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	Remove(ctx context.Context, folder string) error
	Folders(ctx context.Context, folder string) ([]string, error)
}

// each runs a test on both kinds of places. all lists the names of everything
// that is kept there, also of what is not whole.
func each(t *testing.T, f func(t *testing.T, p place, all func() []string)) {
	t.Run("directory", func(t *testing.T) {
		d := Directory{Path: filepath.Join(t.TempDir(), "in")}
		f(t, d, func() (all []string) {
			_ = filepath.WalkDir(d.Path, func(path string, e fs.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					all = append(all, strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(d.Path)+"/"))
				}
				return nil
			})
			return all
		})
	})
	t.Run("s3", func(t *testing.T) {
		s, objects := openBucket(t)
		f(t, s, func() (all []string) {
			list, err := objects.ListBucket("packages", nil, gofakes3.ListBucketPage{})
			must(t, err)
			for _, o := range list.Contents {
				all = append(all, strings.TrimPrefix(o.Key, s.Prefix))
			}
			return append(all, uploads(t, s)...)
		})
	})
}

// uploads lists those that have not been finished.
func uploads(t *testing.T, s *S3) (names []string) {
	t.Helper()
	all, err := s.bucket.uploads(t.Context(), s.Prefix)
	if says(err, "NoSuchUpload") {
		return nil
	}
	must(t, err)
	for _, u := range all {
		names = append(names, "upload of "+strings.TrimPrefix(u.Key, s.Prefix))
	}
	return names
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, p place, name string) []byte {
	t.Helper()
	file, err := p.Open(t.Context(), name)
	must(t, err)
	all, err := io.ReadAll(file)
	must(t, errors.Join(err, file.Close()))
	return all
}

func TestPutIsWholeOrNothing(t *testing.T) { // X9
	each(t, func(t *testing.T, p place, all func() []string) {
		large := bytes.Repeat([]byte("0123456789abcdef"), 11<<20/16) // three parts
		for _, content := range [][]byte{[]byte("first"), {}, large[:5<<20], large} {
			must(t, p.Put(t.Context(), "a/b.json", func(w io.Writer) error {
				for rest := content; len(rest) > 0; {
					n := min(len(rest), 700_001)
					if _, err := w.Write(rest[:n]); err != nil {
						return err
					}
					rest = rest[n:]
				}
				return nil
			}))
			if got := read(t, p, "a/b.json"); !bytes.Equal(got, content) {
				t.Errorf("of %d bytes, %d come back", len(content), len(got))
			}
		}
		broken := errors.New("broken")
		for _, half := range [][]byte{[]byte("half"), large} {
			err := p.Put(t.Context(), "a/b.json", func(w io.Writer) error { _, _ = w.Write(half); return broken })
			if !errors.Is(err, broken) {
				t.Errorf("error %v", err)
			}
		}
		if got := read(t, p, "a/b.json"); !bytes.Equal(got, large) {
			t.Errorf("it holds %d bytes", len(got))
		}
		if left := all(); !slices.Equal(left, []string{"a/b.json"}) {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestFolderIsListedAndRemovedWithAllThatIsInIt(t *testing.T) { // SE3
	each(t, func(t *testing.T, p place, all func() []string) {
		for _, name := range []string{"t/1/a", "t/1/b/c", "t/10/a", "t/2/a", "t/file", "u/1/a"} {
			must(t, p.Put(t.Context(), name, text(name)))
		}
		folders, err := p.Folders(t.Context(), "t")
		must(t, err)
		if slices.Sort(folders); !slices.Equal(folders, []string{"1", "10", "2"}) {
			t.Errorf("folders: %v", folders)
		}
		if folders, err := p.Folders(t.Context(), "none"); err != nil || len(folders) > 0 {
			t.Errorf("of none: %v, %v", folders, err)
		}
		for range 2 {
			must(t, p.Remove(t.Context(), "t/1"))
		}
		if left := all(); !slices.Equal(left, []string{"t/10/a", "t/2/a", "t/file", "u/1/a"}) {
			t.Errorf("left: %v", left)
		}
		if _, err := p.Open(t.Context(), "t/1/a"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open what was removed: %v", err)
		}
	})
}

func TestNamesStayInTheirPlace(t *testing.T) { // SE6
	each(t, func(t *testing.T, p place, all func() []string) {
		for _, name := range []string{"../x", "/x", "a/../../x", "", ".", `a\b`, "c:x"} {
			err := p.Put(t.Context(), name, text("x"))
			_, openErr := p.Open(t.Context(), name)
			_, listErr := p.Folders(t.Context(), name)
			if err == nil || openErr == nil || errors.Is(openErr, fs.ErrNotExist) || listErr == nil || p.Remove(t.Context(), name) == nil {
				t.Errorf("%q is taken", name)
			}
		}
		if got := all(); len(got) > 0 {
			t.Errorf("files: %v", got)
		}
	})
}

// An upload that was killed is seen by nobody, and is gone after the next.
func TestHalfOfAnUploadIsAbandonedByTheNext(t *testing.T) { // X16
	s, _ := openBucket(t)
	begin := func(name string) {
		_, err := s.bucket.begin(t.Context(), s.Prefix+name)
		must(t, err)
	}
	begin("t/1/package.zip")
	begin("t/1/package.zip") // of two that were killed at once
	begin("t/1/package.zip.age")
	if _, err := s.Open(t.Context(), "t/1/package.zip"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half of it can be opened: %v", err)
	}
	must(t, s.Put(t.Context(), "t/1/package.zip", text("whole")))
	if left := uploads(t, s); !slices.Equal(left, []string{"upload of t/1/package.zip.age"}) {
		t.Errorf("uploads: %v", left)
	}
	must(t, s.Remove(t.Context(), "t/1"))
	if left := uploads(t, s); len(left) > 0 {
		t.Errorf("uploads: %v", left)
	}
}

func TestPlaceThatCannotBeReadSaysWhatItIsLike(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	for _, place := range []string{"s3://", "s3:///x", "http://bucket", "s3://key:secret@bucket", "s3://bucket?other=1", "s3://bucket/../x?region=r", "s3://bucket"} {
		if _, err := OpenS3(t.Context(), place); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", place, err)
		}
	}
}
