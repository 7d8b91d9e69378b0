package manual_test

import (
	"strings"
	"testing"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/manual"
)

func TestAssigneesAreMailAddresses(t *testing.T) {
	open := func(text string) ([]string, error) {
		c, err := manual.Spec().New(connector.Settings{Key: "archive", Secrets: map[string]string{"assignees": text}})
		if err != nil {
			return nil, err
		}
		var all []string
		for _, a := range c.(connector.Asker).Assignees() {
			all = append(all, a.Reveal())
		}
		return all, c.Close()
	}
	for text, want := range map[string]string{"": "", "a@example.org": "a@example.org", `"Olga, O." <o@example.org>,b@example.org`: "o@example.org b@example.org"} {
		if got, err := open(text); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"canary", "a@example.org; canary@example.org", "canary@example.org\r\nBcc: x@example.org", "canary@"} {
		if got, err := open(text); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
