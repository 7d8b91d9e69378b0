package discover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
)

// Question asks whether values of one column are contained in another. The
// values are those of people and are only sent to the database that is asked.
type Question struct {
	From    string // "collection.field" of the draft
	Dataset string // where the other column is
	Table   *catalogue.Table
	Column  string
	Values  []any
}

// Answer says how many of a question's values were found.
type Answer struct {
	Question
	Found int
}

// candidate is a pair of columns that may be a reference.
type candidate struct {
	table  *Table
	field  *Field
	path   string
	target dataset.Address
	column string
	live   *catalogue.Table // of the target
	named  bool             // the field's name says so; otherwise only its values may
	across bool             // the target is in another database

	// What the field's name and values are, for all targets.
	stem    string
	key     bool
	words   int
	keylike bool
}

// Questions lists what should be asked before Describe, so that references do
// not rest on names alone. There may be none.
func Questions(in Input) []Question {
	var all []Question
	d := newDescriber(in)
	for _, c := range d.candidates() {
		values := c.field.values.some(50)
		if c.live == nil || len(values) == 0 || !c.named && len(all) > 200 {
			continue
		}
		all = append(all, Question{From: c.table.Name + "." + c.path, Dataset: c.target.Dataset, Table: c.live, Column: c.column, Values: values})
	}
	return all
}

// some gives a few of the values as they are, each once.
func (s samples) some(n int) []any {
	var out []any
	seen := map[string]bool{}
	for _, v := range s.all {
		list, array := v.([]any)
		if !array {
			list = []any{v}
		}
		for _, v := range list {
			switch v.(type) {
			case nil, map[string]any, []any, []byte:
				continue
			}
			if k := value.Key([]any{v}); !seen[k] && len(out) < n {
				seen[k] = true
				out = append(out, v)
			}
		}
	}
	return out
}

// refer proposes references: the foreign keys of the database, then what
// names and values say.
func (d *describer) refer() {
	for _, t := range d.tables {
		if t.Skipped != "" {
			continue
		}
		for _, k := range d.live[t.Name].ForeignKeys {
			d.foreign(t, k)
		}
	}
	for _, c := range d.candidates() {
		if r := d.weigh(c); r != nil {
			c.field.References = append(c.field.References, *r)
		}
	}
}

// foreign takes over a foreign key.
func (d *describer) foreign(t *Table, k catalogue.ForeignKey) {
	target := d.find(k.References.Table)
	if target == nil || target.name != k.References || target.Skipped != "" || len(k.Columns) != len(k.ReferencedColumns) {
		return
	}
	for i, name := range k.Columns {
		f := t.field(name)
		if f == nil || target.field(k.ReferencedColumns[i]) == nil {
			continue
		}
		r := d.reference(dataset.Address{Dataset: d.Dataset, Collection: target.Name}, k.ReferencedColumns[i], High, "a foreign key of the database")
		if !slices.ContainsFunc(f.References, func(o Reference) bool { return o.To == r.To }) {
			r.Withheld = d.misleads(t, f, target)
			f.References = append(f.References, r)
		}
	}
}

func (d *describer) reference(target dataset.Address, field string, c Confidence, reason string) Reference {
	return Reference{Target: target, Field: field, To: target.String() + "." + field, Confidence: c, Reason: reason}
}

func (t *Table) field(name string) *Field {
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return &t.Fields[i]
		}
	}
	return nil
}

// misleads says why a reference should not be followed without a person's
// word: it would hand one person what is another's.
func (d *describer) misleads(t *Table, f *Field, target *Table) string {
	fits := d.refersByName(f.Name, target.Name)
	switch {
	case t == target:
		return "it leads from one row to another of the same table, a manager or a parent: those are other people"
	case target.about.staff && (t.hasIdentity() || d.refersToPeople(t)):
		return "it leads to people who work here: a request of one of them would reach what belongs to customers"
	case target.hasIdentity() && t.hasIdentity() && !(fits && target.about.person):
		return "both tables have identities of their own: it may lead to somebody else"
	default:
		return ""
	}
}

// hasIdentity says whether people are found in the table directly, before
// identities are settled.
func (t *Table) hasIdentity() bool {
	return slices.ContainsFunc(t.Fields, func(f Field) bool {
		return f.Label != nil && f.Label.Confidence != Low && f.Label.Category == "user.contact.email"
	})
}

// refersToPeople says whether the table has another way to people who are not
// staff.
func (d *describer) refersToPeople(t *Table) bool {
	for _, k := range d.live[t.Name].ForeignKeys {
		if target := d.find(k.References.Table); target != nil && target != t && !target.about.staff && (target.about.person || target.hasIdentity()) {
			return true
		}
	}
	return slices.ContainsFunc(t.Fields, func(f Field) bool {
		words := parts(f.Name)
		return len(words) > 1 && d.isPerson(words[len(words)-2]) && !d.isStaff(words[len(words)-2])
	})
}

// refersByName says whether a column's name ends in the name of a table, as
// billing_address_id does in addresses.
func (d *describer) refersByName(column, table string) bool {
	joined, key := stem(column)
	return d.stands(joined, key, table)
}

// stem gives the words of a column's name without the one that says that it
// is a key, and whether there was one.
func stem(column string) (joined string, key bool) {
	words := parts(column)
	key = isKeyName(column)
	switch n := len(words); {
	case n > 1 && slices.Contains(keyWords, words[n-1]):
		words = words[:n-1]
	case n > 1 && key: // id_patient
		words = words[1:]
	}
	return strings.Join(words, ""), key
}

func (d *describer) stands(joined string, key bool, table string) bool {
	forms := d.forms[table]
	if forms == nil {
		forms = singular(strings.Join(parts(table), ""))
		d.forms[table] = forms
	}
	return slices.ContainsFunc(forms, func(t string) bool {
		return joined == t || key && len(t) > 3 && strings.HasSuffix(joined, t)
	})
}

// isKeyName says whether a name ends as those of keys do, or begins with id.
func isKeyName(name string) bool {
	words := parts(name)
	return len(words) > 0 && (slices.Contains(keyWords, words[len(words)-1]) || words[0] == "id" || words[0] == "fk")
}

// keyWords end the name of a column that refers.
var keyWords = []string{"id", "no", "nr", "key", "code", "number", "nummer", "uuid", "ref", "fk", "oid", "ids"}

// candidates pairs columns that no foreign key ties with keys that they may
// stand for, in this database and in those that are described.
func (d *describer) candidates() []candidate {
	var all []candidate
	for _, t := range d.tables {
		if t.Skipped != "" {
			continue
		}
		open := d.live[t.Name].Open
		t.walk(func(f *Field, path string, depth int) {
			if depth > 0 && !open || len(f.Fields) > 0 || d.tied(t, f.Name) || f.tells() {
				return
			}
			c := candidate{table: t, field: f, path: path, words: len(parts(path)), keylike: f.values.keylike()}
			c.stem, c.key = stem(path)
			pairs := []candidate{}
			for _, target := range d.tables {
				if target != t && target.Skipped == "" {
					c.target = dataset.Address{Dataset: d.Dataset, Collection: target.Name}
					pairs = append(pairs, d.pair(c, d.live[target.Name])...)
				}
			}
			if !slices.ContainsFunc(pairs, func(c candidate) bool { return c.named }) {
				pairs = append(pairs, d.across(c)...)
			}
			all = append(all, pairs...)
		})
	}
	return all
}

// tells says whether a field holds something by itself, and not a key.
func (f *Field) tells() bool {
	l := f.Label
	return l != nil && l.Confidence != Low && !taxonomy.Category("user.unique_id").Covers(l.Category)
}

// tied says whether a column is part of a foreign key.
func (d *describer) tied(t *Table, column string) bool {
	return slices.ContainsFunc(d.live[t.Name].ForeignKeys, func(k catalogue.ForeignKey) bool { return slices.Contains(k.Columns, column) })
}

// pair judges one field against the key of one table.
func (d *describer) pair(c candidate, live *catalogue.Table) []candidate {
	if len(live.PrimaryKey) != 1 {
		return nil
	}
	pk := live.Column(live.PrimaryKey[0])
	if pk == nil || pk.Type.Array || !shapeless(pk.Type.Kind) && class(pk.Type.Kind) != class(c.field.kind()) {
		return nil
	}
	c.column, c.live = pk.Name, live
	alone := c.field.PrimaryKey && len(d.live[c.table.Name].PrimaryKey) == 1
	generic := slices.Contains(keyWords, strings.ToLower(strings.Trim(pk.Name, "_"))) || strings.EqualFold(pk.Name, "name")
	whole := c.words > 1 || !generic // "id" or "number" by itself says nothing
	c.named = whole && d.stands(c.stem, c.key, c.target.Collection) || !generic && strings.EqualFold(c.field.Name, pk.Name) && !alone
	if c.named || !c.across && !c.field.PrimaryKey && c.keylike {
		return []candidate{c}
	}
	return nil
}

// keylike says whether values are such that they are not in two columns by
// chance: long, without spaces, and different.
func (s samples) keylike() bool {
	values := s.distinct()
	long := func(v string) bool { return len(v) >= 8 && !strings.ContainsAny(v, " @") && len(digits(v)) > 0 }
	return len(values) >= 3 && share(values, long) > 0.9 && !s.choice()
}

// across pairs a column with keys of datasets that other connections serve.
func (d *describer) across(of candidate) []candidate {
	of.across = true
	var all []candidate
	for i := range d.Described {
		other := &d.Described[i]
		if other.Key == d.Dataset {
			continue
		}
		for j := range other.Collections {
			c := &other.Collections[j]
			var keys []*dataset.Field
			c.Walk(func(k *dataset.Field) {
				if k.PrimaryKey {
					keys = append(keys, k)
				}
			})
			if c.Skip || len(keys) != 1 || len(keys[0].Path) != len(keys[0].Name) {
				continue
			}
			live := &catalogue.Table{Name: catalogue.Name{Table: c.Address.Collection}, PrimaryKey: []string{keys[0].Name}, Columns: []catalogue.Column{{Name: keys[0].Name, Type: keys[0].Type}}}
			known := false
			if k := d.Elsewhere[other.Key]; k != nil {
				if found, _ := k.Find(other.Namespace.Schema, c.Address.Collection); found != nil {
					live, known = found, true
				}
			}
			of.target = c.Address
			for _, one := range d.pair(of, live) {
				if !known {
					one.live = nil
				}
				all = append(all, one)
			}
		}
	}
	return all
}

// weigh turns a candidate into a reference, nil when too little speaks for it.
func (d *describer) weigh(c candidate) *Reference {
	found, asked := d.answer(c)
	held := asked >= 3 && found*20 >= asked*19
	missing := asked >= 3 && found*2 < asked
	var r Reference
	switch {
	case c.named && held:
		r = d.reference(c.target, c.column, High, "its name and type, and its sampled values are all there")
	case c.named && missing:
		r = d.reference(c.target, c.column, Low, "its name and type")
		r.Withheld = "most of its sampled values are not there"
	case c.named:
		r = d.reference(c.target, c.column, Medium, "its name and type")
		if c.across {
			r.Withheld = "it leads to another database, and no sampled values speak for it"
		}
	case held:
		r = d.reference(c.target, c.column, Medium, "its sampled values are all there")
	default:
		return nil
	}
	if target := d.find(c.target.Collection); !c.across && target != nil && r.Withheld == "" {
		r.Withheld = d.misleads(c.table, c.field, target)
	}
	return &r
}

func (d *describer) answer(c candidate) (found, asked int) {
	from := c.table.Name + "." + c.path
	for _, a := range d.Answers {
		if a.From == from && a.Dataset == c.target.Dataset && a.Table.Name.Table == c.target.Collection && a.Column == c.column {
			return a.Found, len(a.Values)
		}
	}
	return 0, 0
}

// reach finds the tables that an identity leads to, by what is described
// already where it is, and by the draft elsewhere.
func (d *describer) reach() {
	w := newReach()
	described := map[dataset.Address]bool{}
	for i := range d.Described {
		for j := range d.Described[i].Collections {
			c := &d.Described[i].Collections[j]
			described[c.Address] = true
			if !c.Skip {
				w.describe(c)
			}
		}
	}
	for _, t := range d.tables {
		at := dataset.Address{Dataset: d.Dataset, Collection: t.Name}
		if described[at] || t.Skipped != "" {
			continue
		}
		t.walk(func(f *Field, _ string, _ int) {
			if f.Identity != "" {
				w.reached[at] = true
			}
			for _, r := range f.References {
				if r.Withheld == "" {
					w.feeds[r.Target] = append(w.feeds[r.Target], at)
				}
			}
		})
	}
	w.spread()
	for _, t := range d.tables {
		t.Unreached = !w.reached[dataset.Address{Dataset: d.Dataset, Collection: t.Name}]
		if t.Unreached && t.Skipped == "" {
			t.Notes = append(t.Notes, "no identity and no reference leads here: no request finds these rows")
		}
	}
	d.sharedRows()
}

// sharedRows says where a row may belong to more than one person.
func (d *describer) sharedRows() {
	for _, t := range d.tables {
		to := map[string][]string{}
		for _, f := range t.Fields {
			for _, r := range f.References {
				if r.Withheld == "" && !strings.HasPrefix(r.To, d.Dataset+":"+t.Name+".") {
					to[r.To] = append(to[r.To], f.Name)
				}
			}
		}
		for _, target := range slices.Sorted(maps.Keys(to)) {
			if len(to[target]) > 1 {
				t.Notes = append(t.Notes, fmt.Sprintf("%s all refer to %s: a row may belong to more than one person", strings.Join(to[target], ", "), target))
			}
		}
	}
}

// reachable spreads from collections with identities along references.
type reachable struct {
	reached map[dataset.Address]bool
	feeds   map[dataset.Address][]dataset.Address
}

func newReach() *reachable {
	return &reachable{map[dataset.Address]bool{}, map[dataset.Address][]dataset.Address{}}
}

func (w *reachable) describe(c *dataset.Collection) {
	c.Walk(func(f *dataset.Field) {
		if f.Identity != "" {
			w.reached[c.Address] = true
		}
		for _, r := range f.References {
			if r.Direction != dataset.To {
				w.feeds[r.Target] = append(w.feeds[r.Target], c.Address)
			}
			if r.Direction != dataset.From {
				w.feeds[c.Address] = append(w.feeds[c.Address], r.Target)
			}
		}
	})
}

func (w *reachable) spread() {
	var queue []dataset.Address
	for a := range w.reached {
		queue = append(queue, a)
	}
	slices.SortFunc(queue, func(a, b dataset.Address) int { return cmp.Compare(a.String(), b.String()) })
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, next := range w.feeds[at] {
			if !w.reached[next] {
				w.reached[next] = true
				queue = append(queue, next)
			}
		}
	}
}
