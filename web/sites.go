package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/site"
)

// sitePages are about sites and their banners. A draft is edited in parts, each with
// a page and a form of its own; see draftPart.
func sitePages() []Page {
	const one = "/admin/sites/{id}"
	pages := []Page{
		{Method: http.MethodGet, Path: "/admin/sites", Scope: auth.ReadConsents, Does: "List sites", Act: listSites},
		{Method: http.MethodPost, Path: "/admin/sites", Scope: auth.ManageConsents, Does: "Make a site", Act: makeSite},
		{Method: http.MethodGet, Path: one + "/categories", Scope: auth.ReadConsents, Does: "List what visitors say yes or no to", Act: showSitePart("categories")},
		{Method: http.MethodGet, Path: one + "/services", Scope: auth.ReadConsents, Does: "List the services of a site, and find those that Volenti knows", Act: showServices},
		{Method: http.MethodPost, Path: one + "/services/recognise", Scope: auth.ReadConsents, Does: "Say which services are behind addresses that a page loads", Act: recogniseServices},
		{Method: http.MethodPost, Path: one + "/services/sync", Scope: auth.ManageConsents, Does: "Bring the services of a draft up to date, or add one", Act: syncServices},
		{Method: http.MethodGet, Path: one + "/preview", Scope: auth.ReadConsents, Does: "Show the banner of a draft as visitors would see it", Act: showPreview},
		{Method: http.MethodGet, Path: one + "/preview/frame", Scope: auth.ReadConsents, Does: "Give the frame that a preview is in", Act: showFrame},
		{Method: http.MethodGet, Path: one + "/publish", Scope: auth.ReadConsents, Does: "Say what publishing a draft changes for visitors", Act: showPublish},
		{Method: http.MethodPost, Path: one + "/publish", Scope: auth.ManageConsents, Does: "Publish the draft of a site", Act: publishSite},
		{Method: http.MethodGet, Path: one + "/install", Scope: auth.ReadConsents, Does: "Show what goes into the pages of a site", Act: showInstall},
		{Method: http.MethodPost, Path: one + "/install", Scope: auth.ManageConsents, Does: "Say whether the banner can do its work in a page of the site", Act: checkPage},
		{Method: http.MethodGet, Path: one + "/versions", Scope: auth.ReadConsents, Does: "List what was published of a site, and compare two versions", Act: showVersions},
	}
	for _, p := range []draftPart{generalPart, categoryPart, vendorPart, textsPart, regionsPart, lookPart} {
		pages = append(pages,
			Page{Method: http.MethodGet, Path: one + p.path, Scope: auth.ReadConsents, Does: "Show of a site's draft " + p.about, Act: p.show},
			Page{Method: http.MethodPost, Path: one + p.path, Scope: auth.ManageConsents, MaxBody: maxDraftForm, Does: "Change of a site's draft " + p.about, Act: p.save})
	}
	return pages
}

// maxDraftForm has room for all texts of a language.
const maxDraftForm = 1 << 20

// siteList is the sites of the tenant.
type siteList struct {
	Items []site.Summary `json:"items"`
}

func listSites(v *visit) error { return v.sites(http.StatusOK, nil) }

func (v *visit) sites(status int, f *form) error {
	var list siteList
	if err := v.get("/sites", &list); err != nil {
		return err
	}
	slices.SortFunc(list.Items, func(a, b site.Summary) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return v.show(status, "admin/sites", list, f)
}

func makeSite(v *visit) error {
	v.here = "/admin/sites"
	var made site.Summary
	err := v.post("/sites", map[string]string{"name": v.value("name")}, &made)
	if err == nil {
		return v.redirect("/admin/sites/" + made.ID)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.sites(status, f)
}

// siteView is a site as its pages see it.
type siteView struct {
	site.Summary
	Draft    site.Draft     `json:"draft"`
	Problems []site.Problem `json:"problems"`
	Tab      string         // the page of it that is shown
	Server   string         // where visitors reach this server
	Form     *form          // what is kept, or what was sent and is to be mended
	More     any            // what only one of the pages has
	// Again is where the browser is led when something was saved.
	Again    string
	At       string // where its form is sent
	session  *session
	language *tongue
}

// Tabs are the pages of a site, in their order.
func (s *siteView) Tabs() []string {
	return []string{"", "categories", "services", "texts", "regions", "look", "preview", "publish", "versions", "install"}
}

// Path is where one of its pages is.
func (s *siteView) Path(tab string) string {
	at := "/admin/sites/" + s.ID
	if tab == "" {
		return at
	}
	return at + "/" + tab
}

// mending is one thing to mend before a draft can be published, in all fields that have it.
type mending struct {
	Text   string
	Fields []string
}

// Todo puts the fields that have the same problem together.
func (s *siteView) Todo() (all []mending) {
	for _, wrong := range s.Problems {
		i := slices.IndexFunc(all, func(t mending) bool { return t.Text == wrong.Text })
		if i < 0 {
			i, all = len(all), append(all, mending{Text: wrong.Text})
		}
		all[i].Fields = append(all[i].Fields, wrong.Field)
	}
	return all
}

// TabOf tells on which page what is wrong can be mended.
func (s *siteView) TabOf(problem string) string {
	first, _, _ := strings.Cut(problem, ".")
	name, rest, numbered := strings.Cut(first, "[")
	i, _ := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	switch at := strconv.Itoa(i + 1); name {
	case "categories", "vendors":
		tab := map[string]string{"categories": "categories", "vendors": "services"}[name]
		if numbered {
			tab += "/" + at
		}
		return tab
	case "texts":
		return "texts"
	case "regions", "look":
		return name
	}
	return ""
}

// Nth is a place in a list as people count, and the version that follows one.
func (*siteView) Nth(i int) int { return i + 1 }

// Title is what a category is called: in the language of the operator, or else in the
// first of the site that has it.
func (s *siteView) Title(k site.Category) string {
	for _, l := range append([]string{s.language.Tag}, s.Draft.Languages...) {
		if title := cmp.Or(k.Title[l], site.Builtin(l)["category."+k.Key+".title"]); title != "" {
			return title
		}
	}
	return k.Key
}

// Days is how long a yes to a category holds.
func (*siteView) Days(k site.Category) int { return cmp.Or(k.RetentionDays, site.UsualDays(k.Key)) }

// Inside counts the services in a category that visitors are shown.
func (s *siteView) Inside(category string) (n int) {
	for _, vendor := range s.Draft.Vendors {
		if vendor.Category == category && !vendor.Inactive {
			n++
		}
	}
	return n
}

// HasCategory says whether the draft has a category.
func (s *siteView) HasCategory(key string) bool {
	return slices.ContainsFunc(s.Draft.Categories, func(k site.Category) bool { return k.Key == key })
}

// DeletionURL is the page that stores of apps ask for.
func (s *siteView) DeletionURL() string {
	return s.Origin() + "/delete-account/" + s.Key
}

// Manages says whether the operator may change the draft.
func (s *siteView) Manages() bool { return s.session.May(auth.ManageConsents) }

// site reads the site that the path names, for one of its pages.
func (v *visit) site(tab string) (*siteView, error) {
	s := &siteView{Tab: tab, Server: v.p.config.PublicURL, At: v.r.URL.Path, session: v.session, language: v.language, Form: blank(nil)}
	if err := v.get("/sites/"+url.PathEscape(v.r.PathValue("id")), s); err != nil {
		return nil, err
	}
	if s.Again = s.Path(tab); v.r.Method == http.MethodPost {
		v.here = s.Again
	}
	return s, nil
}

// showSitePart shows a page that only lists what is in the draft.
func showSitePart(tab string) Act {
	return func(v *visit) error {
		s, err := v.site(tab)
		if err != nil {
			return err
		}
		return v.show(http.StatusOK, "admin/sites-"+tab, s, nil)
	}
}

// draftPart is a part of a draft that has a form.
type draftPart struct {
	about string
	path  string // behind that of the site
	tab   string // that it belongs to
	page  string
	// open finds what the path names in the draft, and gives it as the form has it.
	open func(v *visit, s *siteView) (url.Values, error)
	// place says which field of the form a field of the draft is; "" for one of
	// another part.
	place func(v *visit, s *siteView, field string) string
	// take writes what was entered into the draft, and notes what cannot be read.
	take func(v *visit, s *siteView, f *form)
}

// show shows the part as it is kept, with what keeps it from being published.
func (p draftPart) show(v *visit) error {
	s, err := v.site(p.tab)
	if err != nil {
		return err
	}
	kept, err := p.open(v, s)
	if err != nil {
		return err
	}
	kept.Set("revision", strconv.FormatInt(s.Revision, 10))
	s.Form = blank(kept)
	for _, wrong := range s.Problems {
		if name := p.place(v, s, wrong.Field); name != "" {
			s.Form.note(name, wrong.Text)
		}
	}
	return v.show(http.StatusOK, p.page, s, nil)
}

// save changes the draft that the form was made of. Another one is left as it is,
// and so is all of it when something cannot be read.
func (p draftPart) save(v *visit) error {
	s, err := v.site(p.tab)
	if err != nil {
		return err
	}
	if _, err := p.open(v, s); err != nil {
		return err
	}
	if v.here = v.r.URL.Path; strings.HasPrefix(s.Again, v.here) {
		v.here = s.Again
	}
	f := blank(v.r.PostForm)
	if p.take(v, s, f); f.Failed() {
		s.Form = f
		return v.show(http.StatusUnprocessableEntity, p.page, s, f)
	}
	if v.value("do") == "show" { // as it would be, without being kept
		s.Form = f
		return v.show(http.StatusOK, p.page, s, f)
	}
	revision, _ := strconv.ParseInt(v.value("revision"), 10, 64) // the API refuses what is none
	err = v.ask(http.MethodPut, "/sites/"+s.ID+"/draft", map[string]any{"revision": revision, "name": s.Name, "draft": s.Draft}, nil)
	if err == nil {
		return v.redirect(s.Again)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	s.Form = f
	return v.show(status, p.page, s, f)
}

// note says what is wrong with a field.
func (f *form) note(name, what string) { f.Wrong = append(f.Wrong, wrong{name, what}) }

// Holds says whether a choice of several was made.
func (f *form) Holds(name, value string) bool { return slices.Contains(f.entered[name], value) }

// lines are what was entered into a field line by line.
func (v *visit) lines(name string) (all []string) {
	for line := range strings.Lines(v.value(name)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// days reads a field that is empty or a number of days.
func (v *visit) days(name string, f *form) int {
	text := v.value(name)
	n, err := strconv.Atoi(text)
	if text != "" && err != nil {
		f.note(name, v.language.word("sites.no_number"))
	}
	return n
}

// at is the place that a path ends with, from 1, in a list of so many; "new" is the one
// behind them.
func (v *visit) at(count int) (int, error) {
	if v.r.PathValue("at") == "new" {
		return count, nil
	}
	n, err := strconv.Atoi(v.r.PathValue("at"))
	if err != nil || n < 1 || n > count {
		return 0, notFound
	}
	return n - 1, nil
}

// entry gives what is behind the name of an entry of a list of the draft, like
// cookies[0].name behind vendors[2]; ok is whether field is of that entry.
func entry(field, list string, at int) (rest string, ok bool) {
	name := list + "[" + strconv.Itoa(at) + "]"
	rest, ok = strings.CutPrefix(field, name+".")
	return rest, ok || field == name
}

// head is the first name of a field, without its place in a list.
func head(field string) string {
	if i := strings.IndexAny(field, ".["); i >= 0 {
		return field[:i]
	}
	return field
}

// generalPart is what a site is called, and where and in which languages it is
// shown.
var generalPart = draftPart{
	about: "the name, origins, languages and links", path: "", tab: "", page: "admin/sites-general",
	open: func(v *visit, s *siteView) (url.Values, error) {
		d, err := v.deletion(s.Key)
		if err != nil {
			return nil, err
		}
		s.More = d
		kept := url.Values{"name": {s.Name}, "origins": {strings.Join(s.Draft.Origins, "\n")}, "languages": {strings.Join(s.Draft.Languages, "\n")}}
		for kind, links := range s.Draft.Links {
			for language, link := range links {
				kept.Set(linkField(kind, language), link)
			}
		}
		return kept, nil
	},
	place: func(_ *visit, _ *siteView, field string) string {
		switch name := head(field); name {
		case "origins", "languages":
			return name
		case "links":
			parts := append(strings.SplitN(field, ".", 3), "", "")
			return linkField(parts[1], parts[2])
		}
		return ""
	},
	take: func(v *visit, s *siteView, _ *form) {
		s.Name, s.Draft.Origins, s.Draft.Languages = v.value("name"), v.lines("origins"), v.lines("languages")
		links := map[string]map[string]string{}
		for _, kind := range site.LinkKinds() {
			for _, language := range append([]string{""}, s.Draft.Languages...) {
				link := v.value(linkField(kind, language))
				if link != "" && links[kind] == nil {
					links[kind] = map[string]string{}
				}
				if link != "" {
					links[kind][language] = link
				}
			}
		}
		s.Draft.Links = links
	},
}

// linkField names the field of a link in a language; "" is for all others.
func linkField(kind, language string) string {
	return strings.TrimSuffix("link."+kind+"."+language, ".")
}

// LinkKinds are the kinds of links that a banner shows.
func (s *siteView) LinkKinds() []string { return site.LinkKinds() }

// LinkField names the field of a link.
func (s *siteView) LinkField(kind, language string) string { return linkField(kind, language) }
