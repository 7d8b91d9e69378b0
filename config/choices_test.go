package config_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/subject"
)

const newsletter = `
system:
- {key: crm, name: Customer relations, description: Who buys what., data_uses: [marketing, essential.service]}
purpose:
- {key: marketing_email, data_uses: [marketing.communications.email]}
connection:
- key: news
  type: webhook
  system: crm
  receives: identities
  secrets: {url: u, secret: s}
  consent:
    purposes: {marketing_email: [list_42, list_43]}
    identities: [external_id, email]
    concurrency: 3
- {key: box, type: letters, data_uses: [marketing], secrets: {to: a@b}, consent: {identities: [email], schedule: daily 06:30}}
- {key: table, type: postgres, access: write, secrets: {url: u}, data_uses: [marketing], consent: {identities: [email], table: allowed}}
- {key: lost, type: http, system: gone, secrets: {host: h}}
- {key: plain, type: http, secrets: {host: h}}
`

func TestConnectionsSayHowTheyTakeChoices(t *testing.T) { // P8
	c, problems := one(t, newsletter)
	if source.Failed(problems) {
		t.Fatal(problems)
	}
	want := []*config.Choices{
		{Items: map[string][]string{"marketing_email": {"list_42", "list_43"}}, Identities: []subject.Type{"external_id", "email"}, Limit: 3},
		{Identities: []subject.Type{"email"}, Schedule: propagate.Schedule{Every: 24 * time.Hour, At: 6*time.Hour + 30*time.Minute}},
		{Identities: []subject.Type{"email"}, Table: "allowed"},
		nil, nil,
	}
	uses := [][]taxonomy.Use{{"marketing", "essential.service"}, {"marketing"}, {"marketing"}, nil, nil}
	for i, conn := range c.Connections {
		if diff := cmp.Diff(want[i], conn.Choices); diff != "" {
			t.Errorf("%s (-want +got):\n%s", conn.Key, diff)
		}
		if diff := cmp.Diff(uses[i], c.UsesOf(conn)); diff != "" {
			t.Errorf("the uses of %s (-want +got):\n%s", conn.Key, diff)
		}
	}
	if got := c.Purposes[0].Uses; !cmp.Equal(got, []string{"marketing.communications.email"}) {
		t.Errorf("the purpose has the uses %q", got)
	}
	if s, ok := c.System("crm"); !ok || s.Name != "Customer relations" || s.Description != "Who buys what." {
		t.Errorf("%+v", s)
	}
}

func TestHowChoicesAreTakenIsShownInADiffAndChangesNoPlan(t *testing.T) {
	before, _ := one(t, newsletter)
	for old, other := range map[string]string{
		"Who buys what.":         "~ system crm",
		"marketing, essential.s": "~ system crm",
		"{key: crm, name":        "- system crm",
		"list_43":                "~ connection news",
		"[external_id, email]":   "~ connection news",
		"concurrency: 3":         "~ connection news",
		"06:30":                  "~ connection box",
		"table: allowed":         "~ connection table",
		"{key: plain":            "- connection plain",
	} {
		with := map[string]string{"[external_id, email]": "[email]", "concurrency: 3": "concurrency: 4", "06:30": "06:31", "marketing, essential.s": "essential.s", "table: allowed": "table: permitted", "{key: crm, name": "{key: crn, name", "{key: plain": "{key: simple"}[old]
		if with == "" {
			with = "other"
		}
		after, problems := one(t, strings.Replace(newsletter, old, with, 1))
		if source.Failed(problems) {
			t.Fatal(problems)
		}
		changes := config.Changes(before, after)
		if len(changes) == 0 || !strings.Contains(fmt.Sprint(changes), other) {
			t.Errorf("%q became %q: %v", old, with, changes)
		}
		if renamed := strings.Contains(old, "plain"); (before.Digest == after.Digest) == renamed {
			t.Errorf("%q became %q: the digest changed %t", old, with, before.Digest != after.Digest)
		}
	}
}

func TestAKeyIsMadeOfAName(t *testing.T) { // C1
	for name, want := range map[string]string{
		"Newsletter (EU)": "newsletter_eu", "  CRM v2.1-beta ": "crm_v2.1-beta", "Größe": "gro_e", "Žluťoučký": "zlutoucky", "_x_": "x",
		"日本": "", "": "", "...a": "a", "ﬁn": "fin", strings.Repeat("ab", 100): strings.Repeat("ab", 64),
	} {
		if got := config.KeyOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	whatever := func(name string) bool {
		key := config.KeyOf(name)
		return key == "" || config.ValidKey(key) && config.KeyOf(key) == key
	}
	if err := quick.Check(whatever, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}
