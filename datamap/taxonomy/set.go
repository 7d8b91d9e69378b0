package taxonomy

import (
	"embed"
	"iter"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
)

// Use is what data is used for, "marketing.advertising".
type Use string

// Covers says whether the use is the same as or an ancestor of other.
func (u Use) Covers(other Use) bool { return Category(u).Covers(Category(other)) }

// Subject is whom data is about, "customer".
type Subject string

// Set is the words that a configuration may use.
type Set struct {
	Categories Tree
	Uses       Tree
	Subjects   Tree
}

// Tree holds the words of one kind. A key a.b.c lies below a.b.
type Tree struct {
	what  string // "data category", for messages
	words map[string]Word
}

// Word is one word of a tree.
type Word struct {
	Key         string
	Name        string
	Description string
	At          source.Position // without a file for the standard set
}

//go:embed standard/*.txt
var standard embed.FS

// Standard gives the standard fideslang set. The caller may add to it.
func Standard() *Set {
	return &Set{
		Categories: load("data category", "standard/data_categories.txt"),
		Uses:       load("data use", "standard/data_uses.txt"),
		Subjects:   load("data subject", "standard/data_subjects.txt"),
	}
}

func load(what, file string) Tree {
	text, err := standard.ReadFile(file)
	if err != nil {
		panic(err) // the file is part of the program
	}
	t := Tree{what: what, words: map[string]Word{}}
	for key := range strings.FieldsSeq(string(text)) {
		t.words[key] = Word{Key: key}
	}
	return t
}

// Known says whether the tree has the word.
func (t Tree) Known(key string) bool {
	_, ok := t.words[key]
	return ok
}

// Word gives a word of the tree.
func (t Tree) Word(key string) (Word, bool) {
	w, ok := t.words[key]
	return w, ok
}

// Suggest gives the word that a misspelt key was probably meant to be, "" when
// none is near: one that is spelt alike, or has its last part elsewhere.
func (t Tree) Suggest(key string) string {
	if near := source.Nearest(key, t.keys()); near != "" {
		return near
	}
	lasts := map[string]string{}
	for _, word := range t.Keys() {
		lasts[last(word)] = word
	}
	return lasts[source.Nearest(last(key), maps.Keys(lasts))]
}

func last(key string) string { return key[strings.LastIndex(key, ".")+1:] }

// Keys lists the words in order.
func (t Tree) Keys() []string { return slices.Sorted(t.keys()) }

func (t Tree) keys() iter.Seq[string] { return maps.Keys(t.words) }

// Check reports a key that is no word of the tree, and says whether it is one.
func (t Tree) Check(key source.Text, r *source.Report) bool {
	if t.Known(key.Value) {
		return true
	}
	fix := "use a word of the taxonomy, or add it as " + strings.ReplaceAll(t.what, " ", "_")
	if near := t.Suggest(key.Value); near != "" {
		fix = "did you mean " + near + "?"
	}
	r.Errorf(key.At, fix, "unknown %s %q", t.what, key.Value)
	return false
}
