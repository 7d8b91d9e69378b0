package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
)

// read reads a configuration in which a connection has a secret.
func read(t *testing.T, text, password string) *config.Config {
	t.Helper()
	o := config.Options{
		Registry: connector.Registry{"file": {Type: "file", Secrets: []connector.Setting{{Name: "url"}}}},
		Env:      func(string) (string, bool) { return password, true },
	}
	c, found := config.Read([]source.File{{Name: "x.yml", Data: []byte(text)}}, o)
	if source.Failed(found) {
		t.Fatal(found)
	}
	return c
}

const small = `
dataset:
- fides_key: shop
  collections: [{name: a, fields: [{name: id, data_categories: [user.unique_id]}]}]
- fides_key: desk
  collections: []
policy:
- key: access
  rules: [{key: all, action: access, targets: [user]}]
connection:
- {key: db, type: file, datasets: [shop, desk], secrets: {url: "${PASSWORD}"}}
`

func TestChangesNameWhatDiffers(t *testing.T) {
	old := read(t, small, "one")
	for name, c := range map[string]struct {
		from, to *config.Config
		want     []string
	}{
		"nothing":          {old, read(t, small, "one"), nil},
		"layout":           {old, read(t, "# moved\n"+small, "one"), nil},
		"from nothing":     {nil, old, []string{"+ connection db", "+ dataset desk", "+ dataset shop", "+ policy access"}},
		"to nothing":       {old, nil, []string{"- connection db", "- dataset desk", "- dataset shop", "- policy access"}},
		"another secret":   {old, read(t, small, "two"), []string{"~ connection db"}},
		"another category": {old, read(t, strings.Replace(small, "user.unique_id", "user.name", 1), "one"), []string{"~ dataset shop"}},
		"another key":      {old, read(t, strings.Replace(small, "key: access", "key: report", 1), "one"), []string{"- policy access", "+ policy report"}},
	} {
		var got []string
		for _, change := range config.Changes(c.from, c.to) {
			got = append(got, change.String())
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if strings.Contains(fmt.Sprintf("%+v", config.Changes(c.from, c.to)), "two") {
			t.Errorf("%s: the changes hold a secret", name)
		}
	}
}

func TestCalendarAndDenialsAreShownInADiff(t *testing.T) {
	with := func(more string) *config.Config { return read(t, small+more, "one") }
	first := with("calendar: {zone: Europe/Berlin, law: gdpr}\ndenial: [{key: unknown, reason: {en: Who}}]\n")
	for name, c := range map[string]struct {
		to   *config.Config
		want string
	}{
		"the same":        {with("denial: [{key: unknown, reason: {en: Who}}]\ncalendar: {law: gdpr, zone: Europe/Berlin}\n"), "[]"},
		"another holiday": {with("calendar: {zone: Europe/Berlin, law: gdpr, holidays: [\"2026-12-25\"]}\ndenial: [{key: unknown, reason: {en: Who}}]\n"), "[~ calendar]"},
		"other words":     {with("calendar: {zone: Europe/Berlin, law: gdpr}\ndenial: [{key: unknown, reason: {en: Whom}}]\n"), "[~ denial unknown]"},
		"neither":         {with(""), "[- calendar - denial unknown]"},
	} {
		if got := fmt.Sprint(config.Changes(first, c.to)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if first.Digest != with("").Digest {
		t.Error("a calendar changes the digest, and so every plan")
	}
}

func TestCalendarSaysByWhichDaysSomebodyWorks(t *testing.T) { // X21
	c := read(t, "calendar: {zone: Europe/Berlin, holidays: [2026-12-25], weekend: [friday, Saturday], law: gdpr, start: verification}\n"+
		"denial: [{key: unknown, reason: {en: We do not know you., de: Wir kennen Sie nicht.}}, {key: other, reason: {fr: Non., pt-BR: Nao.}}]\n", "one")
	if got := c.Deadlines.Text(); got != "zone Europe/Berlin; holidays [2026-12-25]; weekend [Friday Saturday]; law gdpr; start verification" {
		t.Error(got)
	}
	if got := read(t, "calendar: {weekend: []}", "").Deadlines.Weekend; len(got) != 7 {
		t.Errorf("no weekend is %v", got)
	}
	for tag, want := range map[string]string{"de": "Wir kennen Sie nicht.", "de-AT": "Wir kennen Sie nicht.", "fr": "We do not know you.", "": "We do not know you."} {
		if got := c.Denials[0].For(tag); got != want {
			t.Errorf("%q: %s", tag, got)
		}
	}
	if got := c.Denials[1].For("en"); got != "Non." {
		t.Error(got)
	}
}
