package docs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/connector/email"
)

func TestTheJSONOfAMailboxIsItsYAML(t *testing.T) { // E21
	read := func(language string) config.Connection {
		texts, _ := blocks(t, "email.md", language)
		c, problems := config.Read([]source.File{{Name: language, Data: []byte(texts[0])}}, config.Options{Registry: builtin.Registry(), Undescribed: true})
		for _, p := range problems {
			t.Error(p)
		}
		return c.Connections[0]
	}
	yaml, json := read("yaml"), read("json")
	if d := cmp.Diff(yaml, json, cmpopts.IgnoreUnexported(config.Connection{}), cmpopts.IgnoreFields(config.Connection{}, "At")); d != "" {
		t.Error(d)
	}
}

func TestFieldsOfTheMailboxAreThoseOfTheCode(t *testing.T) { // E21
	var want []string
	for _, s := range email.Spec().Secrets {
		want = append(want, "`"+s.Name+"`")
	}
	_, rows := table(t, "email.md", "secret |")
	if d := cmp.Diff(want, first(rows)); d != "" {
		t.Errorf("secrets (-code +page):\n%s", d)
	}
}
