package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/api"
)

const declared = `
system:
- {key: warehouse, name: The warehouse, data_uses: [analytics]}
connection:
- {key: reports, type: webhook, system: warehouse, secrets: {url: https://reports.example, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}}
- {key: loose, type: webhook, secrets: {url: https://loose.example, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}}
`

const newsletter = `name: Newsletter (EU)
type: webhook
receives: identities
secrets: {url: "https://news.example/${HOME}", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
consent:
  identities: [email]
`

func TestSystemsAndConnectionsAreLookedAfterFromTheCommandLine(t *testing.T) { // C22, C24, C30
	k := shopkeeper{shell: shell{t: t, data: filepath.Join(t.TempDir(), "data")}, dir: t.TempDir()}
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(k.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := filepath.Dir(write("config/all.yml", declared))
	if out, _ := k.run(0, "apply", config, "--data", k.data); !strings.Contains(out, "+ system warehouse") {
		t.Errorf("applied: %s", out)
	}
	key, _ := k.run(0, "apikey", "create", "--data", k.data, "--scope", "systems:read", "--scope", "systems:manage", "--scope", "links:read", "--scope", "links:write", "--scope", "links:delete")
	k.key = strings.TrimSpace(key)
	url, stop := k.serve()
	k.url = url
	shows := func(want string, args ...string) {
		t.Helper()
		if out, _ := k.does(0, args...); !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%v lack %q:\n%s", args, want, out)
		}
	}

	shows("warehouse The warehouse analytics reports directory", "system", "list")
	shows("System crm uses data for: marketing", "system", "set", "crm", "--use", "marketing")
	shows("System crm uses data for: marketing", "system", "set", "crm", "--name", "Customer relations")
	shows("crm: Customer relations data uses marketing connections - kept in server", "system", "show", "crm")
	if _, errs := k.does(2, "system", "set", "ads", "--use", "marketting"); !strings.Contains(errs, "did you mean marketing?") {
		t.Errorf("a use that there is not: %s", errs)
	}
	if _, errs := k.does(6, "system", "set", "warehouse", "--use", "marketing"); !strings.Contains(errs, "configuration directory") {
		t.Errorf("a system of the directory: %s", errs)
	}

	file := write("newsletter.yml", newsletter)
	shows("newsletter_eu: Newsletter (EU) type webhook system - kept in server secrets secret, url", "connection", "add", file)
	if _, errs := k.does(6, "connection", "add", file); !strings.Contains(errs, "this key already") {
		t.Errorf("made twice: %s", errs)
	}
	shows("newsletter_eu belongs to crm.", "connection", "link", "newsletter_eu", "crm")
	shows("newsletter_eu Newsletter (EU) webhook crm server", "connection", "list")
	shows("connections newsletter_eu", "system", "show", "crm")
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{4, "no system", []string{"connection", "link", "newsletter_eu", "nothing"}},
		{4, "no connection", []string{"connection", "link", "nothing", "crm"}},
		{4, "no connection", []string{"connection", "unlink", "nothing"}},
		{6, "configuration directory", []string{"connection", "unlink", "reports"}},
		{6, "configuration directory", []string{"connection", "remove", "reports"}},
		{2, "acess", []string{"connection", "set", "newsletter_eu", write("wrong.yml", "type: webhook\nacess: write\n")}},
		{2, "one connection", []string{"connection", "add", write("empty.yml", "")}},
		{3, "twice.yml:2", []string{"connection", "add", write("twice.yml", "type: a\ntype: b\n")}},
	} {
		if _, errs := k.does(c.code, c.args...); !strings.Contains(errs, c.want) {
			t.Errorf("%v: %s", c.args, errs)
		}
	}

	out, _ := k.does(0, "connection", "set", "newsletter_eu", write("set.yml", "connection:\n- type: webhook\n  disabled: true\n"), "--json")
	var one api.Connection
	if err := json.Unmarshal([]byte(out), &one); err != nil || one.Settings["disabled"] != true || len(one.Secrets) != 2 || len(one.Links) != 1 || strings.Contains(out, "whsec") || strings.Contains(out, "news.example") {
		t.Errorf("set: %v %s", err, out)
	}
	shows("belongs to no system", "connection", "unlink", "newsletter_eu")
	shows("loose belongs to crm.", "connection", "link", "loose", "crm")
	shows("System crm is removed", "system", "remove", "crm")
	shows("loose webhook - directory", "connection", "list")
	shows("Connection newsletter_eu is removed", "connection", "remove", "newsletter_eu")
	shows("System shop uses data for: -", "system", "set", "shop")
	if code, rest := stop(); code != 0 {
		t.Errorf("the server ended with %d: %s", code, rest)
	}

	// What was made on the server stands in the way of a directory that declares it.
	k.url = ""
	write("config/more.yml", "system: [{key: shop}]\n")
	if _, errs := k.run(6, "apply", config, "--data", k.data); !strings.Contains(errs, "a system with the key shop was made over HTTP: remove it there") {
		t.Errorf("a system that both have: %s", errs)
	}
}
