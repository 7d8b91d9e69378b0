package delivery

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// File is a file that somebody has handed in for the person. Nothing in it is
// looked at, unpacked or shown.
type File struct {
	Type  string // media type, as its first bytes have it
	Name  string // what it was called: never a name in the package
	Write func(w io.Writer) error
}

// endings are what files are called by their types, the usual one first. One
// of the others is taken where the file was called so. What a browser would
// run or draw as a page has none.
var endings = map[string][]string{
	"application/pdf":           {"pdf"},
	"application/zip":           {"zip", "docx", "xlsx", "pptx", "odt", "ods", "odp"},
	"image/gif":                 {"gif"},
	"image/jpeg":                {"jpg"},
	"image/png":                 {"png"},
	"image/webp":                {"webp"},
	"audio/mpeg":                {"mp3"},
	"audio/wave":                {"wav"},
	"video/mp4":                 {"mp4"},
	"text/plain; charset=utf-8": {"txt", "csv"},
}

// FileName is what the n-th file of a package is called in it, n from 1.
func FileName(n int, f File) string {
	ending := "bin"
	if known := endings[f.Type]; known != nil {
		ending = known[0]
		if own := strings.ToLower(strings.TrimPrefix(path.Ext(f.Name), ".")); slices.Contains(known, own) {
			ending = own
		}
	}
	return fmt.Sprintf("files/%03d.%s", n, ending)
}
