package email_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/email"
	"volenti.dev/volenti/subject"
)

func open(t *testing.T, secrets map[string]string, trial func(context.Context, subject.Personal[string]) error) connector.Connector {
	t.Helper()
	c, err := email.Spec().New(connector.Settings{Key: "partner", Secrets: secrets, Trial: trial})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAMailboxSaysWhoIsToldAndHowLongTheyHave(t *testing.T) { // E1
	c := open(t, map[string]string{"to_email": "privacy@partner.example", "due_days": "14"}, nil).(connector.Instructed)
	if c.Recipient().Reveal() != "privacy@partner.example" || c.Term() != 14 {
		t.Errorf("%v, %d", c.Recipient().Reveal() == "privacy@partner.example", c.Term())
	}
	if c := open(t, map[string]string{"to_email": "privacy@partner.example"}, nil).(connector.Instructed); c.Term() != 30 {
		t.Errorf("%d days where nothing is said", c.Term())
	}
}

func TestAddressesAreCheckedAndNotShown(t *testing.T) { // E15
	for name, secrets := range map[string]map[string]string{
		"none":         {},
		"no domain":    {"to_email": "secretname"},
		"with a name":  {"to_email": "Secretname <secretname@partner.example>"},
		"two":          {"to_email": "secretname@partner.example, other@partner.example"},
		"a line break": {"to_email": "secretname@partner.example\r\nBcc: x@y.example"},
		"too long":     {"to_email": strings.Repeat("secretname", 30) + "@partner.example"},
		"test":         {"to_email": "privacy@partner.example", "test_email": "secretname"},
		"language":     {"to_email": "privacy@partner.example", "language": "not a language"},
		"days":         {"to_email": "privacy@partner.example", "due_days": "-1"},
		"many days":    {"to_email": "privacy@partner.example", "due_days": "366"},
	} {
		_, err := email.Spec().New(connector.Settings{Key: "partner", Secrets: secrets})
		if err == nil || !strings.HasPrefix(err.Error(), "partner: read the secret ") || strings.Contains(err.Error(), "secretname") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := open(t, map[string]string{"to_email": "secretname@partner.example", "test_email": "secretname@partner.example"}, nil)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, "secretname") {
			t.Errorf("%s shows %s", verb, text)
		}
	}
}

func TestATestSendsALetterToTheAddressForTests(t *testing.T) { // E14
	secrets := map[string]string{"to_email": "privacy@partner.example", "test_email": "trial@partner.example"}
	sent := ""
	c := open(t, secrets, func(_ context.Context, to subject.Personal[string]) error {
		sent = to.Reveal()
		return nil
	})
	if err := c.(connector.Tester).Test(t.Context()); err != nil || sent != "trial@partner.example" {
		t.Errorf("sent to %q, %v", sent, err)
	}
	refused := errors.New("the mail server refused it")
	c = open(t, secrets, func(context.Context, subject.Personal[string]) error { return refused })
	if err := c.(connector.Tester).Test(t.Context()); !errors.Is(err, refused) || strings.Contains(err.Error(), "trial@") {
		t.Errorf("%v", err)
	}
	if err := open(t, secrets, nil).(connector.Tester).Test(t.Context()); err == nil || !strings.Contains(err.Error(), "--smtp") {
		t.Errorf("without a way to send mail: %v", err)
	}
	delete(secrets, "test_email")
	if err := open(t, secrets, nil).(connector.Tester).Test(t.Context()); err == nil || !strings.Contains(err.Error(), "test_email") {
		t.Errorf("without an address for tests: %v", err)
	}
}
