package server

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// lives are many requests on their way, with webhooks before and after, third
// parties that read mail, and people who get letters, on servers that are
// struck now and then.
type lives struct {
	*site
	programs *programs
	caught   *mailcatch.Server
	all      []api.Request
	servers  []*running
	started  int           // servers so far
	approved chan struct{} // closed when all are: webhooks answer no earlier
	struck   chan chan struct{}

	mu     sync.Mutex
	events int // calls of webhooks, and letters that were handed over
	blows  []blow
}

// blow is when a server is struck: at an event, by its number from 1. When it
// holds, the event is answered only when the server is gone.
type blow struct {
	at    int
	holds bool
}

// running is a server in a process of its own.
type running struct {
	*exec.Cmd
	url string
}

// sizes are how many requests there are, and how often servers are struck.
func sizes() (requests, blows int) {
	if os.Getenv("SOAK") != "" {
		return 100, 12
	}
	return 10, 3
}

const firstPerson = 100

// newLives makes a company that counts every row that is written.
func newLives(t *testing.T, kind string) *lives {
	w := newWorld(t, kind, "postgres")
	n, _ := sizes()
	w.exec(strings.ReplaceAll(`INSERT INTO customer SELECT n, 'c' || n || '@example.com', 'Name ' || n, '+49301' || n FROM {people} n;
INSERT INTO orders SELECT n * 10 + k, CASE WHEN k < 2 THEN n END, 'Weg ' || n || '-' || k FROM {people} n, generate_series(0, 2) k;
INSERT INTO note SELECT 'c' || n, n * 10, 'call ' || n FROM {people} n;
CREATE TABLE written (row TEXT);
CREATE FUNCTION written() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO written VALUES (TG_TABLE_NAME || ' ' || COALESCE(to_jsonb(NEW)->>'id', to_jsonb(NEW)->>'no')); RETURN NULL; END $$;
CREATE TRIGGER written AFTER UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION written();
CREATE TRIGGER written AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION written();
CREATE TRIGGER written AFTER UPDATE ON note FOR EACH ROW EXECUTE FUNCTION written();
`, "{people}", fmt.Sprintf("generate_series(%d, %d)", firstPerson, firstPerson+n-1)))
	l := &lives{site: &site{t: t, log: w.log, world: w}, programs: newPrograms(t), approved: make(chan struct{}), struck: make(chan chan struct{}, 100)}
	l.caught, _ = mailServer(t, mailcatch.Config{Caught: func(mailcatch.Message) { l.happens() }})
	l.programs.on("crm", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-l.approved:
		case <-t.Context().Done():
		}
		l.happens()
		says(fmt.Sprintf(`{"derived_identity": {"external_id": "%s2"}}`, l.person(r.Header.Get("Webhook-Id"))))(w, r)
	})
	for _, path := range []string{"erp", "told"} {
		l.programs.on(path, func(http.ResponseWriter, *http.Request) { l.happens() })
	}
	w.configureFor(l.programs, halting)
	dir := filepath.Join(w.dir, "config")
	policies, err := os.ReadFile(filepath.Join(dir, "1.yml"))
	l.must(err)
	// A constant in place of the hash, whose secret is another in every request.
	policies = bytes.Replace(policies, []byte("{strategy: hash, configuration: {algorithm: SHA-256}}"), []byte("{strategy: string_rewrite, configuration: {rewrite_value: gone}}"), 1)
	l.must(os.WriteFile(filepath.Join(dir, "1.yml"), policies, 0o600))
	l.must(os.WriteFile(filepath.Join(dir, "3.yml"), []byte(others), 0o600))
	w.house.Data, w.house.MasterKey = filepath.Join(w.dir, "server 1"), childsKey
	closed := l.open()
	w.apply(&storeOf{l.db.DB, store.DefaultTenant})
	l.key = l.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
	closed()
	return l
}

// all gives all calls.
func (c *programs) all() []called {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// person gives the number of the person that a call was about.
func (l *lives) person(call string) string {
	for _, got := range l.programs.to("crm") {
		if got.id == call {
			return strings.TrimSuffix(strings.TrimPrefix(got.body.Identity["email"][0], "c"), "@example.com")
		}
	}
	return ""
}

// open opens the store from here, where no server may have it open.
func (l *lives) open() (closed func()) {
	l.t.Helper()
	house, err := Open(l.t.Context(), l.world.house)
	l.must(err)
	l.db = &storetest.Database{DB: house.Store}
	return func() { l.must(house.Close()) }
}

// start starts a server: the program, or this test as one, whose leases are
// short. Packages are in one place for all.
func (l *lives) start(program bool) *running {
	l.t.Helper()
	l.started++
	w := l.world
	data := w.house.Data
	self, err := os.Executable()
	l.must(err)
	if program {
		self, err = crashing()
		l.must(err)
	} else {
		data = filepath.Join(w.dir, fmt.Sprint("server-", l.started))
	}
	r := &running{Cmd: exec.Command(self, "serve", "--listen", "127.0.0.1:0")}
	r.Env = append(os.Environ(), "VOLENTI_DATA="+data, "VOLENTI_DATABASE="+w.house.Database, "VOLENTI_MASTER_KEY="+childsKey,
		"VOLENTI_SMTP="+l.caught.URL(), "VOLENTI_MAIL_FROM=privacy@example.com", "VOLENTI_PUBLIC_URL=https://privacy.example",
		"VOLENTI_ALLOW_PRIVATE_WEBHOOKS=true", "VOLENTI_PACKAGES="+filepath.Join(w.dir, "packages"))
	if !program {
		r.Env = append(r.Env, servingChild+"="+data+" "+w.house.Database)
	}
	r.Stderr = l.log
	out, err := r.StdoutPipe()
	l.must(err)
	l.must(r.Start())
	l.t.Cleanup(func() { _ = r.Process.Kill(); _ = r.Wait() })
	said := bufio.NewScanner(out)
	if !said.Scan() {
		l.t.Fatalf("the server says nothing:\n%s", l.log)
	}
	r.url = strings.TrimPrefix(said.Text(), "Volenti answers on ")
	l.servers, l.url = append(l.servers, r), r.url
	return r
}

// happens counts an event, at which a server may be struck.
func (l *lives) happens() {
	l.mu.Lock()
	l.events++
	if len(l.blows) == 0 || l.events < l.blows[0].at {
		l.mu.Unlock()
		return
	}
	holds := l.blows[0].holds
	l.blows = l.blows[1:]
	l.mu.Unlock()
	gone := make(chan struct{})
	l.struck <- gone
	if !holds {
		return
	}
	select {
	case <-gone:
	case <-l.t.Context().Done():
	}
}

// submitAll submits and approves what people ask for; two thirds want to be
// erased.
func (l *lives) submitAll() {
	l.t.Helper()
	n, _ := sizes()
	for i := range n {
		policy := "erasure"
		if i%3 == 0 {
			policy = "access"
		}
		l.all = append(l.all, l.submitTo(policy, fmt.Sprintf("c%d@example.com", firstPerson+i)))
	}
	for _, r := range l.all {
		l.approve(r)
	}
	close(l.approved)
}

// draw draws blows, within the events of a run that nobody disturbs.
func (l *lives) draw(events int, chance rand.Source) {
	draw := rand.New(chance)
	_, n := sizes()
	at := draw.Perm(events * 4 / 5)[:n]
	slices.Sort(at)
	for i, event := range at {
		l.blows = append(l.blows, blow{event + 1, i%2 == 0})
	}
	l.t.Logf("struck at %v", l.blows)
}

// eachBlow strikes a server at each event that was drawn. After it the event is
// answered.
func (l *lives) eachBlow(n int, strike func(i int)) {
	l.t.Helper()
	for i := range n {
		select {
		case gone := <-l.struck:
			strike(i)
			close(gone)
		case <-time.After(time.Minute):
			l.t.Fatalf("nothing happens any more\n%s", l.log)
		}
	}
}

func (l *lives) kill(r *running) {
	l.t.Helper()
	l.must(r.Process.Kill())
	_ = r.Wait()
	l.servers = slices.DeleteFunc(l.servers, func(other *running) bool { return other == r })
}

// ending is everything that must not depend on what befell the servers.
type ending struct {
	Rows     []string // of the target, and each time that one was written
	Requests []string
	Mails    []string // each letter once
}

var (
	fetchLink = regexp.MustCompile(`https://privacy\.example/packages/(vd_\S+)`)
	fleeting  = regexp.MustCompile(`v[a-z]_[0-9A-Za-z_-]+|[0-9a-f]{8}-[0-9a-f-]{27}`) // tokens and references
)

// end waits for the end of all requests, and checks what was done about them.
// What was under way when one of the blows fell may have been repeated: under
// the same name, and nothing else.
func (l *lives) end(blows int) (e ending) {
	t := l.t
	t.Helper()
	reported, posted := map[string]api.RequestWithReport{}, map[string][]api.Letter{}
	for _, r := range l.all {
		reported[r.ID] = l.await(r.ID, request.Complete)
		posted[r.ID] = l.ended(r.ID)
	}
	messages := l.caught.Messages()
	l.packages(messages)
	for len(l.servers) > 0 {
		l.kill(l.servers[0])
	}
	defer l.open()()
	l.calls(reported, blows)
	l.letters(messages, posted, blows)
	l.audited()
	for n, r := range l.all {
		done := reported[r.ID]
		e.Requests = append(e.Requests, fmt.Sprint(n, " ", r.Policy, " ", done.Status))
		for _, c := range done.Report.Collections {
			e.Requests = append(e.Requests, fmt.Sprint(n, " ", c.Address, " ", c.Action, " ", c.Status, " ", c.Verified, " ", c.RowsRead, " ", c.RowsMasked+c.RowsAlready))
		}
		for _, h := range done.Report.Webhooks {
			e.Requests = append(e.Requests, fmt.Sprint(n, " ", h.Webhook, " ", h.Status, " ", h.Derived))
		}
		acts := slices.DeleteFunc(l.actsOn("request/"+r.ID), func(act string) bool { // these may be said again
			return slices.Contains([]string{"request.start", "request.package", "request.webhook", "email.repeated"}, act)
		})
		slices.Sort(acts)
		e.Requests = append(e.Requests, fmt.Sprint(n, " ", acts))
	}
	for _, table := range []string{"customer", "orders", "note", "written"} {
		for _, row := range l.world.table("SELECT * FROM " + table + " ORDER BY 1") {
			e.Rows = append(e.Rows, table+" "+row)
		}
	}
	once := map[string]string{}
	for _, m := range messages {
		once[m.ID] = m.To + ": " + m.Subject + "\n" + fleeting.ReplaceAllString(m.Text, "?")
	}
	e.Mails = slices.Sorted(maps.Values(once))
	if text := l.log.String(); strings.Contains(text, "@example.com") {
		t.Error("the logs name people")
	}
	return e
}

// ended waits for the end of all letters about a request.
func (l *lives) ended(id string) []api.Letter {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		var all api.LetterList
		l.ask("GET", "/api/v1/requests/"+id+"/letters", "", http.StatusOK, &all)
		if !slices.ContainsFunc(all.Items, func(p api.Letter) bool { return p.Ended == nil }) {
			return all.Items
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("a letter does not end: %+v\n%s", all.Items, l.log)
		}
	}
}

// packages looks into what there is for each person, and fetches some by the
// links in their letters: as many as one network may.
func (l *lives) packages(messages []mailcatch.Message) {
	l.t.Helper()
	for i, r := range l.all {
		n := fmt.Sprint(firstPerson + i)
		got := l.get("/api/v1/requests/" + r.ID + "/package")
		if got.status != http.StatusOK {
			l.t.Fatalf("the package for %s: %d %s", n, got.status, got.body)
		}
		text := unzipped(l.t, got.body)
		for _, theirs := range []string{"Weg " + n + "-0", "Weg " + n + "-1", "Weg " + n + "-2", "call " + n} { // the third only by what the webhook said
			if !strings.Contains(text, theirs) {
				l.t.Errorf("the package for %s lacks %s", n, theirs)
			}
		}
	}
	fetched := map[string]bool{} // by Message-ID
	for _, m := range messages {
		link := fetchLink.FindStringSubmatch(m.Text)
		if link == nil || fetched[m.ID] || len(fetched) == 10 {
			continue
		}
		fetched[m.ID] = true
		if got := l.byLink("open", link[1]); got.status != http.StatusOK {
			l.t.Errorf("the link for %s: %d %s", m.To, got.status, got.body)
		}
	}
	l.world.equal("links that were followed", len(fetched), 10)
}

// calls checks that each webhook was called about each request, under one id
// and with one token that it has for nothing else; and twice only where a server
// had one in hand when it was struck.
func (l *lives) calls(reported map[string]api.RequestWithReport, blows int) {
	l.t.Helper()
	names, of, times := map[string]string{}, map[string]string{}, map[string]int{}
	calls := l.programs.all()
	for _, c := range calls {
		what, name := c.path+" about "+c.body.Request, c.id+" "+c.token
		if names[what] != "" && names[what] != name || of[c.id] != "" && of[c.id] != what {
			l.t.Errorf("%s is called as %s, and as %s, which is for %s", what, names[what], name, of[c.id])
		}
		names[what], of[c.id] = name, what
		times[what]++
	}
	for id, r := range reported {
		for _, h := range r.Report.Webhooks {
			if got := times[h.Connection+" about "+id]; got < 1 || got > h.Calls {
				l.t.Errorf("the webhook %s got %d calls about %s, and the report has %d", h.Webhook, got, id, h.Calls)
			}
		}
	}
	l.world.equal("webhooks called", len(times), 3*len(l.all))
	l.t.Logf("%d of %d calls were repeated", len(calls)-len(times), len(calls))
	if again := len(calls) - len(times); again > blows*mostRequests {
		l.t.Errorf("%d calls were repeated after %d blows", again, blows)
	}
}

// letters checks that each letter was sent, and twice only where it says so and
// a server had it in hand when it was struck; and that there are those that
// there must be.
func (l *lives) letters(messages []mailcatch.Message, posted map[string][]api.Letter, blows int) {
	l.t.Helper()
	caught, letters := map[string]int{}, 0
	for _, m := range messages {
		caught[m.ID]++
	}
	for _, r := range l.all {
		kinds := map[message.Kind]int{}
		for _, p := range posted[r.ID] {
			kinds[message.Kind(p.Kind)]++
			got := caught["<"+p.ID+"@example.com>"]
			if p.State != string(message.Sent) || got < 1 || got > p.Attempts || got > 1 && !p.Doubtful {
				l.t.Errorf("it came %d times: %+v", got, p)
			}
		}
		want := map[message.Kind]int{message.Approval: 1, message.Completion: 1}
		if r.Policy == "erasure" {
			want[message.Instructions] = 3
		}
		l.world.equal("letters about a request", kinds, want)
		letters += len(posted[r.ID])
	}
	l.world.equal("letters that came, each once", len(caught), letters)
	l.t.Logf("%d of %d letters were sent again", len(messages)-letters, len(messages))
	if again := len(messages) - letters; again > blows*mostLetters {
		l.t.Errorf("%d letters were sent again after %d blows", again, blows)
	}
}

// audited verifies the audit log.
func (l *lives) audited() {
	l.t.Helper()
	keys, err := l.db.Tenant(l.t.Context(), store.DefaultTenant)
	l.must(err)
	var export bytes.Buffer
	l.must(l.db.Audit().Export(l.t.Context(), store.DefaultTenant, &export))
	if _, err := audit.Verify(&export, audit.Options{Verifier: keys.Verifier()}); err != nil {
		l.t.Errorf("the audit log: %v", err)
	}
}

// Many requests are carried out whole: undisturbed, by servers that are killed
// with SIGKILL, and by servers that are told to stop. The end is the same, in
// the target, in the letters, in the audit log. An embedded server that was
// killed is started again; of two on one database, the other goes on.
func TestServersThatAreStruckAmidManyRequestsLoseNothingAndDoNothingTwice(t *testing.T) { // R1, R4, R8, E18, X5, X15
	t.Parallel()
	_, blows := sizes()
	t.Logf("to have the same again: SEED=%d", seed())
	bothStores(t, func(t *testing.T, kind string) {
		calm := newLives(t, kind)
		calm.start(true)
		calm.submitAll()
		want, events := calm.end(0), calm.events
		for stream, disturbed := range []func(*lives){killed, toldToStop} {
			t.Run([]string{"killed", "told to stop"}[stream], func(t *testing.T) {
				l := newLives(t, kind)
				l.draw(events, rand.NewPCG(seed(), uint64(stream)))
				disturbed(l)
				if d := cmp.Diff(want, l.end(blows)); d != "" {
					t.Errorf("the end is another (-undisturbed +struck):\n%s", d)
				}
			})
		}
	})
}

func killed(l *lives) {
	blows, embedded := len(l.blows), l.world.house.Database == ""
	l.start(embedded)
	if !embedded {
		l.start(false)
	}
	l.submitAll()
	l.eachBlow(blows, func(i int) {
		l.kill(l.servers[0])
		switch {
		case embedded:
			l.start(true)
		case i < blows-1: // the last one ends it alone
			l.start(false)
		default:
			l.url = l.servers[0].url
		}
	})
}

// toldToStop has one server at a time. When it has ended, all that is not done
// can be taken up at once by another.
func toldToStop(l *lives) {
	blows := len(l.blows)
	l.start(true)
	l.submitAll()
	l.eachBlow(blows, func(int) {
		r := l.servers[0]
		l.must(r.Process.Signal(syscall.SIGTERM))
		ended := make(chan error, 1)
		go func() { ended <- r.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				l.t.Errorf("it was told to stop, and ended with %v\n%s", err, l.log)
			}
		case <-time.After(10 * time.Second): // R8
			l.t.Fatalf("it does not stop\n%s", l.log)
		}
		l.servers = nil
		l.handedBack()
		l.start(true)
	})
}

// handedBack checks that another server can take up all that is not done.
func (l *lives) handedBack() {
	l.t.Helper()
	defer l.open()()
	due, err := l.db.Requests().Due(l.t.Context(), store.DefaultTenant, "another", false, len(l.all))
	l.must(err)
	for _, each := range l.all {
		r, err := l.db.Requests().Get(l.t.Context(), store.DefaultTenant, each.ID)
		l.must(err)
		if (r.Status == request.Approved || r.Status == request.InProcessing) && !slices.Contains(due, r.ID) {
			l.t.Errorf("%s is %s, and was not handed back", r.ID, r.Status)
		}
	}
}
