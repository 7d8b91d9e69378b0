package signal_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/consent/signal"
)

func TestOnlyOneIsTheSignal(t *testing.T) {
	for _, lines := range [][]string{{"1"}, {"0", "1"}, {"1", "0"}, {"", "true", "1"}} {
		if !signal.GPC(lines) {
			t.Errorf("%q was not heard", lines)
		}
	}
	for _, lines := range [][]string{nil, {}, {""}, {"0"}, {"true"}, {"11"}, {"01"}, {"1, 1"}, {" 1"}, {"1;a=b"}, {"?1"}, {"\u0661"}} {
		if signal.GPC(lines) {
			t.Errorf("%q was heard", lines)
		}
	}
}

// The table of the script on the page too.
func TestGoogleIsToldAsTheTableSays(t *testing.T) { // W15
	text, err := os.ReadFile("../../sdk/js/testdata/google.json")
	if err != nil {
		t.Fatal(err)
	}
	var table []struct {
		Name       string
		Categories []struct {
			Key    string
			Google []string
		}
		Allowed map[string]bool
		Want    map[string]signal.State
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	for _, line := range table {
		ruled := map[string][]string{}
		for _, c := range line.Categories {
			ruled[c.Key] = c.Google
		}
		if d := cmp.Diff(line.Want, signal.Google(ruled, line.Allowed)); d != "" {
			t.Errorf("%s (-table +code):\n%s", line.Name, d)
		}
	}
	if len(table) < 8 {
		t.Errorf("the table has %d lines", len(table))
	}
}

func TestARefusalInAnyCategoryDenies(t *testing.T) { // W15
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom([]string{"a", "b", "c"})
		ruled := rapid.MapOf(key, rapid.SliceOf(rapid.SampledFrom(append(signal.GoogleTypes(), "strange")))).Draw(t, "ruled")
		allowed := rapid.MapOf(key, rapid.Bool()).Draw(t, "allowed")
		got := signal.Google(ruled, allowed)
		if len(got) != 7 {
			t.Fatalf("%d types", len(got))
		}
		for kind, state := range got {
			yes, rulers := true, 0
			for category, types := range ruled {
				if slices.Contains(types, kind) {
					rulers++
					yes = yes && allowed[category]
				}
			}
			if rulers == 0 {
				yes = kind == signal.SecurityStorage
			}
			if (state == signal.Granted) != yes {
				t.Errorf("%s is %s", kind, state)
			}
		}
	})
}
