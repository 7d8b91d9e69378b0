package graph

import (
	"strings"
	"testing"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

func TestCheckConstraintsDecideOrAreNoted(t *testing.T) { // D24, D25
	rewrite := func(s string) masking.Spec {
		return masking.Spec{Strategy: "string_rewrite", Configuration: map[string]any{"rewrite_value": s}}
	}
	null, hash := masking.Spec{Strategy: "null_rewrite"}, masking.Spec{Strategy: "hash"}
	text, number := value.Type{Kind: value.String}, value.Type{Kind: value.Integer}
	for _, c := range []struct {
		name  string
		spec  masking.Spec
		kind  value.Type
		check string
		want  string // "taken", "refused" or "noted"
	}{
		{"a constant of the list", rewrite("none"), text, "email IN ('none', 'some')", "taken"},
		{"a constant that is not of the list", rewrite("erased"), text, "email IN ('none', 'some')", "refused"},
		{"a constant of the right form", rewrite("a@b"), text, "email LIKE '%@%'", "taken"},
		{"a constant that is too long", rewrite("erased"), text, "length(email) < 6", "refused"},
		{"a number in its range", rewrite("0"), number, "email BETWEEN 0 AND 150", "taken"},
		{"a number beyond it", rewrite("-1"), number, "email BETWEEN 0 AND 150", "refused"},
		{"null where nothing asks for it", null, text, "email LIKE '%@%'", "taken"},
		{"null where it is asked for", null, text, "email IS NOT NULL", "refused"},
		{"null where another column may ask", null, text, "email IS NOT NULL OR note IS NULL", "noted"},
		{"hashes without what is asked for", hash, text, "email LIKE '%@%'", "refused"},
		{"hashes that are too long", hash, text, "length(email) <= 60", "refused"},
		{"hashes that may do", hash, text, "email <> 'root'", "noted"},
		{"hashes of numbers out of range", hash, number, "email < 150 AND email > -150", "refused"},
		{"what is not understood", rewrite("erased"), text, "email ~ '^e'", "noted"},
		{"a date, which is compared by its own rules", rewrite("1900-01-01"), value.Type{Kind: value.Day}, "email = 'x'", "noted"},
	} {
		in := input(eraseContact, shop(), "email")
		in.Datasets[0].Collections[1].Fields[1].Masking = &c.spec
		table(in, "shop.customer").Column("email").Type = c.kind
		table(in, "shop.customer").Checks = []catalogue.Check{{Name: "form", Expression: c.check}}
		n := build(t, in).Node("shop:customer")
		got := "taken"
		switch {
		case len(n.Refused) == 1 && strings.Contains(n.Refused[0].Reason, c.check):
			got = "refused"
		case len(n.Refused) == 0 && len(n.Notes) == 1 && strings.Contains(n.Notes[0], c.check):
			got = "noted"
		case len(n.Refused)+len(n.Notes) > 0:
			got = "otherwise"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s: %+v %q", c.name, got, c.want, n.Refused, n.Notes)
		}
	}
}

func TestConstantInAColumnThatIsUniqueWithOthersIsNoted(t *testing.T) { // D25
	in := input(eraseContact, shop(), "email")
	spec := masking.Spec{Strategy: "string_rewrite", Configuration: map[string]any{"rewrite_value": "erased"}}
	in.Datasets[0].Collections[1].Fields[1].Masking = &spec
	table(in, "shop.customer").Unique = [][]string{{"note", "email"}}
	n := build(t, in).Node("shop:customer")
	if len(n.Notes) != 1 || !strings.Contains(n.Notes[0], "email: unique together with note") {
		t.Errorf("notes: %q", n.Notes)
	}
}
