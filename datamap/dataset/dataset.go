// Package dataset describes what data a company holds and how one record
// leads to another: datasets, their collections, fields and references, in
// the fideslang YAML format.
package dataset

import (
	"slices"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

// Dataset is a described store of data.
type Dataset struct {
	Key         string
	Name        string
	Description string
	Namespace   Namespace
	After       []string // datasets that are read before this one
	Redact      bool     // its name is not shown in packages
	Collections []Collection
	At          source.Position
}

// Namespace says where in a database server the collections lie.
type Namespace struct {
	Schema   string
	Database string
}

// Collection is a table, a document collection or an endpoint.
type Collection struct {
	Address    Address
	Categories []taxonomy.Category
	After      []Address // read before this one
	EraseAfter []Address // erased before this one
	Skip       bool      // not part of the graph
	Redact     bool
	Masking    *masking.Spec // before every rule's strategy
	Partitions []Partition   // the collection is read once for each; none: once
	// Ways are the inputs that one question for rows takes, by path, where rows are
	// asked for: all that refer to fields, and of the identities one.
	Ways   [][]string
	Masks  catalogue.Masks // what a mask comes to then
	Fields []Field
	At     source.Position
}

// Partition is a conjunction of conditions on columns with constants.
type Partition []Condition

// Condition compares a column with a constant.
type Condition struct {
	Column   string
	Operator string // one of = <> < <= > >=
	Constant any    // a value of package value
}

// Address names a collection.
type Address struct {
	Dataset    string
	Collection string
}

// String writes "dataset:collection", the form of plans and reports.
func (a Address) String() string { return a.Dataset + ":" + a.Collection }

// Field is a column, or a part of a document.
type Field struct {
	Name               string
	Path               string // dotted, from the top of the record: "address.city"
	Categories         []taxonomy.Category
	PrimaryKey         bool
	Identity           string     // the identity type that this field holds, "" for none
	Type               value.Type // Unknown when not declared
	Length             int
	References         []Reference
	ReturnAllElements  bool // inherited from an array above
	ReadOnly           bool // inherited from above
	CustomRequestField string
	Redact             bool
	Masking            *masking.Spec
	// Input: it is nothing of the record, but what the record is asked by.
	Input bool
	// Grouped inputs of a collection come from one record together.
	Grouped bool
	Fields  []Field
	At      source.Position
}

// Direction says which end of a reference feeds the other.
type Direction string

// The directions: From means that the target feeds the field that declares
// the reference, To the other way round; Either leaves it to whichever is
// nearer to an identity.
const (
	From   Direction = "from"
	To     Direction = "to"
	Either Direction = ""
)

// Reference ties a field to a field of another collection, or of its own.
type Reference struct {
	Target    Address
	Field     string // path in the target
	Direction Direction
	At        source.Position
}

// Walk visits the fields of a collection, parents before children, in the
// order of the description.
func (c *Collection) Walk(visit func(*Field)) { walk(c.Fields, visit) }

func walk(fields []Field, visit func(*Field)) {
	for i := range fields {
		visit(&fields[i])
		walk(fields[i].Fields, visit)
	}
}

// Asked says whether rows are asked for, by fields that are Inputs.
func (c *Collection) Asked() bool {
	return slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Input })
}

// Field finds a field by its path, nil when there is none.
func (c *Collection) Field(path string) *Field { return find(c.Fields, path) }

func find(fields []Field, path string) *Field {
	for i := range fields {
		if fields[i].Path == path {
			return &fields[i]
		}
		if f := find(fields[i].Fields, path); f != nil {
			return f
		}
	}
	return nil
}
