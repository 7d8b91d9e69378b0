package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// takers are connections that take choices: two of one system, and one of none that
// has words of its own.
func takers(c *programs) string {
	text := "system:\n- {key: crm, data_uses: [marketing]}\nconnection:\n"
	for key, more := range map[string]string{
		"crm-eu": "system: crm, consent: {identities: [email]}",
		"crm-us": "system: crm, consent: {identities: [email]}",
		"lists":  "consent: {identities: [email], purposes: {analytics: [list_42, list_43]}}",
	} {
		text += fmt.Sprintf("- {key: %s, type: webhook, receives: identities, private: true, secrets: {url: %q, secret: %q}, %s}\n", key, c.URL+"/"+key, c.secret, more)
	}
	return text
}

// choosing is a site that tells connections what people choose.
func choosing(t *testing.T, db *storetest.Database, c *programs) *site {
	t.Helper()
	s := newSiteWith(t, db, func(srv *Server) {
		srv.deliveryPauses = []time.Duration{100 * time.Millisecond, time.Hour}
		srv.laneTime = 2 * time.Second
	})
	s.world = newWorld(t, "sqlite", "sqlite")
	s.world.configure(shopDataset, withdrawing, takers(c))
	s.must(db.Consents().Configure(t.Context(), store.DefaultTenant, []consent.Purpose{
		{Key: "analytics", Uses: []string{"marketing.communications.email"}}, {Key: "research"},
	}, nil, act("consent.configure")))
	s.openShop()
	s.until("lanes", func() bool {
		lanes, err := db.Propagation().Lanes(t.Context(), store.DefaultTenant)
		s.must(err)
		return len(lanes) == 3
	})
	return s
}

// until waits until something is the case.
func (s *site) until(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain for %s\n%s", what, s.log)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// told waits until a change has arrived, or will not, and gives what became of it.
func (s *site) told(record string) (v propagate.View) {
	s.t.Helper()
	s.until("deliveries", func() bool {
		var err error
		v, err = s.db.Propagation().Change(s.t.Context(), store.DefaultTenant, record)
		if err != nil {
			return false
		}
		for _, status := range v.Statuses {
			if status.Open() {
				return false
			}
		}
		return true
	})
	return v
}

// last is the record of a person's last choice.
func (s *site) last(email string) string {
	s.t.Helper()
	id, err := s.db.Consents().Find(s.t.Context(), store.DefaultTenant, person(s.t, subject.Email, email)[0])
	s.must(err)
	all, err := s.db.Consents().History(s.t.Context(), store.DefaultTenant, id)
	s.must(err)
	return all[len(all)-1].ID
}

// preference is what a program was told.
type preference struct {
	Type string
	Data struct {
		Subject    string
		Identities map[string][]string
		Purpose    string
		Items      []string
		Granted    bool
	}
}

func (c called) preference(t *testing.T) (p preference) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.raw), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTwoConnectionsOfOneSystemEachAnswerForThemselves(t *testing.T) { // C5, C17, P4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := newPrograms(t)
		c.on("crm-us", func(w http.ResponseWriter, r *http.Request) { // it refuses, and says the name
			w.WriteHeader(http.StatusGone)
			_, _ = io.WriteString(w, personal)
		})
		s := choosing(t, db, c)
		granted := s.told(s.makeConsent(store.DefaultTenant, personal, "analytics", true).Record)
		want := map[string]propagate.Status{"crm-eu": propagate.Complete, "crm-us": propagate.Failed, "lists": propagate.Complete}
		s.world.equal("the grant", granted.Statuses, want)

		r := s.submit("objection", personal)
		s.approve(r)
		s.await(r.ID, request.Complete)
		withdrawn := s.told(s.last(personal))
		s.world.equal("the withdrawal", withdrawn.Statuses, want)
		s.world.equal("the system", withdrawn.Systems, map[string]propagate.Status{"crm": propagate.Failed})
		for _, d := range withdrawn.Rows {
			if d.Choice != consent.Withdrawn || (d.Connection == "crm-us") != (d.Reason == propagate.Refused) || len(d.Calls) != 1 || len(d.Sent) != 1 {
				t.Errorf("%+v", d)
			}
		}
		for key, items := range map[string]string{"crm-eu": "[analytics]", "lists": "[list_42 list_43]"} {
			calls := c.to(key)
			if len(calls) != 2 {
				t.Fatalf("%s was called %d times", key, len(calls))
			}
			p := calls[1].preference(t)
			if p.Type != "preference.changed" || p.Data.Purpose != "analytics" || fmt.Sprint(p.Data.Items) != items || p.Data.Granted || p.Data.Subject != withdrawn.Subject.String() ||
				fmt.Sprint(p.Data.Identities) != "map[email:["+personal+"]]" {
				t.Errorf("%s was told %s", key, calls[1].raw)
			}
			if calls[0].id == calls[1].id || !strings.HasPrefix(calls[0].id, "vc_") {
				t.Errorf("%s was called by %s and %s", key, calls[0].id, calls[1].id)
			}
		}
		other := s.told(s.makeConsent(store.DefaultTenant, personal, "research", true).Record)
		for _, d := range other.Rows {
			if d.Status != propagate.Skipped || d.Reason != propagate.UseMismatch {
				t.Errorf("%+v", d)
			}
		}
		s.discreet(c)
	})
}

// discreet looks for what must not be in the log, nor in the audit log.
func (s *site) discreet(c *programs) {
	s.t.Helper()
	records, err := s.db.Audit().Records(s.t.Context(), store.DefaultTenant, 0, 100_000)
	s.must(err)
	var acts strings.Builder
	for _, r := range records {
		if strings.HasPrefix(r.Object, "delivery/") || strings.HasPrefix(r.Object, "change/") {
			acts.WriteString(fmt.Sprintf("%s %s %s\n", r.Act, r.Object, r.Details))
		}
	}
	for where, text := range map[string]string{"the log": s.log.String(), "the audit log": acts.String()} {
		for _, secret := range []string{personal, c.secret, c.URL} {
			if strings.Contains(text, secret) { // SE10
				s.t.Errorf("%s shows %q", where, secret)
			}
		}
	}
	if !strings.Contains(acts.String(), "delivery.complete") {
		s.t.Error("the audit log has no deliveries")
	}
}

func TestPersonWhoWasErasedIsNeverSentOut(t *testing.T) { // P10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := newPrograms(t)
		held, proceed := make(chan struct{}, 10), make(chan struct{})
		c.on("crm-eu", func(w http.ResponseWriter, _ *http.Request) {
			held <- struct{}{}
			<-proceed
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		s := choosing(t, db, c)
		o := s.makeConsent(store.DefaultTenant, personal, "analytics", true)
		<-held
		s.must(db.Consents().EraseSubject(t.Context(), store.DefaultTenant, o.Subject, act("consent.erase")))
		close(proceed)
		v := s.told(o.Record)
		if got := v.Statuses["crm-eu"]; got != propagate.Skipped || len(c.to("crm-eu")) != 1 {
			t.Errorf("%s after %d calls", got, len(c.to("crm-eu")))
		}
		s.discreet(c)
	})
}

// notPublic are hosts in networks that nobody outside is in.
var notPublic = []string{
	"127.0.0.1", "[::1]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "[fc00::1]", "100.64.0.1", "169.254.169.254", "[fe80::1]", "224.0.0.1", "[ff02::1]", "0.0.0.0", "[::]",
	"192.0.2.1", "198.51.100.1", "203.0.113.1", "[2001:db8::1]", "[3fff::1]", "192.0.0.192", "192.88.99.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "[100::1]", "[fec0::1]", "[2001::1]",
	"[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "100.100.100.200", "168.63.129.16", "[fd00:ec2::254]", "[fd20:ce::254]", "localhost",
}

func TestChoiceIsToldToNobodyInANetworkThatIsNotPublic(t *testing.T) { // SE4
	t.Parallel()
	asked := make(chan struct{}, 100)
	c := newPrograms(t)
	c.on("here", func(http.ResponseWriter, *http.Request) { asked <- struct{}{} })
	poster := (&Server{Now: time.Now}).poster()
	if caller(poster)(true) != nil {
		t.Error("private networks are open without --allow-private-webhooks")
	}
	open := func(address string, client connector.Client) error {
		secrets := map[string]string{"url": address, "secret": c.secret}
		made, err := builtin.Registry()["webhook"].New(connector.Settings{Key: "k", Secrets: secrets, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		_, err = made.(connector.Preferrer).Prefer(t.Context(), []connector.Preference{{Key: "vc_1", Identities: person(t, subject.Email, personal)}})
		return err
	}
	for _, address := range notPublic {
		for _, scheme := range []string{"https", "http"} {
			err := open(scheme+"://"+address+":"+c.URL[strings.LastIndex(c.URL, ":")+1:]+"/here", caller(poster)(false))
			if connector.KindOf(err) != connector.Denied || strings.Contains(err.Error(), address) {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
	for _, address := range []string{"ftp://example.com", "https://user:pass@example.com/", "file:///etc/passwd", "https://", "https://example.com/#x"} {
		if err := open(address, caller(poster)(false)); connector.KindOf(err) != connector.Denied || strings.Contains(err.Error(), "pass") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := open(c.URL+"/here", nil); connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), "--allow-private-webhooks") {
		t.Errorf("without a client: %v", err)
	}
	if len(asked) > 0 {
		t.Error("a program in the private network was called")
	}
	poster = (&Server{Now: time.Now, AllowPrivateWebhooks: true}).poster()
	if err := open(c.URL+"/here", caller(poster)(true)); err != nil || len(asked) != 1 {
		t.Errorf("with the permission: %v, %d calls", err, len(asked))
	}
}

// Two servers share a database: each choice is told once, whichever of them does.
func TestTwoServersTellEachChoiceOnce(t *testing.T) { // P2, P6
	t.Parallel()
	db := storetest.Postgres(t)
	c := newPrograms(t)
	s := choosing(t, db, c)
	second := &Server{
		House: &House{Store: db.DB}, Now: time.Now, AllowPrivateWebhooks: true, laneTime: 2 * time.Second, Log: slog.New(slog.DiscardHandler),
		Configuration: config.Options{Registry: builtin.Registry()}, Packages: t.TempDir(),
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { second.propagate(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	const people = 40
	var records []string
	for n := range people {
		records = append(records, s.makeConsent(store.DefaultTenant, fmt.Sprintf("p%d@example.com", n), "analytics", true).Record)
	}
	for _, record := range records {
		for key, status := range s.told(record).Statuses {
			if status != propagate.Complete {
				t.Errorf("%s is %s", key, status)
			}
		}
	}
	times := map[string]int{}
	for _, path := range []string{"crm-eu", "crm-us", "lists"} {
		for _, call := range c.to(path) {
			times[call.id]++
		}
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was told %d times", id, n)
		}
	}
	if len(times) != 3*people {
		t.Errorf("%d were told", len(times))
	}
}

// launchKey is the master key of servers that launch starts.
var launchKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))

// The process is killed between the call and the note of its outcome: the call is
// made again under the same key, and the attempt says so.
func TestKilledBetweenACallAndItsOutcomeItIsToldAgainUnderTheSameKey(t *testing.T) { // R1, P2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		_ = db.Close()
		database, dir := "", filepath.Join(t.TempDir(), "one")
		if !db.Embedded() {
			database = pgtest.URL(t)
		}
		held := make(chan called, 100)
		answer := make(chan struct{})
		c := newPrograms(t)
		c.on("lists", func(_ http.ResponseWriter, r *http.Request) {
			for _, got := range c.to("lists") { // others may have come since
				if got.id == r.Header.Get("Webhook-Id") {
					held <- got
					break
				}
			}
			select {
			case <-answer:
			case <-r.Context().Done():
			}
		})
		files := t.TempDir()
		if err := os.WriteFile(filepath.Join(files, "c.yml"), []byte(takers(c)), 0o600); err != nil {
			t.Fatal(err)
		}
		at := []string{"--data", dir}
		if database != "" {
			at = append(at, "--database", database)
		}
		once(t, append([]string{"apply", files}, at...)...)
		token := once(t, append([]string{"apikey", "create", "--scope", "consents:write"}, at...)...)
		one := launch(t, dir, database)
		var first called
		for n := 0; first.id == ""; n++ { // the first may come before the connection is known
			one.choose(t, token, fmt.Sprintf("p%d@example.com", n))
			select {
			case first = <-held:
			case <-time.After(200 * time.Millisecond):
			}
		}
		one.kill()
		close(answer)
		second := launch(t, dir, database)
		again := <-held
		for again.id != first.id {
			again = <-held // of those that were not told
		}
		if again.preference(t).Data.Subject != first.preference(t).Data.Subject {
			t.Errorf("first %s, again %s", first.raw, again.raw)
		}
		second.end(t)

		repeatedOnce(t, database, dir, "lists", first.id)
	})
}

// repeatedOnce checks, when no server runs any more, that one delivery to a connection
// began under a key, and arrived when it was repeated under the same.
func repeatedOnce(t *testing.T, database, dir, connection, key string) {
	t.Helper()
	master, err := seal.ParseMaster(launchKey)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Config{URL: cmp.Or(database, "sqlite:"+filepath.Join(dir, "volenti.db")), Master: master})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	all, err := db.Propagation().List(t.Context(), store.DefaultTenant, propagate.Filter{Connection: connection, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	repeated := 0
	for _, d := range all {
		tries, err := db.Propagation().Attempts(t.Context(), store.DefaultTenant, d.Record, d.Connection)
		if err != nil {
			t.Fatal(err)
		}
		if len(tries) == 0 || tries[0].Key != key {
			continue
		}
		repeated++
		if d.Status != propagate.Complete || len(tries) != 2 || !tries[1].Repeats || tries[1].Key != key || tries[0].Status != propagate.Sending {
			t.Errorf("%s after %+v", d.Status, tries)
		}
	}
	if repeated != 1 {
		t.Errorf("%d deliveries have the key", repeated)
	}
}

// choose records a choice over HTTP.
func (p *program) choose(t *testing.T, token, email string) {
	t.Helper()
	body := `{"identities":[{"type":"email","value":"` + email + `"}],"purposes":{"analytics":true},"source":"signup_form"}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/api/v1/consents", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", uuid.NewString())
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	if got.StatusCode != http.StatusCreated {
		t.Fatalf("a choice is answered with %d", got.StatusCode)
	}
}

// end stops a server in order.
func (p *program) end(t *testing.T) {
	t.Helper()
	killing.Lock()
	defer killing.Unlock()
	if err := errors.Join(p.cmd.Process.Signal(syscall.SIGTERM), p.cmd.Wait()); err != nil {
		t.Error(err)
	}
}
