package web

import (
	"strings"

	"volenti.dev/volenti/auth"
)

// section is an entry of the navigation of operators.
type section struct {
	Path  string
	Word  string     // its key in the catalogue
	Scope auth.Scope // without it the entry is not shown
	Here  bool       // the page that is shown belongs to it
}

// sections is the navigation, in its order. Every area of pages has an entry.
var sections = []section{
	{Path: "/admin/requests", Word: "requests.title", Scope: auth.ReadRequests},
	{Path: "/admin/tasks", Word: "tasks.title", Scope: auth.ReadRequests},
	{Path: "/admin/requests/new", Word: "new.title", Scope: auth.WriteRequests},
}

// sections gives those that the visitor may see. A page belongs to the one whose path
// is the longest that it begins with.
func (v *visit) sections() (seen []section) {
	at, length := -1, 0
	for _, s := range sections {
		if !v.session.May(s.Scope) {
			continue
		}
		if path := v.r.URL.Path; (path == s.Path || strings.HasPrefix(path, s.Path+"/")) && len(s.Path) > length {
			at, length = len(seen), len(s.Path)
		}
		seen = append(seen, s)
	}
	if at >= 0 {
		seen[at].Here = true
	}
	return seen
}
