// Package taxonomy holds the words that say what data is, what it is used
// for and whom it is about: three trees of dotted keys. The standard
// fideslang set is built in; a configuration may add to it.
package taxonomy

import "strings"

// Category is a data category, "user.contact.email".
type Category string

// Covers says whether the category is the same as or an ancestor of other,
// by whole segments: user.name covers user.name.first, not user.name_foo.
func (c Category) Covers(other Category) bool {
	return c == other || strings.HasPrefix(string(other), string(c)+".")
}
