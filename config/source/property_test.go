package source_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"volenti.dev/volenti/config/source"
)

// JSON is YAML: whatever is written comes back, and nothing is lost.
func TestEveryJSONTextIsReadAsItIs(t *testing.T) {
	text := rapid.StringMatching(`[a-zA-Z0-9 :#\-,\[\]{}&*!|>'"%@.?<=~\n\\äß€]{0,12}`)
	key := rapid.StringMatching(`[a-z_:# .\-]{0,6}[a-z]`)
	var value *rapid.Generator[any]
	value = rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return rapid.MapOfN(key, rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3).Draw(t, "map")
		case 1:
			return append([]any{}, rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3).Draw(t, "list")...)
		case 2:
			return rapid.Int64().Draw(t, "int")
		case 3:
			return rapid.Bool().Draw(t, "bool")
		case 4:
			return nil
		}
		return text.Draw(t, "text")
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.MapOfN(key, value, 1, 4), 1, 4).Draw(t, "documents")
		var data []byte
		for _, document := range want {
			line, err := json.MarshalIndent(document, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			data = append(append(data, "---\n"...), line...)
			data = append(data, '\n')
		}
		var r source.Report
		var got []map[string]any
		for _, n := range source.Parse("f.yml", data, &r) {
			m, _ := n.Value().(map[string]any)
			got = append(got, m)
		}
		if p := r.Problems(); p != nil {
			t.Fatalf("%s\n%v", data, p)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s\n%s", data, diff)
		}
	})
}
