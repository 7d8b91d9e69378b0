package server

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/internal/mailcatch"
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
