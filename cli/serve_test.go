package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/cli"
)

// shell runs commands as one person on one machine would.
type shell struct {
	t    *testing.T
	data string
	env  func(string) (string, bool) // nil for nothing
}

func (s shell) run(code int, args ...string) (out, errs string) {
	s.t.Helper()
	var o, e bytes.Buffer
	if got := cli.Main(s.t.Context(), args, s.std(&o, &e)); got != code {
		s.t.Fatalf("%v: exit code %d, want %d: %s", args, got, code, e.String())
	}
	return o.String(), e.String()
}

func (s shell) std(out, errs io.Writer) cli.IO {
	env := s.env
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	return cli.IO{In: strings.NewReader(""), Out: out, Err: errs, Env: env, User: "tester", Now: time.Now}
}

// serve starts a server and gives its address, what else it said at the
// start, and a function that ends it.
func (s shell) serve(more ...string) (url string, end func() (code int, rest string)) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, append([]string{"serve", "--data", s.data, "--listen", "127.0.0.1:0"}, more...), s.std(writer, io.Discard))
		_ = writer.Close()
	}()
	lines := bufio.NewReader(reader)
	first, err := lines.ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	rest := make(chan string, 1)
	go func() { b, _ := io.ReadAll(lines); rest <- string(b) }()
	return strings.TrimSpace(first[strings.Index(first, "http://"):]), func() (int, string) { stop(); return <-ended, <-rest }
}

func get(t *testing.T, url, key string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode, string(body)
}

func TestServerTakesAKeyUntilItIsRevoked(t *testing.T) { // SE12
	s := shell{t: t, data: filepath.Join(t.TempDir(), "data")}
	url, end := s.serve()
	if status, body := get(t, url+"/readyz", ""); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, body)
	}
	if status, _ := get(t, url+"/api/v1/requests", ""); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", status)
	}
	if _, errs := s.run(6, "apikey", "list", "--data", s.data); !strings.Contains(errs, "stopped first") {
		t.Errorf("two processes at one directory: %s", errs)
	}
	if code, rest := end(); code != 0 || !strings.Contains(rest, "Its first owner comes by this link") || !strings.Contains(rest, url+"/set-up/vi_") {
		t.Errorf("exit code %d, said %q", code, rest)
	}

	key, _ := s.run(0, "apikey", "create", "--data", s.data, "--scope", "requests:read", "--scope", "audit:read", "--name", "ci")
	key = strings.TrimSpace(key)
	url, end = s.serve()
	if status, body := get(t, url+"/api/v1/requests", key); status != http.StatusOK || body != `{"items":[]}`+"\n" {
		t.Errorf("with the key: %d %s", status, body)
	}
	out, _ := s.run(0, "audit", "verify", "--token", key, url+"/api/v1/audit/export")
	if !strings.Contains(out, "Verified: 5 records of tenant default") {
		t.Error(out)
	}
	s.run(1, "audit", "verify", url+"/api/v1/audit/export")
	if code, _ := end(); code != 0 {
		t.Errorf("exit code %d", code)
	}

	var list []struct{ ID, Name, State string }
	out, _ = s.run(0, "apikey", "list", "--data", s.data, "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Name != "ci" || list[0].State != "valid" || strings.Contains(out, key) {
		t.Fatalf("%v: %s", err, out)
	}
	s.run(0, "apikey", "revoke", "--data", s.data, list[0].ID)
	s.run(4, "apikey", "revoke", "--data", s.data, "nobody")
	if out, _ = s.run(0, "apikey", "list", "--data", s.data); !strings.Contains(out, "revoked") {
		t.Error(out)
	}
	url, end = s.serve()
	if status, _ := get(t, url+"/api/v1/requests", key); status != http.StatusUnauthorized {
		t.Errorf("with a revoked key: %d", status)
	}
	end()
}

func TestAPIKeyRefusesWhatItDoesNotUnderstand(t *testing.T) {
	s := shell{t: t, data: filepath.Join(t.TempDir(), "data")}
	for _, args := range [][]string{{}, {"--scope", "everything"}, {"--scope", "audit:read", "--expires", "soon"}, {"--scope", "audit:read", "--expires", "0d"}, {"--scope", "audit:read", "--expires", "-1d"}, {"--scope", "audit:read", "--expires", "9999999999d"}, {"--scope", "audit:read", "--expires", "1dd"}} {
		s.run(2, append([]string{"apikey", "create", "--data", s.data}, args...)...)
	}
	out, _ := s.run(0, "apikey", "create", "--data", s.data, "--scope", "audit:read", "--expires", "never", "--json")
	var key struct{ Key, Expires string }
	if err := json.Unmarshal([]byte(out), &key); err != nil || !strings.HasPrefix(key.Key, "vk_") || key.Expires != "never" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestOperatorsAreInvitedListedAndKeptOut(t *testing.T) { // SE12, SE13
	s := shell{t: t, data: filepath.Join(t.TempDir(), "data")}
	_, end := s.serve()
	_, rest := end()
	owner := regexp.MustCompile(`vi_\S+`).FindString(rest)
	s.run(2, "operator", "invite", "--data", s.data, "--role", "king")
	viewer, told := s.run(0, "operator", "invite", "--data", s.data, "--role", "viewer")
	if !strings.Contains(told, "shown only now") {
		t.Error(told)
	}
	url, end := s.serve()
	for invitation, want := range map[string]int{owner: http.StatusForbidden, strings.TrimSpace(viewer): http.StatusCreated} {
		body := fmt.Sprintf(`{"invitation":%q,"email":"olga@example.org","name":"Olga","password":"correct horse battery staple"}`, invitation)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/operators", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != want {
			t.Errorf("status %d, want %d: %v", answer.StatusCode, want, err)
		}
	}
	end()

	var list []struct {
		ID, Email, Role string
		Enabled         bool
	}
	read := func() {
		t.Helper()
		out, _ := s.run(0, "operator", "list", "--data", s.data, "--json")
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Email != "olga@example.org" {
			t.Fatalf("%v: %s", err, out)
		}
	}
	read()
	id := list[0].ID
	s.run(0, "operator", "role", "--data", s.data, id, "engineer")
	s.run(0, "operator", "disable", "--data", s.data, id)
	if read(); list[0].Role != "engineer" || list[0].Enabled {
		t.Errorf("%+v", list)
	}
	s.run(0, "operator", "enable", "--data", s.data, id)
	s.run(4, "operator", "enable", "--data", s.data, "nobody")
	s.run(2, "operator", "role", "--data", s.data, id, "king")
	if out, _ := s.run(0, "operator", "list", "--data", s.data); !strings.Contains(out, "enabled  engineer  olga@example.org") {
		t.Error(out)
	}
	s.run(0, "operator", "role", "--data", s.data, id, "owner")
	s.run(6, "operator", "disable", "--data", s.data, id)
	s.run(6, "operator", "role", "--data", s.data, id, "viewer")
}

func TestServerSaysThatItCannotListen(t *testing.T) {
	s := shell{t: t, data: filepath.Join(t.TempDir(), "data")}
	if _, errs := s.run(1, "serve", "--data", s.data, "--listen", "127.0.0.1:99999"); !strings.Contains(errs, "listen on 127.0.0.1:99999") {
		t.Error(errs)
	}
}

func TestServeRefusesPlacesAndTimesThatMakeNoSense(t *testing.T) { // SE3
	s := shell{t: t, data: t.TempDir()}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "1 at least", []string{"--download-times", "0"}},
		{2, "1 at least", []string{"--download-days=-1"}},
		{2, "--package-days is not less than --download-days", []string{"--download-days", "9", "--package-days", "8"}},
		{1, "is not like s3://BUCKET/PREFIX", []string{"--packages", "s3://key:secret@bucket"}},
	} {
		_, errs := s.run(c.code, append([]string{"serve", "--data", s.data, "--listen", "127.0.0.1:0"}, c.args...)...)
		if !strings.Contains(errs, c.says) || strings.Contains(errs, "secret") {
			t.Errorf("%v: %s", c.args, errs)
		}
	}
}

// A server that is told to stop as soon as it says where it listens.
func TestServerThatIsToldToStopWhileItStartsEndsWell(t *testing.T) { // R8
	s := shell{t: t, data: t.TempDir()}
	ctx, stop := context.WithCancel(t.Context())
	var errs bytes.Buffer
	if code := cli.Main(ctx, []string{"serve", "--data", s.data, "--listen", "127.0.0.1:0"}, s.std(stopping(stop), &errs)); code != 0 {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}

// stopping tells the program to stop when it says something.
type stopping context.CancelFunc

func (s stopping) Write(p []byte) (int, error) {
	s()
	return len(p), nil
}
