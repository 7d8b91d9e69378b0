package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/consent/site"
)

// publishView is what publishing a draft would change.
type publishView struct {
	siteChanges
	// Standing is how many visitors have a choice that stands; nil where they are so
	// few that a number would tell of single ones.
	Standing *int64
}

// siteChanges is what differs, as the API tells.
type siteChanges struct {
	Revision int64 `json:"revision"`
	Version  int   `json:"version"` // that is compared with; 0 for nothing
	site.Change
}

// Wider are the differences because of which visitors must be asked again.
func (c siteChanges) Wider() []site.Difference { return c.those(true) }

// Other are all other differences.
func (c siteChanges) Other() []site.Difference { return c.those(false) }

// those: of what is published first nobody was asked before, which is no widening.
func (c siteChanges) those(wide bool) (all []site.Difference) {
	for _, d := range c.Differences {
		if (c.Material && d.Widens) == wide {
			all = append(all, d)
		}
	}
	return all
}

// tally is how many things of a kind differ.
type tally struct {
	Word  string // its key in the catalogue
	Count int
}

// Tally counts what visitors see changed, without the kinds of which nothing is.
func (c siteChanges) Tally() (all []tally) {
	count := map[string]int{}
	for _, d := range c.Differences {
		if d.Longer() {
			count["longer"]++
		}
		switch d.Kind {
		case "vendor", "category":
			count[d.Kind+"."+d.How]++
		case "text", "link", "look", "region", "language":
			count[d.Kind]++
		}
	}
	for _, what := range []string{"vendor.added", "vendor.changed", "vendor.removed", "category.added", "category.changed", "category.removed", "longer", "text", "link", "look", "region", "language"} {
		if count[what] > 0 {
			all = append(all, tally{"sites.tally." + what, count[what]})
		}
	}
	return all
}

// differences are those of one kind.
type differences struct {
	Kind  string
	Items []site.Difference
}

// Long says whether they are so many that they are folded.
func (d differences) Long() bool { return len(d.Items) > 10 }

// byKind puts differences of one kind together, in the order in which they come.
func byKind(all []site.Difference) (kinds []differences) {
	for _, d := range all {
		i := slices.IndexFunc(kinds, func(k differences) bool { return k.Kind == d.Kind })
		if i < 0 {
			i, kinds = len(kinds), append(kinds, differences{Kind: d.Kind})
		}
		kinds[i].Items = append(kinds[i].Items, d)
	}
	return kinds
}

// Called is what a difference is about, as visitors know it: by its key where it is gone.
func (s *siteView) Called(d site.Difference) string {
	for _, k := range s.Draft.Categories {
		if d.Kind == "category" && k.Key == d.Key {
			return s.Title(k)
		}
	}
	for _, n := range s.Draft.Vendors {
		if d.Kind == "vendor" && n.Key == d.Key {
			return n.Name
		}
	}
	if d.Kind == "look" {
		plain, dark := strings.CutPrefix(d.Key, site.DarkLook)
		word := s.language.word("sites.look." + plain)
		if dark {
			word = s.language.word("sites.look.on_dark", word)
		}
		return word
	}
	return d.Key
}

func showPublish(v *visit) error {
	s, err := v.site("publish")
	if err != nil {
		return err
	}
	return v.publish(http.StatusOK, s, nil)
}

func (v *visit) publish(status int, s *siteView, f *form) error {
	var view publishView
	if err := v.get("/sites/"+s.ID+"/changes", &view.siteChanges); err != nil {
		return err
	}
	var counted struct {
		Standing struct {
			Total *int64 `json:"total"`
		} `json:"standing"`
	}
	if err := v.get("/sites/"+s.ID+"/statistics", &counted); err != nil {
		return err
	}
	view.Standing, s.More = counted.Standing.Total, view
	if s.Form = f; f == nil {
		s.Form = blank(url.Values{"classified_by": {v.session.Name}})
	}
	return v.show(status, "admin/sites-publish", s, f)
}

// publishSite publishes the draft whose changes were shown.
func publishSite(v *visit) error {
	s, err := v.site("publish")
	if err != nil {
		return err
	}
	revision, _ := strconv.ParseInt(v.value("revision"), 10, 64)
	body := map[string]any{"revision": revision, "material": v.value("material") != "", "classified_by": v.value("classified_by")}
	if summary := v.spokenTexts("summary", s.Draft.Languages); len(summary) > 0 {
		body["summary"] = summary
	}
	fields := map[string]string{"summary": "summary." + append(slices.Clone(s.Draft.Languages), "")[0]}
	if err := v.post("/sites/"+s.ID+"/publish", body, nil); err != nil {
		f, status, err := v.mistaken(err, fields)
		if err != nil {
			return err
		}
		return v.publish(status, s, f)
	}
	return v.redirect(s.Path("versions"))
}

// versionsView is what was published, and two versions that are compared.
type versionsView struct {
	Items    []site.Edition `json:"items"`
	From, To int
	Changes  *siteChanges // nil when there is nothing to compare
}

func showVersions(v *visit) error {
	s, err := v.site("versions")
	if err != nil {
		return err
	}
	var view versionsView
	if err := v.get("/sites/"+s.ID+"/versions", &view); err != nil {
		return err
	}
	view.To = v.versionAsked("to", len(view.Items))
	view.From = v.versionAsked("from", view.To-1)
	if s.More = view; view.From > 0 && view.From < view.To {
		var c siteChanges
		if err := v.get(fmt.Sprintf("/sites/%s/versions/%d/changes?since=%d", s.ID, view.To, view.From), &c); err != nil {
			return err
		}
		view.Changes = &c
		s.More = view
	}
	return v.show(http.StatusOK, "admin/sites-versions", s, nil)
}

func (v *visit) versionAsked(name string, unless int) int {
	n, err := strconv.Atoi(v.r.URL.Query().Get(name))
	if err != nil || n < 1 {
		return unless
	}
	return n
}

// detail is what was and what is of a field, in one language where it has several.
type detail struct {
	site.Detail
	Language string
}

// New says whether there was nothing before.
func (d detail) New() bool { return d.Before == nil }

// detailsOf gives of fields in several languages only the languages that differ.
func detailsOf(fields []site.Detail) (all []detail) {
	for _, f := range fields {
		before, was := f.Before.(map[string]any)
		after, is := f.After.(map[string]any)
		if !was || !is {
			all = append(all, detail{Detail: f})
			continue
		}
		languages := maps.Clone(before)
		maps.Copy(languages, after)
		for _, l := range slices.Sorted(maps.Keys(languages)) {
			if !reflect.DeepEqual(before[l], after[l]) {
				all = append(all, detail{site.Detail{Field: f.Field, Before: before[l], After: after[l]}, l})
			}
		}
	}
	return all
}

// differs says in words what differs; called is what that is called.
func (l *tongue) differs(d site.Difference, called string) string {
	key := called
	if d.Kind == "order" {
		key = l.word("sites.all." + d.Key)
	}
	if d.Kind == "text" || d.Kind == "link" {
		return l.word("sites.differs."+d.Kind+"."+d.How, key, d.Language)
	}
	return l.word("sites.differs."+d.Kind+"."+d.How, key)
}

// written writes what a field was or is.
func (l *tongue) written(value any) string {
	switch v := value.(type) {
	case nil:
		return l.word("sites.nothing")
	case string:
		return v
	case bool:
		return l.word(map[bool]string{true: "yes", false: "no"}[v])
	case float64:
		return l.number(int64(v))
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, l.written(one))
		}
		return strings.Join(all, ", ")
	case map[string]any:
		if name, ok := v["name"].(string); ok { // of a cookie
			return name
		}
		var all []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, key+": "+l.written(v[key]))
		}
		return strings.Join(all, "; ")
	}
	return fmt.Sprint(value)
}
