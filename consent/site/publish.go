package site

import (
	"bytes"
	"maps"
	"slices"
	"time"
)

// Publication says how a draft is published.
type Publication struct {
	Site string // id
	At   time.Time
	// Material asks everybody again. Summary says why, by language; the first
	// language of the site is needed, and is shown where another is missing.
	Material bool
	Summary  map[string]string
	Ledger   map[string]bool // see Draft.Problems
}

// Preview is d as it would be the version that follows before, nil for none, were
// it published now and not called material.
func (d Draft) Preview(before *Version, site string, now time.Time) Version {
	v := d.resolve()
	v.Site, v.Number, v.Material, v.Published = site, 1, 1, now.UTC()
	if before != nil {
		v.Number, v.Material, v.Changes = before.Number+1, before.Material, before.Changes
	}
	v.number(before, widened(before, v))
	return v
}

// maxChanges is how many material changes visitors are told of.
const maxChanges = 20

// Publish makes the version that follows before, which is nil for the first.
// The error is an *Invalid when the draft has problems, or when it widens what
// visitors have agreed to and is not called material. Where nothing of what is
// shown or asked would change, it gives before itself.
func Publish(d Draft, before *Version, p Publication) (Version, error) {
	if wrong := d.Problems(p.Ledger); len(wrong) > 0 {
		return Version{}, &Invalid{wrong}
	}
	v := d.Preview(before, p.Site, p.At)
	if before == nil {
		return v, nil
	}
	if bytes.Equal(v.content(), before.content()) {
		return *before, nil
	}
	wide := widened(before, v)
	if wrong := p.problems(d, wide); len(wrong) > 0 {
		return Version{}, &Invalid{wrong}
	}
	if p.Material {
		v.Material = v.Number
		v.Changes = slices.Concat([]Changed{{
			Version: v.Number, At: v.Published, Summary: maps.Clone(p.Summary),
			Categories: wide.categories, Vendors: wide.vendors,
		}}, v.Changes)
		v.Changes = v.Changes[:min(len(v.Changes), maxChanges)]
	}
	return v, nil
}

// number says since which version each category and vendor is as wide as it is.
func (v *Version) number(before *Version, wide widening) {
	since := func(was int, known bool, widened bool) int {
		if known && !widened {
			return was
		}
		return v.Number
	}
	for i := range v.Categories {
		k := &v.Categories[i]
		was, known := before.category(k.Key)
		k.Since = since(was.Since, known, slices.Contains(wide.categories, k.Key))
	}
	for i := range v.Vendors {
		n := &v.Vendors[i]
		was, known := before.vendor(n.Key)
		n.Since = since(was.Since, known, slices.Contains(wide.vendors, n.Key))
	}
}

// content is what v shows and asks, without what publishing adds.
func (v Version) content() []byte {
	v.Site, v.Number, v.Material, v.Changes = "", 0, 0, nil
	v.Categories, v.Vendors = slices.Clone(v.Categories), slices.Clone(v.Vendors)
	for i := range v.Categories {
		v.Categories[i].Since = 0
	}
	for i := range v.Vendors {
		v.Vendors[i].Since = 0
	}
	return v.Canonical()
}

func (p Publication) problems(d Draft, wide widening) []Problem {
	c := check{draft: d}
	switch {
	case !p.Material && !wide.none():
		c.add("material", "this widens what visitors have agreed to (%s): they must be asked again, so that the version is material", wide)
	case !p.Material && len(p.Summary) > 0:
		c.add("summary", "only a version that asks visitors again tells them of changes: call it material, or leave the summary out")
	case p.Material && p.Summary[d.Languages[0]] == "":
		c.add("summary", "say in %q at least what has changed, for visitors who are asked again", d.Languages[0])
	}
	for _, l := range slices.Sorted(maps.Keys(p.Summary)) {
		c.spoken(in("summary", l), l)
		c.text(in("summary", l), p.Summary[l])
	}
	return c.problems
}

// category finds one; v may be nil.
func (v *Version) category(key string) (Asked, bool) {
	if v != nil {
		if i := slices.IndexFunc(v.Categories, func(k Asked) bool { return k.Key == key }); i >= 0 {
			return v.Categories[i], true
		}
	}
	return Asked{}, false
}

// vendor finds one; v may be nil.
func (v *Version) vendor(key string) (Named, bool) {
	if v != nil {
		if i := slices.IndexFunc(v.Vendors, func(n Named) bool { return n.Key == key }); i >= 0 {
			return v.Vendors[i], true
		}
	}
	return Named{}, false
}
