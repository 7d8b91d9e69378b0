package docs_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/cli"
)

// consentScreen is a vendor that authorises as RFC 6749 and RFC 7636 say.
type consentScreen struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	refuses bool
	codes   map[string]url.Values // what each was given for
	shown   []string              // codes, verifiers and tokens, which nobody else is to see
}

func newConsentScreen(t *testing.T) *consentScreen {
	v := &consentScreen{t: t, codes: map[string]url.Values{}}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

// ServeHTTP implements http.Handler.
func (v *consentScreen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch q := r.URL.Query(); r.URL.Path {
	case "/oauth/authorize":
		if q.Get("response_type") != "code" || q.Get("client_id") != "volenti" || q.Get("code_challenge_method") != "S256" {
			v.t.Errorf("somebody is sent with %v", q)
		}
		back := url.Values{"state": {q.Get("state")}, "error": {"access_denied"}}
		if !v.refuses {
			code := fmt.Sprint("canary-code-", len(v.codes))
			v.codes[code], v.shown = q, append(v.shown, code)
			back = url.Values{"state": {q.Get("state")}, "code": {code}}
		}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	case "/oauth/token":
		if err := r.ParseForm(); err != nil {
			v.t.Error(err)
		}
		code, verifier := r.PostForm.Get("code"), r.PostForm.Get("code_verifier")
		given, sum := v.codes[code], sha256.Sum256([]byte(verifier))
		delete(v.codes, code) // it is good once
		if given == nil || r.PostForm.Get("grant_type") != "authorization_code" || r.PostForm.Get("client_secret") != "canary-secret" ||
			r.PostForm.Get("redirect_uri") != given.Get("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != given.Get("code_challenge") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		v.shown = append(v.shown, verifier, "canary-access", "canary-refresh")
		_, _ = io.WriteString(w, `{"access_token": "canary-access", "refresh_token": "canary-refresh", "expires_in": 3600}`)
	case "/ping":
		if r.Header.Get("Authorization") != "Bearer canary-access" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
}

// refuse says whether whoever is asked from now on does not allow it.
func (v *consentScreen) refuse(refuses bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refuses = refuses
}

// sends gives where a browser is sent back to.
func (v *consentScreen) sends(address string) string {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	got, err := http.DefaultTransport.RoundTrip(r) // which does not follow
	if err != nil {
		v.t.Fatal(err)
	}
	_ = got.Body.Close()
	return got.Header.Get("Location")
}

// The command of the page and its description, against a vendor on loopback, by a server
// of its own.
func TestAPersonAuthorisesAConnectionAsThePageSays(t *testing.T) { // H8, SE10
	page := read(t, "http-connectors.md")
	_, page, _ = strings.Cut(page, "\n## Authorisation by a person\n")
	_, command, _ := strings.Cut(page, "```\n")
	command, _, _ = strings.Cut(command, "\n")
	_, authentication, found := strings.Cut(page, "```text\n")
	authentication, _, _ = strings.Cut(authentication, "```")
	if command != "volenti connection authorize crm" || !found {
		t.Fatalf("the page no longer has its command and its description: %q", command)
	}
	v, dir := newConsentScreen(t), t.TempDir()
	data := filepath.Join(dir, "data")
	config := filepath.Join(dir, "config")
	description := "saas_config:\n  fides_key: crm\n  name: Relations\n  type: relations\n  version: 1.0.0\n  description: Customers.\n" +
		"  connector_params: [{name: host}, {name: client_id}, {name: client_secret, sensitive: true}]\n" +
		"  client_config:\n    protocol: http\n    host: <host>\n" + indented(authentication, "    ") +
		"  test_request: {method: GET, path: /ping}\n  endpoints:\n  - {name: people, requests: {read: {method: GET, path: /people/<email>, param_values: [{name: email, identity: email}]}}}\n" +
		fmt.Sprintf("connection:\n- {key: crm, type: relations, datasets: [], private: true, secrets: {host: %q, client_id: volenti, client_secret: canary-secret}}\n", strings.TrimPrefix(v.URL, "http://"))
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "crm.yml"), []byte(description), 0o600); err != nil {
		t.Fatal(err)
	}
	var behind atomic.Int64 // of the clock
	var said, log safeBuffer
	std := func(out io.Writer) cli.IO {
		now := func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
		return cli.IO{In: strings.NewReader(""), Out: out, Err: &log, Env: os.LookupEnv, User: "tester", Now: now}
	}
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := cli.Main(t.Context(), args, std(io.MultiWriter(&out, &said))); code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, log.String())
		}
		return out.String()
	}
	run("apply", "--data", data, config)
	key := strings.TrimSpace(run("apikey", "create", "--data", data, "--scope", "systems:manage", "--scope", "systems:read", "--scope", "requests:operate"))
	server, end := served(t, std, data)
	there := []string{"--server", server, "--token", key}
	begin := func() string {
		t.Helper()
		return strings.TrimSpace(run(append(strings.Fields(command)[1:], there...)...))
	}
	// works says whether the connection can be used.
	works := func(want bool) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+"/api/v1/connections/crm/test", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Authorization": {"Bearer " + key}, "Idempotency-Key": {uuid.NewString()}}
		if text := answered(t, r, http.StatusOK); strings.Contains(text, `"succeeded":true`) != want {
			t.Errorf("the test of the connection says %s", text)
		}
	}
	// back is a browser that comes back, and what it is told.
	back := func(address string, status int, want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		text := answered(t, r, status)
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q: %s", want, text)
		}
		_, _ = said.Write([]byte(text))
	}
	const nothing, can = "This address allows nothing", "The connection crm can be used now"

	works(false)
	v.refuse(true)
	back(v.sends(begin()), http.StatusOK, "not allowed at the vendor")
	v.refuse(false)
	works(false)
	good := v.sends(begin())
	back(strings.Replace(good, "state=", "state=x", 1), http.StatusForbidden, nothing)
	works(false)
	behind.Store(int64(16 * time.Minute))
	late := v.sends(begin())
	behind.Store(0)
	back(late, http.StatusForbidden, nothing)
	other := v.sends(begin())
	state, _ := url.Parse(other)
	with, _ := url.Parse(good)
	mixed := with.Query()
	mixed.Set("state", state.Query().Get("state"))
	back(server+with.Path+"?"+mixed.Encode(), http.StatusOK, "400") // the code was given to another browser
	works(false)
	again := v.sends(begin())
	back(again, http.StatusOK, can)
	works(true)
	back(again, http.StatusForbidden, nothing)
	works(true)
	end()

	stored := said.String() + log.String()
	for _, name := range []string{"volenti.db", "volenti.db-wal"} {
		if b, err := os.ReadFile(filepath.Join(data, name)); err == nil {
			stored += string(b)
		}
	}
	if len(v.shown) < 6 {
		t.Errorf("the vendor has given out %d secrets", len(v.shown))
	}
	for _, secret := range v.shown {
		if strings.Contains(stored, secret) {
			t.Errorf("%s was shown, logged or stored as it is", secret)
		}
	}
}

func answered(t *testing.T, r *http.Request, status int) string {
	t.Helper()
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != status {
		t.Errorf("%s: %d, want %d: %s", r.URL.Path, got.StatusCode, status, text)
	}
	return string(text)
}

func indented(text, by string) (all string) {
	for line := range strings.Lines(text) {
		all += by + line
	}
	return all
}

// served starts a server and gives its address, and what ends it.
func served(t *testing.T, std func(io.Writer) cli.IO, data string) (address string, end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--allow-private-webhooks"}, std(writer))
		_ = writer.Close()
	}()
	lines := bufio.NewScanner(reader)
	if !lines.Scan() {
		t.Fatalf("the server says nothing, and ends with %d", <-ended)
	}
	go func() {
		for lines.Scan() {
			continue
		}
	}()
	end = sync.OnceFunc(func() { stop(); <-ended })
	t.Cleanup(end)
	return strings.TrimPrefix(lines.Text(), "Volenti answers on "), end
}

// safeBuffer keeps what several write.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
