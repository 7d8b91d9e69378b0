package discover

import (
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/subject"
)

// label gives the fields of a table their categories, by name, type, comment
// and values.
func (d *describer) label(t *Table) {
	person := t.about.person
	d.labelAll(t, person)
	if !person && t.ofPerson() { // accounts (email, birth_date, name): a name is a person's here
		d.labelAll(t, true)
	}
}

func (d *describer) labelAll(t *Table, person bool) {
	t.walk(func(f *Field, path string, _ int) {
		if len(f.Fields) > 0 {
			f.Label = nil
			return
		}
		above := strings.Split(path, ".")
		f.Label = d.judge(f, above[:len(above)-1], person)
	})
}

// ofPerson says whether the columns of a table are those of people, whatever
// its name.
func (t *Table) ofPerson() bool {
	told := 0
	for _, f := range t.Fields {
		if f.Label == nil || f.Label.Confidence == Low {
			continue
		}
		for _, c := range []taxonomy.Category{"user.contact.email", "user.contact.phone_number", "user.name", "user.demographic.date_of_birth"} {
			if c.Covers(f.Label.Category) {
				told++
			}
		}
	}
	return told >= 2
}

// judge weighs what speaks for a category of one field.
func (d *describer) judge(f *Field, above []string, person bool) *Label {
	kind := f.kind()
	named := best(d.read(f.Name, above, class(kind), person))
	if named == nil && f.column != nil {
		named = d.commented(f.column, class(kind), person)
	}
	seen := d.look(f.values, kind)
	switch {
	case named == nil:
		return seen
	case seen != nil && (named.Category.Covers(seen.Category) || seen.Category.Covers(named.Category)):
		return both(named, seen)
	case seen != nil && seen.Category == "user.contact.phone_number" && named.Category == "user.contact.fax_number":
		return both(named, &Label{Category: named.Category, Confidence: seen.Confidence, Reasons: seen.Reasons})
	case seen != nil && seen.Confidence == High:
		return seen
	case seen != nil && seen.Confidence == Medium && named.Confidence != High:
		return seen
	case unlike(named.Category, f.values):
		named.lower("but no sampled value looks like it")
	case personal(named.Category) && f.few():
		named.lower("but it holds one of a few words")
	}
	return named
}

// kind gives what a field holds; of documents and JSON what was seen in them.
func (f *Field) kind() value.Kind {
	if f.column != nil && (!shapeless(f.column.Type.Kind) || f.Type.Kind == value.Unknown) {
		return f.column.Type.Kind
	}
	return f.Type.Kind
}

// few says whether a field chooses from a short list.
func (f *Field) few() bool {
	return f.values.choice() || f.column != nil && len(f.column.Labels) > 0
}

// personal categories name or reach one person, so that their values differ.
func personal(c taxonomy.Category) bool {
	for _, p := range []taxonomy.Category{"user.name", "user.contact.email", "user.contact.phone_number", "user.contact.address.street", "user.account.username", "user.content"} {
		if p.Covers(c) {
			return true
		}
	}
	return false
}

// best takes the first of the most certain readings.
func best(found []reading) *Label {
	for _, confidence := range []Confidence{High, Medium, Low} {
		for _, r := range found {
			if r.confidence == confidence {
				return &Label{Category: r.category, Confidence: confidence, Reasons: []string{r.reason}, identity: r.identity}
			}
		}
	}
	return nil
}

// commented reads what the database has been told about a column, where its
// name says nothing. Only whole words of some length count.
func (d *describer) commented(c *catalogue.Column, class string, person bool) *Label {
	words := parts(c.Comment)
	for n := min(3, len(words)); n > 0; n-- {
		for i := 0; i+n <= len(words); i++ {
			joined := strings.Join(words[i:i+n], "")
			if len(joined) < shortest || d.fields[joined] == nil {
				continue
			}
			if l := best(d.read(joined, nil, class, person)); l != nil && l.Confidence == High {
				l.Confidence, l.Reasons = Medium, []string{"its comment in the database"}
				return l
			}
		}
	}
	return nil
}

// both joins two labels that agree: the more precise category, more certain.
func both(named, seen *Label) *Label {
	l := *named
	if named.Category.Covers(seen.Category) {
		l.Category = seen.Category
	}
	if named.Confidence == Low || seen.Confidence != Low {
		l.Confidence = higher(named.Confidence)
	}
	if seen.Confidence == High {
		l.Confidence = High
	}
	l.Reasons = slices.Concat(named.Reasons, seen.Reasons)
	return &l
}

func higher(c Confidence) Confidence {
	if c == Low {
		return Medium
	}
	return High
}

func (l *Label) lower(why string) {
	if l.Confidence == High {
		l.Confidence = Medium
	} else {
		l.Confidence = Low
	}
	l.Reasons = append(l.Reasons, why)
}

// identify proposes the fields that people are found by.
func (d *describer) identify() {
	for _, t := range d.tables {
		open := d.live[t.Name].Open
		t.walk(func(f *Field, path string, depth int) {
			if t.Skipped != "" || f.Label == nil || depth > 0 && !open {
				return // nothing is found by a part of a column (documents can)
			}
			kind := f.identity()
			switch {
			case kind == "" || f.Label.Confidence == Low:
				return
			case kind != subject.Email && !stored(kind, f.values):
				f.Notes = append(f.Notes, "not taken as an identity: nothing shows that values are stored as requests ask for them, in the normal form of "+string(kind))
				return
			case t.about.staff:
				kind = "employee_" + kind
				f.Notes = append(f.Notes, "an identity of its own type, so that no request of a customer reaches people who work here")
			}
			f.Identity = kind
			t.entitled = true
		})
	}
}

// identity gives the type of identity that a field's category stands for.
func (f *Field) identity() subject.Type {
	switch f.Label.Category {
	case "user.contact.email":
		return subject.Email
	case "user.contact.phone_number":
		return subject.Phone
	case "user.device.device_id":
		return subject.DeviceID
	default:
		return ""
	}
}

// stored says whether the sampled values are in the form that is asked for.
func stored(t subject.Type, s samples) bool {
	values := s.distinct()
	return len(values) >= 2 && share(values, isNormal(t)) >= 0.8
}

// settle decides what is written and what is only mentioned, once it is known
// which tables belong to people.
func (d *describer) settle() {
	for _, t := range d.tables {
		if t.Skipped != "" {
			continue
		}
		t.walk(func(f *Field, _ string, _ int) {
			key := f.PrimaryKey || len(f.References) > 0
			switch {
			case key && f.Label != nil && f.Label.Confidence == Low:
				f.Label = nil
			case len(f.Fields) > 0 || f.Identity != "":
			case !key && !t.Unreached:
				t.colour(f)
			}
			if f.Label == nil && f.PrimaryKey && len(f.References) == 0 && t.about.person && t.entitled && len(d.live[t.Name].PrimaryKey) == 1 {
				f.Label = &Label{Category: "user.unique_id", Confidence: Medium, Reasons: []string{"the key of a table of people"}, derived: true}
			}
			if l := f.Label; l != nil {
				operational := taxonomy.Category("system").Covers(l.Category)
				l.Written = l.Confidence != Low && (!t.Unreached || operational)
			}
		})
	}
}

// colour gives a field without a telling name the category of what its table
// is about: the rows belong to a person.
func (t *Table) colour(f *Field) {
	const content = taxonomy.Category("user.content")
	topic, said := t.about.topic, content.Covers(t.about.topic)
	switch {
	case topic == "":
	case f.Label != nil && f.Label.Confidence != Low:
		if said && f.Label.Category == "user.content.private" { // the words for texts are the same
			f.Label.Category = topic
		}
	case isKeyName(f.Name):
	case said && (class(f.kind()) != "text" || f.few()) && !(topic == "user.content.public" && class(f.kind()) == "number"):
		// When somebody wrote, and to whom, is not what they wrote; but stars are.
	default:
		f.Label = &Label{Category: topic, Confidence: Medium, Reasons: []string{"the name of its table, whose rows belong to a person"}, derived: true}
	}
}
