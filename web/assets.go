package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

// asset is a file that pages load. Its path has a digest of what is in it, so that
// browsers may keep it for good.
type asset struct {
	path   string
	kind   string // its Content-Type
	packed []byte // gzip
}

// assets are all such files, by name: style.css, which is all of assets/css one after
// the other, our own scripts (assets/js), and the libraries (assets/vendor).
type assets map[string]asset

// loadAssets reads and packs them, once for all servers of a process: nothing
// changes them.
var loadAssets = sync.OnceValue(func() assets {
	all := assets{}
	var style []byte
	for _, name := range under("assets/css") {
		style = append(style, read(name)...)
	}
	all.add("style.css", style)
	for _, name := range under("assets/js") {
		all.add(path.Base(name), read(name))
	}
	for _, name := range under("assets/vendor") {
		if of, packed := strings.CutSuffix(path.Base(name), ".gz"); packed {
			all.add(of, unpack(read(name)))
		}
	}
	return all
})

func under(dir string) (names []string) {
	found, err := fs.ReadDir(files, dir)
	if err != nil {
		panic("web: " + err.Error())
	}
	for _, f := range found {
		names = append(names, dir+"/"+f.Name())
	}
	return names
}

func (all assets) add(name string, content []byte) {
	kind := "text/javascript; charset=utf-8"
	if path.Ext(name) == ".css" {
		kind = "text/css; charset=utf-8"
	}
	if _, twice := all[name]; twice {
		panic("web: two assets " + name)
	}
	sum := sha256.Sum256(content)
	all[name] = asset{"/assets/" + hex.EncodeToString(sum[:8]) + path.Ext(name), kind, pack(content)}
}

// at gives where an asset is. It panics when there is none: that is a mistake in a page.
func (all assets) at(name string) string {
	a, ok := all[name]
	if !ok {
		panic("web: no asset " + name)
	}
	return a.path
}

func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin") // a frame in a sandbox is of no origin
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(a.packed)
		return
	}
	_, _ = w.Write(unpack(a.packed))
}

func pack(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one that there is
	_, _ = z.Write(content)                               // into memory
	_ = z.Close()
	return b.Bytes()
}

// unpack panics where its argument is no gzip: all of it is our own.
func unpack(packed []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		var content []byte
		if content, err = io.ReadAll(z); err == nil {
			return content
		}
	}
	panic("web: " + err.Error())
}
