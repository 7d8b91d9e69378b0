package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/connector/http/vendors"
	"volenti.dev/volenti/internal/vendortest"
)

// mailchimpAt gives a shell, a directory with a description that leads to a
// simulated vendor on loopback, and its secrets.
func mailchimpAt(t *testing.T) (s shell, dir string, v *vendortest.Vendor) {
	t.Helper()
	v = vendortest.Mailchimp()
	v.Put("lists", vendortest.Row{"id": "l1", "name": "canary-audience"}, vendortest.Row{"id": "l2", "name": "others"})
	hash := vendortest.PutMember(v, "l1", vendortest.Row{"email_address": "canary-anna@example.com", "full_name": "canary-name", v.Secret: "canary-by-key", "language": v.Secret})
	v.Put("notes", vendortest.Row{"member": "l1/" + hash, "list_id": "l1", "note": "canary-note", "id": 4711})
	text, err := vendors.Files.ReadFile("mailchimp.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	text = []byte(strings.NewReplacer("protocol: https", "protocol: http", `allowed_values: ["*.api.mailchimp.com"]`, "").Replace(string(text)))
	put(t, filepath.Join(dir, "vendor.yml"), string(text))
	put(t, filepath.Join(dir, "secrets.yml"), "domain: \""+strings.TrimPrefix(v.Serve(t), "http://")+"\"\napi_key: "+v.Secret+"\n")
	return shell{t: t}, dir, v
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVendorIsAskedAndShownWithoutValuesAndReplayed(t *testing.T) { // H17
	t.Parallel()
	s, dir, v := mailchimpAt(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	ask := []string{"connector", "test", file("vendor.yml"), "--secrets", file("secrets.yml"), "--identity", "email=canary-anna@example.com", "--endpoint", "notes", "--allow-private"}
	out, errs := s.run(0, append(ask, "--record", file("kept.json"), "--json")...)
	kept, err := os.ReadFile(file("kept.json"))
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := s.run(0, ask...)
	for what, text := range map[string]string{"the output": out + errs + plain, "the recording": string(kept)} {
		for _, canary := range []string{"canary", v.Secret, "4711", "127.0.0.1"} {
			if strings.Contains(text, canary) {
				t.Errorf("%s shows %q:\n%s", what, canary, text)
			}
		}
	}
	for _, want := range []string{"GET /3.0/lists/<list_id>/members/<email>: 404", "members/<member_id>/notes: 200, 1 row: id, list_id, member, note", "notes: 1 row"} {
		if !strings.Contains(plain, want) {
			t.Errorf("the output lacks %q:\n%s", want, plain)
		}
	}
	before := len(v.Calls())
	again, _ := s.run(0, "connector", "test", file("vendor.yml"), "--replay", file("kept.json"), "--json")
	if a, b := shape(t, out), shape(t, again); a != b {
		t.Errorf("recorded:\n%s\nreplayed:\n%s", a, b)
	}
	if made := len(v.Calls()) - before; made != 0 {
		t.Errorf("a replay called the vendor %d times", made)
	}
	rows, _ := s.run(0, append(ask, "--show-rows")...)
	if !strings.Contains(rows, "canary-note") {
		t.Errorf("the rows are not shown:\n%s", rows)
	}
	ask[8] = "members"
	if rows, _ = s.run(0, append(ask, "--show-rows")...); !strings.Contains(rows, "canary-name") || strings.Contains(rows, v.Secret) {
		t.Errorf("a name is missing, or a secret that the vendor sent back is shown:\n%s", rows)
	}
}

// shape is what was seen, without how long it took.
func shape(t *testing.T, text string) string {
	t.Helper()
	var seen map[string]any
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
		t.Fatal(err)
	}
	for _, call := range seen["calls"].([]any) {
		delete(call.(map[string]any), "duration_ms")
	}
	shown, err := json.MarshalIndent(seen, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(shown)
}

func TestReplaySaysThatTheDescriptionAsksOtherwise(t *testing.T) { // H17
	t.Parallel()
	s, dir, _ := mailchimpAt(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	s.run(0, "connector", "test", file("vendor.yml"), "--secrets", file("secrets.yml"), "--identity", "email=canary-anna@example.com", "--endpoint", "members", "--allow-private", "--record", file("kept.json"))
	text, err := os.ReadFile(file("vendor.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for was, now := range map[string]string{"/3.0/lists/<list_id>/members/<email>": "/4.0/lists/<list_id>/members/<email>", "data_path: lists": "data_path: none", "        ignore_errors: [404]\n      delete": "        ignore_errors: [404]\n        data_path: none\n      delete"} {
		put(t, file("changed.yml"), strings.ReplaceAll(string(text), was, now))
		if _, errs := s.run(6, "connector", "test", file("changed.yml"), "--replay", file("kept.json")); !strings.Contains(errs, "mend the description, or record it again") {
			t.Errorf("%s: %s", now, errs)
		}
	}
}

func TestVendorTestSaysWhatIsWrongAndTheMend(t *testing.T) { // H17, SE4
	t.Parallel()
	s, dir, v := mailchimpAt(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	put(t, file("bad.yml"), "saas_config:\n  fides_key: a\n  name: A\n  type: a\n  client_config: {protocol: https, host: <nothing>}\n  endpoints: []\n  oops: 1\n")
	put(t, file("typo.yml"), "domian: x\n")
	put(t, file("wrong.yml"), "domain: us6.api.mailchimp.com\napi_key: wrong-canary\n")
	secrets, err := os.ReadFile(file("secrets.yml"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, file("denied.yml"), strings.ReplaceAll(string(secrets), v.Secret, "wrong-canary"))
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{3, "bad.yml:7", []string{file("bad.yml")}},
		{3, "bad.yml:5", []string{file("bad.yml")}},
		{4, "did you mean mailchimp?", []string{"mailchmp"}},
		{4, "it has: audiences, members, notes, activity", []string{"mailchimp", "--endpoint", "people"}},
		{2, "domain, api_key", []string{"mailchimp"}},
		{3, "did you mean domain?", []string{file("vendor.yml"), "--secrets", file("typo.yml")}},
		{3, "the secret api_key is missing", []string{file("vendor.yml"), "--secrets", file("typo.yml")}},
		{2, "--identity email=...", []string{file("vendor.yml"), "--secrets", file("secrets.yml"), "--endpoint", "members", "--allow-private"}},
		{5, "--allow-private", []string{file("vendor.yml"), "--secrets", file("secrets.yml")}},
		{5, "look at the connection's secrets", []string{file("vendor.yml"), "--secrets", file("denied.yml"), "--allow-private"}},
	} {
		out, errs := s.run(c.code, append([]string{"connector", "test"}, c.args...)...)
		if !strings.Contains(errs, c.says) || strings.Contains(out+errs, "canary") {
			t.Errorf("%v lacks %q, or shows a secret: %s%s", c.args, c.says, out, errs)
		}
	}
}

func TestDescriptionsThatComeAlongAreListedAndShown(t *testing.T) { // H17
	s := shell{t: t}
	list, _ := s.run(0, "connector", "list")
	for _, want := range []string{"mailchimp: Mailchimp. ", "opendsr: OpenDSR. ", "audiences, members, notes, activity"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %q:\n%s", want, list)
		}
	}
	shown, _ := s.run(0, "connector", "show", "mailchimp")
	if want, err := vendors.Files.ReadFile("mailchimp.yml"); err != nil || shown != string(want) {
		t.Errorf("what is shown is not the file: %v", err)
	}
}
