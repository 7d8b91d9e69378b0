package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// fetchScript asks for a built file with the headers given in pairs.
func fetchScript(path string, headers ...string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(path, " ")
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	serveSDK(w, r)
	return w
}

func TestScriptIsServedToEveryPageAndKeptByBrowsers(t *testing.T) { // F12
	t.Parallel()
	want := sdkFiles()["core.js"]
	plain := fetchScript("GET /sdk/core.js")
	if body, err := io.ReadAll(plain.Body); err != nil || !bytes.Equal(body, want.plain) || len(body) == 0 {
		t.Fatalf("got %d bytes, %v, want the file", len(body), err)
	}
	for name, value := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript; charset=utf-8", "Content-Encoding": "",
		"Cache-Control": "public, max-age=300, stale-while-revalidate=86400", "Vary": "Accept-Encoding",
		"Cross-Origin-Resource-Policy": "cross-origin", "X-Content-Type-Options": "nosniff",
	} {
		if got := plain.Header().Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	zipped := fetchScript("GET /sdk/core.js", "Accept-Encoding", "br, gzip;q=0.8")
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || !bytes.Equal(body, want.plain) {
		t.Errorf("unpacked it is %d bytes, %v, want the file", len(body), err)
	}
	if tag := zipped.Header().Get("ETag"); tag == plain.Header().Get("ETag") {
		t.Errorf("both forms have the tag %s", tag)
	} else if again := fetchScript("GET /sdk/core.js", "Accept-Encoding", "gzip", "If-None-Match", `"x", W/`+tag); again.Code != http.StatusNotModified {
		t.Errorf("asked again with its tag the status is %d", again.Code)
	}
	if forGood := fetchScript("GET /sdk/" + want.hash + "/core.js"); forGood.Code != http.StatusOK || !strings.Contains(forGood.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("by its hash: %d, %v", forGood.Code, forGood.Header())
	}
}

func TestScriptsThatAreNotThereAreNotKept(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/sdk/", "/sdk/none.js", "/sdk/0000000000000000/core.js", "/sdk/" + sdkFiles()["core.js"].hash + "/banner.js", "/sdk/../sdk.go"} {
		if got := fetchScript("GET " + path); got.Code != http.StatusNotFound || got.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, kept %q", path, got.Code, got.Header().Get("Cache-Control"))
		}
	}
	if got := fetchScript("POST /sdk/core.js"); got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("posted to: %d, allowed %q", got.Code, got.Header().Get("Allow"))
	}
	head := fetchScript("HEAD /sdk/core.js")
	if body, err := io.ReadAll(head.Body); err != nil || len(body) > 0 || head.Header().Get("Content-Length") != strconv.Itoa(len(sdkFiles()["core.js"].plain)) {
		t.Errorf("its head has %d bytes, %v, and names %s", len(body), err, head.Header().Get("Content-Length"))
	}
}

func TestGzipIsSentToWhoTakesIt(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "br": false, "gzip": true, "GZIP": true, "gzip;q=0": false, "gzip; q=0.0": false, "*": true, "*;q=0": false,
		"*, gzip;q=0": false, "br;q=1, gzip;q=0.1": true, "gzip;q=x": false, "identity": false,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
