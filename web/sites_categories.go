package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/consent/signal"
	"volenti.dev/volenti/consent/site"
)

// categoryView is what the form of a category has beside its fields.
type categoryView struct {
	At       int // in the list, from 0; behind its end for a new one
	New      bool
	Purposes []purpose // of the ledger
	Usual    int       // days that a yes holds when nothing else is said
}

// purpose is one of the consent ledger.
type purpose struct {
	Key   string `json:"key"`
	Title string `json:"title"`
}

// Google lists the types of Google Consent Mode.
func (categoryView) Google() []string { return signal.GoogleTypes() }

// Texts are those that the banner shows for a category when it has none of its own.
func (categoryView) Texts(key, language string) (own builtinTexts) {
	all := site.Builtin(language)
	return builtinTexts{all["category."+key+".title"], all["category."+key+".description"]}
}

type builtinTexts struct{ Title, Description string }

// categoryPart is one category. Its place in the list is a field, so that the order is
// changed without any script.
var categoryPart = draftPart{
	about: "a category", path: "/categories/{at}", tab: "categories", page: "admin/sites-category",
	open: func(v *visit, s *siteView) (url.Values, error) {
		at, err := v.at(len(s.Draft.Categories))
		if err != nil {
			return nil, err
		}
		view := categoryView{At: at, New: at == len(s.Draft.Categories)}
		var ledger struct {
			Purposes []purpose `json:"purposes"`
		}
		if err := v.get("/purposes", &ledger); err != nil {
			return nil, err
		}
		view.Purposes = ledger.Purposes
		k := site.Category{}
		if !view.New {
			k = s.Draft.Categories[at]
		}
		for _, key := range k.Purposes { // those that the ledger does not have can be taken out
			if !slices.ContainsFunc(view.Purposes, func(p purpose) bool { return p.Key == key }) {
				view.Purposes = append(view.Purposes, purpose{Key: key})
			}
		}
		view.Usual = site.UsualDays(k.Key)
		s.More = view
		return categoryFields(k, at), nil
	},
	place: func(_ *visit, s *siteView, field string) string {
		rest, ok := entry(field, "categories", s.More.(categoryView).At)
		name := head(rest)
		switch {
		case !ok:
			return ""
		case name == "title" || name == "description":
			_, language, _ := strings.Cut(rest, ".")
			if language == "" && len(s.Draft.Languages) > 0 {
				language = s.Draft.Languages[0]
			}
			return name + "." + language
		}
		return name
	},
	take: func(v *visit, s *siteView, f *form) {
		at, all := s.More.(categoryView).At, s.Draft.Categories
		k := site.Category{Key: v.value("key")}
		if at < len(all) {
			all = slices.Delete(slices.Clone(all), at, at+1)
		}
		if v.value("do") == "remove" {
			s.Draft.Categories = all
			return
		}
		k.Necessary, k.Inactive, k.Sale = v.value("necessary") != "", v.value("inactive") != "", v.value("sale") != ""
		k.Title, k.Description = v.spokenTexts("title", s.Draft.Languages), v.spokenTexts("description", s.Draft.Languages)
		k.Purposes, k.Google = v.r.PostForm["purposes"], v.r.PostForm["google"]
		k.RetentionDays, k.Cookies = v.days("retention_days", f), v.cookies(f)
		s.Draft.Categories = slices.Insert(all, v.rank(f, len(all)), k)
	},
}

func categoryFields(k site.Category, at int) url.Values {
	kept := url.Values{"key": {k.Key}, "rank": {strconv.Itoa(at + 1)}, "purposes": k.Purposes, "google": k.Google, "cookies": {cookieLines(k.Cookies)}}
	for name, on := range map[string]bool{"necessary": k.Necessary, "inactive": k.Inactive, "sale": k.Sale} {
		if on {
			kept.Set(name, "yes")
		}
	}
	for language, text := range k.Title {
		kept.Set("title."+language, text)
	}
	for language, text := range k.Description {
		kept.Set("description."+language, text)
	}
	if k.RetentionDays > 0 {
		kept.Set("retention_days", strconv.Itoa(k.RetentionDays))
	}
	return kept
}

// spokenTexts are those of a field in several languages.
func (v *visit) spokenTexts(name string, languages []string) map[string]string {
	texts := map[string]string{}
	for _, l := range languages {
		if text := v.value(name + "." + l); text != "" {
			texts[l] = text
		}
	}
	return texts
}

// rank is where in a list of so many something shall stand, from 0.
func (v *visit) rank(f *form, count int) int {
	n, err := strconv.Atoi(v.value("rank"))
	if err != nil || n < 1 {
		f.note("rank", v.language.word("sites.no_rank"))
		return 0
	}
	return min(n-1, count)
}

// cookieLines writes cookies as the form has them: a line each, with the name, the days
// that it lives for, and the purpose.
func cookieLines(all []site.Cookie) string {
	var lines []string
	for _, c := range all {
		lines = append(lines, strings.TrimSpace(c.Name+" "+strconv.Itoa(c.Days)+" "+c.Purpose))
	}
	return strings.Join(lines, "\n")
}

// cookies reads them.
func (v *visit) cookies(f *form) (all []site.Cookie) {
	for _, line := range v.lines("cookies") {
		name, rest, _ := strings.Cut(line, " ")
		days, purpose, _ := strings.Cut(strings.TrimSpace(rest), " ")
		n, err := strconv.Atoi(days)
		if err != nil {
			f.note("cookies", v.language.word("sites.no_cookie"))
		}
		all = append(all, site.Cookie{Name: name, Days: n, Purpose: strings.TrimSpace(purpose)})
	}
	return all
}
