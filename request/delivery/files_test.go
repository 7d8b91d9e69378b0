package delivery_test

import (
	"io"
	"testing"

	"volenti.dev/volenti/request/delivery"
)

func TestFilesAreCalledByOurNumbersAndByTypesThatRunNothing(t *testing.T) { // SE6
	for _, c := range []struct{ mediaType, name, want string }{
		{"application/pdf", "a.pdf", "files/001.pdf"},
		{"application/pdf", "../../a.exe", "files/001.pdf"},
		{"application/zip", "offer.DOCX", "files/001.docx"},
		{"application/zip", "offer.jar", "files/001.zip"},
		{"text/plain; charset=utf-8", "a.csv", "files/001.csv"},
		{"text/plain; charset=utf-8", "a.svg", "files/001.txt"},
		{"text/html; charset=utf-8", "a.html", "files/001.bin"},
		{"text/xml; charset=utf-8", "a.svg", "files/001.bin"},
		{"application/octet-stream", "a.pdf", "files/001.bin"},
		{"", "", "files/001.bin"},
	} {
		if got := delivery.FileName(1, delivery.File{Type: c.mediaType, Name: c.name}); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.mediaType, c.name, got, c.want)
		}
	}
}

func TestFilesAreInThePackageAsTheyWereHandedIn(t *testing.T) { // X9
	write := func(w io.Writer) error {
		_, err := io.WriteString(w, "=1+1\r\n<script>")
		return err
	}
	p := sample()
	p.Files = []delivery.File{{Type: "application/pdf", Write: write}, {Name: "../x", Write: write}}
	files := pack(t, p)
	if files["files/001.pdf"] != "=1+1\r\n<script>" || files["files/002.bin"] != files["files/001.pdf"] {
		t.Error("the files are others")
	}
	p.Files[1].Write = func(io.Writer) error { return errFull }
	if err := delivery.WritePackage(io.Discard, p); err == nil {
		t.Error("a package without one of its files is whole")
	}
}
