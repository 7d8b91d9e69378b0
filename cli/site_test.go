package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// openWebmaster gives a shell with a server and a key to look after sites.
func openWebmaster(t *testing.T) shopkeeper {
	t.Helper()
	k, end := hireWebmaster(t)
	t.Cleanup(end)
	return k
}

// hireWebmaster does the same, and gives what ends the server; it may be called again.
func hireWebmaster(t *testing.T) (k shopkeeper, end func()) {
	t.Helper()
	k = shopkeeper{shell: shell{t: t, data: filepath.Join(t.TempDir(), "data")}, dir: t.TempDir()}
	key, _ := k.does(0, "apikey", "create", "--data", k.data, "--scope", "consents:read", "--scope", "consents:manage")
	k.key = strings.TrimSpace(key)
	k.env = k.knows
	url, stop := k.serve()
	k.url = url
	return k, sync.OnceFunc(func() { stop() })
}

func TestSiteIsEditedAndPublishedFromTheCommandLine(t *testing.T) { // B17, B18, B31
	k := openWebmaster(t)
	k.does(0, "site", "new", "Shop")
	k.does(4, "site", "changes", "Blog")
	if _, errs := k.does(2, "site", "publish", "Shop", "--classified-by", "Olga"); !strings.Contains(errs, "origins") {
		t.Errorf("a site without origins: %s", errs)
	}

	draft, _ := k.does(0, "site", "draft", "Shop")
	file := filepath.Join(k.dir, "site.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(draft, "languages:", "origin: nowhere\nlanguages:", 1))
	if _, errs := k.does(3, "site", "draft", "Shop", file); !strings.Contains(errs, "site.yml:") || !strings.Contains(errs, "origin") {
		t.Errorf("a key that there is not: %s", errs)
	}
	origins := "origins: [https://shop.example]\nlanguages:"
	write(strings.Replace(strings.Replace(draft, "origins: []\n", "", 1), "languages:", origins, 1))
	k.does(0, "site", "draft", "Shop", file)
	if _, errs := k.does(6, "site", "draft", "Shop", file); !strings.Contains(errs, "changed") {
		t.Errorf("saved over a later draft: %s", errs)
	}

	if out, _ := k.does(0, "site", "publish", "Shop", "--classified-by", "Olga"); !strings.Contains(out, "Version 1 ") {
		t.Errorf("published: %s", out)
	}
	draft, _ = k.does(0, "site", "draft", "Shop")
	write(strings.Replace(draft, "categories:", "vendors:\n- {key: counter, name: Counter, category: statistics}\ncategories:", 1))
	k.does(0, "site", "draft", "Shop", file)
	if out, _ := k.does(0, "site", "changes", "Shop"); !strings.Contains(out, "! added    vendor counter") || !strings.Contains(out, "--material") {
		t.Errorf("changes: %s", out)
	}
	if _, errs := k.does(2, "site", "publish", "Shop", "--classified-by", "Olga"); !strings.Contains(errs, "material") {
		t.Errorf("more services without asking again: %s", errs)
	}
	k.does(0, "site", "publish", "Shop", "--classified-by", "Olga", "--material", "--summary", "en=We count visits.")
	if out, _ := k.does(0, "site", "versions", "Shop"); !strings.Contains(out, "\n2 ") || !strings.Contains(out, "\n1 ") || strings.Count(out, "  true ") != 2 {
		t.Errorf("versions: %s", out)
	}

	snippet, _ := k.does(0, "site", "snippet", "Shop", "--public-url", "https://consent.example/")
	if !strings.HasPrefix(snippet, `<script src="https://consent.example/sdk/banner.js" data-site="`) {
		t.Errorf("snippet: %s", snippet)
	}
	if out, errs := k.does(3, "site", "check", "Shop", "/about"); !strings.HasPrefix(out, "https://shop.example/about\nwrong    ") || !strings.Contains(errs, "not as it should be") {
		t.Errorf("a page that cannot be had: %s%s", out, errs)
	}
	if out, _ := k.does(0, "site", "services", "--address", "https://www.googletagmanager.com/gtag/js?id=G-1"); !strings.Contains(out, "google") {
		t.Errorf("services: %s", out)
	}
	if out, _ := k.does(0, "site", "count", "Shop", "--by", "version"); !strings.Contains(out, "stands now") {
		t.Errorf("count: %s", out)
	}
}
