package mail_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/message"
)

const (
	letter = "0198c0de-0000-7000-8000-000000000001"
	anna   = "canary@example.org"
)

func start(t *testing.T, c mailcatch.Config) *mailcatch.Server {
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
	return s
}

func transport(t *testing.T, url string) *mail.Transport {
	t.Helper()
	tr, err := mail.Parse(url, "Example GmbH <privacy@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func behaving(f mailcatch.Fault) mailcatch.Config {
	return mailcatch.Config{Behave: func(int) mailcatch.Fault { return f }}
}

func TestMessageArrivesAsItWasWritten(t *testing.T) {
	s := start(t, mailcatch.Config{})
	text := "Grüße, 100 % = alles\n.\n..\n" + strings.Repeat("lang ", 300) + "\n"
	m := message.Mail{Subject: "Ihre Anfrage – erledigt, ganz und gar und mit einem so langen Betreff, dass er umbrochen wird", Text: text, HTML: "<p>Grüße & mehr</p>\n"}
	if err := transport(t, s.URL()).Send(t.Context(), letter, anna, m); err != nil {
		t.Fatal(err)
	}
	got := s.Messages()[0]
	if got.Subject != m.Subject || got.Text != m.Text || got.HTML != m.HTML {
		t.Errorf("%q\n%q\n%q", got.Subject, got.Text, got.HTML)
	}
	if got.ID != "<"+letter+"@example.com>" || got.From != "privacy@example.com" || got.To != anna {
		t.Errorf("%s from %s to %s", got.ID, got.From, got.To)
	}
	if h := got.Header; h.Get("From") != `"Example GmbH" <privacy@example.com>` || h.Get("Auto-Submitted") != "auto-generated" || h.Get("Date") == "" || h.Get("User-Agent")+h.Get("X-Mailer") != "" {
		t.Errorf("%v", h)
	}
}

func TestMessageWithoutHTMLIsText(t *testing.T) {
	s := start(t, mailcatch.Config{})
	if err := transport(t, s.URL()).Send(t.Context(), letter, anna, message.Mail{Subject: "s", Text: "only text\n"}); err != nil {
		t.Fatal(err)
	}
	if got := s.Messages()[0]; got.Text != "only text\n" || got.HTML != "" || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%q %q %v", got.Text, got.HTML, got.Header)
	}
}

func TestFilesAreAttachedAsTheyAre(t *testing.T) { // P7
	s := start(t, mailcatch.Config{})
	table := "email,choice\r\nanna@example.org,refused\r\n" + strings.Repeat("ä,=1\r\n", 50)
	for _, m := range []message.Mail{{Subject: "s", Text: "t\n", HTML: "<p>h</p>\n"}, {Subject: "s", Text: "t\n"}} {
		m.Files = []message.File{{Name: "choices.csv", Type: "text/csv", Data: []byte(table)}}
		if err := transport(t, s.URL()).Send(t.Context(), letter, anna, m); err != nil {
			t.Fatal(err)
		}
		all := s.Messages()
		got := all[len(all)-1]
		if got.Files["choices.csv"] != table || len(got.Files) != 1 || got.Text != m.Text || got.HTML != m.HTML {
			t.Errorf("%q %q %q", got.Files, got.Text, got.HTML)
		}
		if got.Header.Get("X-Idempotency-Key") != letter {
			t.Errorf("%v", got.Header)
		}
	}
}

// What comes of each misbehaviour, and that no error repeats what the server
// said: it names the address.
func TestFaultsOfTheServerAreToldApart(t *testing.T) { // R6
	tests := map[string]struct {
		fault  mailcatch.Fault
		want   mail.Error
		caught int
	}{
		"no such mailbox":         {mailcatch.Refuse, mail.Error{Outcome: mail.Refused, What: "the mail server does not accept the address", Code: 550, Detail: "5.1.1"}, 0},
		"come back":               {mailcatch.Defer, mail.Error{Outcome: mail.Later, What: "the mail server asks to try again later", Code: 451, Detail: "4.7.1"}, 0},
		"message not wanted":      {mailcatch.Reject, mail.Error{Outcome: mail.Refused, What: "the mail server does not accept the message", Code: 554, Detail: "5.7.1"}, 0},
		"no room for it":          {mailcatch.Postpone, mail.Error{Outcome: mail.Later, What: "the mail server asks to try again later", Code: 452, Detail: "4.3.1"}, 0},
		"says nothing":            {mailcatch.Stall, mail.Error{Outcome: mail.Later, What: "the mail server broke off"}, 0},
		"takes it in silence":     {mailcatch.Withhold, mail.Error{Outcome: mail.Unknown, What: "the mail server did not say whether it has accepted the message"}, 1},
		"takes it and is gone":    {mailcatch.Disappear, mail.Error{Outcome: mail.Unknown, What: "the mail server did not say whether it has accepted the message"}, 1},
		"nothing is wrong at all": {mailcatch.None, mail.Error{}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, behaving(test.fault))
			tr := transport(t, s.URL())
			tr.Patience = 500 * time.Millisecond
			if test.fault == mailcatch.None {
				tr.Patience = 0
			}
			err := tr.Send(t.Context(), letter, anna, message.Mail{Subject: "s", Text: "t"})
			var got *mail.Error
			if test.want != (mail.Error{}) && (!errors.As(err, &got) || *got != test.want) || test.want == (mail.Error{}) && err != nil {
				t.Errorf("%v", err)
			}
			if strings.Contains(fmt.Sprintf("%+v", err), "canary") {
				t.Errorf("the error names the person: %v", err)
			}
			if n := len(s.Messages()); n != test.caught {
				t.Errorf("%d messages were caught", n)
			}
		})
	}
}

func TestEndOfTheContextCutsTheConnection(t *testing.T) { // R8
	begun := make(chan struct{})
	s := start(t, mailcatch.Config{Behave: func(int) mailcatch.Fault { close(begun); return mailcatch.Stall }})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- transport(t, s.URL()).Send(ctx, letter, anna, message.Mail{Subject: "s", Text: "t"}) }()
	<-begun
	cancel()
	var got *mail.Error
	if err := <-ended; !errors.As(err, &got) || got.Outcome != mail.Later { // the test's own limit, had it waited a minute
		t.Errorf("%v", err)
	}
}

func TestServerThatIsNotThereIsForLater(t *testing.T) {
	s := start(t, mailcatch.Config{})
	gone, err := mailcatch.Start(mailcatch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	if err := transport(t, s.URL()).Check(t.Context()); err != nil {
		t.Error(err)
	}
	var got *mail.Error
	if err := transport(t, gone.URL()).Check(t.Context()); !errors.As(err, &got) || got.Outcome != mail.Later || got.Error() != "the mail server cannot be reached" {
		t.Errorf("%v", err)
	}
}

// secured gives the configuration of a server for 127.0.0.1, and who trusts it.
func secured(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}, roots
}

func TestPasswordGoesOverTLSToAServerThatIsTrusted(t *testing.T) {
	config, roots := secured(t)
	for name, test := range map[string]struct {
		implicit bool
		query    string
	}{"STARTTLS": {false, "?tls=starttls"}, "TLS from the beginning": {true, ""}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, mailcatch.Config{TLS: config, Implicit: test.implicit, User: "volenti", Password: "hunter2"})
			tr := transport(t, s.URL()+test.query)
			var got *mail.Error
			if err := tr.Check(t.Context()); !errors.As(err, &got) || got.Error() != "the mail server has no certificate that is trusted" {
				t.Errorf("a certificate of nobody was trusted: %v", err)
			}
			tr.Roots = roots
			if err := errors.Join(tr.Check(t.Context()), tr.Send(t.Context(), letter, anna, message.Mail{Subject: "s", Text: "t"})); err != nil || len(s.Messages()) != 1 {
				t.Errorf("%v, %d messages", err, len(s.Messages()))
			}
			wrong := transport(t, strings.Replace(s.URL(), "hunter2", "hunter3", 1)+test.query)
			wrong.Roots = roots
			if err := wrong.Check(t.Context()); !errors.As(err, &got) || got.Outcome != mail.Later || got.Error() != "the mail server does not let us in: 535" {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestNothingIsSentWithoutTheTLSThatIsAskedFor(t *testing.T) {
	s := start(t, mailcatch.Config{})
	var got *mail.Error
	err := transport(t, s.URL()+"?tls=starttls").Send(t.Context(), letter, anna, message.Mail{Subject: "s", Text: "t"})
	if !errors.As(err, &got) || got.Outcome != mail.Later || s.Attempts() != 0 {
		t.Errorf("%v after %d attempts", err, s.Attempts())
	}
}

func TestLineBreaksComeIntoNoHeader(t *testing.T) { // SE6
	s := start(t, mailcatch.Config{})
	tr := transport(t, s.URL())
	for _, to := range []string{"a@example.org\r\nBcc: b@example.org", "a@example.org\nDATA", "a@example.org>\r\nRCPT TO:<b@example.org", "a@example.org, b@example.org", "Anna <a@example.org>", "", "a", "a\x00@example.org"} {
		var got *mail.Error
		if err := tr.Send(t.Context(), letter, to, message.Mail{Subject: "s", Text: "t"}); !errors.As(err, &got) || got.Outcome != mail.Refused || strings.Contains(err.Error(), "example.org") {
			t.Errorf("%q: %v", to, err)
		}
	}
	for _, broken := range []string{"x\r\nBcc: b@example.org", "x\nBcc: b@example.org"} {
		if err := tr.Send(t.Context(), letter, anna, message.Mail{Subject: broken, Text: "t"}); err == nil {
			t.Errorf("the subject %q was sent", broken)
		}
		if err := tr.Send(t.Context(), broken, anna, message.Mail{Subject: "s", Text: "t"}); err == nil {
			t.Errorf("the id %q was sent", broken)
		}
		if _, err := mail.Parse(s.URL(), "Example "+broken+" <privacy@example.com>"); err == nil {
			t.Errorf("the sender %q was taken", broken)
		}
	}
	if s.Attempts() != 0 {
		t.Errorf("%d were begun", s.Attempts())
	}
}

func TestSettingsOfTheServerAreChecked(t *testing.T) {
	const from = "privacy@example.com"
	for url, want := range map[string]string{
		"":                                       "must begin with smtp:// or smtps://",
		"mail.example.com:25":                    "must begin with smtp:// or smtps://",
		"http://mail.example.com":                "must begin with smtp:// or smtps://",
		"smtp://":                                "must have a host",
		"smtp://u:hunter2@mail.example.com/path": "nothing behind its port",
		"smtp://u:hunter2@mail.example.com:0":    "a number from 1 to 65535",
		"smtp://u:hunter2@mail.example.com:x":    "must be an URL like",
		"smtp://u:hunter2@mail.example.com?tls=maybe": "must be none or starttls",
		"smtp://u:hunter2@mail.example.com?ssl=none":  "may only ask for",
		"smtps://u:hunter2@mail.example.com?tls=none": "may only ask for",
		"smtp://u:hunter2@mail.example.com?tls=none":  "a password is not sent to a mail server without TLS",
		"smtp://u:hunter2@mail.example.com":           "",
		"smtps://u:hunter2@mail.example.com:4465":     "",
		"smtp://mail.example.com:25?tls=none":         "",
		"smtp://u:hunter2@127.0.0.1:25":               "",
		"smtp://u:hunter2@[::1]:25?tls=starttls":      "",
	} {
		parsed, err := mail.Parse(url, from)
		if strings.Contains(fmt.Sprintf("%+v %#v", parsed, parsed), "hunter2") {
			t.Errorf("%s shows its password", url)
		}
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, from := range []string{"", "privacy", "a@example.com, b@example.com", "Example GmbH"} {
		if _, err := mail.Parse("smtp://127.0.0.1", from); err == nil {
			t.Errorf("the sender %q was taken", from)
		}
	}
}
