package taxonomy

import (
	"strings"
	"sync"
)

// Say names a data category for the person whose data it is, in their language
// (BCP 47): in English where there is no other name. A word that a
// configuration has added has the name that it gives it.
func (s *Set) Say(c Category, language string) string {
	if name, ok := names()[string(c)]; ok {
		if main, _, _ := strings.Cut(strings.ToLower(language), "-"); main == "de" {
			return name.german
		}
		return name.english
	}
	if w, ok := s.Categories.Word(string(c)); ok && w.Name != "" {
		return w.Name
	}
	return strings.ReplaceAll(last(string(c)), "_", " ")
}

type name struct{ english, german string }

// names reads the names of the standard words: key, English, German.
var names = sync.OnceValue(func() map[string]name {
	text, err := standard.ReadFile("standard/data_category_names.txt")
	if err != nil {
		panic(err) // the file is part of the program
	}
	all := map[string]name{}
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSpace(line), "\t")
		all[parts[0]] = name{parts[1], parts[2]}
	}
	return all
})
