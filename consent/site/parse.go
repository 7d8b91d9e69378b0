package site

import (
	"strings"

	"volenti.dev/volenti/config/source"
)

// ParseDraft reads a draft that is written as YAML, with the keys of Draft.
// What is wrong goes into the report with its line: what cannot be read, keys
// that there are not, and the draft's Problems, for which ledger is as there.
func ParseDraft(file string, data []byte, ledger map[string]bool, r *source.Report) Draft {
	before := r.Errors()
	documents := source.Parse(file, data, r)
	if r.Errors() > before {
		return Draft{}
	}
	if len(documents) != 1 {
		r.Errorf(source.Position{File: file}, "write one", "a site is one document, found %d", len(documents))
		return Draft{}
	}
	f := &form{report: r, places: map[string]source.Position{"": documents[0].At}}
	d := f.draft(documents[0])
	if r.Errors() > before {
		return d // what was not read would be told as missing
	}
	for _, p := range d.Problems(ledger) {
		r.Errorf(f.place(p.Field), "", "%s: %s", p.Field, p.Text)
	}
	return d
}

// form reads a draft and remembers where its fields stand.
type form struct {
	report *source.Report
	places map[string]source.Position // by field, as problems name them
}

// place finds a field, or what it is in.
func (f *form) place(field string) source.Position {
	for {
		if at, ok := f.places[field]; ok {
			return at
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
}

func (f *form) draft(n *source.Node) (d Draft) {
	m := f.mapping("", "a site", n)
	d.Origins = f.strings(m, "", "origins")
	d.Languages = f.strings(m, "", "languages")
	d.Texts = f.texts(m, "texts")
	d.Links = f.links(m)
	for i, n := range f.list(m, "", "categories") {
		d.Categories = append(d.Categories, f.category(at("categories", i), n))
	}
	for i, n := range f.list(m, "", "vendors") {
		d.Vendors = append(d.Vendors, f.vendor(at("vendors", i), n))
	}
	for i, n := range f.list(m, "", "regions") {
		d.Regions = append(d.Regions, f.region(at("regions", i), n))
	}
	d.Look = f.words(m, "", "look")
	m.Done()
	return d
}

func (f *form) category(field string, n *source.Node) Category {
	m := f.mapping(field, "a category", n)
	k := Category{
		Key: f.string(m, field, "key"), Necessary: m.Bool("necessary"), Inactive: m.Bool("inactive"),
		Title: f.words(m, field, "title"), Description: f.words(m, field, "description"),
		Purposes: f.strings(m, field, "purposes"), RetentionDays: f.int(m, field, "retention_days"), Sale: m.Bool("sale"),
		Google: f.strings(m, field, "google"), Cookies: f.cookies(m, field),
	}
	m.Done()
	return k
}

func (f *form) vendor(field string, n *source.Node) Vendor {
	m := f.mapping(field, "a vendor", n)
	v := Vendor{
		Key: f.string(m, field, "key"), Name: f.string(m, field, "name"), Provider: f.string(m, field, "provider"),
		Country: f.string(m, field, "country"), Category: f.string(m, field, "category"),
		Purposes: f.strings(m, field, "purposes"), Privacy: f.string(m, field, "privacy"), RetentionDays: f.int(m, field, "retention_days"),
		Cookies: f.cookies(m, field), Hosts: f.strings(m, field, "hosts"), Scripts: f.strings(m, field, "scripts"),
		Inactive: m.Bool("inactive"), Service: f.string(m, field, "service"), Kept: f.strings(m, field, "kept"),
	}
	m.Done()
	return v
}

func (f *form) cookies(m *source.Mapping, field string) (all []Cookie) {
	for i, n := range f.list(m, field, "cookies") {
		field := at(join(field, "cookies"), i)
		m := f.mapping(field, "a cookie", n)
		all = append(all, Cookie{Name: f.string(m, field, "name"), Days: f.int(m, field, "days"), Purpose: f.string(m, field, "purpose")})
		m.Done()
	}
	return all
}

func (f *form) region(field string, n *source.Node) Region {
	m := f.mapping(field, "a region", n)
	r := Region{Key: f.string(m, field, "key"), Countries: f.strings(m, field, "countries"), Mode: Mode(f.string(m, field, "mode"))}
	m.Done()
	return r
}

// texts reads texts by two keys.
func (f *form) texts(m *source.Mapping, key string) map[string]map[string]string {
	f.note(m, "", key)
	inner := m.Mapping(key)
	var all map[string]map[string]string
	for _, name := range inner.Keys() {
		if all == nil {
			all = map[string]map[string]string{}
		}
		all[name] = f.words(inner, key, name)
	}
	return all
}

// links reads addresses by kind and language; one without a language is for all
// of them.
func (f *form) links(m *source.Mapping) map[string]map[string]string {
	f.note(m, "", "links")
	inner := m.Mapping("links")
	var all map[string]map[string]string
	for _, kind := range inner.Keys() {
		if all == nil {
			all = map[string]map[string]string{}
		}
		if n := inner.Node(kind); n != nil && n.Kind == source.String {
			f.note(inner, "links", kind)
			all[kind] = map[string]string{"": inner.String(kind)}
			continue
		}
		all[kind] = f.words(inner, "links", kind)
		if url, ok := all[kind][allLanguages]; ok {
			delete(all[kind], allLanguages)
			all[kind][""] = url
		}
	}
	return all
}

// words reads texts by one key.
func (f *form) words(m *source.Mapping, field, key string) map[string]string {
	f.note(m, field, key)
	inner := m.Mapping(key)
	var all map[string]string
	for _, name := range inner.Keys() {
		if all == nil {
			all = map[string]string{}
		}
		all[name] = f.string(inner, join(field, key), name)
	}
	return all
}

func (f *form) mapping(field, what string, n *source.Node) *source.Mapping {
	f.places[field] = n.At
	return n.Mapping(what, f.report)
}

func (f *form) list(m *source.Mapping, field, key string) []*source.Node {
	f.note(m, field, key)
	return m.List(key)
}

func (f *form) strings(m *source.Mapping, field, key string) (all []string) {
	f.note(m, field, key)
	for i, text := range m.Strings(key) {
		f.places[at(join(field, key), i)] = text.At
		all = append(all, text.Value)
	}
	return all
}

func (f *form) string(m *source.Mapping, field, key string) string {
	f.note(m, field, key)
	return m.String(key)
}

func (f *form) int(m *source.Mapping, field, key string) int {
	f.note(m, field, key)
	return int(m.Int(key))
}

// note remembers where a key stands, under the name that problems have for it.
func (f *form) note(m *source.Mapping, field, key string) {
	f.places[join(field, key)] = m.Where(key)
}

func join(field, key string) string {
	if field == "" {
		return key
	}
	return in(field, key)
}
