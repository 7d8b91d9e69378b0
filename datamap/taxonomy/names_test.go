package taxonomy

import (
	"maps"
	"slices"
	"testing"
)

func TestEveryStandardCategoryHasANameInBothLanguages(t *testing.T) { // X15
	s := Standard()
	if named := slices.Sorted(maps.Keys(names())); !slices.Equal(named, s.Categories.Keys()) {
		t.Errorf("named are %v", named)
	}
	s.Categories.words["user.loyalty"] = Word{Key: "user.loyalty", Name: "loyalty points"}
	s.Categories.words["user.shoe_size"] = Word{Key: "user.shoe_size"}
	for _, c := range []struct {
		category       Category
		language, want string
	}{
		{"user.contact.email", "", "email address"},
		{"user.contact.email", "de-AT", "E-Mail-Adresse"},
		{"user.contact.email", "fr", "email address"},
		{"user.loyalty", "de", "loyalty points"},
		{"user.shoe_size", "en", "shoe size"},
	} {
		if got := s.Say(c.category, c.language); got != c.want {
			t.Errorf("%s in %q is %q, want %q", c.category, c.language, got, c.want)
		}
	}
}
