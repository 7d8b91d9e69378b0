package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
	"volenti.dev/volenti/webhook"
)

// called is a call that a program of the company got.
type called struct {
	path, id, token, replyTo string
	body                     webhook.PolicyBody
	raw                      string
}

// programs are the programs behind webhooks, one at each path, and what they got.
type programs struct {
	*httptest.Server
	t      *testing.T
	key    []byte
	secret string

	mu    sync.Mutex
	calls []called
	does  map[string]http.HandlerFunc // by path; others answer 204
}

func newPrograms(t *testing.T) *programs {
	c := &programs{t: t, key: make([]byte, 32), does: map[string]http.HandlerFunc{}}
	_, _ = rand.Read(c.key)
	c.secret = "whsec_" + base64.StdEncoding.EncodeToString(c.key)
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *programs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	got := called{path: strings.TrimPrefix(r.URL.Path, "/"), id: r.Header.Get("Webhook-Id"), token: r.Header.Get("Reply-To-Token"), replyTo: r.Header.Get("Reply-To"), raw: string(body)}
	if err := json.Unmarshal(body, &got.body); err != nil {
		c.t.Errorf("the body is %s: %v", body, err)
	}
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(got.id + "." + r.Header.Get("Webhook-Timestamp") + "." + string(body)))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("Webhook-Signature") != want {
		c.t.Errorf("signed %q, want %q", r.Header.Get("Webhook-Signature"), want)
	}
	c.mu.Lock()
	c.calls = append(c.calls, got)
	do := c.does[got.path]
	c.mu.Unlock()
	if do == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	do(w, r)
}

// on says what the program at a path does from now on.
func (c *programs) on(path string, do http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.does[path] = do
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func fails(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// to gives the calls to a path.
func (c *programs) to(path string) (calls []called) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, got := range c.calls {
		if got.path == path {
			calls = append(calls, got)
		}
	}
	return calls
}

// paths lists where calls went, in their order.
func (c *programs) paths() (paths []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, got := range c.calls {
		paths = append(paths, got.path)
	}
	return paths
}

// hookedDataset is the shop in which an order can be found by its number.
var hookedDataset = strings.Replace(shopDataset, "- {name: no, fides_meta: {primary_key: true}}", "- {name: no, fides_meta: {primary_key: true, identity: external_id}}", 1)

// configureFor writes policies with webhooks of a company at two connections.
func (w *world) configureFor(c *programs, webhooks string) {
	w.t.Helper()
	policies := strings.ReplaceAll(shopPolicies, "  rules:\n", "  webhooks:\n"+webhooks+"  rules:\n")
	connections := fmt.Sprintf("connection:\n- {key: db, type: %s, access: write, datasets: [shop], secrets: {url: %q}}\n", w.target, w.url)
	for _, key := range []string{"crm", "erp", "told"} {
		connections += fmt.Sprintf("- {key: %s, type: webhook, receives: identities, private: true, secrets: {url: %q, secret: %q}}\n", key, c.URL+"/"+key, c.secret)
	}
	w.write(hookedDataset, policies, connections)
}

// halting are two webhooks before the execution and two after it.
const halting = `    pre:
    - {key: ask-crm, connection: crm, direction: two_way, derives: [external_id]}
    - {key: ask-erp, connection: erp, direction: two_way}
    post:
    - {key: tell, connection: told}
`

// hookedSite is a site whose shop has webhooks.
func hookedSite(t *testing.T, db *storetest.Database, c *programs, webhooks string) *site {
	t.Helper()
	s := newSiteWith(t, db, func(srv *Server) {
		srv.hookTime = 300 * time.Millisecond
		srv.limits = fulfill.Limits{Backoff: 5 * time.Millisecond}
	})
	s.world = newWorld(t, "sqlite", "sqlite")
	s.world.configureFor(c, webhooks)
	s.openShop()
	return s
}

func (s *site) resume(token, body string) reply {
	s.t.Helper()
	return s.send("POST", api.ResumePath, "", strings.NewReader(body), "Reply-To-Token", token, "Content-Type", "application/json")
}

func TestWebhookAddsIdentitiesThatLeadToDataAndNowhereElse(t *testing.T) { // X5, X17, SE1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := newPrograms(t)
		c.on("crm", says(`{"derived_identity": {"external_id": "13"}}`))
		s := hookedSite(t, db, c, halting)
		r := s.submit("access", "ANNA@example.com")
		var plan graph.Plan
		s.ask("GET", "/api/v1/requests/"+r.ID+"/plan", "", http.StatusOK, &plan)
		s.world.equal("derived", plan.Derived, []subject.Type{subject.ExternalID})
		s.world.equal("given", plan.Identities, []subject.Type{subject.Email})
		s.approve(r)
		done := s.await(r.ID, request.Complete)
		if got := unzipped(t, s.get("/api/v1/requests/"+r.ID+"/package").body); !strings.Contains(got, "Niemandsweg") || !strings.Contains(got, "Hauptweg 1") || strings.Contains(got, "Nebenweg") {
			t.Error("the package does not hold the orders of the person, and what the webhook led to")
		}
		s.world.equal("called", c.paths(), []string{"crm", "erp", "told"})
		crm, told := c.to("crm")[0], c.to("told")[0]
		s.world.equal("identities", crm.body.Identity, webhook.IdentityMap{"email": {"anna@example.com"}})
		s.world.equal("identities after it", c.to("erp")[0].body.Identity, webhook.IdentityMap{"email": {"anna@example.com"}, "external_id": {"13"}})
		if b := crm.body; b.Request != r.ID || b.Status != "in_processing" || b.Direction != "two_way" || b.Callback != "pre" || b.Action != "access" || time.Since(b.Timestamp) > time.Minute {
			t.Errorf("the body: %s", crm.raw)
		}
		if crm.replyTo != api.ResumePath || !strings.HasPrefix(crm.token, "vw_") || crm.token == c.to("erp")[0].token {
			t.Errorf("reply to %q with %q", crm.replyTo, crm.token)
		}
		if told.token != "" || told.body.Callback != "post" || told.body.Direction != "one_way" {
			t.Errorf("the call afterwards: %+v", told)
		}
		s.world.equal("the report", done.Report.Webhooks, []api.Webhooked{
			{Webhook: "ask-crm", Connection: "crm", Status: "answered", Calls: 1, Derived: []string{"external_id"}},
			{Webhook: "ask-erp", Connection: "erp", Status: "answered", Calls: 1, Derived: []string{}},
			{Webhook: "tell", Connection: "told", Status: "answered", Calls: 1, Derived: []string{}},
		})
		s.world.equal("acts", s.actsOn("request/"+r.ID), []string{
			"request.vouch", "request.approve", "request.start", "request.webhook", "request.webhook_answer", "request.webhook", "request.webhook_answer",
			"request.package", "request.webhook", "request.webhook_answer", "request.complete",
		})
		s.problem("a token that was not needed", s.resume(crm.token, `{}`), http.StatusForbidden)
		stored, err := db.Requests().Identities(t.Context(), store.DefaultTenant, r.ID)
		s.must(err)
		var origins []request.Origin
		for _, i := range stored {
			origins = append(origins, i.Origin)
		}
		s.world.equal("origins", origins, []request.Origin{request.Vouched, request.Derived})
		if text := strings.ToLower(s.log.String()); strings.Contains(text, "anna") || strings.Contains(text, "vw_") || strings.Contains(text, c.secret) { // SE9
			t.Error("the log names the person, or holds a secret")
		}
	})
}

func TestHaltedRequestIsResumedOnceByTheTokenOfItsWebhook(t *testing.T) { // X5, E10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := newPrograms(t)
		c.on("crm", says(`{"halt": true}`))
		s := hookedSite(t, db, c, halting)
		r, other, given := s.submit("access", "anna@example.com"), s.submit("access", "ben@example.com"), s.submit("access", "cleo@example.com")
		for _, each := range []api.Request{r, other, given} {
			s.approve(each)
			halted := s.await(each.ID, request.Paused)
			if halted.Parked == nil || halted.Parked.Step != "webhooks before" || !strings.Contains(fmt.Sprint(halted.Parked.Needed), "ask-crm") || halted.Report.Webhooks[0].Status != "halted" {
				t.Errorf("it waits as %+v", halted)
			}
		}
		token := map[string]string{}
		for _, got := range c.to("crm") {
			token[got.body.Request] = got.token
		}
		refused := func(what string, got reply) {
			t.Helper()
			s.problem(what, got, http.StatusForbidden)
			if got.body != s.resume("vw_nothing", `{}`).body {
				t.Errorf("%s: it tells more: %s", what, got.body)
			}
		}
		refused("a token that there is not", s.resume("vw_"+strings.Repeat("a", 16)+"_"+strings.Repeat("a", 43), `{}`))
		refused("another request's", s.resume(token[other.ID], `{"privacy_request_id":"`+r.ID+`"}`))
		s.problem("an identity of a type that was not declared", s.resume(token[r.ID], `{"derived_identity":{"phone_number":"+4930123456"}}`), http.StatusUnprocessableEntity)
		s.problem("no identity", s.resume(token[r.ID], `{"derived_identity":{"external_id":13}}`), http.StatusUnprocessableEntity)
		s.problem("an empty identity", s.resume(token[r.ID], `{"derived_identity":{"external_id":""}}`), http.StatusUnprocessableEntity)
		s.await(r.ID, request.Paused)
		s.await(other.ID, request.Paused)

		replies := make([]reply, 8)
		var all sync.WaitGroup
		for i := range replies {
			all.Go(func() {
				replies[i] = s.resume(token[r.ID], `{"privacy_request_id":"`+r.ID+`","derived_identity":{"external_id":["13"]}}`)
			})
		}
		all.Wait()
		went := 0
		for _, got := range replies {
			if got.status == http.StatusNoContent {
				went++
				continue
			}
			refused("sent again", got)
		}
		s.world.equal("it went through", went, 1)
		done := s.await(r.ID, request.Complete)
		if got := unzipped(t, s.get("/api/v1/requests/"+r.ID+"/package").body); !strings.Contains(got, "Niemandsweg") {
			t.Error("what the resumption added led to nothing")
		}
		s.world.equal("the report", done.Report.Webhooks[0], api.Webhooked{Webhook: "ask-crm", Connection: "crm", Status: "answered", Calls: 1, Message: "it has resumed the request", Derived: []string{"external_id"}})
		s.world.equal("resumed", count(s.actsOn("request/"+r.ID), "request.resume"), 1)
		s.world.equal("nobody is called twice", len(c.to("crm")), 3)

		s.act(other.ID, "cancel", "")
		refused("of a request that was cancelled", s.resume(token[other.ID], `{}`))
		s.await(other.ID, request.Canceled)

		// An operator lets it go on, and it stops again, for something else.
		c.on("erp", fails(http.StatusBadRequest))
		if got := s.act(given.ID, "retry", `{}`); got.status != http.StatusOK {
			t.Fatalf("retry: %d %s", got.status, got.body)
		}
		s.await(given.ID, request.Errored)
		refused("when an operator has let it go on", s.resume(token[given.ID], `{}`))
		s.world.equal("nobody is called twice", len(c.to("crm")), 3)
	})
}

// What a webhook that is two_way answers wrongly stops the request; what is
// told to one that is one_way is recorded, and the request goes on.
func TestWebhooksThatFail(t *testing.T) { // X5, E12, SE4, R6
	t.Parallel()
	private := httptest.NewServer(http.NotFoundHandler()) // elsewhere in the network
	t.Cleanup(private.Close)
	for name, test := range map[string]struct {
		does   http.HandlerFunc
		calls  int
		reason string
		both   bool // also where its answer is not read
	}{
		"is down":           {fails(503), 4, "status 503", true},
		"refuses":           {fails(400), 1, "status 400", true},
		"is gone":           {fails(410), 1, "status 410", true},
		"redirects":         {http.RedirectHandler(private.URL, 307).ServeHTTP, 1, "status 307", true},
		"hangs":             {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 4, "in time", true},
		"breaks off":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 4, "broke", true},
		"answers a GB":      {flood, 1, "more than 65536 bytes", false},
		"answers no JSON":   {says("<html>"), 1, "its answer is not", false},
		"answers a list":    {says(`[]`), 1, "its answer is not", false},
		"halts in words":    {says(`{"halt": "yes"}`), 1, "its answer is not", false},
		"misspells":         {says(`{"derived_identities": {}}`), 1, "its answer is not", false},
		"gives a number":    {says(`{"derived_identity": {"external_id": 13}}`), 1, "its answer is not", false},
		"derives no type":   {says(`{"derived_identity": {"External ID": "13"}}`), 1, "refused", false},
		"derives nonsense":  {says(`{"derived_identity": {"email": "nobody"}}`), 1, "refused", false},
		"derives too much":  {says(`{"derived_identity": {"external_id": [` + strings.Repeat(`"1",`, 20) + `"2"]}}`), 1, "more than 20", false},
		"derives elsewhere": {says(`{"derived_identity": {"email": "canary@example.com"}}`), 1, "(derives)", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPrograms(t)
			c.on("crm", test.does)
			s := hookedSite(t, storetest.SQLite(t), c, halting)
			r := s.submit("access", "anna@example.com")
			s.approve(r)
			stopped := s.await(r.ID, request.Errored)
			if !strings.HasPrefix(stopped.Message, "webhooks before: the webhook ask-crm: ") || !strings.Contains(stopped.Message, test.reason) || strings.Contains(stopped.Message, "canary") || strings.Contains(stopped.Message, c.URL) {
				t.Errorf("it says %q", stopped.Message)
			}
			if stopped.Parked == nil || stopped.Parked.Step != "webhooks before" || len(stopped.Parked.Needed) == 0 {
				t.Errorf("it is parked at %+v", stopped.Parked)
			}
			s.world.equal("called", len(c.to("crm")), test.calls)
			s.world.equal("the report", []any{stopped.Report.Webhooks[0].Status, stopped.Report.Webhooks[0].Calls, stopped.Report.Collections[0].Status}, []any{"error", test.calls, "pending"})
			ids := map[string]bool{}
			for _, got := range c.to("crm") {
				ids[got.id+" "+got.token] = true
			}
			s.world.equal("one id, one token", len(ids), 1)
			c.on("crm", nil)
			s.act(r.ID, "retry", `{}`)
			s.await(r.ID, request.Complete)

			if !test.both {
				return
			}
			c.on("told", test.does)
			r = s.submit("access", "ben@example.com")
			s.approve(r)
			done := s.await(r.ID, request.Complete)
			if told := done.Report.Webhooks[2]; told.Status != "given_up" || told.Calls != test.calls || !strings.Contains(told.Message, test.reason) {
				t.Errorf("the one that is only told: %+v", told)
			}
		})
	}
}

func flood(w http.ResponseWriter, _ *http.Request) {
	block := []byte(strings.Repeat(" ", 1<<20))
	for range 1 << 10 {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func TestRetryGoesOnBehindTheLastWebhookThatAnswered(t *testing.T) { // X5, X14, E11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := newPrograms(t)
		s := hookedSite(t, db, c, strings.Replace(halting, "connection: told", "connection: told, direction: two_way", 1))
		c.on("erp", fails(400))
		r := s.submit("erasure", "anna@example.com")
		s.approve(r)
		s.await(r.ID, request.Errored)
		s.world.equal("called", c.paths(), []string{"crm", "erp"})
		c.on("erp", nil)
		c.on("told", says(`{"halt": true}`))
		s.act(r.ID, "retry", `{}`)
		stopped := s.await(r.ID, request.Errored)
		if !strings.Contains(stopped.Message, "webhooks after: the webhook tell: ") || !strings.Contains(stopped.Message, "all is done") {
			t.Errorf("it says %q", stopped.Message)
		}
		c.on("told", fails(400))
		s.act(r.ID, "retry", `{}`)
		s.await(r.ID, request.Errored)
		c.on("told", nil)
		s.act(r.ID, "retry", `{}`)
		done := s.await(r.ID, request.Complete)
		s.world.equal("called", c.paths(), []string{"crm", "erp", "erp", "told", "told", "told"})
		s.world.equal("the action", c.to("told")[0].body.Action, "erasure")
		s.world.equal("the last", done.Report.Webhooks[2].Calls, 3)
		for _, collection := range done.Report.Collections {
			if collection.Attempts > 1 {
				t.Errorf("%s was visited again", collection.Address)
			}
		}
	})
}

func TestAnswerThatComesAfterACancellationChangesNothing(t *testing.T) { // X5, X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := newPrograms(t)
		arrived, answer, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
		c.on("crm", func(w http.ResponseWriter, _ *http.Request) {
			close(arrived)
			<-answer
			says(`{"derived_identity": {"external_id": "13"}}`)(w, nil)
			close(gone)
		})
		s := newSiteWith(t, db, func(*Server) {})
		s.world = newWorld(t, "sqlite", "sqlite")
		s.world.configureFor(c, halting)
		s.openShop()
		r := s.submit("erasure", "anna@example.com")
		s.approve(r)
		<-arrived
		if got := s.act(r.ID, "cancel", ""); got.status != http.StatusOK {
			t.Fatalf("cancel: %d %s", got.status, got.body)
		}
		close(answer)
		<-gone
		c.on("crm", nil)
		other := s.submit("access", "ben@example.com")
		s.approve(other)
		s.await(other.ID, request.Complete)
		canceled := s.await(r.ID, request.Canceled)
		s.world.equal("acts", s.actsOn("request/"+r.ID), []string{"request.vouch", "request.approve", "request.start", "request.webhook", "request.cancel"})
		s.world.equal("the report", canceled.Report.Webhooks[0].Status, "called")
		stored, err := db.Requests().Identities(t.Context(), store.DefaultTenant, r.ID)
		s.must(err)
		s.world.equal("identities", len(stored), 1)
		s.world.equal("called", c.paths(), []string{"crm", "crm", "erp", "told"})
		s.problem("its token", s.resume(c.to("crm")[0].token, `{}`), http.StatusForbidden)
	})
}

func TestTokenOfAWebhookThatHasNotAnsweredYetIsKept(t *testing.T) { // X5
	t.Parallel()
	c := newPrograms(t)
	arrived, answer := make(chan struct{}), make(chan struct{})
	c.on("crm", func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		says(`{"halt": true}`)(w, nil)
	})
	s := newSiteWith(t, storetest.SQLite(t), func(*Server) {})
	s.world = newWorld(t, "sqlite", "sqlite")
	s.world.configureFor(c, halting)
	s.openShop()
	r := s.submit("access", "anna@example.com")
	s.approve(r)
	<-arrived
	token := c.to("crm")[0].token
	s.problem("too early", s.resume(token, `{}`), http.StatusConflict)
	close(answer)
	s.await(r.ID, request.Paused)
	if got := s.resume("", `{"reply_to_token":"`+token+`"}`); got.status != http.StatusNoContent {
		t.Errorf("resume: %d %s", got.status, got.body)
	}
	s.await(r.ID, request.Complete)
}

func TestWebhookInAPrivateNetworkIsNotCalledUnlessItIsAllowed(t *testing.T) { // SE4
	t.Parallel()
	for what, set := range map[string]func(*site, *Server){
		"by the server":     func(_ *site, srv *Server) { srv.AllowPrivateWebhooks = false },
		"by the connection": func(*site, *Server) {},
	} {
		c := newPrograms(t)
		var s *site
		s = newSiteWith(t, storetest.SQLite(t), func(srv *Server) { set(s, srv) })
		s.world = newWorld(t, "sqlite", "sqlite")
		s.world.configureFor(c, halting)
		if what == "by the connection" {
			s.world.write(hookedDataset, strings.ReplaceAll(shopPolicies, "  rules:\n", "  webhooks:\n    pre: [{key: ask-crm, connection: crm}]\n    post: [{key: ask-erp, connection: crm, direction: two_way}]\n  rules:\n"), fmt.Sprintf("connection:\n- {key: db, type: sqlite, access: write, datasets: [shop], secrets: {url: %q}}\n- {key: crm, type: webhook, receives: identities, secrets: {url: %q, secret: %q}}\n", s.world.url, c.URL+"/crm", c.secret))
		}
		s.openShop()
		r := s.submit("access", "anna@example.com")
		s.approve(r)
		stopped := s.await(r.ID, request.Errored)
		if len(c.paths()) > 0 || !strings.Contains(stopped.Message, "private networks") && !strings.Contains(stopped.Message, "may not be called") {
			t.Errorf("not allowed %s: %d calls, %q", what, len(c.paths()), stopped.Message)
		}
	}
}

// The server is killed when a webhook was called and its answer is not
// recorded. Who goes on calls it again, with the same id and the same token;
// one whose answer is recorded is not called again.
func TestKilledServerCallsWebhooksAgainUnderTheSameID(t *testing.T) { // R1, E18, X5
	t.Parallel()
	bothStores(t, func(t *testing.T, kind string) {
		c := newPrograms(t)
		w := newWorld(t, kind, "sqlite")
		w.configureFor(c, halting)
		s := &site{t: t, log: w.log, world: w}
		data := filepath.Join(w.dir, "data")
		house, err := Open(t.Context(), Config{Data: data, Database: w.house.Database, MasterKey: childsKey})
		s.must(err)
		s.db = &storetest.Database{DB: house.Store}
		w.apply(&storeOf{house.Store, store.DefaultTenant})
		s.key = s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
		s.must(house.Close())

		arrived, killed := make(chan struct{}), make(chan struct{})
		c.on("erp", func(w http.ResponseWriter, _ *http.Request) {
			if len(c.to("erp")) == 1 {
				close(arrived)
				<-killed
				return
			}
			says(`{"halt": true}`)(w, nil)
		})
		url, first := s.child(data, w.house.Database)
		s.url = url
		r := s.submit("access", "anna@example.com")
		s.approve(r)
		<-arrived
		s.must(first.Process.Kill())
		_ = first.Wait()
		close(killed)
		s.url, _ = s.child(data, w.house.Database)
		halted := s.await(r.ID, request.Paused)
		s.world.equal("called", c.paths(), []string{"crm", "erp", "erp"})
		erp := c.to("erp")
		if erp[0].id != erp[1].id || erp[0].token != erp[1].token || erp[0].id == c.to("crm")[0].id {
			t.Errorf("called as %q and %q", erp[0].id, erp[1].id)
		}
		s.world.equal("the report", halted.Report.Webhooks[1].Calls, 2)
		if got := s.resume(erp[0].token, `{}`); got.status != http.StatusNoContent { // that of the call which was cut
			t.Fatalf("resume: %d %s", got.status, got.body)
		}
		s.await(r.ID, request.Complete)
		s.world.equal("called", c.paths(), []string{"crm", "erp", "erp", "told"})
	})
}

// In another round nobody is called again.
func TestWebhooksAreCalledInTheFirstRoundOnly(t *testing.T) { // X5, X17
	t.Parallel()
	c := newPrograms(t)
	s := hookedSite(t, storetest.SQLite(t), c, halting)
	s.world.exec(`CREATE TRIGGER more AFTER UPDATE ON note BEGIN INSERT INTO note SELECT 'late', 10, 'call again' WHERE NOT EXISTS (SELECT 1 FROM note WHERE id = 'late'); END`)
	r := s.submit("erasure", "anna@example.com")
	s.approve(r)
	s.await(r.ID, request.Complete)
	if count(s.actsOn("request/"+r.ID), "request.round") == 0 {
		t.Fatal("there was one round only")
	}
	s.world.equal("called", c.paths(), []string{"crm", "erp", "told"})
}

func TestCommandLineSaysThatItCallsNoWebhooks(t *testing.T) {
	t.Parallel()
	c := newPrograms(t)
	w := newWorld(t, "sqlite", "sqlite")
	w.configureFor(c, halting)
	d := w.open()
	plan, err := d.Systems.Plan(t.Context(), d.config.Policies[1], []subject.Type{subject.Email}, "2026-11-26")
	if err != nil {
		t.Fatal(err)
	}
	id, err := d.Submit(t.Context(), plan, person(t, subject.Email, "anna@example.com"), 0)
	if err != nil {
		t.Fatal(err)
	}
	report, err := d.Run(t.Context(), id)
	if err == nil || !strings.Contains(err.Error(), "volenti serve") || report.Status != request.Errored || report.Collections[0].Status != request.Pending {
		t.Errorf("%v; %+v", err, report)
	}
	w.equal("called", len(c.paths()), 0)
}

// halted makes a request that a webhook has halted, and gives the webhook's
// token.
func (s *site) halted() string {
	s.t.Helper()
	s.openShop()
	plan := *s.plan
	plan.Webhooks = &graph.Webhooks{Pre: []graph.Webhook{{Key: "ask", Connection: "crm", Direction: policy.TwoWay, Derives: []subject.Type{subject.ExternalID}}}}
	text, err := json.Marshal(plan)
	s.must(err)
	r := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: store.DefaultTenant, Policy: "erasure", Status: request.Approved, PlanHash: plan.Hash, Plan: text}
	s.must(s.db.Requests().Create(s.t.Context(), r, nil, act("request.vouch")))
	lease, _, err := s.db.Requests().Claim(s.t.Context(), r.Tenant, r.ID, "test", time.Minute, false, act("request.start"))
	s.must(err)
	pass, token, err := auth.NewPass(r.Tenant, auth.ResumeRequest, request.HookObject(r.ID, "ask"), 1, time.Now().Add(time.Hour), rand.Reader)
	s.must(err)
	h := request.Hook{Key: "ask", Status: request.HookHalted, Calls: 1}
	s.must(s.db.Work().Calling(s.t.Context(), lease, h, &pass, audit.Entry{Act: "request.webhook", Object: "request/" + r.ID}))
	s.must(s.db.Requests().Move(s.t.Context(), lease, request.Turn{Event: request.Pause, Hooked: &request.Hooked{Hook: h}}, act("request.pause")))
	return token
}
