package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// choose does what a page of https://shop.example does for a visitor who agrees
// to statistics and nothing else, and gives the receipt.
func (k shopkeeper) choose(site string) string {
	k.t.Helper()
	const device = "a-visitor-whom-nobody-else-is"
	var shown struct {
		Version                  int
		Digest, Language, Region string
	}
	if err := json.Unmarshal([]byte(k.browse("GET", site+"/configuration", nil)), &shown); err != nil {
		k.t.Fatal(err)
	}
	k.browse("POST", site+"/consents", map[string]any{
		"device": device, "submission": "0198c0de-0000-7000-8000-000000000001", "source": "banner", "categories": map[string]bool{"statistics": true},
		"version": shown.Version, "digest": shown.Digest, "language": shown.Language, "region": shown.Region,
	})
	return k.browse("POST", site+"/consents/receipt", map[string]string{"device": device})
}

// browse asks a public address of sites, as a page does.
func (k shopkeeper) browse(method, path string, body any) string {
	k.t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		k.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(k.t.Context(), method, k.url+"/api/v1/public/sites/"+path, strings.NewReader(string(sent)))
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Origin", "https://shop.example")
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		k.t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		k.t.Fatalf("%s %s: %s %s %v", method, path, answer.Status, text, err)
	}
	_ = answer.Body.Close()
	return string(text)
}

func TestReceiptOfABannerVerifiesFromTheCommandLine(t *testing.T) { // B4, B16
	k, end := hireWebmaster(t)
	defer end()
	k.does(0, "site", "new", "Shop")
	draft, _ := k.does(0, "site", "draft", "Shop")
	file := filepath.Join(k.dir, "site.yml")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "origins: [https://shop.example]\n"+strings.Replace(draft, "origins: []\n", "", 1))
	k.does(0, "site", "draft", "Shop", file)
	k.does(0, "site", "publish", "Shop", "--classified-by", "Olga")
	snippet, _ := k.does(0, "site", "snippet", "Shop")
	_, after, _ := strings.Cut(snippet, `data-site="`)
	key, _, _ := strings.Cut(after, `"`)

	receipt := k.choose(key)
	file = filepath.Join(k.dir, "receipt.json")
	write(file, receipt)
	out, _ := k.run(0, "receipt", "verify", file)
	for _, want := range []string{"Verified: record ", "banner.given", "statistics           yes", "marketing            no", "give --key"} {
		if !strings.Contains(out, want) {
			t.Errorf("the receipt does not say %q: %s", want, out)
		}
	}
	forged := strings.Replace(receipt, `"granted": false`, `"granted": true`, 1)
	if forged == receipt {
		t.Fatalf("nothing is refused in %s", receipt)
	}
	write(file, forged)
	if _, errs := k.run(3, "receipt", "verify", file); !strings.Contains(errs, "does not verify") {
		t.Errorf("a forged receipt: %s", errs)
	}

	end()
	log := filepath.Join(k.dir, "audit.jsonl")
	k.run(0, "audit", "export", "--state", k.data, "--out", log)
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), `"banner.given"`) || !strings.Contains(string(text), `"site.publish"`) {
		t.Errorf("the log has no acts of a banner: %v %s", err, text)
	}
	if out, _ := k.run(0, "audit", "verify", log); !strings.HasPrefix(out, "Verified: ") {
		t.Errorf("the log: %s", out)
	}
	write(log, strings.Replace(string(text), `"banner.given"`, `"banner.updated"`, 1))
	k.run(3, "audit", "verify", log)
}
