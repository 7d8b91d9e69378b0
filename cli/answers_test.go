package cli_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/cli"
)

const archiveConfig = `
dataset:
- fides_key: shop
  collections:
  - name: customers
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
connection:
- key: db
  type: sqlite
  datasets: [shop]
  secrets: {url: "sqlite:SHOP"}
- key: archive
  name: Paper archive
  type: manual
  fields:
  - {key: contract, label: {en: Number of the contract, de: Vertragsnummer}, type: text, required: true, data_categories: [user]}
  - {key: letters, label: Letters, type: file, data_categories: [user]}
policy:
- {key: access, rules: [{key: all, action: access, targets: [user]}]}
`

// A person at a terminal approves the plan and answers what it asks; what
// cannot be taken is asked again.
func TestWhoIsHereIsAskedWhatThePlanAsks(t *testing.T) { // X4
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(path("config"), 0o700))
	must(os.WriteFile(path("config/all.yml"), []byte(strings.Replace(archiveConfig, "SHOP", path("shop.db"), 1)), 0o600))
	must(os.WriteFile(path("letter.txt"), []byte("Dear Anna"), 0o600))
	db, err := sql.Open("sqlite", path("shop.db"))
	must(err)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT)")
	must(err)
	must(db.Close())
	run := func(out, typed string) (int, string) {
		var shown bytes.Buffer
		std := shell{t: t}.std(&bytes.Buffer{}, &shown)
		std.In, std.Ask = strings.NewReader(typed), true
		std.Env = func(name string) (string, bool) { return map[string]string{"LANG": "de_DE.UTF-8"}[name], true }
		code := cli.Main(t.Context(), []string{"request", "run", "--config", path("config"), "--policy", "access", "--identity", "email=anna@example.com", "--out", path(out)}, std)
		return code, shown.String()
	}
	code, shown := run("out", "y\ny\n\n"+path("nowhere")+"\ny\nK-77\n"+path("letter.txt")+"\n")
	access, err := os.ReadFile(path("out/access.json"))
	must(err)
	if code != 0 || !strings.Contains(shown, "Vertragsnummer (text): ") || strings.Count(shown, "archive (Paper archive): is there anything") != 2 || !strings.Contains(shown, "cannot be taken") {
		t.Errorf("exit code %d:\n%s", code, shown)
	}
	if !strings.Contains(string(access), `"contract": "K-77"`) || !strings.Contains(string(access), `"name": "letter.txt"`) {
		t.Errorf("access.json: %s", access)
	}
	if code, shown = run("nothing", "y\nn\n"); code != 0 {
		t.Errorf("nothing was found: exit code %d:\n%s", code, shown)
	}
	if code, shown = run("left", "y\ny\n"); code != 2 || !strings.Contains(shown, "--answers FILE") {
		t.Errorf("who is asked leaves: exit code %d:\n%s", code, shown)
	}
}
