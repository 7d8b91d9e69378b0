package masking

import (
	_ "embed"
	"fmt"
	"strings"
)

// words are what fake values are made of: made-up or common ones, in ASCII, as
// not every column holds more. The lists are ours and never change: another
// word would change the masks of requests that are under way. What is to be
// new gets a new kind.
//
//go:embed words.txt
var words string

var wordLists = parseWords(words)

func parseWords(text string) map[string][]string {
	lists := map[string][]string{}
	for _, section := range strings.Split(text, "# ")[1:] {
		fields := strings.Fields(section)
		lists[fields[0]] = fields[1:]
	}
	return lists
}

// The kinds of fake_rewrite.
const (
	fullName  = "name"
	firstName = "first_name"
	lastName  = "last_name"
	street    = "street"
	city      = "city"
	company   = "company"
)

var fakes = []string{fullName, firstName, lastName, street, city, company}

// fakeMask is fake_rewrite. A fake says nothing of the value but whether two
// are the same.
func fakeMask(o options, v any, _ Column, d draw) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errOtherForm
	}
	word := func(list string) string {
		return wordLists[list][d.number(list+":"+s, len(wordLists[list]))]
	}
	var fake string
	switch o.kind {
	case fullName:
		fake = word(firstName) + " " + word(lastName)
	case street:
		fake = fmt.Sprintf("%d %s Street", 1+d.number("house:"+s, 199), word(street))
	case company:
		fake = word(lastName) + " " + word(company)
	default:
		fake = word(o.kind)
	}
	return fake, nil
}
