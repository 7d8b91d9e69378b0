// Package catalogue describes what a live database says of itself: tables,
// columns, keys, constraints. A connector fills it; plans and checks read it.
package catalogue

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"volenti.dev/volenti/datamap/value"
)

// Catalogue is the structure of one connection's database, sorted by name.
type Catalogue struct {
	Tables []Table `json:"tables"`
}

// Name addresses a table. Schema is empty where the system has none.
type Name struct {
	Schema string `json:"schema,omitempty"`
	Table  string `json:"table"`
}

// String writes schema.table for people; it is never put into a statement.
func (n Name) String() string {
	if n.Schema == "" {
		return n.Table
	}
	return n.Schema + "." + n.Table
}

// Table is a table or view, or a collection of documents.
type Table struct {
	Name        Name         `json:"name"`
	Columns     []Column     `json:"columns"`
	PrimaryKey  []string     `json:"primary_key,omitempty"`
	Unique      [][]string   `json:"unique,omitempty"` // without the primary key
	Checks      []Check      `json:"checks,omitempty"`
	ForeignKeys []ForeignKey `json:"foreign_keys,omitempty"`
	Triggers    []Trigger    `json:"triggers,omitempty"`
	Indexes     []Index      `json:"indexes,omitempty"`
	// View: its rows are those of other tables.
	View bool `json:"view,omitempty"`
	// Writable: what is written to the view goes through to one table.
	Writable bool `json:"writable,omitempty"`
	// NoRollback: its engine has no transactions, so that a batch that failed
	// half way could not be taken back.
	NoRollback bool `json:"no_rollback,omitempty"`
	// Open: rows may hold more than Columns, as documents do. Columns are those
	// that the system itself vouches for; the rest is known by description only.
	Open bool `json:"open,omitempty"`
	// Asked is set where rows cannot be looked up, and are asked for instead.
	Asked *Asked `json:"asked,omitempty"`
}

// Asked says how rows are asked for and written that cannot be looked up: by calls
// that take inputs. A row need not hold what it was found by.
type Asked struct {
	// Column holds what a row was found by, an object of inputs by their names. An
	// input is a field below it: Column.name. It is nothing of the row itself, is
	// never shown to anybody, and addresses the row together with its key.
	Column string `json:"column"`
	// Together: the values of several inputs are needed in one question, and are
	// multiplied. They must all be known before it.
	Together bool `json:"together,omitempty"`
	// Beside are further columns that a row is addressed by when it is written.
	Beside []string `json:"beside,omitempty"`
	// Masks says what a mask comes to.
	Masks Masks `json:"masks,omitempty"`
	// Whole: a mask is written with all of the row.
	Whole bool `json:"whole,omitempty"`
	// Deletes: a row can be removed.
	Deletes bool `json:"deletes,omitempty"`
	// Unverified says why it cannot be asked whether a mask stands; "" where it can.
	Unverified string `json:"unverified,omitempty"`
}

// Masks is what masking a row that is Asked for comes to.
type Masks string

// What it comes to.
const (
	MasksNothing Masks = ""
	MasksFields  Masks = "fields"  // fields are written
	MasksRow     Masks = "removes" // the whole row is removed
)

// Index is a further way to the rows. Only systems that must be told which
// index to use have them here.
type Index struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`           // rows are found by the first, or by all
	Partial bool     `json:"partial,omitempty"` // it holds the primary key and not all of a row
	Late    bool     `json:"late,omitempty"`    // it may miss what was written a moment ago
}

// Trigger is code that the database runs by itself when rows of the table
// change; what it writes, and where, the catalogue does not say.
type Trigger struct {
	Name string   `json:"name"`
	On   []string `json:"on"` // "update", "delete", sorted; inserts are of no concern
}

// Column is a column as declared.
type Column struct {
	Name      string     `json:"name"`
	Native    string     `json:"native"` // the declared type in the database's words
	Type      value.Type `json:"type"`
	Bits      int        `json:"bits,omitempty"`      // integers: 16, 32 or 64
	Length    int        `json:"length,omitempty"`    // text: characters at most, 0 for no limit
	Precision int        `json:"precision,omitempty"` // exact numbers: digits in all, 0 for no limit
	Scale     int        `json:"scale,omitempty"`     // exact numbers: digits behind the point
	Labels    []string   `json:"labels,omitempty"`    // enumerations: what the column can hold
	NotNull   bool       `json:"not_null,omitempty"`
	Generated bool       `json:"generated,omitempty"` // computed by the database: cannot be written
	// Comment is what people wrote beside it in the database. It is no part of
	// the structure: a new comment leaves plans as they are.
	Comment string `json:"-"`
}

// Check is a check constraint. Columns is empty when the system does not say.
type Check struct {
	Name       string   `json:"name"`
	Columns    []string `json:"columns,omitempty"`
	Expression string   `json:"expression"`
}

// ForeignKey points from Columns to References(ReferencedColumns).
type ForeignKey struct {
	Name              string   `json:"name,omitempty"`
	Columns           []string `json:"columns"`
	References        Name     `json:"references"`
	ReferencedColumns []string `json:"referenced_columns"`
	OnDelete          string   `json:"on_delete,omitempty"` // "cascade", "set null", "set default", "restrict", "no action"
	OnUpdate          string   `json:"on_update,omitempty"`
}

// Table finds a table by name, nil when there is none.
func (c *Catalogue) Table(n Name) *Table {
	for i := range c.Tables {
		if c.Tables[i].Name == n {
			return &c.Tables[i]
		}
	}
	return nil
}

// Schemas gives the tables of each schema, both in order.
func (c *Catalogue) Schemas() iter.Seq2[string, []Table] {
	return func(yield func(string, []Table) bool) {
		tables := map[string][]Table{}
		for _, t := range c.Tables {
			tables[t.Name.Schema] = append(tables[t.Name.Schema], t)
		}
		for _, schema := range slices.Sorted(maps.Keys(tables)) {
			if !yield(schema, tables[schema]) {
				return
			}
		}
	}
}

// Find gives the table that a description means: in the schema that it names,
// else without schema, in "public", or wherever there is just one of the name.
// The text says why there is none.
func (c *Catalogue) Find(schema, table string) (*Table, string) {
	var named []*Table
	for i := range c.Tables {
		if c.Tables[i].Name.Table == table {
			named = append(named, &c.Tables[i])
		}
	}
	return Among(named, schema, table)
}

// Among is Find among the tables of that name.
func Among(named []*Table, schema, table string) (*Table, string) {
	schemas := []string{schema, ""} // a database without schemas has "" for all
	if schema == "" {
		schemas = []string{"", "public"}
	}
	for _, wanted := range schemas {
		for _, t := range named {
			if t.Name.Schema == wanted {
				return t, ""
			}
		}
	}
	switch {
	case schema != "":
		return nil, fmt.Sprintf("there is no table %s.%s", schema, table)
	case len(named) == 0:
		return nil, fmt.Sprintf("there is no table %s", table)
	case len(named) == 1:
		return named[0], ""
	default:
		return nil, fmt.Sprintf("there are %d tables named %s, in different schemas, and the dataset names none", len(named), table)
	}
}

// ByName is Table for those who look for many.
func (c *Catalogue) ByName() map[Name]*Table {
	named := make(map[Name]*Table, len(c.Tables))
	for i := range c.Tables {
		named[c.Tables[i].Name] = &c.Tables[i]
	}
	return named
}

// Column finds a column by name, nil when there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}
