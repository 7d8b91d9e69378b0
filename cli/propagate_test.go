package cli_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
)

const marketing = `
purpose:
- {key: newsletter, data_uses: [marketing.communications.email]}
- {key: visits, data_uses: [analytics]}
system:
- {key: crm, name: Customer relations, data_uses: [marketing]}
connection:
- {key: letters, type: webhook, system: crm, receives: identities, private: true, secrets: {url: %[1]s/letters, secret: %[2]s}, consent: {identities: [email], purposes: {newsletter: [list_42]}}}
- {key: ads, type: webhook, system: crm, receives: identities, private: true, secrets: {url: %[1]s/ads, secret: %[2]s}, consent: {identities: [email]}}
- {key: silent, type: webhook, system: crm, secrets: {url: %[1]s/silent, secret: %[2]s}, consent: {identities: [email]}}
- {key: archive, type: webhook, secrets: {url: %[1]s/archive, secret: %[2]s}}
`

// openMarketing gives a shell with a server that tells two programs what people
// choose; ads answers no until it is mended. More is configuration besides.
func openMarketing(t *testing.T, more ...string) (k shopkeeper, mended *atomic.Bool) {
	t.Helper()
	mended = &atomic.Bool{}
	told := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ads" && !mended.Load() {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}))
	t.Cleanup(told.Close)
	k = shopkeeper{shell: shell{t: t, data: filepath.Join(t.TempDir(), "data")}, dir: t.TempDir()}
	k.write("config.yml", fmt.Sprintf(marketing, told.URL, "whsec_"+strings.Repeat("AAAA", 8)))
	for i, text := range more {
		k.write(fmt.Sprintf("more.%d.yml", i), text)
	}
	k.does(0, "apply", "--data", k.data, k.dir)
	key, _ := k.does(0, "apikey", "create", "--data", k.data, "--scope", "consents:write", "--scope", "deliveries:read", "--scope", "deliveries:retry")
	k.key = strings.TrimSpace(key)
	url, end := k.serve("--allow-private-webhooks")
	t.Cleanup(func() { end() })
	k.url = url
	return k, mended
}

func (k shopkeeper) write(name, text string) (path string) {
	k.t.Helper()
	path = filepath.Join(k.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return path
}

// agree records a yes to the newsletter, and gives its record.
func (k shopkeeper) agree(email string) string {
	k.t.Helper()
	body := fmt.Sprintf(`{"identities":[{"type":"email","value":%q}],"purposes":{"newsletter":true}}`, email)
	r, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.url+"/api/v1/consents", strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+k.key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", uuid.NewString())
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	var made api.Recorded
	if err := json.NewDecoder(got.Body).Decode(&made); err != nil || len(made.Choices) != 1 {
		k.t.Fatalf("%d: %v", got.StatusCode, err)
	}
	return made.Choices[0].Record
}

// matches checks that a text has a pattern in it.
func (k shopkeeper) matches(text, pattern string) {
	k.t.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		k.t.Errorf("%q is not in:\n%s", pattern, text)
	}
}

// says waits until a command says something.
func (k shopkeeper) says(want string, args ...string) (out string) {
	k.t.Helper()
	for range 300 {
		if out, _ = k.does(0, args...); strings.Contains(out, want) {
			return out
		}
		<-time.After(50 * time.Millisecond)
	}
	k.t.Fatalf("%v never says %q: %s", args, want, out)
	return ""
}

func TestEachConnectionIsAskedWhatItReceived(t *testing.T) { // P4, C5, C13, C17
	k, mended := openMarketing(t)
	k.says("letters", "propagate", "status")
	if out, _ := k.does(4, "propagate", "explain", "newsletter", "--identity", "email=anna@example.org"); !strings.Contains(out, "Nobody is known by this") {
		t.Error(out)
	}
	record := k.agree("anna@example.org")
	k.says("letters", "propagate", "list", "--status", "complete")
	k.says("ads", "propagate", "list", "--status", "error")

	for _, args := range [][]string{{"--connection", "nowhere"}, {"--system", "nowhere"}, {"--connection", "letters", "--system", "nowhere"}, {"--connection", "nowhere", "--json"}} {
		if out, told := k.does(4, append([]string{"propagate", "list"}, args...)...); out != "" || !strings.Contains(told, "nowhere") {
			t.Errorf("%v: %q %q", args, out, told)
		}
	}
	if out, _ := k.does(0, "propagate", "list", "--connection", "letters", "--status", "error"); !strings.Contains(out, "There is none.") {
		t.Error(out)
	}

	status := k.says("letters", "propagate", "status")
	for _, want := range []string{`letters +crm +0 +1 +0 +0 +0 +0 +-`, `ads +crm +0 +0 +0 +1 +0 +0 +-`, `silent +crm +0 +0 +0 +0 +1 +0 +-`, `crm +error +0 +1 +0 +1 +1 +0`} {
		k.matches(status, want)
	}
	k.matches(status, `\nsilent: nothing is sent to it, whatever people choose\. The connection may not be written to\.`)
	if strings.Contains(status, "letters: nothing is sent") {
		t.Error(status)
	}
	why, _ := k.does(0, "propagate", "explain", "newsletter", "--identity", "email=anna@example.org")
	for _, want := range []string{
		`The newest choice is granted, record \d+\.`, `letters of crm: complete\n  The system has taken all of it\.\n  attempt 1 .*  complete  vc_[0-9a-f]{40}\n    sent email, known since record \d+\n`,
		`ads of crm: error: vendor_refused\n  The system answered no`, `it answered with status 422`, "silent of crm: skipped: no_write_access\n.*receives: identities", "archive: nothing was sent\n.*no `consent:`",
	} {
		k.matches(why, want)
	}
	if strings.Contains(why, "anna") {
		t.Errorf("it names the person: %s", why)
	}
	if out, _ := k.does(0, "propagate", "explain", "newsletter", "--identity", "email=anna@example.org", "--connection", "ads"); strings.Contains(out, "letters") {
		t.Error(out)
	}
	k.does(4, "propagate", "explain", "newsletter", "--identity", "email=anna@example.org", "--connection", "nowhere")

	k.does(4, "propagate", "retry", "nowhere")
	k.does(6, "propagate", "retry", "letters", "--record", record)
	k.does(2, "propagate", "retry", "ads", "--status", "complete")
	if out, _ := k.does(0, "propagate", "retry", "silent", "--status", "skipped"); !strings.Contains(out, "Sent again: 0.") || !strings.Contains(out, "Left as they are: 1. The connection may not be written to.") {
		t.Error(out)
	}
	mended.Store(true)
	if out, _ := k.does(0, "propagate", "retry", "ads"); out != "Sent again: 1.\n" {
		t.Error(out)
	}
	k.says("newsletter", "propagate", "list", "--connection", "ads", "--status", "complete")
	why, _ = k.does(0, "propagate", "explain", "newsletter", "--identity", "email=anna@example.org", "--connection", "ads", "--json")
	var told api.WhyReceived
	if err := json.Unmarshal([]byte(why), &told); err != nil || len(told.Connections[0].Log) != 2 || told.Connections[0].Log[0].Key == told.Connections[0].Log[1].Key {
		t.Errorf("%v: %s", err, why)
	}
}

func TestStatusesOfAnotherPlatformAreImported(t *testing.T) { // C10
	k, _ := openMarketing(t)
	k.says("letters", "propagate", "status")
	record := k.agree("anna@example.org")
	k.says("letters", "propagate", "list", "--status", "complete")
	file := k.write("statuses.jsonl", fmt.Sprintf("{\"record\": %q, \"statuses\": {\"old_crm\": \"COMPLETED\"}}\n\n{\"record\": %[1]q, \"statuses\": {\"crm\": \"perhaps\"}}\n{\"record\": %q, \"statuses\": {\"crm\": \"pending\"}}\nnonsense\n", record, uuid.NewString()))
	out, _ := k.does(3, "propagate", "import", file)
	for _, want := range []string{`line 3: it has a status that is none of`, `line 4: it is about a record that there is not`, `line 5: it is not JSON`, `4 status maps: 1 taken over, 3 errors\.`} {
		k.matches(out, want)
	}
	file = k.write("statuses.json", `[{"identity": {"type": "email", "value": "anna@example.org"}, "purpose": "newsletter", "statuses": {"older_crm": "error"}}]`)
	if out, _ := k.does(0, "propagate", "import", file); out != "1 status map: 1 taken over, 0 errors.\n" {
		t.Error(out)
	}
	_, shown := get(t, k.url+"/api/v1/deliveries/changes/"+record, k.key)
	for _, want := range []string{`"old_crm":"complete"`, `"older_crm":"error"`, `"letters":"complete"`} {
		if !strings.Contains(shown, want) {
			t.Errorf("%s is not in %s", want, shown)
		}
	}
	k.does(4, "propagate", "import", filepath.Join(k.dir, "missing.jsonl"))
}

const warehouse = `
connection:
- {key: warehouse, type: sqlite, access: write, secrets: {url: "sqlite:%s"}, consent: {table: consent_permissions, identities: [email], purposes: {newsletter: [news]}}}
`

func TestAPermissionTableIsComparedWhenItIsAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "warehouse.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // an empty file is an empty database
		t.Fatal(err)
	}
	k, _ := openMarketing(t, fmt.Sprintf(warehouse, path))
	k.says("warehouse", "propagate", "status")
	k.agree("anna@example.org")
	k.says("newsletter", "propagate", "list", "--connection", "warehouse", "--status", "complete")
	k.says("is right as of", "propagate", "status")

	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(t.Context(), `UPDATE consent_permissions SET allowed = 0`); err != nil {
		t.Fatal(err)
	}
	if out, _ := k.does(0, "propagate", "rebuild", "warehouse"); !strings.Contains(out, "table of warehouse are compared now") {
		t.Error(out)
	}
	k.says("put right: 1", "propagate", "status")
	k.does(4, "propagate", "rebuild", "letters")
}
