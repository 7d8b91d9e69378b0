package docs_test

import (
	"strings"
	"testing"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
)

// What the pages say of connecting vendors is a configuration without a problem.
func TestVendorsAreConnectedAsThePagesSay(t *testing.T) { // H3, H19
	for page, want := range map[string]string{"http-connectors.md": "newsletter", "vendors.md": "payments"} {
		texts, _ := blocks(t, page, "yml")
		files := []source.File{{Name: page, Data: []byte(strings.Join(texts, ""))}}
		c, found := config.Read(files, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe, Env: func(string) (string, bool) { return "k", true }})
		for _, p := range append(found, config.Check(c)...) {
			t.Errorf("%s", p)
		}
		if c.Datasets.Dataset(want) == nil {
			t.Errorf("%s: there is no dataset %s", page, want)
		}
	}
}
