package docs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/cli"
	"volenti.dev/volenti/internal/vendortest"
)

// The commands run as they stand, in a directory of their own, but that the
// description leads to a simulated vendor on loopback.
func TestCommandsThatTryAVendorRun(t *testing.T) { // H17
	_, after, _ := strings.Cut(read(t, "http-connectors.md"), "\n## Trying a description\n")
	_, after, _ = strings.Cut(after, "\n```\n")
	commands, _, found := strings.Cut(after, "```")
	if !found || strings.Count(commands, "\n") != 4 {
		t.Fatalf("the page no longer has its four commands: %q", commands)
	}
	v := vendortest.Mailchimp()
	v.Put("lists", vendortest.Row{"id": "l1", "name": "news"})
	vendortest.PutMember(v, "l1", vendortest.Row{"email_address": "made-up@example.com"})
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("secrets.yml", "domain: \""+strings.TrimPrefix(v.Serve(t), "http://")+"\"\napi_key: "+v.Secret+"\n")
	last := ""
	for line := range strings.Lines(commands) {
		command, into, redirected := strings.Cut(strings.TrimSpace(line), " > ")
		args := strings.Fields(command)[1:]
		for i, arg := range args {
			if strings.HasSuffix(arg, ".yml") || strings.HasSuffix(arg, ".json") {
				args[i] = filepath.Join(dir, arg)
			}
		}
		if strings.Contains(command, "--secrets") {
			args = append(args, "--allow-private")
		}
		var out, errs bytes.Buffer
		code := cli.Main(t.Context(), args, cli.IO{In: strings.NewReader(""), Out: &out, Err: &errs, Env: os.LookupEnv, User: "tester", Now: time.Now})
		if code != 0 {
			t.Fatalf("%s: exit code %d: %s", line, code, errs.String())
		}
		if last = out.String(); redirected {
			put(into, strings.NewReplacer("protocol: https", "protocol: http", `allowed_values: ["*.api.mailchimp.com"]`, "").Replace(last))
		}
	}
	if !strings.Contains(last, "members: 1 row\n") {
		t.Errorf("the replay gave %s", last)
	}
}
