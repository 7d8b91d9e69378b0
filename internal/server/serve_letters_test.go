package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

const (
	mailbox = "canary.7d2e@example.org"
	secret  = "canary-value"
)

// mailServer starts one that misbehaves as it is told, and gives what sends to
// it, patient for a moment.
func mailServer(t *testing.T, c mailcatch.Config) (*mailcatch.Server, *mail.Transport) {
	t.Helper()
	s, err := mailcatch.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	tr, err := mail.Parse(s.URL(), "Example GmbH <privacy@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	return s, tr
}

// mailing is a site that sends letters, and tries again soon.
func mailing(t *testing.T, db *storetest.Database, tr *mail.Transport) *site {
	t.Helper()
	return newSiteWith(t, db, func(s *Server) {
		s.letterPauses = []time.Duration{10 * time.Millisecond}
		if tr != nil {
			s.Mail = tr
		}
	})
}

// post stores a letter about a request.
func (s *site) post(tenant, about string, kind message.Kind, language string) message.Letter {
	s.t.Helper()
	l := message.Sample(kind, language)
	l.ID, l.Request, l.To = uuid.Must(uuid.NewV7()).String(), about, subject.Conceal(mailbox)
	for _, name := range []string{"reference", "policy", "code", "reason", "connection", "url"} {
		if _, used := l.Values[name]; used {
			l.Values[name] = secret
		}
	}
	s.must(s.db.Letters().Post(s.t.Context(), tenant, l))
	return l
}

// settledLetter waits until a letter of a request is as it should be.
func (s *site) settledLetter(about, id string, ready func(message.Posted) bool) message.Posted {
	s.t.Helper()
	for {
		all, err := s.db.Letters().Of(s.t.Context(), store.DefaultTenant, about)
		s.must(err)
		for _, p := range all {
			if p.ID == id && ready(p) {
				return p
			}
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatal("the letter did not become what it should")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func ended(p message.Posted) bool { return !p.Ended.IsZero() }

func TestLettersAreSentAsTheyArePosted(t *testing.T) { // X15, E8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{})
		s := mailing(t, db, tr)
		s.must(db.Consents().Describe(t.Context(), store.DefaultTenant, consent.Controller{Name: "Muster AG"}, audit.Entry{Act: "controller.set", Object: "controller"}))
		about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
		posted := map[string]message.Letter{}
		for _, kind := range message.Kinds() {
			l := s.post(store.DefaultTenant, about, kind, []string{"de-AT", ""}[len(posted)%2])
			posted["<"+l.ID+"@example.com>"] = l
		}
		messages, err := caught.Wait(t.Context(), len(posted), nil)
		s.must(err)
		for _, m := range messages {
			l := posted[m.ID]
			want, err := message.Render(l, "Muster AG", nil)
			s.must(err)
			if m.To != mailbox || m.Subject != want.Subject || m.Text != want.Text || m.HTML != want.HTML {
				t.Errorf("%s to %s: %s\n%s", l.Kind, m.To, m.Subject, m.Text)
			}
			if p := s.settledLetter(about, l.ID, ended); p.State != message.Sent || p.Attempts != 1 || p.Doubtful || p.Reason != "" {
				t.Errorf("%+v", p)
			}
		}
	})
}

// A letter is sent, or it is said why it is not: whatever the mail server does
// (R6). The pauses between attempts are milliseconds here.
func TestWhateverTheMailServerDoesTheLetterSaysWhatBecameOfIt(t *testing.T) { // R6, E18
	t.Parallel()
	first := func(n int, f mailcatch.Fault) func(int) mailcatch.Fault {
		return func(attempt int) mailcatch.Fault {
			if attempt > n {
				return mailcatch.None
			}
			return f
		}
	}
	tests := map[string]struct {
		behave func(int) mailcatch.Fault
		want   message.Posted
		caught int
	}{
		"refuses the address":                 {first(9, mailcatch.Refuse), message.Posted{State: message.Failed, Attempts: 1, Reason: "the mail server does not accept the address: 550 5.1.1"}, 0},
		"refuses the message":                 {first(9, mailcatch.Reject), message.Posted{State: message.Failed, Attempts: 1, Reason: "the mail server does not accept the message: 554 5.7.1"}, 0},
		"asks to come back, twice":            {first(2, mailcatch.Defer), message.Posted{State: message.Sent, Attempts: 3}, 1},
		"has no room at first":                {first(1, mailcatch.Postpone), message.Posted{State: message.Sent, Attempts: 2}, 1},
		"stalls at first":                     {first(1, mailcatch.Stall), message.Posted{State: message.Sent, Attempts: 2}, 1},
		"takes it and dies before it answers": {first(1, mailcatch.Disappear), message.Posted{State: message.Sent, Attempts: 2, Doubtful: true}, 2},
		"takes it and says nothing":           {first(1, mailcatch.Withhold), message.Posted{State: message.Sent, Attempts: 2, Doubtful: true}, 2},
		"dies, then asks to come back": {func(attempt int) mailcatch.Fault {
			return []mailcatch.Fault{mailcatch.Disappear, mailcatch.Defer, mailcatch.None}[min(attempt, 3)-1]
		}, message.Posted{State: message.Sent, Attempts: 3, Doubtful: true}, 2},
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				caught, tr := mailServer(t, mailcatch.Config{Behave: test.behave})
				tr.Patience = 2 * time.Second
				s := mailing(t, fresh(t, db), tr)
				about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
				l := s.post(store.DefaultTenant, about, message.Denial, "en")
				got := s.settledLetter(about, l.ID, ended)
				want := test.want
				want.ID, want.Request, want.Kind, want.Language = l.ID, about, message.Denial, "en"
				if want.State == message.Sent {
					want.Reason = ""
				}
				if d := cmp.Diff(want, got, cmpopts.IgnoreFields(message.Posted{}, "Created", "Ended")); d != "" {
					t.Error(d)
				}
				messages := caught.Messages()
				for _, m := range messages {
					if m.ID != "<"+l.ID+"@example.com>" { // what is the same in each attempt
						t.Errorf("Message-ID %s of the letter %s", m.ID, l.ID)
					}
				}
				if len(messages) != test.caught {
					t.Errorf("%d messages were taken, want %d", len(messages), test.caught)
				}
				acts := strings.Join(s.actsOn("request/"+about), " ")
				wantActs := map[message.State]string{message.Sent: "email.sent", message.Failed: "email.failed"}[want.State]
				if want.Doubtful {
					wantActs = "email.repeated " + wantActs
				}
				if !strings.HasSuffix(acts, wantActs) || strings.Contains(acts, "email.repeated") != want.Doubtful {
					t.Errorf("the log has %s, want %s", acts, wantActs)
				}
				s.silent()
			})
		}
	})
}

// fresh gives another empty database of the same kind.
func fresh(t *testing.T, db *storetest.Database) *storetest.Database {
	t.Helper()
	if db.Embedded() {
		return storetest.SQLite(t)
	}
	return storetest.Postgres(t)
}

// silent ends the server and finds nothing of a letter in its log, nor in what
// is stored.
func (s *site) silent() {
	s.t.Helper()
	s.stop()
	s.must(<-s.ended)
	if log := s.log.String(); strings.Contains(log, "canary") {
		s.t.Errorf("the log tells of a letter:\n%s", log)
	}
	if bytes.Contains(s.db.Dump(s.t), []byte("canary")) {
		s.t.Error("the store shows what is in a letter")
	}
}

func TestLetterIsGivenUpWhenItIsTooLate(t *testing.T) { // R6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		_, tr := mailServer(t, mailcatch.Config{Behave: func(int) mailcatch.Fault { return mailcatch.Defer }})
		s := mailing(t, db, tr)
		about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
		l := s.post(store.DefaultTenant, about, message.Approval, "en")
		s.settledLetter(about, l.ID, func(p message.Posted) bool { return p.Attempts > 2 })
		if _, err := db.Raw(t).Exec(`UPDATE letters SET created = created - $1`, (72 * time.Hour).Microseconds()); err != nil {
			t.Fatal(err)
		}
		if p := s.settledLetter(about, l.ID, ended); p.State != message.Failed || p.Reason != "it was tried until it was too late; at last: the mail server asks to try again later: 451 4.7.1" {
			t.Errorf("%+v", p)
		}
		s.silent()
	})
}

func TestCodeThatIsNotGoodAnyMoreIsNotSent(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	caught, tr := mailServer(t, mailcatch.Config{})
	s := mailing(t, db, nil)
	about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
	l := s.post(store.DefaultTenant, about, message.Code, "en")
	if _, err := db.Raw(t).Exec(`UPDATE letters SET created = created - $1`, (11 * time.Minute).Microseconds()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.must(<-s.ended)
	again := sendingOn(t, db, tr)
	if p := again.settledLetter(about, l.ID, ended); p.State != message.Failed || p.Reason != "the code is not good any more" || len(caught.Messages()) != 0 {
		t.Errorf("%+v, %d messages", p, len(caught.Messages()))
	}
}

// sendingOn is a server over the store of a site that has ended.
func sendingOn(t *testing.T, db *storetest.Database, tr *mail.Transport) *site {
	t.Helper()
	s := &site{t: t, db: db, log: &safeBuffer{}, ended: make(chan error, 1)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	s.url = "http://" + listener.Addr().String()
	server := &Server{
		House: &House{Store: db.DB}, Now: time.Now, Log: slog.New(slog.NewTextHandler(s.log, nil)),
		Mail: tr, letterPauses: []time.Duration{10 * time.Millisecond}, Packages: t.TempDir(),
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { s.ended <- server.Serve(ctx, listener); close(s.ended) }()
	t.Cleanup(func() {
		stop()
		if err := <-s.ended; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
	return s
}

func TestWithoutAMailServerLettersWait(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := mailing(t, db, nil)
		about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
		l := s.post(store.DefaultTenant, about, message.Approval, "en")
		got := s.get("/api/v1/requests/" + about + "/letters")
		var list api.LetterList
		s.must(json.Unmarshal([]byte(got.body), &list))
		if len(list.Items) != 1 || list.Items[0].ID != l.ID || list.Items[0].State != "waiting" || list.Items[0].Attempts != 0 || !strings.Contains(list.Items[0].Message, "no mail server was named") {
			t.Errorf("%s", got.body)
		}
		if got := s.send("GET", "/readyz", "", nil); got.status != 200 { // E17: letters wait, and all else goes on
			t.Errorf("%d", got.status)
		}
		if n := strings.Count(s.log.String(), "letters wait"); n != 1 {
			t.Errorf("the log says %d times that letters wait", n)
		}
		s.silent()
		caught, tr := mailServer(t, mailcatch.Config{})
		later := sendingOn(t, db, tr)
		if p := later.settledLetter(about, l.ID, ended); p.State != message.Sent || len(caught.Messages()) != 1 {
			t.Errorf("%+v", p)
		}
	})
}

func TestMailServerIsTriedWhenTheServerStarts(t *testing.T) { // E17
	t.Parallel()
	gone, tr := mailServer(t, mailcatch.Config{User: "volenti", Password: "hunter2"})
	wrong, err := mail.Parse(strings.Replace(gone.URL(), "hunter2", "hunter3", 1), "privacy@example.com")
	if err != nil {
		t.Fatal(err)
	}
	for transport, want := range map[*mail.Transport]string{tr: "", wrong: "the mail server does not let us in: 535"} {
		s := mailing(t, storetest.SQLite(t), transport)
		about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
		l := s.post(store.DefaultTenant, about, message.Approval, "en")
		s.settledLetter(about, l.ID, func(p message.Posted) bool { return p.Attempts > 0 && (ended(p) || p.State == message.Waiting) })
		log := s.log.String()
		if want == "" && strings.Contains(log, "letters wait") || !strings.Contains(log, want) || strings.Contains(log, "hunter") {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
		if got := s.send("GET", "/readyz", "", nil); got.status != 200 {
			t.Errorf("%d", got.status)
		}
	}
}

func TestLetterThatLacksAValueFailsAndNamesIt(t *testing.T) { // issue: a template with a missing variable
	t.Parallel()
	caught, tr := mailServer(t, mailcatch.Config{})
	s := mailing(t, storetest.SQLite(t), tr)
	about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
	l := message.Letter{ID: uuid.Must(uuid.NewV7()).String(), Request: about, Kind: message.Denial, To: subject.Conceal(mailbox), Values: message.Values{"reference": secret, "policy": secret, "url": secret}}
	s.must(s.db.Letters().Post(t.Context(), store.DefaultTenant, l))
	if p := s.settledLetter(about, l.ID, ended); p.State != message.Failed || !strings.Contains(p.Reason, `there is no value "reason"`) || caught.Attempts() != 0 {
		t.Errorf("%+v", p)
	}
	s.silent()
}

// Whatever is in the address or in a value of a letter of any kind, no mail
// gets another header or another recipient by it.
func TestNoValueBecomesAHeader(t *testing.T) { // SE6
	t.Parallel()
	caught, tr := mailServer(t, mailcatch.Config{})
	s := mailing(t, storetest.SQLite(t), tr)
	about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
	const injected = "x\r\nBcc: thief@example.org\r\nX-Injected: yes\r\n\r\n."
	var ids []string
	for _, kind := range message.Kinds() {
		l := message.Sample(kind, "en")
		for name, value := range l.Values {
			if _, text := value.(string); text && name != "due" && name != "expires" {
				l.Values[name] = injected
			}
		}
		for _, to := range []string{"anna@example.org", "anna@example.org" + injected, injected + "@example.org"} {
			l.ID, l.Request, l.To = uuid.Must(uuid.NewV7()).String(), about, subject.Conceal(to)
			s.must(s.db.Letters().Post(t.Context(), store.DefaultTenant, l))
			ids = append(ids, l.ID)
		}
	}
	for i, id := range ids {
		p := s.settledLetter(about, id, ended)
		if want := map[bool]message.State{true: message.Sent, false: message.Failed}[i%3 == 0]; p.State != want {
			t.Errorf("%s, address %d: %s %s", p.Kind, i%3, p.State, p.Reason)
		}
	}
	for _, m := range caught.Messages() {
		if m.To != "anna@example.org" || m.Header.Get("Bcc")+m.Header.Get("X-Injected") != "" || len(m.Header["To"]) != 1 || m.Header.Get("To") != "<anna@example.org>" || m.Text == "" {
			t.Errorf("to %s: %v", m.To, m.Header)
		}
	}
}

func TestTemplatesOfTheConfigurationAreUsedOnceTheyAreApplied(t *testing.T) { // E16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{})
		s := mailing(t, db, tr)
		about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
		apply := func(text string) {
			t.Helper()
			_, err := db.Configurations().Apply(t.Context(), store.DefaultTenant, []source.File{{Name: "m.yml", Data: []byte(text)}}, inventory.Declared{}, 0, audit.Entry{Act: "config.apply", Object: "configuration"})
			s.must(err)
		}
		subjectOf := func(kind message.Kind, language string) string {
			t.Helper()
			l := s.post(store.DefaultTenant, about, kind, language)
			m, err := caught.Wait(t.Context(), 1, func(m mailcatch.Message) bool { return strings.Contains(m.ID, l.ID) })
			s.must(err)
			return m[0].Subject
		}
		apply("message: [{kind: approval, language: de, subject: 'Eins', text: 'x'}]")
		if one, two := subjectOf(message.Approval, "de-CH"), subjectOf(message.Approval, "en"); one != "Eins" || two != "We are working on your request" {
			t.Errorf("%q, %q", one, two)
		}
		// What cannot be used of a configuration does not stop the rest of it.
		apply("message: [{kind: approval, language: de, subject: 'Zwei', text: 'x'}, {kind: approval, language: en, subject: '{{.nam}}', text: 'x'}]\nconnection: 7")
		if one, two := subjectOf(message.Approval, "de"), subjectOf(message.Approval, "en"); one != "Zwei" || two != "We are working on your request" {
			t.Errorf("%q, %q", one, two)
		}
	})
}

// killingServer is a mail server that kills a process when it has taken the first
// message, before it says so.
func killingServer(t *testing.T) (s *mailcatch.Server, victim chan *exec.Cmd) {
	t.Helper()
	victim = make(chan *exec.Cmd, 1)
	var once sync.Once
	s, _ = mailServer(t, mailcatch.Config{Caught: func(mailcatch.Message) {
		once.Do(func() {
			process := <-victim
			_ = process.Process.Kill()
			_ = process.Wait()
		})
	}})
	return s, victim
}

// TestServerKilledBetweenAcceptanceAndRecordSendsItAgainAndSaysSo kills a
// server with SIGKILL when the mail server has a letter and the store does not
// know it. Another server sends it again, with the same Message-ID.
func TestServerKilledBetweenAcceptanceAndRecordSendsItAgainAndSaysSo(t *testing.T) { // E18, R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, victim := killingServer(t)
		mail := "VOLENTI_SMTP=" + caught.URL()
		data, database := t.TempDir(), ""
		if db.Embedded() {
			db = storetest.Open(t, "sqlite:"+filepath.Join(data, "volenti.db"))
		} else {
			database = db.Config.URL
		}
		s := &site{t: t, db: db, log: &safeBuffer{}}
		about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
		l := s.post(store.DefaultTenant, about, message.Approval, "de")
		s.must(db.Close())
		_, first := s.child(data, database, mail)
		victim <- first
		if _, err := caught.Wait(t.Context(), 1, nil); err != nil {
			t.Fatal(err)
		}
		_, second := s.child(data, database, mail)
		messages, err := caught.Wait(t.Context(), 2, nil)
		s.must(err)
		if messages[0].ID != messages[1].ID || messages[0].ID != "<"+l.ID+"@example.com>" {
			t.Errorf("%s, then %s", messages[0].ID, messages[1].ID)
		}
		s.must(second.Process.Signal(syscall.SIGTERM)) // it ends itself, or the lock says otherwise
		_ = second.Wait()
		db.Reopen(t)
		p := s.settledLetter(about, l.ID, func(message.Posted) bool { return true })
		if !p.Doubtful || p.Attempts != 2 {
			t.Errorf("%+v", p)
		}
		if acts := strings.Join(s.actsOn("request/"+about), " "); !strings.Contains(acts, "email.repeated") {
			t.Errorf("the log has %s", acts)
		}
	})
}

// What a server is sending when it ends has a moment, and is cut off then: it
// was not accepted, and is sent by the next one.
func TestServerThatEndsDoesNotWaitForASlowMailServer(t *testing.T) { // R8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		begun := make(chan struct{})
		_, slow := mailServer(t, mailcatch.Config{Behave: func(n int) mailcatch.Fault {
			if n == 1 {
				close(begun)
			}
			return mailcatch.Stall
		}})
		s := mailing(t, db, slow)
		about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
		l := s.post(store.DefaultTenant, about, message.Approval, "en")
		<-begun
		s.silent() // it would wait for two minutes
		p := s.settledLetter(about, l.ID, func(message.Posted) bool { return true })
		if p.State != message.Waiting || p.Doubtful || p.Reason != "the mail server broke off" {
			t.Errorf("%+v", p)
		}
		caught, tr := mailServer(t, mailcatch.Config{})
		later := sendingOn(t, db, tr)
		if p := later.settledLetter(about, l.ID, ended); p.State != message.Sent || p.Doubtful || len(caught.Messages()) != 1 {
			t.Errorf("%+v", p)
		}
	})
}

// A store that does not take the outcome is asked until it does: the letter
// goes out once.
func TestOutcomeThatCannotBeRecordedIsRecordedLater(t *testing.T) { // R3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		raw := db.Raw(t)
		spoil, mend := `CREATE TRIGGER spoilt BEFORE INSERT ON audit_hashes BEGIN SELECT RAISE(ABORT, 'spoilt'); END`, `DROP TRIGGER spoilt`
		if !db.Embedded() {
			spoil = `CREATE FUNCTION spoilt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'spoilt'; END $$;
				CREATE TRIGGER spoilt BEFORE INSERT ON audit_hashes FOR EACH ROW EXECUTE FUNCTION spoilt()`
			mend = `DROP TRIGGER spoilt ON audit_hashes`
		}
		exec := func(statement string) {
			if _, err := raw.ExecContext(t.Context(), statement); err != nil {
				t.Error(err)
			}
		}
		caught, tr := mailServer(t, mailcatch.Config{Caught: func(mailcatch.Message) { exec(spoil) }})
		s := mailing(t, db, tr)
		about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
		l := s.post(store.DefaultTenant, about, message.Approval, "en")
		for !strings.Contains(s.log.String(), "letters go on later") {
			<-time.After(5 * time.Millisecond)
		}
		if p := s.settledLetter(about, l.ID, func(message.Posted) bool { return true }); p.State != message.Sending {
			t.Errorf("%+v", p)
		}
		exec(mend)
		if p := s.settledLetter(about, l.ID, ended); p.State != message.Sent || p.Attempts != 1 || p.Doubtful || len(caught.Messages()) != 1 {
			t.Errorf("%+v, %d messages", p, len(caught.Messages()))
		}
	})
}

func TestSeveralServersSendEachLetterOnce(t *testing.T) { // R4
	t.Parallel()
	db := storetest.Postgres(t)
	caught, tr := mailServer(t, mailcatch.Config{})
	s := mailing(t, db, tr)
	second, third := *db, *db
	for _, other := range []*storetest.Database{&second, &third} {
		opened, err := store.Open(t.Context(), db.Config)
		s.must(err)
		t.Cleanup(func() { _ = opened.Close() })
		other.DB = opened
		sendingOn(t, other, tr)
	}
	about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
	var ids []string
	for range 60 {
		ids = append(ids, s.post(store.DefaultTenant, about, message.Approval, "en").ID)
	}
	for _, id := range ids {
		if p := s.settledLetter(about, id, ended); p.State != message.Sent || p.Attempts != 1 || p.Doubtful {
			t.Errorf("%+v", p)
		}
	}
	seen := map[string]int{}
	for _, m := range caught.Messages() {
		seen[m.ID]++
	}
	if len(seen) != len(ids) || len(caught.Messages()) != len(ids) {
		t.Errorf("%d messages with %d ids for %d letters", len(caught.Messages()), len(seen), len(ids))
	}
}

// An attempt that takes longer than its lease is not made by another server
// beside it.
func TestSlowAttemptIsHeld(t *testing.T) { // R4
	t.Parallel()
	db := storetest.Postgres(t)
	_, tr := mailServer(t, mailcatch.Config{Behave: func(n int) mailcatch.Fault {
		if n == 1 {
			return mailcatch.Stall
		}
		return mailcatch.None
	}})
	tr.Patience = 2 * time.Second
	quick := func(s *Server) {
		s.Mail, s.letterPauses, s.letterLease = tr, []time.Duration{10 * time.Millisecond}, 400*time.Millisecond
	}
	s := newSiteWith(t, db, quick)
	other := *db
	opened, err := store.Open(t.Context(), db.Config)
	s.must(err)
	t.Cleanup(func() { _ = opened.Close() })
	other.DB = opened
	sendingOn(t, &other, tr)
	about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
	l := s.post(store.DefaultTenant, about, message.Approval, "en")
	if p := s.settledLetter(about, l.ID, ended); p.State != message.Sent || p.Attempts != 2 || p.Doubtful {
		t.Errorf("%+v", p)
	}
}

func TestLettersSurviveADatabaseThatIsRestarted(t *testing.T) { // R3
	db := storetest.Postgres(t)
	caught, tr := mailServer(t, mailcatch.Config{})
	s := newSiteWith(t, db, func(s *Server) {
		s.Mail, s.letterPauses, s.letterLease = tr, []time.Duration{10 * time.Millisecond}, time.Second
	})
	about := s.makeRequest(store.DefaultTenant, "p", request.Approved)
	posted := map[string]bool{}
	for i := range 40 {
		if i%15 == 14 {
			pgtest.Restart(t)
		}
		l := message.Sample(message.Approval, "en")
		l.ID, l.Request, l.To = uuid.Must(uuid.NewV7()).String(), about, subject.Conceal(mailbox)
		for db.Letters().Post(t.Context(), store.DefaultTenant, l) != nil { // the id is the same: it is posted once
			<-time.After(10 * time.Millisecond)
		}
		posted[l.ID] = true
	}
	times := map[string]int{}
	for id := range posted {
		for {
			all, err := db.Letters().Of(t.Context(), store.DefaultTenant, about)
			at := slices.IndexFunc(all, func(p message.Posted) bool { return p.ID == id })
			if err == nil && at >= 0 && ended(all[at]) {
				if all[at].State != message.Sent {
					t.Errorf("%+v", all[at])
				}
				times[id] = 1
				if all[at].Doubtful {
					times[id] = all[at].Attempts
				}
				break
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	sent := map[string]int{}
	for _, m := range caught.Messages() {
		sent[m.ID[1:37]]++
	}
	for id := range posted {
		if sent[id] < 1 || sent[id] > times[id] { // more than once only where that is said
			t.Errorf("the letter was sent %d times, and says at most %d", sent[id], times[id])
		}
	}
}

func TestPreviewAndTrialShowWhatPeopleGet(t *testing.T) { // E14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		refusing := make(chan mailcatch.Fault, 1)
		caught, tr := mailServer(t, mailcatch.Config{Behave: func(int) mailcatch.Fault {
			select {
			case f := <-refusing:
				return f
			default:
				return mailcatch.None
			}
		}})
		s := mailing(t, db, tr)
		ask := func(path, body string) (status int, answer map[string]any) {
			t.Helper()
			got := s.send("POST", path, s.key, strings.NewReader(body), "Idempotency-Key", uuid.NewString())
			s.must(json.Unmarshal([]byte(got.body), &answer))
			if strings.Contains(got.body, "canary") {
				t.Errorf("the answer names the address: %s", got.body)
			}
			return got.status, answer
		}
		_, shown := ask("/api/v1/letters/preview", `{"kind":"code","language":"de-AT"}`)
		want, err := message.Render(message.Sample(message.Code, "de"), "example.com", nil)
		s.must(err)
		if shown["subject"] != want.Subject || shown["text"] != want.Text || shown["html"] != want.HTML {
			t.Errorf("%v", shown)
		}
		if status, _ := ask("/api/v1/letters/preview", `{"kind":"cod"}`); status != 422 {
			t.Errorf("a kind that there is not: %d", status)
		}
		before := len(caught.Messages())
		if _, answer := ask("/api/v1/letters/trial", `{"to":"`+mailbox+`","language":"de"}`); answer["sent"] != true || answer["message"] != nil {
			t.Errorf("%v", answer)
		}
		if got := caught.Messages()[before:]; len(got) != 1 || got[0].To != mailbox || got[0].Subject != "Eine Probe von example.com" {
			t.Errorf("%d messages", len(got))
		}
		refusing <- mailcatch.Refuse
		if _, answer := ask("/api/v1/letters/trial", `{"to":"`+mailbox+`"}`); answer["sent"] != false || answer["message"] != "the mail server does not accept the address: 550 5.1.1" {
			t.Errorf("%v", answer)
		}
		for _, to := range []string{"", "canary", "canary <a@example.org>", "a@example.org\\r\\nBcc: b@example.org"} {
			if status, answer := ask("/api/v1/letters/trial", `{"to":"`+to+`"}`); status != 422 && answer["sent"] != false {
				t.Errorf("%q: %d %v", to, status, answer)
			}
		}
		trials := 0
		all, err := db.Audit().Records(t.Context(), store.DefaultTenant, 0, 1000)
		s.must(err)
		for _, r := range all {
			if r.Act == "email.trial" {
				trials++
			}
		}
		if trials < 2 || len(caught.Messages()) != before+1 {
			t.Errorf("%d trials in the log, %d messages", trials, len(caught.Messages())-before)
		}
		s.silent()
	})
}
