package site

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a draft, or with how it is to be
// published. It repeats no text of the draft.
type Problem struct {
	Field string `json:"field"` // like vendors[3].cookies[0].name
	Text  string `json:"text"`
}

// Invalid is the error of what cannot be published, with all that is wrong.
type Invalid struct{ Problems []Problem }

func (e *Invalid) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Field + ": " + p.Text
	}
	return "invalid: " + strings.Join(texts, "; ")
}

// maxProblems is how many are told: who sees so many mends some first.
const maxProblems = 100

// problems collects them.
type problems []Problem

func (p *problems) add(field, text string, args ...any) {
	if len(*p) < maxProblems {
		*p = append(*p, Problem{field, fmt.Sprintf(text, args...)})
	}
}

// Keepable gives an *Invalid when a draft is too large, or its site's name
// cannot be one, so that it is not even kept as a draft.
func Keepable(name string, d Draft) error {
	c := check{}
	c.short("name", name)
	if strings.TrimSpace(name) == "" {
		c.add("name", "it has none")
	}
	if tooLarge(d) {
		c.add("draft", "it is larger than %d KiB as JSON", MaxDraft>>10)
	}
	if len(c.problems) > 0 {
		return &Invalid{c.problems}
	}
	return nil
}
