package relational

import (
	"errors"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// errNul: databases end a name at the first NUL, whatever the quotes.
var errNul = errors.New("holds a NUL")

// columns finds columns in the catalogue's table; names of a configuration go
// no further than this.
func (db *DB) columns(doing string, t *catalogue.Table, names []string) ([]*catalogue.Column, error) {
	if t == nil {
		return nil, db.misfit(connector.Drift, doing, "no table of the live catalogue was given")
	}
	if err := nameable(t.Name.Schema, t.Name.Table); err != nil {
		return nil, db.misfit(connector.Drift, doing, "the table's name %v", err)
	}
	out := make([]*catalogue.Column, len(names))
	for i, name := range names {
		if out[i] = t.Column(name); out[i] == nil {
			return nil, db.misfit(connector.Drift, doing, "the table has no column %q: describe the database again", name)
		}
		if err := nameable(name); err != nil {
			return nil, db.misfit(connector.Drift, doing, "the name of column %q %v", name, err)
		}
	}
	return out, nil
}

func nameable(names ...string) error {
	if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "\x00") }) {
		return errNul
	}
	return nil
}

// encode casts a value to the column's type and gives what the driver binds;
// nil for null.
func (db *DB) encode(c *catalogue.Column, v any) (any, error) {
	cast, err := value.Cast(v, c.Type)
	if err != nil && db.dialect.Raw != nil {
		if raw, ok := db.dialect.Raw(c, v); ok {
			return raw, nil
		}
	}
	if cast == nil || err != nil {
		return nil, err
	}
	return db.dialect.Encode(c, cast)
}

// stored gives what a read would give after an encoded value was written.
func (db *DB) stored(c *catalogue.Column, encoded any) any {
	if encoded == nil {
		return nil
	}
	return db.dialect.Decode(c, encoded)
}

// forms gives all encoded forms that a value may be stored in, its own first.
func (db *DB) forms(c *catalogue.Column, v any) ([]any, error) {
	first, err := db.encode(c, v)
	if err != nil || first == nil {
		return nil, err
	}
	out := []any{first}
	if db.dialect.Forms != nil {
		if cast, err := value.Cast(v, c.Type); err == nil {
			out = append(out, db.dialect.Forms(c, cast)...)
		}
	}
	return out, nil
}

// element describes the elements of an array column.
func element(c *catalogue.Column) *catalogue.Column {
	e := *c
	e.Type.Array = false
	e.Native = strings.TrimRight(e.Native, "[]")
	return &e
}

// terms turns matches into terms. What cannot be a value of its column is
// counted, null is passed over, and what is there twice is sent once.
func (db *DB) terms(doing string, r connector.Read) (out []term, dropped int, err error) {
	for _, m := range r.Where {
		columns, err := db.columns(doing, r.Table, m.Columns)
		if err != nil {
			return nil, 0, err
		}
		if len(columns) == 0 {
			return nil, 0, db.misfit(connector.Permanent, doing, "a match without columns")
		}
		t, typed := term{columns: columns}, columns
		if len(columns) == 1 && columns[0].Type.Array {
			t.overlap, typed = true, []*catalogue.Column{element(columns[0])}
		}
		seen := make(map[string]bool, len(m.Tuples))
		for _, tuple := range m.Tuples {
			if len(tuple) != len(columns) {
				return nil, 0, db.misfit(connector.Permanent, doing, "a match of %d columns with %d values", len(columns), len(tuple))
			}
			if slices.Contains(tuple, nil) {
				continue
			}
			combined, ok := db.combine(typed, tuple)
			if !ok {
				dropped++
				continue
			}
			for _, c := range combined {
				if k := value.Key(c); !seen[k] {
					seen[k] = true
					t.tuples = append(t.tuples, c)
				}
			}
		}
		if len(t.tuples) > 0 {
			out = append(out, t)
		}
	}
	return out, dropped, nil
}

// combine gives every combination of the forms of a tuple's values.
func (db *DB) combine(columns []*catalogue.Column, tuple []any) ([][]any, bool) {
	out := [][]any{nil}
	for i, c := range columns {
		forms, err := db.forms(c, tuple[i])
		if err != nil {
			return nil, false
		}
		var longer [][]any
		for _, head := range out {
			for _, f := range forms {
				longer = append(longer, append(slices.Clip(head), f))
			}
		}
		out = longer
	}
	return out, true
}

// conditions turns the constants of a partition into conditions. They are the
// configuration's: one that does not fit is an error.
func (db *DB) conditions(doing string, r connector.Read) ([]condition, error) {
	var out []condition
	for _, p := range r.Partition {
		columns, err := db.columns(doing, r.Table, []string{p.Column})
		if err != nil {
			return nil, err
		}
		if !slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, p.Operator) {
			return nil, db.misfit(connector.Permanent, doing, "%q is no operator of a partition: use one of = <> < <= > >=", p.Operator)
		}
		encoded, err := db.encode(columns[0], p.Constant)
		if err != nil || encoded == nil {
			return nil, db.misfit(connector.Permanent, doing, "the partition's constant for %s is not of its type, %s", p.Column, columns[0].Type)
		}
		out = append(out, condition{columns[0], p.Operator, encoded})
	}
	return out, nil
}
