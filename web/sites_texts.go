package web

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/consent/site"
)

// textsView is the texts of a banner in one language.
type textsView struct {
	Language  string
	Languages []string // those of the site, and those that it has texts in
	Texts     []bannerText
	Builtin   bool // there are built-in texts in the language
}

// bannerText is a text of every banner.
type bannerText struct {
	Key     string
	Usual   string // built in for the language; "" for none
	Meaning string // the same in the language of the operator
}

// Long says whether it takes more than a line.
func (t bannerText) Long() bool { return len(t.Meaning) > 50 }

// textsPart is the texts in the language that the address says. What is left empty is
// as it is built in.
var textsPart = draftPart{
	about: "the texts in one language", path: "/texts", tab: "texts", page: "admin/sites-texts",
	open: func(v *visit, s *siteView) (url.Values, error) {
		view := textsView{Languages: slices.Clone(s.Draft.Languages)}
		for _, l := range slices.Sorted(maps.Keys(s.Draft.Texts)) {
			if !slices.Contains(view.Languages, l) {
				view.Languages = append(view.Languages, l)
			}
		}
		view.Language = cmp.Or(v.value("language"), v.r.URL.Query().Get("in"), append(view.Languages, "en")[0])
		if !slices.Contains(view.Languages, view.Language) && len(view.Languages) > 0 {
			return nil, notFound
		}
		base, _, _ := strings.Cut(view.Language, "-")
		usual := site.Builtin(view.Language)
		if usual == nil {
			usual = site.Builtin(base)
		}
		view.Builtin = usual != nil
		meaning := site.Builtin(v.language.Tag)
		if meaning == nil { // the fields are there in any language of operators
			meaning = site.Builtin("en")
		}
		for _, key := range slices.Sorted(maps.Keys(meaning)) {
			if !strings.HasPrefix(key, "category.") {
				view.Texts = append(view.Texts, bannerText{key, usual[key], meaning[key]})
			}
		}
		slices.SortStableFunc(view.Texts, func(a, b bannerText) int { return rankOf(a.Key) - rankOf(b.Key) })
		s.More, s.Again = view, s.Path("texts")+"?in="+url.QueryEscape(view.Language)
		kept := url.Values{}
		for key, text := range s.Draft.Texts[view.Language] {
			kept.Set("text."+key, text)
		}
		return kept, nil
	},
	place: func(_ *visit, s *siteView, field string) string {
		key, ok := strings.CutPrefix(field, "texts."+s.More.(textsView).Language)
		if !ok {
			return ""
		}
		return "text" + key
	},
	take: func(v *visit, s *siteView, _ *form) {
		view := s.More.(textsView)
		texts := maps.Clone(s.Draft.Texts[view.Language])
		if texts == nil {
			texts = map[string]string{}
		}
		for _, t := range view.Texts {
			if text := v.value("text." + t.Key); text != "" {
				texts[t.Key] = text
			} else {
				delete(texts, t.Key)
			}
		}
		all := maps.Clone(s.Draft.Texts)
		if all == nil {
			all = map[string]map[string]string{}
		}
		if all[view.Language] = texts; len(texts) == 0 {
			delete(all, view.Language)
		}
		s.Draft.Texts = all
	},
}

// first are the texts that every visitor sees, in the order of the banner.
var first = []string{"title", "description", "accept", "refuse", "settings", "save", "close", "back", "reopen", "withdraw", "changed", "expired", "gpc"}

func rankOf(key string) int {
	if at := slices.Index(first, key); at >= 0 {
		return at
	}
	return len(first)
}

// regionsView is how many regions the form has room for.
type regionsView struct{ Rows []int }

// regionsPart is how people of some countries are asked. A row without a key is none.
var regionsPart = draftPart{
	about: "how people of some countries are asked", path: "/regions", tab: "regions", page: "admin/sites-regions",
	open: func(_ *visit, s *siteView) (url.Values, error) {
		kept, view := url.Values{}, regionsView{}
		for i, r := range s.Draft.Regions {
			kept.Set(row("key", i), r.Key)
			kept.Set(row("countries", i), strings.Join(r.Countries, " "))
			kept.Set(row("mode", i), string(r.Mode))
		}
		for i := range min(len(s.Draft.Regions)+2, site.MaxRegions) {
			view.Rows = append(view.Rows, i)
		}
		s.More = view
		return kept, nil
	},
	place: func(_ *visit, s *siteView, field string) string {
		for i := range s.Draft.Regions {
			if rest, ok := entry(field, "regions", i); ok {
				return row(head(rest), i)
			}
		}
		return ""
	},
	take: func(v *visit, s *siteView, f *form) {
		s.Draft.Regions = nil
		for _, i := range s.More.(regionsView).Rows {
			key, countries := v.value(row("key", i)), strings.Fields(strings.ReplaceAll(strings.ToUpper(v.value(row("countries", i))), ",", " "))
			switch {
			case key != "":
				s.Draft.Regions = append(s.Draft.Regions, site.Region{Key: key, Countries: countries, Mode: site.Mode(v.value(row("mode", i)))})
			case len(countries) > 0:
				f.note(row("key", i), v.language.word("sites.no_key"))
			}
		}
	},
}

// row names a field of a row of a form.
func row(name string, i int) string { return name + "." + strconv.Itoa(i) }

// Row is row for templates.
func (regionsView) Row(name string, i int) string { return row(name, i) }
