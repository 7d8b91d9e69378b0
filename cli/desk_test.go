package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/cli"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/examples"
)

// shopkeeper is a shell with the demo shop applied, its server and a key.
type shopkeeper struct {
	shell
	dir, url, key string
}

func openShop(t *testing.T) shopkeeper {
	t.Helper()
	k := shopkeeper{shell: shell{t: t, data: filepath.Join(t.TempDir(), "data")}, dir: t.TempDir()}
	if err := shop.Write(t.Context(), k.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(k.dir, "config"), examples.DemoShop()); err != nil {
		t.Fatal(err)
	}
	k.does(0, "apply", "--data", k.data, filepath.Join(k.dir, "config"))
	scopes := []string{"apikey", "create", "--data", k.data}
	for _, scope := range []string{"requests:read", "requests:write", "requests:approve", "requests:operate", "packages:read"} {
		scopes = append(scopes, "--scope", scope)
	}
	key, _ := k.does(0, scopes...)
	k.key = strings.TrimSpace(key)
	k.env = k.knows
	url, end := k.serve()
	t.Cleanup(func() { end() })
	k.url = url
	return k
}

func (k shopkeeper) knows(name string) (string, bool) {
	v, ok := map[string]string{shop.Directory: k.dir, "VOLENTI_SERVER": k.url, "VOLENTI_TOKEN": k.key}[name]
	return v, ok
}

// does runs a command with the environment of the shop. Flags are read from
// the environment of the process, and so are given here.
func (k shopkeeper) does(code int, args ...string) (out, errs string) {
	k.t.Helper()
	k.env = k.knows
	if k.url != "" {
		args = append(args, "--server", k.url, "--token", k.key)
	}
	return k.run(code, args...)
}

func (k shopkeeper) submit(policy, email, note string) (id, hash string) {
	k.t.Helper()
	out, _ := k.does(0, "request", "new", "--policy", policy, "--identity", "email="+email, "--note", note, "--json")
	var made struct {
		ID       string
		PlanHash string `json:"plan_hash"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.ID == "" {
		k.t.Fatalf("%v: %s", err, out)
	}
	return made.ID, made.PlanHash
}

func TestRequestIsDecidedAndFollowedFromTheCommandLine(t *testing.T) { // X22, X23, X24
	k := openShop(t)
	id, hash := k.submit("erasure", "paula.brandt9@example.org", "called back")

	plan, _ := k.does(0, "request", "show", id, "--plan")
	if !strings.Contains(plan, "Plan "+hash) || !strings.Contains(plan, "shop:customers") {
		t.Errorf("the plan: %s", plan)
	}
	_, errs := k.does(2, "request", "approve", id)
	if !strings.Contains(errs, "--plan "+hash) {
		t.Errorf("nobody is there to be asked: %s", errs)
	}
	k.does(6, "request", "approve", id, "--plan", strings.Repeat("0", 64))
	if out, _ := k.does(0, "request", "list", "--status", "awaiting_approval"); !strings.Contains(out, id) {
		t.Errorf("the list: %s", out)
	}
	k.does(0, "request", "approve", id, "--plan", hash)
	out, progress := k.does(0, "request", "watch", id)
	if !strings.Contains(out, "Request "+id+": complete") || !strings.Contains(out, "verified") || !strings.Contains(progress, "erasure shop:customers") {
		t.Errorf("watched: %s\n%s", out, progress)
	}
	if out, _ = k.does(0, "request", "log", id); !strings.Contains(out, "erasure") {
		t.Errorf("the log: %s", out)
	}
	if out, _ = k.does(0, "request", "list", "--status", "awaiting_approval"); out != "There is no such request.\n" {
		t.Errorf("the list: %s", out)
	}
	for _, act := range [][]string{{"cancel"}, {"retry"}, {"skip", "shop:customers", "--reason", "late"}, {"finalise", "--reason", "late"}, {"deny", "--reason", "late"}} {
		k.does(6, append([]string{"request", act[0], id}, act[1:]...)...)
	}

	denied, _ := k.submit("access", "paula.brandt9@example.org", "")
	if out, _ = k.does(0, "request", "deny", denied, "--reason", "it is not clear who asks"); !strings.Contains(out, denied+": denied") {
		t.Error(out)
	}
	if out, _ = k.does(1, "request", "watch", denied); !strings.Contains(out, "it is not clear who asks") {
		t.Error(out)
	}
}

func TestSameKeySubmitsOneRequest(t *testing.T) {
	k := openShop(t)
	args := []string{"request", "new", "--policy", "access", "--identity", "email=paula.brandt9@example.org", "--idempotency-key", "paula-1"}
	first, _ := k.does(0, args...)
	if again, _ := k.does(0, args...); again != first {
		t.Errorf("%s and %s", first, again)
	}
	k.does(2, "request", "new", "--policy", "nothing", "--identity", "email=paula.brandt9@example.org")
	k.does(2, "request", "new", "--policy", "access", "--identity", "email=nobody")
	k.does(4, "request", "show", "0198c0de-0000-7000-8000-000000000001")
	k.does(4, "request", "show", "../audit")
}

// The key is shown to the server that was named and to nobody else.
func TestKeyIsShownToTheServerOnly(t *testing.T) { // SE10
	var seen []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.Header.Get("Authorization")) }))
	defer elsewhere.Close()
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("status") {
		case "moved":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case "down":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, "<html>")
		}
	}))
	defer here.Close()
	s := shell{t: t}
	ask := func(code int, server, token, status string) string {
		t.Helper()
		var o, e bytes.Buffer
		if got := cli.Main(t.Context(), []string{"request", "list", "--server", server, "--token", token, "--status", status}, s.std(&o, &e)); got != code {
			t.Errorf("%s: exit code %d, want %d: %s", status, got, code, e.String())
		}
		return e.String()
	}
	ask(1, here.URL, "vk_canary", "moved")
	ask(7, here.URL, "vk_canary", "down")
	ask(1, here.URL, "vk_canary", "html")
	for _, server := range []string{"http://192.0.2.1", "https://user:pass@example.org", "volenti.example.org", "ftp://example.org", "https://example.org?x=1"} {
		ask(2, server, "vk_canary", "x")
	}
	ask(2, here.URL, "", "x")
	here.Close()
	if said := ask(7, here.URL, "vk_canary", "gone"); strings.Contains(said, "canary") {
		t.Errorf("the key is shown: %s", said)
	}
	if len(seen) > 0 {
		t.Errorf("a redirect was followed, with %q", seen)
	}
}
