package config_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/subject"
)

var update = flag.Bool("update", false, "write the problems that were found into the archives")

var registry = connector.Registry{
	"postgres": {Type: "postgres", Permits: true, Secrets: []connector.Setting{{Name: "url", Required: true, Help: "postgres://..."}}},
	"webhook":  {Type: "webhook", Called: true, Prefers: 1, Secrets: []connector.Setting{{Name: "url", Required: true}, {Name: "secret", Required: true, Help: "whsec_..."}}},
	"http":     {Type: "http", Secrets: []connector.Setting{{Name: "host", Required: true, Help: "a host name"}, {Name: "port"}, {Name: "token"}}},
	"letters": {Type: "letters", Instructed: true, Prefers: 500, Secrets: []connector.Setting{{Name: "to", Required: true, Help: "an address", Check: func(v string) error {
		if !strings.Contains(v, "@") {
			return errors.New("it is not an address")
		}
		return nil
	}}}},
}

// load reads a directory of the given files; problems come as lines.
func load(t testing.TB, files map[string]string, env map[string]string) (*config.Config, []source.Problem) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, problems, err := config.Load(dir, config.Options{Registry: registry, Env: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	problems = source.Sort(append(problems, config.Check(c)...))
	for i := range problems {
		problems[i].File, _ = filepath.Rel(dir, problems[i].File)
		problems[i].Message = strings.ReplaceAll(problems[i].Message, dir+string(filepath.Separator), "")
	}
	return c, problems
}

// one is load for a directory of one file.
func one(t testing.TB, text string) (*config.Config, []source.Problem) {
	t.Helper()
	return load(t, map[string]string{"c.yml": text}, map[string]string{"PASSWORD": "hunter2", "EMPTY": ""})
}

// Every archive holds a configuration directory, and in `problems` all that is
// to be found in it, with file and line, why and the mend (D5).
func TestAllProblemsOfADirectoryAreFoundAtOnce(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal(err, archives)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, f := range archive.Files {
				if f.Name != "problems" {
					files[f.Name] = string(f.Data)
				}
			}
			_, problems := load(t, files, map[string]string{"PASSWORD": "hunter2"})
			var got strings.Builder
			for _, p := range problems {
				fmt.Fprintln(&got, p)
			}
			if last := len(archive.Files) - 1; *update {
				archive.Files[last] = txtar.File{Name: "problems", Data: []byte(got.String())}
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(archive.Files[last].Data), got.String()); diff != "" || archive.Files[last].Name != "problems" {
				t.Error(diff)
			}
		})
	}
}

func TestTheExampleOfTheFormatHasNoProblem(t *testing.T) { // D1-D5
	c, problems := load(t, map[string]string{
		"data/shop.yml": shop, "data/more/crm.yaml": crm, "policies.yml": policies, "connections.yml": connections, ".hidden.yml": "[",
	}, map[string]string{"PASSWORD": "hunter2"})
	if problems != nil {
		t.Fatal(problems)
	}
	if len(c.Datasets) != 2 || len(c.Policies) != 1 || len(c.Connections) != 2 || !c.Taxonomy.Categories.Known("user.loyalty") {
		t.Errorf("%d datasets, %d policies, %d connections", len(c.Datasets), len(c.Policies), len(c.Connections))
	}
	conn := c.Connections[0]
	if conn.Key != "db" || !conn.Write || conn.Secrets["url"].Reveal() != "postgres://me:hunter2@host/${x}" {
		t.Errorf("%+v", conn)
	}
}

func TestSecretsShowNothing(t *testing.T) { // SE10
	c, problems := one(t, `
connection:
- {key: a, type: http, secrets: {host: h, token: "x${PASSWORD}y", port: 80, tokn: hunter2, url: "hunter2"}}
- {key: b, type: http, secrets: {host: [hunter2], token: {hunter2: x}, port: "${hunter2 hunter2}"}}
- {key: c, type: http, secrets: hunter2}
- {key: d, type: http, secrets: {host: "${EMPTY}", token: "${UNSET}${PASSWORD}"}}
- {key: e, type: http, disabled: true, secrets: {token: "${UNSET}"}}
`)
	if got := c.Connections[0].Secrets; got["token"].Reveal() != "xhunter2y" || got["port"].Reveal() != "80" {
		t.Error("secrets were not expanded")
	}
	shown, err := json.Marshal(struct{ C, P any }{c, problems})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s %s", c, c.Connections, c.Connections[0].Secrets, shown, problems)
	if strings.Contains(text, "hunter2") || !strings.Contains(text, subject.Redacted) {
		t.Error("a secret is shown")
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		`c.yml:3: error: unknown key "tokn" (did you mean token?)`,
		`c.yml:3: error: unknown key "url" (remove it)`,
		`c.yml:4: error: the secret host of the connection b must be text, found a list (put it in quotes)`,
		`c.yml:4: error: the secret token of the connection b must be text, found a mapping (put it in quotes)`,
		`c.yml:4: error: a secret of the connection b names an environment variable wrongly (write ${NAME} with letters, digits and _, or $${ for the characters themselves)`,
		`c.yml:5: error: secrets must be a mapping, found text (write its keys below it, one a line)`,
		`c.yml:6: error: the secret host of the connection d is empty (a host name)`,
		`c.yml:6: error: the environment variable UNSET is not set; the connection d needs it (set it, or disable the connection)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestADanglingReferenceIsLeftToCheck(t *testing.T) { // D10
	dir := t.TempDir()
	text := "dataset: [{fides_key: a, collections: [{name: c, fields: [{name: f, fides_meta: {references: [{dataset: b, field: c.f}]}}]}]}]\n" +
		"connection: [{key: k, type: postgres, datasets: [a], secrets: {url: x}}]"
	if err := os.WriteFile(filepath.Join(dir, "a.yml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c, problems, err := config.Load(dir, config.Options{Registry: registry})
	if err != nil || problems != nil {
		t.Fatal(problems, err)
	}
	if found := config.Check(c); !source.Failed(found) {
		t.Error(found)
	}
}

func TestAMissingDirectoryIsTheSystemsError(t *testing.T) {
	if _, _, err := config.Load(filepath.Join(t.TempDir(), "none"), config.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestTheDigestIsOfWhatIsSaid(t *testing.T) {
	files := map[string]string{"shop.yml": shop, "crm.yml": crm, "p.yml": policies, "c.yml": connections}
	env := map[string]string{"PASSWORD": "hunter2"}
	first, _ := load(t, files, env)
	if !regexp.MustCompile("^[0-9a-f]{64}$").MatchString(first.Digest) {
		t.Fatal(first.Digest)
	}
	// What approved plans name: a change here makes all of them drift.
	if want := "97569e6c3c60f7391d2a83ce1f5e87802085faba3cb2386128a15264d377e90a"; first.Digest != want {
		t.Errorf("the digest is %s", first.Digest)
	}
	same := map[string]map[string]string{
		"one file":      {"all.yml": "# all\n---\n" + connections + "---\n" + policies + "---\n" + shop + "---\n" + crm},
		"other secret":  {"shop.yml": shop, "crm.yml": crm, "p.yml": policies, "c.yml": strings.Replace(connections, "//me:", "//you:", 1)},
		"other comment": {"shop.yml": "\n\n#x\n" + shop, "crm.yml": crm, "p.yml": policies, "c.yml": connections},
		"former meta":   {"shop.yml": strings.ReplaceAll(shop, "fides_meta", "fidesops_meta"), "crm.yml": crm, "p.yml": policies, "c.yml": connections},
	}
	for name, files := range same {
		if c, _ := load(t, files, env); c.Digest != first.Digest {
			t.Errorf("%s: the digest changed", name)
		}
	}
	for old, other := range map[string]string{
		"primary_key: true": "primary_key: false", "user.unique_id": "user.device", "length: 40": "length: 41", "direction: from": "direction: to",
		"rewrite_value: \"x\"": "rewrite_value: \"y\"", "access: write": "access: read", "§ 147 AO": "§ 148 AO", "datasets: [shop]": "datasets: []",
		"read_only: true": "read_only: false", "name: note": "name: notes", "'2024-01-01'": "'2024-01-02'", "2031-12-31": "2031-12-30",
	} {
		changed, found := map[string]string{}, false
		for name, text := range files {
			changed[name] = strings.Replace(text, old, other, 1)
			found = found || changed[name] != text
		}
		if c, _ := load(t, changed, env); c.Digest == first.Digest || !found {
			t.Errorf("the digest does not tell %q from %q", old, other)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, text := range []string{shop, crm, policies, connections, shop + "---\n" + crm + "---\n" + policies + "---\n" + connections} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, _ := one(t, text); len(c.Digest) != 64 {
			t.Error(c.Digest)
		}
	})
}

func BenchmarkLoadThousandCollections(b *testing.B) {
	var text strings.Builder
	text.WriteString("dataset:\n- fides_key: shop\n  collections:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  - name: c%d\n    fields:\n    - name: id\n      data_categories: [user.unique_id]\n      fides_meta:\n        primary_key: true\n", i)
		if i == 0 {
			text.WriteString("        identity: email\n")
		} else {
			fmt.Fprintf(&text, "        references:\n        - {dataset: shop, field: c%d.id, direction: from}\n", i/2)
		}
		for j := range 8 {
			fmt.Fprintf(&text, "    - name: f%d\n      data_categories: [user.contact.email]\n      fides_meta: {data_type: string}\n", j)
		}
	}
	dir := b.TempDir()
	for name, text := range map[string]string{"a.yml": text.String(), "p.yml": policies, "crm.yml": crm, "c.yml": "connection: [{key: k, type: postgres, access: write, datasets: [shop, crm], secrets: {url: x}}]"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		c, problems, err := config.Load(dir, config.Options{Registry: registry})
		if err != nil || source.Failed(problems) {
			b.Fatal(problems, err)
		}
		config.Check(c)
	}
}
