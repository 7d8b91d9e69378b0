package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const partner = `
dataset:
- fides_key: partner
  collections:
  - name: guests
    fields:
    - {name: mail, data_categories: [user.contact.email], fides_meta: {identity: email}}
- fides_key: club
  collections:
  - name: members
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: mail, data_categories: [user.contact.email], fides_meta: {references: [{dataset: partner, field: guests.mail, direction: from}]}}
policy:
- key: erasure
  rules:
  - {key: contact, action: erasure, targets: [user.contact], masking: {strategy: null_rewrite}}
connection:
- {key: club, type: postgres, access: write, datasets: [club], secrets: {url: x}}
- key: partner
  type: letters
  access: write
  datasets: [partner]
  secrets: {to: ADDRESS}
`

func TestCheckNeedsNoKeyWherePeopleAreTold(t *testing.T) { // D5 E1
	c, found := one(t, strings.Replace(partner, "ADDRESS", "privacy@partner.example", 1))
	if !c.Connections[1].Instructed || c.Connections[0].Instructed {
		t.Errorf("%+v", c.Connections)
	}
	var lines []string
	for _, p := range found {
		lines = append(lines, p.Message)
	}
	want := []string{"club:members cannot be reached from any identity (tried: email), but the policies need it: erasure"}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
}

func TestSecretsAreJudgedByTheirConnectorAndNotShown(t *testing.T) { // E15
	_, found := one(t, strings.Replace(partner, "ADDRESS", "hunter3", 1))
	if len(found) == 0 || !strings.Contains(found[len(found)-1].Message, "the secret to of the connection partner cannot be used: it is not an address") {
		t.Fatalf("%v", found)
	}
	for _, p := range found {
		if strings.Contains(p.String(), "hunter3") {
			t.Errorf("%s shows the secret", p)
		}
	}
	if _, found := one(t, strings.Replace(partner, "ADDRESS", "${MISSING}", 1)); strings.Contains(found[len(found)-1].Message, "cannot be used") {
		t.Errorf("what is not set is judged: %v", found)
	}
}
