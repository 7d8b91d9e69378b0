package server

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"

	js "volenti.dev/volenti/sdk/js"
)

// sdkPath is where the script of the banner lies: /sdk/{file}, which pages ask
// for again from time to time, and /sdk/{hash}/{file}, which never changes.
const sdkPath = "/sdk/"

// sdkFile is a built file as it is sent.
type sdkFile struct {
	plain, zipped []byte
	hash          string
}

// sdkFiles are the built files by name.
var sdkFiles = sync.OnceValue(func() map[string]sdkFile {
	entries, err := js.Dist.ReadDir("dist")
	if err != nil {
		panic(err) // it is part of the program
	}
	files := map[string]sdkFile{}
	for _, e := range entries {
		plain, err := js.Dist.ReadFile("dist/" + e.Name())
		if err != nil {
			panic(err) // as above
		}
		var zipped bytes.Buffer
		z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		if err == nil {
			_, err = z.Write(plain)
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			panic(err) // the level is one, and memory takes everything
		}
		files[e.Name()] = sdkFile{plain, zipped.Bytes(), js.Hash(plain)}
	}
	return files
})

// serveSDK hands out the script of the banner, to any page.
func serveSDK(w http.ResponseWriter, r *http.Request) {
	hash, name, versioned := strings.Cut(strings.TrimPrefix(r.URL.Path, sdkPath), "/")
	if !versioned {
		name = hash
	}
	file, there := sdkFiles()[name]
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case !there || versioned && hash != file.hash:
		h.Set("Cache-Control", "no-store") // a server that is older may answer for a newer one
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "This can only be read.", http.StatusMethodNotAllowed)
		return
	case versioned:
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	default:
		h.Set("Cache-Control", "public, max-age=300, stale-while-revalidate=86400")
	}
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	content, tag := file.plain, `"`+file.hash+`"`
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		content, tag = file.zipped, `"`+file.hash+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	if names(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(content) // who has gone needs no answer
	}
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3): gzip, or what stands for
// it, unless it is weighed with 0.
func acceptsGzip(headers []string) bool {
	accepted := false
	for _, coding := range strings.Split(strings.Join(headers, ","), ",") {
		name, weight, _ := strings.Cut(strings.ToLower(coding), ";")
		_, q, weighed := strings.Cut(strings.ReplaceAll(weight, " ", ""), "q=")
		takes := true
		if value, err := strconv.ParseFloat(q, 64); weighed && (err != nil || value <= 0) {
			takes = false
		}
		switch strings.TrimSpace(name) {
		case "gzip", "x-gzip":
			return takes
		case "*":
			accepted = takes
		}
	}
	return accepted
}

// names says whether If-None-Match names the tag (RFC 9110, 13.1.2); a proxy
// may have weakened it.
func names(header, tag string) bool {
	for _, one := range strings.Split(header, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
			return true
		}
	}
	return false
}
