package site

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
)

// Change is what visitors would see changed.
type Change struct {
	// Material says that it widens what visitors have agreed to, so that they must
	// be asked again.
	Material    bool         `json:"material"`
	Differences []Difference `json:"differences"` // none where nothing would change
}

// Difference is one thing that changed.
type Difference struct {
	Kind     string   `json:"kind"` // language, region, category, vendor, look, text or link; or order, of all of a kind
	Key      string   `json:"key"`
	Language string   `json:"language,omitempty"` // of a text or link
	How      string   `json:"how"`                // added, changed or removed
	Widens   bool     `json:"widens,omitempty"`
	Because  []Reason `json:"because,omitempty"` // it widens
	Fields   []Detail `json:"fields,omitempty"`  // of what changed, and of a text or link
}

// Longer says whether what is kept, or a yes, lasts longer.
func (d Difference) Longer() bool {
	return slices.Contains(d.Because, "retention_days") || slices.Contains(d.Because, "days")
}

// Detail is what was and what is, null for nothing.
type Detail struct {
	Field  string `json:"field"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// Change compares d, were it published, with what was published last; nil for
// nothing.
func (d Draft) Change(before *Version) Change { return Compare(before, d.resolve()) }

// Compare tells what differs between two versions of a site.
func Compare(before *Version, after Version) Change {
	wide := widened(before, after)
	c := Change{Material: before != nil && !wide.none(), Differences: []Difference{}}
	var was []part
	if before != nil {
		was = before.parts()
	}
	is := after.parts()
	for _, p := range is {
		d := Difference{Kind: p.kind, Key: p.key, Language: p.language, How: "added", Because: p.why(wide)}
		d.Widens = len(d.Because) > 0
		i := slices.IndexFunc(was, p.same)
		switch {
		case i >= 0:
			d.How, d.Fields = "changed", details(was[i].fields, p.fields)
			if len(d.Fields) == 0 && !d.Widens {
				continue
			}
		case p.language != "" && !spoken(before, p.language):
			continue // the language is new, and that is told
		case p.language != "":
			d.Fields = details(nil, p.fields)
		}
		c.Differences = append(c.Differences, d)
	}
	for _, p := range was {
		if !slices.ContainsFunc(is, p.same) && (p.language == "" || spoken(&after, p.language)) {
			c.Differences = append(c.Differences, Difference{Kind: p.kind, Key: p.key, Language: p.language, How: "removed"})
		}
	}
	return c.withOrder(was, is)
}

// withOrder tells where what is in both is shown in another order.
func (c Change) withOrder(was, is []part) Change {
	for _, kind := range []string{"language", "region", "category", "vendor"} {
		if !slices.Equal(common(was, is, kind), common(is, was, kind)) {
			c.Differences = append(c.Differences, Difference{Kind: "order", Key: kind, How: "changed"})
		}
	}
	return c
}

func common(all, others []part, kind string) (keys []string) {
	for _, p := range all {
		if p.kind == kind && slices.ContainsFunc(others, p.same) {
			keys = append(keys, p.key)
		}
	}
	return keys
}

func spoken(v *Version, language string) bool {
	return v != nil && slices.Contains(v.Languages, language)
}

// part is one thing of a version.
type part struct {
	kind, key, language string
	fields              map[string]any
}

func (p part) same(o part) bool {
	return p.kind == o.kind && p.key == o.key && p.language == o.language
}

// why is why it is asked for beyond what was.
func (p part) why(w widening) []Reason {
	switch p.kind {
	case "category":
		return w.ofCategory[p.key]
	case "vendor":
		return w.ofVendor[p.key]
	}
	return nil
}

func (v Version) parts() (all []part) {
	for _, l := range v.Languages {
		all = append(all, part{kind: "language", key: l})
	}
	for _, r := range v.Regions {
		all = append(all, part{kind: "region", key: r.Key, fields: fields(r)})
	}
	for _, k := range v.Categories {
		k.Since = 0 // it counts, and shows nothing
		all = append(all, part{kind: "category", key: k.Key, fields: fields(k)})
	}
	for _, n := range v.Vendors {
		n.Since = 0
		all = append(all, part{kind: "vendor", key: n.Key, fields: fields(n)})
	}
	for _, name := range slices.Sorted(maps.Keys(v.Look)) {
		all = append(all, part{kind: "look", key: name, fields: map[string]any{"value": v.Look[name]}})
	}
	for _, l := range v.Languages {
		all = append(all, words("text", l, v.Texts[l])...)
		all = append(all, words("link", l, v.Links[l])...)
	}
	return all
}

func words(kind, language string, texts map[string]string) (all []part) {
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		all = append(all, part{kind, key, language, map[string]any{kind: texts[key]}})
	}
	return all
}

// fields are those of a struct as JSON names them.
func fields(v any) map[string]any {
	b, err := json.Marshal(v)
	all := map[string]any{}
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		panic(err) // it has nothing that is not JSON
	}
	return all
}

func details(was, is map[string]any) (all []Detail) {
	names := maps.Clone(is)
	maps.Copy(names, was)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !reflect.DeepEqual(was[name], is[name]) {
			all = append(all, Detail{name, was[name], is[name]})
		}
	}
	return all
}
