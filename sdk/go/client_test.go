package volenti_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/cli"
	"volenti.dev/volenti/consent"
	volenti "volenti.dev/volenti/sdk/go"
)

// house is a server on loopback, as volenti serve starts it.
type house struct {
	t             *testing.T
	data, url     string
	check, record string // API keys
	end           func()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, data: filepath.Join(t.TempDir(), "data")}
	key := func(scope string) string {
		var out bytes.Buffer
		h.run(t.Context(), &out, "apikey", "create", "--scope", scope)
		return strings.TrimSpace(out.String())
	}
	h.check, h.record = key("consents:check"), key("consents:write")
	ctx, stop := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.run(ctx, writer, "serve", "--listen", "127.0.0.1:0")
	}()
	h.end = func() { stop(); <-ended }
	t.Cleanup(h.end)
	said := bufio.NewReader(reader)
	first, err := said.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // what else it says must not hold it up
	h.url = strings.TrimSpace(first[strings.Index(first, "http://"):])
	return h
}

func (h *house) run(ctx context.Context, out io.Writer, args ...string) {
	args = append(args, "--data", h.data)
	code := cli.Main(ctx, args, cli.IO{
		In: strings.NewReader(""), Out: out, Err: io.Discard, User: "tester", Now: time.Now,
		Env: func(string) (string, bool) { return "", false },
	})
	if code != 0 {
		h.t.Errorf("%v: exit code %d", args, code)
	}
}

// choose records what somebody chose about analytics and gives who it is.
func (h *house) choose(granted bool, address string) consent.SubjectID {
	h.t.Helper()
	body := fmt.Sprintf(`{"identities":[{"type":"email","value":%q}],"purposes":{"analytics":%v},"source":"api"}`, address, granted)
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/api/v1/consents", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.record)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", uuid.NewString())
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	var recorded struct{ Subject consent.SubjectID }
	err = errors.Join(json.NewDecoder(answer.Body).Decode(&recorded), answer.Body.Close())
	if err != nil || answer.StatusCode != http.StatusCreated {
		h.t.Fatal(answer.Status, err)
	}
	return recorded.Subject
}

func gate(t *testing.T, url, token string) *consent.Gate {
	t.Helper()
	client, err := volenti.New(url, token)
	if err != nil {
		t.Fatal(err)
	}
	return &consent.Gate{States: client, Now: time.Now}
}

func TestAGateElsewhereSaysWhatTheServerKnows(t *testing.T) { // A15, A28
	t.Parallel()
	h := newHouse(t)
	g := gate(t, h.url, h.check)
	anna, ben := h.choose(true, "anna@example.org"), h.choose(false, "ben@example.org")
	says := func(id consent.SubjectID, purpose string, want consent.Reason) {
		t.Helper()
		if d := g.Allowed(t.Context(), id, purpose); d.Reason != want || d.Allowed != (want == consent.Given) {
			t.Errorf("%+v, want %s", d, want)
		}
	}
	says(anna, "analytics", consent.Given)
	says(anna, "research", consent.Absent)
	says(anna, "cookies", consent.UnknownPurpose)
	says(anna, "../../../healthz", consent.UnknownPurpose)
	says(ben, "analytics", consent.WasRefused)
	says(consent.SubjectID{15: 9}, "analytics", consent.Absent)
	for range 20 {
		h.choose(false, "anna@example.org")
		says(anna, "analytics", consent.WasWithdrawn)
		h.choose(true, "anna@example.org")
		says(anna, "analytics", consent.Given)
	}
	if d := gate(t, h.url, h.record).Allowed(t.Context(), anna, "analytics"); d.Allowed || d.Reason != consent.Unavailable {
		t.Errorf("with a key that may not ask: %+v", d)
	}
	h.end()
	says(anna, "analytics", consent.Unavailable)
}

func TestWhatIsNoClearYesIsANo(t *testing.T) { // A15
	t.Parallel()
	const yes = `{"allowed":true,"reason":"granted"}`
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	answers := map[string]http.HandlerFunc{
		"another status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, yes)
		},
		"a redirect to a yes": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/yes" {
				http.Redirect(w, r, "/yes", http.StatusFound)
			}
			_, _ = io.WriteString(w, yes)
		},
		"silence": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-over:
			}
		},
		"half of it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, yes)
		},
	}
	for _, body := range []string{
		"", "null", "[]", "true", "{}", yes + yes, yes[:20], `{"allowed":true}`, `{"reason":"granted"}`, `{"allowed":"true","reason":"granted"}`,
		`{"allowed":true,"reason":"withdrawn"}`, `{"allowed":false,"reason":"granted"}`, yes + strings.Repeat(" ", 4096),
	} {
		answers[fmt.Sprintf("%.40q", body)] = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	id := consent.SubjectID(uuid.New())
	for what, answer := range answers {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(answer)
			t.Cleanup(s.Close)
			g := gate(t, s.URL, "vk_canary")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if d := g.Allowed(ctx, id, "analytics"); d.Allowed || d.Reason != consent.Unavailable {
				t.Errorf("%+v", d)
			}
			_, err := g.States.Check(ctx, "", id, "analytics", time.Now())
			if err == nil || strings.Contains(err.Error(), id.String()) || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestErrorsOfTheClientShowNoSecret(t *testing.T) {
	for _, at := range []string{"", "host", "ftp://canary", "http://", "http://canary@host", "http://me:canary@host", "http://host:canary", "http://host/canary", "http://host?canary", "http://host#canary"} {
		if _, err := volenti.New(at, "t"); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if _, err := volenti.New("http://host", ""); err == nil {
		t.Error("a client without a key")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := "http://" + taken.Addr().String()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	id := consent.SubjectID(uuid.New())
	for _, token := range []string{"canary", "canary\n"} { // the second cannot be sent
		_, err = gate(t, at, token).States.Check(t.Context(), "", id, "analytics", time.Now())
		if err == nil || strings.Contains(err.Error(), id.String()) || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v", err)
		}
	}
}
