package server

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/webhook"
)

// hook is a receiver on loopback. Each call is handed to the test, and
// answered as it says.
type hook struct {
	url     string
	calls   chan hookCall
	answers chan int // HTTP status; 0 cuts the connection
}

type hookCall struct {
	header http.Header
	body   string
	event  webhook.Event
}

func newHook(t *testing.T) *hook {
	h := &hook{calls: make(chan hookCall, 1000), answers: make(chan int, 1000)}
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		call := hookCall{header: r.Header, body: string(body)}
		if err := json.Unmarshal(body, &call.event); err != nil {
			t.Error(err)
		}
		h.calls <- call
		select {
		case status := <-h.answers:
			if status == 0 {
				panic(http.ErrAbortHandler)
			}
			if status/100 == 3 {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(status)
		case <-ended:
		case <-r.Context().Done():
		}
	}))
	server.Config.ErrorLog = nil
	t.Cleanup(func() { close(ended); server.Close() })
	h.url = server.URL
	return h
}

// takes answers the next calls with these statuses, and gives them.
func (h *hook) takes(statuses ...int) (calls []hookCall) {
	for _, status := range statuses {
		h.answers <- status
	}
	for range statuses {
		calls = append(calls, <-h.calls)
	}
	return calls
}

func ids(calls []hookCall) (all []string) {
	for _, c := range calls {
		all = append(all, c.header.Get("Webhook-Id"))
	}
	return all
}

// signed says whether a signature of the call is by this secret.
func (c hookCall) signed(secret string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", c.header.Get("Webhook-Id"), c.header.Get("Webhook-Timestamp"), c.body)
	return slices.Contains(strings.Fields(c.header.Get("Webhook-Signature")), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// makeWebhook makes an endpoint behind the interface's back.
func (s *site) makeWebhook(tenant, address string) webhook.Endpoint {
	s.t.Helper()
	secret, err := webhook.NewSecret(rand.Reader)
	s.must(err)
	e := webhook.Endpoint{Tenant: tenant, ID: uuid.Must(uuid.NewV7()).String(), URL: address, Private: true}
	s.must(s.db.Webhooks().Create(s.t.Context(), e, secret, audit.Entry{Act: "webhook.create", Object: "webhook/" + e.ID}))
	return e
}

// hooked makes an endpoint over HTTP.
func (s *site) hooked(h *hook, more string) (w api.WebhookWithSecret) {
	s.t.Helper()
	s.ask("POST", "/api/v1/webhooks", `{"url":"`+h.url+`","allow_private":true`+more+`}`, http.StatusCreated, &w)
	return w
}

// settled waits until the endpoint's log has n lines and the cursor is there.
func (s *site) settled(id string, n int, cursor int64) []api.Delivery {
	s.t.Helper()
	for {
		changed := time.After(5 * time.Millisecond) // the log grows without a sign
		var page api.DeliveryPage
		var w api.Webhook
		s.ask("GET", "/api/v1/webhooks/"+id+"/deliveries?limit=200", "", http.StatusOK, &page)
		s.ask("GET", "/api/v1/webhooks/"+id, "", http.StatusOK, &w)
		if len(page.Items) >= n && w.Cursor >= cursor {
			return page.Items
		}
		<-changed
	}
}

func TestWebhookIsToldWhatHappensSignedAndInOrder(t *testing.T) { // A9, A10, SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, h := newSite(t, db), newHook(t)
		s.choose(store.DefaultTenant, personal, true) // before: it is not told of this
		w := s.hooked(h, `,"types":["consent.withdrawn","consent.granted"]`)
		one := s.choose(store.DefaultTenant, personal, false)
		s.choose(otherTenant, personal, true)                 // SE14
		s.choose(store.DefaultTenant, "b@example.com", false) // refused: a type that was not asked for
		calls := h.takes(200)
		two := s.choose(store.DefaultTenant, personal, true)
		calls = append(calls, h.takes(204)...)
		for i, want := range []struct {
			kind     webhook.Type
			sequence int64
		}{{webhook.ConsentWithdrawn, one}, {webhook.ConsentGranted, two}} {
			c := calls[i]
			if c.event.Type != want.kind || c.event.Sequence != want.sequence || c.header.Get("Webhook-Id") != c.event.ID || !c.signed(w.Secret) {
				t.Errorf("call %d: %+v", i, c)
			}
		}
		lines := s.settled(w.ID, 2, two)
		if lines[0].Event != calls[1].event.ID || lines[0].Outcome != "delivered" || lines[0].Status != 204 || lines[1].Number != 1 {
			t.Errorf("log %+v", lines)
		}
		// The secret is not to be had again, and stands nowhere in the clear.
		for _, path := range []string{"", "/" + w.ID, "/" + w.ID + "/deliveries"} {
			if got := s.get("/api/v1/webhooks" + path); strings.Contains(got.body, "whsec_") || strings.Contains(got.body, "canary") {
				t.Errorf("%s: %s", path, got.body)
			}
		}
		plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(w.Secret, "whsec_"))
		s.must(err)
		if dump := string(db.Dump(t)); strings.Contains(dump, w.Secret) || strings.Contains(dump, string(plain)) {
			t.Error("the secret is stored in the clear")
		}
		s.stop()
		s.must(<-s.ended)
		for _, c := range calls { // promise 8
			if strings.Contains(c.body, "canary") || strings.Contains(c.body, "example.com") {
				t.Errorf("a call names somebody: %s", c.body)
			}
		}
		if log := s.log.String(); strings.Contains(log, "canary") || strings.Contains(log, "whsec_") || strings.Contains(log, h.url) {
			t.Error(log)
		}
	})
}

func TestWhatFailsIsSentAgainWithTheSameID(t *testing.T) { // R6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, h := newSite(t, db), newHook(t)
		w := s.hooked(h, "")
		sequence := s.choose(store.DefaultTenant, "a@example.com", true)
		all := ids(h.takes(500, 302, 200)) // nothing follows the redirect
		if len(slices.Compact(all)) != 1 {
			t.Errorf("ids %v", all)
		}
		lines := s.settled(w.ID, 3, sequence)
		for i, want := range []int{200, 302, 500} {
			if l := lines[i]; l.Status != want || l.Try != 3-i || (l.Next != nil) != (i > 0) {
				t.Errorf("line %d: %+v", i, l)
			}
		}
		s.choose(store.DefaultTenant, "b@example.com", true)
		h.takes(0, 200)
		last := s.settled(w.ID, 5, sequence+1)
		if last[1].Outcome != "unreachable" || last[1].Status != 0 {
			t.Errorf("a call that was cut: %+v", last[1])
		}
		var first api.DeliveryPage
		s.ask("GET", "/api/v1/webhooks/"+w.ID+"/deliveries?limit=2", "", http.StatusOK, &first)
		var second api.DeliveryPage
		s.ask("GET", fmt.Sprintf("/api/v1/webhooks/%s/deliveries?limit=10&before=%d", w.ID, first.Next), "", http.StatusOK, &second)
		if d := cmp.Diff(last, append(first.Items, second.Items...)); d != "" || second.Next != 0 {
			t.Errorf("pages: %s", d)
		}
	})
}

func TestGoneEndpointIsDisabledAndGoesOnOnceItIsEnabled(t *testing.T) { // R6, SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, h := newSite(t, db), newHook(t)
		w := s.hooked(h, "")
		at := "/api/v1/webhooks/" + w.ID
		s.choose(store.DefaultTenant, "a@example.com", true)
		gone := ids(h.takes(410))
		s.settled(w.ID, 1, 0)
		var shown api.Webhook
		s.ask("GET", at, "", http.StatusOK, &shown)
		if shown.Enabled || shown.Reason != "gone" || shown.Waiting != 1 {
			t.Errorf("after 410: %+v", shown)
		}
		last := s.choose(store.DefaultTenant, "a@example.com", false)
		shown = api.Webhook{}
		s.ask("POST", at+"/enable", "", http.StatusOK, &shown)
		if !shown.Enabled || shown.Reason != "" {
			t.Errorf("enabled: %+v", shown)
		}
		calls := h.takes(200, 200)
		if again := ids(calls); again[0] != gone[0] || calls[1].event.Sequence != last {
			t.Errorf("after it was enabled: %v, %v before", again, gone)
		}
		s.settled(w.ID, 3, last)
		s.ask("POST", at+"/disable", "", http.StatusOK, &shown)
		if shown.Enabled || shown.Reason != "asked" {
			t.Errorf("disabled: %+v", shown)
		}
		if d := cmp.Diff([]string{"webhook.create", "webhook.disable", "webhook.enable", "webhook.disable"}, s.acts("webhook/"+w.ID)); d != "" {
			t.Error(d)
		}
	})
}

// acts are the acts of the log on an object.
func (s *site) acts(object string) (acts []string) {
	s.t.Helper()
	all, err := s.db.Audit().Records(s.t.Context(), store.DefaultTenant, 0, 10_000)
	s.must(err)
	for _, r := range all {
		if r.Object == object {
			acts = append(acts, r.Act)
		}
	}
	return acts
}

func TestSecretIsExchangedWithoutAGapAndReplayKeepsIDs(t *testing.T) { // SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, h := newSite(t, db), newHook(t)
		w := s.hooked(h, "")
		at := "/api/v1/webhooks/" + w.ID
		first := s.choose(store.DefaultTenant, "a@example.com", true)
		last := s.choose(store.DefaultTenant, "a@example.com", false)
		before := h.takes(200, 200)
		s.settled(w.ID, 2, last)

		var turned api.RotatedSecret
		s.ask("POST", at+"/rotate", "", http.StatusOK, &turned)
		if until := time.Until(turned.Until); turned.Secret == w.Secret || until < 23*time.Hour || until > 24*time.Hour {
			t.Errorf("until %v", until)
		}
		s.ask("POST", at+"/replay", fmt.Sprintf(`{"from":%d}`, first), http.StatusOK, nil)
		after := h.takes(200, 200)
		if d := cmp.Diff(ids(before), ids(after)); d != "" {
			t.Error(d)
		}
		for _, c := range after {
			if !c.signed(turned.Secret) || !c.signed(w.Secret) {
				t.Error("a call is not signed by both secrets")
			}
		}
		if before[0].signed(turned.Secret) {
			t.Error("a secret has signed before it was made")
		}
		s.settled(w.ID, 4, last)
		s.problem("ahead", s.send("POST", at+"/replay", s.key, strings.NewReader(`{"from":99999}`), "Idempotency-Key", "k"), http.StatusUnprocessableEntity)

		var tried api.Delivery
		h.answers <- 200
		s.ask("POST", at+"/test", "", http.StatusOK, &tried)
		if c := <-h.calls; c.event.Type != webhook.Test || tried.Outcome != "delivered" || tried.Event != c.event.ID || !c.signed(turned.Secret) {
			t.Errorf("test: %+v %+v", tried, c)
		}
		if d := cmp.Diff([]string{"webhook.create", "webhook.rotate", "webhook.replay", "webhook.test"}, s.acts("webhook/"+w.ID)); d != "" {
			t.Error(d)
		}
	})
}

func TestWebhookGetsNowhereIntoTheNetwork(t *testing.T) { // SE4
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	before := s.entries()
	for _, body := range []string{
		`{"url":"http://example.org"}`, `{"url":"https://127.0.0.1/"}`, `{"url":"https://user:pw@example.org/"}`, `{"url":"ftp://example.org"}`, `{"url":"x"}`,
		`{"url":"https://[::ffff:10.0.0.1]/"}`, `{"url":"http://169.254.169.254/latest","allow_private":true}`, `{"url":""}`, `{}`,
		`{"url":"https://example.org","types":["consent.nonsense"]}`, `{"url":"https://example.org/` + strings.Repeat("a", 2048) + `"}`,
	} {
		s.problem(body, s.send("POST", "/api/v1/webhooks", s.key, strings.NewReader(body), "Idempotency-Key", uuid.NewString()), http.StatusUnprocessableEntity)
	}
	if s.entries() != before {
		t.Error("what was refused is in the log")
	}
	// A name that leads here passes, and is not called.
	h := newHook(t)
	var w api.WebhookWithSecret
	s.ask("POST", "/api/v1/webhooks", `{"url":"https://localhost:`+h.url[strings.LastIndex(h.url, ":")+1:]+`"}`, http.StatusCreated, &w)
	last := s.choose(store.DefaultTenant, "a@example.com", true)
	if lines := s.settled(w.ID, 1, last); lines[0].Outcome != "not_allowed" {
		t.Errorf("%+v", lines[0])
	}
	s.problem("the same URL", s.send("POST", "/api/v1/webhooks", s.key, strings.NewReader(`{"url":"`+w.URL+`"}`), "Idempotency-Key", "again"), http.StatusConflict)

	strict := &Server{House: &House{Store: s.db.DB}, Now: time.Now}
	if _, _, err := strict.webhooks().Create(t.Context(), webhook.Endpoint{Tenant: store.DefaultTenant, URL: h.url, Private: true}, "x"); err == nil {
		t.Error("private networks were allowed by nobody")
	}
	poster := strict.poster()
	if a, err := poster.Post(t.Context(), webhook.Endpoint{URL: h.url, Private: true}, webhook.Event{}); err != nil || a.Outcome != webhook.NotAllowed {
		t.Errorf("%+v %v", a, err)
	}
	if len(h.calls) != 0 {
		t.Error("it was called")
	}
}

func TestSlowReceiverDelaysNeitherWritersNorOtherReceivers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, slow, well := newSite(t, db), newHook(t), newHook(t)
		s.hooked(slow, "")
		s.hooked(well, "")
		for i := range 20 {
			s.choose(store.DefaultTenant, fmt.Sprintf("%d@example.com", i), true)
			well.takes(200)
		}
		if n := len(slow.calls); n == 0 || n > 20 {
			t.Errorf("%d calls to the one that does not answer", n)
		}
	})
}

// program is a server in a process of its own.
type program struct {
	cmd *exec.Cmd
	url string
}

// launch starts a server and waits until it answers.
func launch(t *testing.T, dir, database string, env ...string) *program {
	t.Helper()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--allow-private-webhooks"}
	if database != "" {
		args = append(args, "--database", database)
	}
	p := &program{cmd: exec.Command(binary, args...)}
	p.cmd.Env = append(append(os.Environ(), env...), "VOLENTI_MASTER_KEY="+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	if _, err := fmt.Fscanf(out, "Volenti answers on %s\n", &p.url); err != nil {
		t.Fatal(err)
	}
	return p
}

var killing sync.Mutex

func (p *program) kill() {
	killing.Lock()
	defer killing.Unlock()
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Signal(syscall.SIGKILL)
		_ = p.cmd.Wait()
	}
}

// The process that delivers is killed between the call and the record of it:
// the same process, started again, and on PostgreSQL another one meanwhile,
// makes the call again, with the same id.
func TestKilledBetweenTheCallAndItsRecordItIsMadeAgain(t *testing.T) { // R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		_ = db.Close()
		database, dir := "", filepath.Join(t.TempDir(), "one")
		if !db.Embedded() {
			database = pgtest.URL(t)
		}
		binary, err := crashing()
		if err != nil {
			t.Fatal(err)
		}
		create := []string{"apikey", "create", "--data", dir, "--scope", "webhooks:manage", "--scope", "consents:write"}
		if database != "" {
			create = append(create, "--database", database)
		}
		cmd := exec.CommandContext(t.Context(), binary, create...)
		cmd.Env = append(os.Environ(), "VOLENTI_MASTER_KEY="+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
		token, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		one := launch(t, dir, database)
		post := func(p *program, path, body string) string {
			t.Helper()
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
			r.Header.Set("Idempotency-Key", uuid.NewString())
			r.Header.Set("Content-Type", "application/json")
			got, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(got.Body)
			_ = got.Body.Close()
			if got.StatusCode >= 300 {
				t.Fatalf("%s: %d %s", path, got.StatusCode, text)
			}
			return string(text)
		}
		h := newHook(t)
		var w api.WebhookWithSecret
		if err := json.Unmarshal([]byte(post(one, "/api/v1/webhooks", `{"url":"`+h.url+`","allow_private":true}`)), &w); err != nil {
			t.Fatal(err)
		}
		post(one, "/api/v1/consents", `{"identities":[{"type":"email","value":"`+personal+`"}],"purposes":{"analytics":true},"source":"signup_form"}`)
		first := <-h.calls
		second := one
		if database != "" {
			second = launch(t, dir+"-two", database) // it has the lease to wait for
		}
		one.kill()
		if database == "" {
			second = launch(t, dir, database)
		}
		again := h.takes(200)[0]
		if again.header.Get("Webhook-Id") != first.header.Get("Webhook-Id") || again.body != first.body || !again.signed(w.Secret) {
			t.Errorf("first %+v, again %+v", first, again)
		}
		post(second, "/api/v1/consents", `{"identities":[{"type":"email","value":"`+personal+`"}],"purposes":{"analytics":false},"source":"signup_form"}`)
		if next := h.takes(200)[0]; next.event.Type != webhook.ConsentWithdrawn {
			t.Errorf("then %+v", next.event)
		}
	})
}
