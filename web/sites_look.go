package web

import (
	"net/url"
	"slices"
	"strings"

	"volenti.dev/volenti/consent/site"
)

// lookView is what the form of the look has beside its fields.
type lookView struct {
	Scheme string // of the preview
	Frame  string // its address; "" where the draft cannot be shown
	look   site.Look
}

// Contrasts are those of the light scheme with those of the dark one beside them.
func (v lookView) Contrasts() (rows [][]site.Contrast) {
	all := v.look.Contrasts()
	light, dark := all[:len(all)/2], all[len(all)/2:]
	for i, c := range light {
		rows = append(rows, []site.Contrast{c, dark[i]})
	}
	return rows
}

// Poor counts the contrasts that are too little.
func (v lookView) Poor() (n int) {
	for _, c := range v.look.Contrasts() {
		if !c.Enough {
			n++
		}
	}
	return n
}

// Properties are the names that a part of the form sets: light, dark or sizes.
func (lookView) Properties(part string) (names []string) {
	switch part {
	case "sizes":
		return slices.DeleteFunc(site.LookSizes(), func(name string) bool { return name == "position" })
	case "dark":
		for _, name := range site.LookColours() {
			names = append(names, site.DarkLook+name)
		}
		return names
	}
	return site.LookColours()
}

// Word is the key of the word for a property, which is the same in both schemes.
func (lookView) Word(name string) string {
	return "sites.look." + strings.TrimPrefix(name, site.DarkLook)
}

// Usual is what holds where a property is not set.
func (lookView) Usual(name string) string { return site.Look(nil).Usual(name) }

// Positions are where the first layer can be.
func (lookView) Positions() []string { return site.LookPositions() }

// lookPart is how the banner looks.
var lookPart = draftPart{
	about: "how the banner looks", path: "/look", tab: "look", page: "admin/sites-look",
	open: func(v *visit, s *siteView) (url.Values, error) {
		kept, view := url.Values{}, lookView{look: s.Draft.Look}
		for name, value := range s.Draft.Look {
			kept.Set(lookField+name, value)
		}
		if view.Scheme = v.r.URL.Query().Get("scheme"); view.Scheme != "dark" {
			view.Scheme = "light"
		}
		if len(s.Problems) == 0 {
			view.Frame = s.Path(previewView{Scheme: view.Scheme, Speaks: v.spokenBy(s.Draft)}.Frame())
		}
		s.More = view
		v.framesOwn()
		return kept, nil
	},
	place: func(_ *visit, _ *siteView, field string) string {
		if head(field) == "look" {
			return field
		}
		return ""
	},
	take: func(v *visit, s *siteView, _ *form) {
		s.Draft.Look = lookOf(v.r.PostForm)
		view := s.More.(lookView)
		if view.look = s.Draft.Look; view.Frame != "" {
			view.Frame += "&" + shownLook(s.Draft.Look).Encode()
		}
		s.More = view
	},
}

// lookField begins the name of the field of a property, which is that of the draft.
const lookField = "look."

// lookOf are the properties that a form or an address sets.
func lookOf(from url.Values) site.Look {
	look := site.Look{}
	for _, name := range (lookView{}).all() {
		if value := from.Get(lookField + name); value != "" {
			look[name] = value
		}
	}
	return look
}

// shownLook is a look in an address, as lookOf reads it.
func shownLook(look site.Look) url.Values {
	q := url.Values{"looks": {""}}
	for name, value := range look {
		q.Set(lookField+name, value)
	}
	return q
}

func (v lookView) all() []string {
	return slices.Concat(v.Properties("light"), v.Properties("dark"), site.LookSizes())
}

// spokenBy is the language of the operator where a site speaks it, else its first.
func (v *visit) spokenBy(d site.Draft) string {
	for _, l := range d.Languages {
		if l == v.language.Tag {
			return l
		}
	}
	return ""
}
