package site

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// resolve makes of d what visitors are shown, without numbers. What has a
// problem is left as it is.
func (d Draft) resolve() Version {
	v := Version{
		Languages: slices.Clone(d.Languages), Texts: map[string]map[string]string{}, Links: map[string]map[string]string{},
		Categories: []Asked{}, Vendors: []Named{}, Regions: slices.Clone(d.Regions), Look: maps.Clone(d.Look),
	}
	for _, l := range d.Languages {
		v.Texts[l], v.Links[l] = d.textsIn(l), map[string]string{}
		maps.DeleteFunc(v.Texts[l], func(key, _ string) bool { return ofCategory(key) })
		for kind, links := range d.Links {
			if link := cmp.Or(links[l], links[""]); link != "" {
				v.Links[l][kind] = link
			}
		}
	}
	for _, k := range d.Categories {
		if !k.Inactive {
			v.Categories = append(v.Categories, d.asked(k))
		}
	}
	for _, n := range d.Vendors {
		if !n.Inactive {
			n.Service, n.Kept = "", nil // nobody is shown them
			v.Vendors = append(v.Vendors, Named{Vendor: n})
		}
	}
	if len(v.Regions) == 0 {
		v.Regions = []Region{{Key: "all", Mode: OptIn}} // what nobody has thought about is not allowed
	}
	return v
}

func (d Draft) asked(k Category) Asked {
	title, description := map[string]string{}, map[string]string{}
	for _, l := range d.Languages {
		title[l], description[l] = d.words(k, l)
	}
	k.Title, k.Description = title, description
	return Asked{Category: k, Days: k.days()}
}

// textsIn gives all texts in a language: the site's own, else those that are
// built in for it or the language that it is a form of.
func (d Draft) textsIn(l string) map[string]string {
	texts := map[string]string{}
	tag, err := language.Parse(l)
	for err == nil && tag != language.Und && len(texts) == 0 {
		maps.Copy(texts, builtin[tag.String()])
		tag = tag.Parent()
	}
	maps.Copy(texts, d.Texts[l])
	return texts
}

// words give title and description of a category in a language.
func (d Draft) words(k Category, l string) (title, description string) {
	texts := d.textsIn(l)
	return cmp.Or(k.Title[l], texts["category."+k.Key+".title"]), cmp.Or(k.Description[l], texts["category."+k.Key+".description"])
}

// ofCategory says whether a text is of one category: those are shown with it.
func ofCategory(key string) bool { return strings.HasPrefix(key, "category.") }

// days is how long a yes to the category holds.
func (k Category) days() int {
	if k.RetentionDays > 0 {
		return k.RetentionDays
	}
	return UsualDays(k.Key)
}
