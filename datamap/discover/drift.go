package discover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
)

// Drift compares the datasets that a connection serves with its live
// catalogue. Described and absent, or of another type or key, is an error;
// present and not described is a warning, and an error where its name and type
// make personal data likely. Parts of columns and of documents are not looked
// at: a catalogue knows nothing of them. The problems are sorted.
func Drift(connection string, described []dataset.Dataset, live *catalogue.Catalogue) []source.Problem {
	if len(described) == 0 {
		return nil
	}
	c := comparison{connection: connection, live: live, likely: personalColumns(live), described: map[catalogue.Name]bool{}}
	for i := range described {
		c.dataset(&described[i])
	}
	c.undescribed(described[0].At)
	return c.Problems()
}

type comparison struct {
	source.Report
	connection string
	live       *catalogue.Catalogue
	likely     map[catalogue.Name]map[string]string // categories by column
	described  map[catalogue.Name]bool
}

func (c *comparison) dataset(d *dataset.Dataset) {
	for i := range d.Collections {
		described := &d.Collections[i]
		t, why := c.live.Find(d.Namespace.Schema, described.Address.Collection)
		if t == nil {
			c.Errorf(described.At, "describe the database as it is now, or remove the collection", "%s is described, but on the connection %s %s", described.Address, c.connection, why)
			continue
		}
		c.described[t.Name] = true
		if !described.Skip {
			c.columns(described, t)
			c.keys(described, t)
		}
	}
}

func (c *comparison) columns(d *dataset.Collection, t *catalogue.Table) {
	known := map[string]bool{}
	for i := range d.Fields {
		f := &d.Fields[i]
		known[f.Name] = true
		column := t.Column(f.Name)
		switch {
		case column == nil && !t.Open:
			c.Errorf(f.At, "describe the column under its present name, or remove the field", "%s.%s is described, but the table %s of the connection %s has no such column", d.Address, f.Path, t.Name, c.connection)
		case column != nil && !compatible(f, column.Type):
			c.Errorf(f.At, "write the data_type that it has now, or leave it out", "%s.%s is described as %s, but the column is %s", d.Address, f.Path, f.Type, column.Native)
		case column != nil && column.Length > 0 && f.Length > column.Length:
			c.Warnf(f.At, fmt.Sprintf("write length: %d", column.Length), "%s.%s is described with length %d, but the column holds %d characters", d.Address, f.Path, f.Length, column.Length)
		}
	}
	for _, column := range t.Columns {
		if known[column.Name] {
			continue
		}
		fix := "describe it, for example with volenti dataset generate --connection " + c.connection
		if what := c.likely[t.Name][column.Name]; what != "" {
			c.Errorf(d.At, fix, "the column %q of %s is not described and looks personal (%s): no request hands it out or erases it", column.Name, d.Address, what)
		} else {
			c.Warnf(d.At, fix, "the column %q of %s is not described", column.Name, d.Address)
		}
	}
}

// keys compares primary keys, where both sides name one.
func (c *comparison) keys(d *dataset.Collection, t *catalogue.Table) {
	var described []string
	at := d.At
	for _, f := range d.Fields {
		if f.PrimaryKey {
			if described == nil {
				at = f.At
			}
			described = append(described, f.Name)
		}
	}
	slices.Sort(described)
	if actual := slices.Sorted(slices.Values(t.PrimaryKey)); len(described) > 0 && len(actual) > 0 && !slices.Equal(described, actual) {
		c.Errorf(at, "declare primary_key: true on the fields of the table's own key", "%s is described with the primary key %s, but the key of the table is %s", d.Address, strings.Join(described, ", "), strings.Join(actual, ", "))
	}
}

// undescribed finds the tables that no dataset of the connection has.
func (c *comparison) undescribed(at source.Position) {
	for _, t := range c.live.Tables {
		if c.described[t.Name] || t.View || words().isSystem(t.Name) {
			continue
		}
		fix := "describe it, for example with volenti dataset generate --connection " + c.connection + "; with skip_processing when no request should look at it"
		var columns []string
		for _, column := range t.Columns {
			if c.likely[t.Name][column.Name] != "" {
				columns = append(columns, shown(column.Name))
			}
		}
		if len(columns) > 0 {
			c.Errorf(at, fix, "the table %s of the connection %s is not described, and columns of it look personal (%s): no request hands them out or erases them", shown(t.Name.String()), c.connection, strings.Join(columns, ", "))
		} else {
			c.Warnf(at, fix, "the table %s of the connection %s is not described", shown(t.Name.String()), c.connection)
		}
	}
}

// shown writes a name of a database so that it does nothing to a terminal.
func shown(name string) string {
	if unspeakable(name, "") {
		return strconv.QuoteToASCII(name)
	}
	return name
}

// personalColumns tells which columns hold personal data by their names and
// types, each with its category.
func personalColumns(live *catalogue.Catalogue) map[catalogue.Name]map[string]string {
	found := map[catalogue.Name]map[string]string{}
	for schema, tables := range live.Schemas() {
		for _, t := range Describe(Input{Schema: schema, Tables: tables}).Tables {
			columns := map[string]string{}
			for _, f := range t.Fields {
				if f.Label != nil && f.Label.Confidence != Low && !f.Label.derived && taxonomy.Category("user").Covers(f.Label.Category) {
					columns[f.Name] = string(f.Label.Category)
				}
			}
			found[t.name] = columns
		}
	}
	return found
}

// compatible says whether values of a column may be described as a type.
func compatible(f *dataset.Field, live value.Type) bool {
	may := map[value.Kind][]value.Kind{
		value.String:   {value.UUID, value.Clock, value.Day, value.Timestamp, value.Number, value.JSON, value.ObjectID},
		value.Integer:  {value.Number, value.Boolean},
		value.Float:    {value.Number, value.Integer},
		value.Boolean:  {value.Integer, value.Number},
		value.ObjectID: {value.String},
		value.Object:   {value.JSON, value.String}, // text that holds JSON
	}
	switch k := f.Type.Kind; {
	case k == value.Unknown, live.Kind == value.Unknown, live.Kind == value.Other:
		return true
	case f.Type.Array && live.Kind == value.JSON || k == value.Object && live.Kind == value.String:
		return true
	default:
		return f.Type.Array == live.Array && (k == live.Kind || slices.Contains(may[k], live.Kind))
	}
}
