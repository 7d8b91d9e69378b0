package source_test

import (
	"testing"

	"volenti.dev/volenti/config/source"
)

func TestABlockIsWhatBelongsToItsMapping(t *testing.T) { // W9
	const text = `dataset:
- fides_key: shop
  collections:
  - name: orders
# about the name
    fields: []

  # the end
- fides_key: desk # another
  collections: []
# of no dataset
connection:
- {key: db, secrets: {url: secret}}
other: {fides_key: x, secret: y}
`
	f := source.File{Name: "f.yml", Data: []byte(text)}
	for at, want := range map[source.Position]string{
		{File: "f.yml", Line: 2, Column: 3}:  "- fides_key: shop\n  collections:\n  - name: orders\n# about the name\n    fields: []\n\n  # the end\n",
		{File: "f.yml", Line: 4, Column: 5}:  "  - name: orders\n# about the name\n    fields: []\n",
		{File: "f.yml", Line: 9, Column: 3}:  "- fides_key: desk # another\n  collections: []\n",
		{File: "f.yml", Line: 13, Column: 3}: "",
		{File: "f.yml", Line: 14, Column: 8}: "",
		{File: "f.yml", Line: 14, Column: 9}: "",
		{File: "f.yml", Line: 99, Column: 1}: "",
		{File: "f.yml"}:                      "",
		{File: "g.yml", Line: 2, Column: 3}:  "",
	} {
		if got := f.Block(at); got != want {
			t.Errorf("at %v: %q", at, got)
		}
	}
}
