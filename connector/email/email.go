// Package email is for systems of others that offer no way in but a mailbox: a
// connection names the address at which somebody reads what to erase, and what
// people have chosen. It reads and writes nothing itself.
package email

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strconv"

	"golang.org/x/text/language"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "email",
		Name:    "E-mail",
		Summary: "Whoever reads a mailbox is told which records to find, what to erase of them, and what people have chosen.",
		Secrets: []connector.Setting{
			{Name: "to_email", Required: true, Help: "the address that instructions are sent to, such as privacy@partner.example", Plain: true, Check: isAddress},
			{Name: "test_email", Help: "the address that a test of the connection sends a letter to", Plain: true, Check: isAddress},
			{Name: "due_days", Help: "how many days they have, 1 to 365", Plain: true, Default: "30", Check: isTerm},
			{Name: "language", Help: "the language of letters about choices, such as de", Plain: true, Default: "en", Check: isLanguage},
		},
		Instructed: true,
		Prefers:    most,
		New:        open,
	}
}

// term is how many days a recipient has where the connection does not say: in
// about the month that Art. 12(3) GDPR gives to the company itself.
const term = 30

type mailbox struct {
	key      string
	to, test subject.Personal[string]
	days     int
	language string
	trial    func(context.Context, subject.Personal[string]) error
	letter   func(context.Context, message.Letter, [][]string) connector.Call
}

var (
	_ connector.Instructed = (*mailbox)(nil)
	_ connector.Tester     = (*mailbox)(nil)
	_ connector.Preferrer  = (*mailbox)(nil)
)

func open(s connector.Settings) (connector.Connector, error) {
	for _, setting := range Spec().Secrets {
		value := s.Secrets[setting.Name]
		if value == "" && !setting.Required {
			continue
		}
		if err := setting.Check(value); err != nil {
			return nil, &connector.Error{Kind: connector.Permanent, Connection: s.Key, Doing: "read the secret " + setting.Name, Reason: err.Error()}
		}
	}
	m := &mailbox{key: s.Key, to: subject.Conceal(s.Secrets["to_email"]), days: term, language: s.Secrets["language"], trial: s.Trial, letter: s.Letter}
	if test := s.Secrets["test_email"]; test != "" {
		m.test = subject.Conceal(test)
	}
	if days := s.Secrets["due_days"]; days != "" {
		m.days, _ = strconv.Atoi(days)
	}
	return m, nil
}

// longest is how long an address may be (RFC 5321, 4.5.3.1.3).
const longest = 254

// isAddress takes a bare address.
func isAddress(text string) error {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || len(text) > longest {
		return errors.New("it is not an email address: write it like privacy@partner.example, without a name")
	}
	return nil
}

func isTerm(text string) error {
	if days, err := strconv.Atoi(text); err != nil || days < 1 || days > 365 {
		return errors.New("it must be a number of days, 1 to 365")
	}
	return nil
}

func isLanguage(text string) error {
	if _, err := language.Parse(text); err != nil {
		return errors.New("it must be a language, like de or de-AT")
	}
	return nil
}

func (m *mailbox) Recipient() subject.Personal[string] { return m.to }

func (m *mailbox) Term() int { return m.days }

// Test sends a letter without contents to the address for tests.
func (m *mailbox) Test(ctx context.Context) error {
	failed := &connector.Error{Kind: connector.Permanent, Connection: m.key, Doing: "send a test"}
	switch {
	case m.test.Reveal() == "":
		failed.Reason = "the connection has no test_email: add the address that a test is to be sent to"
		return failed
	case m.trial == nil:
		failed.Reason = "no mail can be sent: start the server with --smtp and --mail-from"
		return failed
	}
	if err := m.trial(ctx, m.test); err != nil {
		return fmt.Errorf("%s: send a test: %w", m.key, err)
	}
	return nil
}

// Close has nothing to give back.
func (m *mailbox) Close() error { return nil }
