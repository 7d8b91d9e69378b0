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
