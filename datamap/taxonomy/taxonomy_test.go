package taxonomy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/taxonomy"
)

func TestCategoriesCoverByWholeSegments(t *testing.T) { // D3
	for _, test := range []struct {
		target, category string
		want             bool
	}{
		{"user.name", "user.name", true},
		{"user.name", "user.name.first", true},
		{"user", "user.name.first", true},
		{"user.name", "user.name_foo", false},
		{"user.name", "user.names.first", false},
		{"user.name.first", "user.name", false},
		{"system", "user.system", false},
	} {
		if got := taxonomy.Category(test.target).Covers(taxonomy.Category(test.category)); got != test.want {
			t.Errorf("%s covers %s: %v", test.target, test.category, got)
		}
		if got := taxonomy.Use(test.target).Covers(taxonomy.Use(test.category)); got != test.want {
			t.Errorf("use %s covers %s: %v", test.target, test.category, got)
		}
	}
}

func TestCoversIsThePrefixOrderOfSegments(t *testing.T) { // D3
	segment := rapid.SampledFrom([]string{"user", "name", "name_foo", "n"})
	path := rapid.SliceOfN(segment, 1, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := path.Draw(t, "a"), path.Draw(t, "b")
		want := len(a) <= len(b) && cmp.Equal(a, b[:min(len(a), len(b))])
		if got := taxonomy.Category(strings.Join(a, ".")).Covers(taxonomy.Category(strings.Join(b, "."))); got != want {
			t.Errorf("%v covers %v: %v", a, b, got)
		}
	})
}

func TestTheStandardSetIsBuiltIn(t *testing.T) { // D3
	set := taxonomy.Standard()
	for tree, sample := range map[*taxonomy.Tree][]string{
		&set.Categories: {"user.contact.email", "system.operations"},
		&set.Uses:       {"marketing.advertising.first_party.targeted"},
		&set.Subjects:   {"customer"},
	} {
		for _, key := range sample {
			if !tree.Known(key) {
				t.Errorf("%s is missing", key)
			}
		}
	}
	if n := []int{len(set.Categories.Keys()), len(set.Uses.Keys()), len(set.Subjects.Keys())}; !cmp.Equal(n, []int{85, 54, 15}) {
		t.Errorf("the set has %v words", n)
	}
	if got := set.Categories.Suggest("user.contact.emial"); got != "user.contact.email" {
		t.Errorf("suggested %q", got)
	}
	if got := set.Categories.Suggest("user.emial"); got != "user.contact.email" {
		t.Errorf("suggested %q", got)
	}
	var r source.Report
	if set.Complete(&r); r.Problems() != nil {
		t.Error(r.Problems())
	}
	set.Decode("data_category", source.Parse("f.yml", []byte("- fides_key: user.loyalty"), &r)[0], &r)
	if taxonomy.Standard().Categories.Known("user.loyalty") {
		t.Error("an extension reached the standard set")
	}
}

func TestConfigurationsAddWords(t *testing.T) { // D3
	var r source.Report
	set := taxonomy.Standard()
	for key, text := range map[string]string{
		"data_category": "- {fides_key: user.loyalty.tier, name: Tier, parent_key: user.loyalty}\n- {fides_key: user.loyalty, is_default: false}\n- {fides_key: user.name, name: How they are called}\n",
		"data_use":      "- {fides_key: research, legal_basis: Consent}\n",
		"data_subject":  "- {fides_key: member, rights: {}}\n",
	} {
		set.Decode(key, source.Parse("f.yml", []byte(text), &r)[0], &r)
	}
	set.Complete(&r)
	if p := r.Problems(); p != nil {
		t.Fatal(p)
	}
	if !set.Categories.Known("user.loyalty.tier") || !set.Uses.Known("research") || !set.Subjects.Known("member") {
		t.Error("a word was not added")
	}
	if w, _ := set.Categories.Word("user.name"); w.Name != "How they are called" {
		t.Error(w)
	}
}

func TestWordsThatFitNowhereAreReported(t *testing.T) { // D3, D5
	var r source.Report
	set := taxonomy.Standard()
	set.Decode("data_category", source.Parse("f.yml", []byte(`
- fides_key: user.nmae.nick
- fides_key: user.extra
- fides_key: user.extra
- {fides_key: user.other, parent_key: system}
- fides_key: user..x
- {fides_key: user.a, nmae: x}
- name: nothing
- text
- fides_key: user.__proto__
`), &r)[0], &r)
	set.Decode("data_subject", source.Parse("f.yml", []byte("\n\n\n\n\n\n\n\n\n\n- fides_key: a.b"), &r)[0], &r)
	set.Complete(&r)
	set.Categories.Check(source.Text{Value: "user.contact.emall", At: source.Position{File: "f.yml", Line: 12}}, &r)
	var got []string
	for _, p := range r.Problems() {
		got = append(got, p.String())
	}
	want := []string{
		`f.yml:2: error: the data category user.nmae.nick lies below user.nmae, which does not exist (did you mean user.name?)`,
		`f.yml:4: error: the data category user.extra is already given at f.yml:3 (remove one of them)`,
		`f.yml:5: error: the data category user.other does not lie below its parent_key "system" (call it system.other, or leave parent_key out)`,
		`f.yml:6: error: "user..x" cannot be the key of a data category (use letters, digits, _ and -, and dots between the parts of a tree)`,
		`f.yml:7: error: unknown key "nmae" (did you mean name?)`,
		`f.yml:8: error: fides_key is missing (add fides_key: ...)`,
		`f.yml:9: error: a data category must be a mapping, found text (write its keys below it, one a line)`,
		`f.yml:10: error: user.__proto__ is not allowed as a key (use another name)`, // SE8
		`f.yml:11: error: "a.b" cannot be the key of a data subject (use letters, digits, _ and -, and dots between the parts of a tree)`,
		`f.yml:12: error: unknown data category "user.contact.emall" (did you mean user.contact.email?)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
