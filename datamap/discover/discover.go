// Package discover proposes a first description of a database, for a person to
// review, and tells where a description and a database have drifted apart. It
// works on a catalogue and on rows that were sampled; it asks nobody.
//
//	catalogue ─┐
//	rows       ├─> Questions ─> (asked by the caller) ─> Describe ─> Draft ─> YAML
//	described  ┘
//	catalogue, described ──────────────────────────────> Drift ─> problems
//
// Whatever is proposed has a reason and a confidence. What is uncertain is
// said in a comment and not written as a fact. No sampled value is in a Draft,
// only what values are like.
package discover

import (
	"slices"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/subject"
)

// Confidence says how sure a proposal is. What is Low is only mentioned.
type Confidence string

// The confidences.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
	Low    Confidence = "low"
)

// Rows are rows of one table, as its connector gives them.
type Rows []map[string]any

// Input is all that a draft depends on.
type Input struct {
	Dataset string // key of the dataset that is proposed
	Schema  string // of its tables, where that must be said
	Tables  []catalogue.Table
	Rows    map[catalogue.Name]Rows // of the tables that were sampled
	// Described is what is described already: what the tables of this database
	// are joined with, and what of them has a person's word.
	Described []dataset.Dataset
	Elsewhere map[string]*catalogue.Catalogue // tables of described datasets, where known
	Answers   []Answer                        // to Questions of the same Input
	Today     value.Date                      // tells dates of birth from dates of orders
}

// Draft is a proposed dataset.
type Draft struct {
	Key    string  `json:"dataset"`
	Schema string  `json:"schema,omitempty"`
	Tables []Table `json:"collections"`
}

// Table is a proposed collection.
type Table struct {
	Name    string   `json:"name"`
	Skipped string   `json:"skipped,omitempty"` // why it is kept out of processing
	Notes   []string `json:"notes,omitempty"`
	// Unreached: no identity leads to its rows, so what they hold is only
	// mentioned: a policy that needs it could not be planned.
	Unreached bool    `json:"unreached,omitempty"`
	Fields    []Field `json:"fields"`

	about    subjectMatter
	name     catalogue.Name
	entitled bool // its rows are found by an identity of their own
}

// Field is a proposed field.
type Field struct {
	Name       string       `json:"name"`
	Native     string       `json:"type,omitempty"`     // in the database's words
	Type       value.Type   `json:"data_type,omitzero"` // as the format has it
	Length     int          `json:"length,omitempty"`   // in characters
	PrimaryKey bool         `json:"primary_key,omitempty"`
	Identity   subject.Type `json:"identity,omitempty"`
	Label      *Label       `json:"label,omitempty"`
	References []Reference  `json:"references,omitempty"`
	Fields     []Field      `json:"fields,omitempty"`
	Notes      []string     `json:"notes,omitempty"`

	column *catalogue.Column // nil in documents
	values samples
}

// Label is a proposed category.
type Label struct {
	Category   taxonomy.Category `json:"category"`
	Confidence Confidence        `json:"confidence"`
	Reasons    []string          `json:"reasons"`
	Written    bool              `json:"written"` // not only mentioned

	identity subject.Type
	derived  bool // from its table; nothing about the field itself speaks for it
}

// Reference is a proposed reference; the target feeds the field.
type Reference struct {
	Target     dataset.Address `json:"-"`
	Field      string          `json:"-"`
	To         string          `json:"to"` // "dataset:collection.field"
	Confidence Confidence      `json:"confidence"`
	Reason     string          `json:"reason"`
	// Withheld says why it is only mentioned: following it would lead to other
	// people, or nothing but a name speaks for it.
	Withheld string `json:"withheld,omitempty"`
}

// describer holds what the stages of Describe hand to each other.
type describer struct {
	Input
	*lexicon
	tables []*Table
	live   map[string]*catalogue.Table // by collection
	forms  map[string][]string         // of the names of tables, to be found in those of columns
}

// Describe proposes a dataset. The same Input gives the same Draft.
func Describe(in Input) Draft {
	d := newDescriber(in)
	d.refer()
	d.identify()
	d.reach()
	d.settle()
	draft := Draft{Key: in.Dataset, Schema: in.Schema, Tables: []Table{}}
	for _, t := range d.tables {
		t.walk(func(f *Field, _ string, _ int) { f.values = samples{} }) // they end here
		draft.Tables = append(draft.Tables, *t)
	}
	return draft
}

// newDescriber reads every table by itself: its names, types and values.
func newDescriber(in Input) *describer {
	d := &describer{Input: in, lexicon: words(), live: map[string]*catalogue.Table{}, forms: map[string][]string{}}
	for i := range in.Tables {
		t := &in.Tables[i]
		d.live[t.Name.Table] = t
		d.tables = append(d.tables, d.table(t))
	}
	return d
}

func (d *describer) table(live *catalogue.Table) *Table {
	t := &Table{Name: live.Name.Table, name: live.Name, about: d.matter(live.Name.Table), Fields: []Field{}}
	switch {
	case d.isSystem(live.Name):
		t.Skipped = "a table of a framework or of migrations by its name: no business data"
	case live.View:
		t.Skipped = "a view: its rows are those of other tables"
	case unspeakable(live.Name.Table, ".:"):
		t.Skipped = "its name has a character that has a place in addresses"
	}
	rows := d.Rows[live.Name]
	for i := range live.Columns {
		c := &live.Columns[i]
		values := gather(rows, c.Name)
		f := Field{
			Name: c.Name, Native: c.Native, Type: described(c.Type), PrimaryKey: slices.Contains(live.PrimaryKey, c.Name),
			column: c, values: values,
		}
		if f.Type.Kind == value.String {
			f.Length = c.Length
		}
		if shapeless(c.Type.Kind) {
			f.shape(values)
		}
		t.Fields = append(t.Fields, f)
	}
	if live.Open {
		t.open(rows)
		if len(rows) == 0 {
			t.Notes = append(t.Notes, "no document was sampled: only what the system itself vouches for is described")
		}
	}
	t.Fields = slices.DeleteFunc(t.Fields, func(f Field) bool {
		if unspeakable(f.Name, ".") {
			t.Notes = append(t.Notes, "a column is left out: its name has a character that has a place in paths")
			return true
		}
		return false
	})
	if t.Skipped == "" {
		d.label(t)
	}
	return t
}

// shapeless columns are known by what is in them only.
func shapeless(k value.Kind) bool {
	return k == value.JSON || k == value.Object || k == value.Unknown
}

// described gives the data type of the dataset format that stands for a type
// of a catalogue; none for those that the format has no word for.
func described(t value.Type) value.Type {
	switch t.Kind {
	case value.String, value.Integer, value.Float, value.Boolean, value.ObjectID, value.Object:
		return t
	default:
		return value.Type{}
	}
}

// find gives the drafted table of a name, nil when there is none.
func (d *describer) find(name string) *Table {
	for _, t := range d.tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Walk visits the fields of a table with their paths, parents first.
func (t *Table) Walk(visit func(f *Field, path string)) {
	t.walk(func(f *Field, path string, _ int) { visit(f, path) })
}

// walk visits the fields of a table with their paths, parents first.
func (t *Table) walk(visit func(f *Field, path string, depth int)) {
	var down func([]Field, string, int)
	down = func(fields []Field, above string, depth int) {
		for i := range fields {
			path := above + fields[i].Name
			visit(&fields[i], path, depth)
			down(fields[i].Fields, path+".", depth+1)
		}
	}
	down(t.Fields, "", 0)
}

// Tally counts what a draft proposes. Undecided fields have no category, and
// nothing was found to speak for one.
type Tally struct {
	Tables, Labelled, Mentioned, Undecided, Identities, References int
}

// Count counts what the draft proposes.
func (d Draft) Count() (n Tally) {
	n.Tables = len(d.Tables)
	for i := range d.Tables {
		d.Tables[i].walk(func(f *Field, _ string, _ int) {
			switch {
			case f.Label != nil && f.Label.Written:
				n.Labelled++
			case f.Label != nil:
				n.Mentioned++
			case f.undecided():
				n.Undecided++
			}
			if f.Identity != "" {
				n.Identities++
			}
			n.References += len(f.References)
		})
	}
	return n
}

// undecided fields are those that a person must look at.
func (f *Field) undecided() bool {
	return f.Label == nil && !f.PrimaryKey && len(f.References) == 0 && len(f.Fields) == 0
}
