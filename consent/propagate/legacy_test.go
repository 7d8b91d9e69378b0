package propagate_test

import (
	"slices"
	"testing"

	"volenti.dev/volenti/consent/propagate"
)

func TestStatusesAreReadInTheWordsOfOtherPlatforms(t *testing.T) {
	for word, want := range map[string]propagate.Status{
		"COMPLETE": propagate.Complete, " Complete ": propagate.Complete, "in progress": propagate.Pending, "IN-PROGRESS": propagate.Pending,
		"in_processing": propagate.Pending, "Failed": propagate.Failed, "error": propagate.Failed, "skipped": propagate.Skipped, "partial": propagate.Partial,
		"": "", "yes": "", "completely": "",
	} {
		if got, ok := propagate.ParseLegacy(word); got != want || ok != (want != "") {
			t.Errorf("%q is %q", word, got)
		}
	}
}

func TestAKeyIsTheConnectionsBeforeItIsTheSystems(t *testing.T) { // C12
	targets := []propagate.Target{
		{Key: "a", Name: "A", System: "crm"}, {Key: "b", Name: "B", System: "crm"}, {Key: "c", Name: "C", System: "shop"},
		{Key: "d", Name: "Newsletter"}, {Key: "e", Name: "Newsletter"}, {Key: "shop", Name: "Shop"}, {Key: "f", Name: "shop"},
	}
	for key, want := range map[string][]string{
		"crm": {"a", "b"}, "a": {"a"}, "A": nil, "Newsletter": {"d", "e"}, "shop": {"shop"}, "Shop": {"shop"}, "": nil, "nobody": nil,
	} {
		var got []string
		for _, target := range propagate.Attributed(key, targets) {
			got = append(got, target.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q is of %v", key, got)
		}
	}
}
