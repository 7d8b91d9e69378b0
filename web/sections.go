package web

import (
	"strings"

	"volenti.dev/volenti/auth"
)

// section is an entry of the navigation of operators.
type section struct {
	Group string // one of groups
	Path  string
	Word  string     // its key in the catalogue
	Scope auth.Scope // without it the entry is not shown
	Here  string     // "page" for the page that is shown, "true" for one that it belongs to
}

// The groups of the navigation: the keys of their words.
const (
	atHome     = ""
	ofRequests = "nav.requests"
	ofPeople   = "nav.people"
	ofSystems  = "nav.systems"
	ofHouse    = "nav.house"
)

// groups are in the order in which they are shown.
var groups = []string{atHome, ofRequests, ofPeople, ofSystems, ofHouse}

// sections is the navigation, in its order within each group. Every area of pages has an
// entry.
var sections = []section{
	{Group: atHome, Path: desk, Word: "desk.title", Scope: auth.OwnSession},
	{Group: ofRequests, Path: "/admin/requests", Word: "requests.title", Scope: auth.ReadRequests},
	{Group: ofRequests, Path: "/admin/tasks", Word: "tasks.title", Scope: auth.ReadRequests},
	{Group: ofRequests, Path: "/admin/requests/new", Word: "new.title", Scope: auth.WriteRequests},
	{Group: ofPeople, Path: "/admin/people", Word: "people.title", Scope: auth.ReadConsents},
	{Group: ofPeople, Path: "/admin/consent", Word: "consent.title", Scope: auth.ReadConsents},
	{Group: ofPeople, Path: "/admin/sites", Word: "sites.title", Scope: auth.ReadConsents},
	{Group: ofSystems, Path: "/admin/systems", Word: "systems.title", Scope: auth.ReadSystems},
	{Group: ofSystems, Path: "/admin/connections", Word: "connections.title", Scope: auth.ReadSystems},
	{Group: ofSystems, Path: "/admin/propagation", Word: "propagation.title", Scope: auth.ReadDeliveries},
	{Group: ofSystems, Path: "/admin/datasets", Word: "datasets.title", Scope: auth.ReadSystems},
	{Group: ofHouse, Path: "/admin/policies", Word: "policies.title", Scope: auth.ReadRequests},
	{Group: ofHouse, Path: "/admin/letters", Word: "mails.title", Scope: auth.ReadRequests},
	{Group: ofHouse, Path: "/admin/controller", Word: "controller.title", Scope: auth.ReadConsents},
	{Group: ofHouse, Path: "/admin/webhooks", Word: "webhooks.title", Scope: auth.ManageWebhooks},
	{Group: ofHouse, Path: "/admin/keys", Word: "keys.title", Scope: auth.ManageAccess},
	{Group: ofHouse, Path: "/admin/operators", Word: "operators.title", Scope: auth.ManageAccess},
	{Group: ofHouse, Path: "/admin/audit", Word: "audit.title", Scope: auth.ReadAudit},
}

// group is a part of the navigation, with a word over it where it has one.
type group struct {
	Word     string
	Sections []section
}

// sections gives those that the visitor may see. A page belongs to the one whose path
// is the longest that it begins with.
func (v *visit) sections() (seen []group) {
	here, at := v.r.URL.Path, ""
	for _, s := range sections {
		if len(s.Path) > len(at) && v.session.May(s.Scope) && (here == s.Path || s.Path != desk && strings.HasPrefix(here, s.Path+"/")) {
			at = s.Path
		}
	}
	for _, word := range groups {
		g := group{Word: word}
		for _, s := range sections {
			if s.Group != word || !v.session.May(s.Scope) {
				continue
			}
			if s.Path == at {
				s.Here = "true"
			}
			if s.Path == here {
				s.Here = "page"
			}
			g.Sections = append(g.Sections, s)
		}
		if g.Sections != nil {
			seen = append(seen, g)
		}
	}
	return seen
}

// tab is a page beside others that are about the same.
type tab struct {
	Path string
	Word string // its key in the catalogue
	Here bool
}

// pages leads through a list: to its beginning, unless that is shown, and on.
type pages struct{ First, Next string }
