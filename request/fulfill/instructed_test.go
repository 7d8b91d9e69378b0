package fulfill

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/masking"
)

func TestInstructionsNameValuesOfAllTypes(t *testing.T) { // E7 D29
	n := &graph.Node{Address: "partner:guests", Instructed: true, Masks: []graph.Mask{{Field: "name", Spec: masking.Spec{Strategy: "null_rewrite"}}}}
	values := []any{"a, b", "", int64(0), int64(1) << 60, 2.5, value.Decimal("7.10"), false, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), value.Date("2026-03-01"), []byte{1, 2}}
	match := connector.Match{Columns: []string{"key"}}
	for _, v := range values {
		match.Tuples = append(match.Tuples, connector.Tuple{v})
	}
	e := newErrand(n, &inputs{matches: []connector.Match{
		match,
		{Columns: []string{"depot", "number"}, Tuples: []connector.Tuple{{"north", int64(3)}, {"north", int64(3)}}},
		{Columns: []string{"nothing"}},
	}})
	want := []locator{
		{Field: "key", Values: []string{"a, b", "", "0", "1152921504606846976", "2.5", "7.10", "false", "2026-03-01T12:00:00Z", "2026-03-01", "AQI="}},
		{Field: "depot, number", Values: []string{"north, 3"}},
	}
	if d := cmp.Diff(want, e.Locators); d != "" {
		t.Error(d)
	}
}

// Rows of a circle are told by each other once something tells one of them.
func TestWhatNothingTellsIsNotInALetter(t *testing.T) { // E6 E7
	valued := []locator{{Field: "mail", Values: []string{"x"}}}
	by := func(of string) []locator { return []locator{{Field: "f", Of: of, Their: "t"}} }
	for name, c := range map[string]struct {
		prepared map[string]errand
		want     map[string]bool
	}{
		"a chain":            {map[string]errand{"d:a": {Locators: valued}, "d:b": {Locators: by("a")}, "d:c": {Locators: by("b")}}, map[string]bool{"d:a": true, "d:b": true, "d:c": true}},
		"nothing at its top": {map[string]errand{"d:a": {}, "d:b": {Locators: by("a")}}, map[string]bool{}},
		"a circle":           {map[string]errand{"d:a": {Locators: append(by("b"), valued...)}, "d:b": {Locators: by("a")}}, map[string]bool{"d:a": true, "d:b": true}},
		"by itself":          {map[string]errand{"d:a": {Locators: by("a")}}, map[string]bool{}},
		"another dataset":    {map[string]errand{"e:a": {Locators: valued}, "d:b": {Locators: by("a")}}, map[string]bool{"e:a": true}},
	} {
		if d := cmp.Diff(c.want, findable(c.prepared)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
