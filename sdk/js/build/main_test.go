package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
	"unicode"
)

func TestBuiltFilesAreFresh(t *testing.T) {
	want, err := bundle("..")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("../dist")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("dist has %d files, not the %d that are built", len(entries), len(want))
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join("../dist", name)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("dist/%s is not what src says: run go generate ./sdk/js", name)
		}
		if at := bytes.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }); at >= 0 {
			t.Errorf("dist/%s is not ASCII at %d: a page of another charset reads it otherwise", name, at)
		}
	}
}

func TestScriptIsSmall(t *testing.T) { // F12
	for name, most := range map[string]int{"core.js": 8 << 10, "headless.js": 9 << 10, "banner.js": 14 << 10} {
		text, err := os.ReadFile(filepath.Join("../dist", name))
		if err != nil {
			t.Fatal(err)
		}
		var zipped bytes.Buffer
		z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes of at most %d", name, zipped.Len(), most)
		if zipped.Len() > most {
			t.Errorf("%s is %d bytes, zipped, of at most %d: %d bytes too many", name, zipped.Len(), most, zipped.Len()-most)
		}
	}
}
