package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLibrariesAreThoseOfTheirPackages(t *testing.T) {
	listed := string(read("assets/vendor/README.md"))
	packed := 0
	for _, name := range under("assets/vendor") {
		of, ok := strings.CutSuffix(name, ".gz")
		if !ok {
			continue
		}
		packed++
		sum := sha256.Sum256(unpack(read(name)))
		of = strings.TrimPrefix(of, "assets/vendor/")
		for line := range strings.Lines(listed) {
			if strings.HasPrefix(line, "| "+of+" |") && strings.Contains(line, hex.EncodeToString(sum[:])) {
				packed--
			}
		}
	}
	if packed != 0 {
		t.Errorf("assets/vendor/README.md does not have the digests of %d libraries", packed)
	}
}

func TestAssetsAreReadWithAndWithoutPacking(t *testing.T) {
	a := loadAssets()["style.css"]
	for _, accepts := range []string{"gzip, br", ""} {
		r := httptest.NewRequest("GET", a.path, nil)
		r.Header.Set("Accept-Encoding", accepts)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		body := w.Body.Bytes()
		if packed := w.Header().Get("Content-Encoding") == "gzip"; packed {
			body = unpack(body)
		} else if accepts != "" {
			t.Error("what a browser can unpack is not packed")
		}
		if !strings.Contains(string(body), ":root {") || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%.40q as %s", body, w.Header().Get("Content-Type"))
		}
	}
}
