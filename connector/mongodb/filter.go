package mongodb

import (
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// most is how many values one find carries. A filter may have 16 MB; 10,000
// long addresses are a tenth of that.
const most = 10_000

// term is a Match with its values in the forms they may be stored in. A tuple
// has a list of forms for each path.
type term struct {
	paths  []string
	tuples [][][]any
}

// terms checks the matches of a Read. What MongoDB cannot hold is counted,
// null is passed over, and what is there twice is sent once.
func (db *DB) terms(doing string, where []connector.Match) (out []term, dropped int, err error) {
	for _, m := range where {
		if len(m.Columns) == 0 {
			return nil, 0, db.misfit(connector.Permanent, doing, "a match without fields")
		}
		for _, path := range m.Columns {
			if !addressable(strings.Split(path, ".")...) {
				return nil, 0, db.misfit(connector.Permanent, doing, "no field can be asked for by the path %q: its parts must not be empty or begin with $", path)
			}
		}
		t, seen := term{paths: m.Columns}, make(map[string]bool, len(m.Tuples))
		for _, tuple := range m.Tuples {
			if len(tuple) != len(m.Columns) {
				return nil, 0, db.misfit(connector.Permanent, doing, "a match of %d fields with %d values", len(m.Columns), len(tuple))
			}
			if slices.Contains(tuple, nil) || seen[value.Key([]any(tuple))] {
				continue
			}
			seen[value.Key([]any(tuple))] = true
			all := make([][]any, len(tuple))
			for i, v := range tuple {
				all[i] = forms(v)
			}
			if slices.ContainsFunc(all, func(f []any) bool { return len(f) == 0 }) {
				dropped++
				continue
			}
			t.tuples = append(t.tuples, all)
		}
		if len(t.tuples) > 0 {
			out = append(out, t)
		}
	}
	return out, dropped, nil
}

// addressable says whether a query or an update can name a field by these
// parts of a path.
func addressable(names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool {
		return n == "" || n[0] == '$' || strings.ContainsAny(n, ".\x00")
	})
}

// split cuts terms into groups of so many tuples at most.
func split(terms []term, most int) [][]term {
	var out [][]term
	var group []term
	left := most
	for _, t := range terms {
		for len(t.tuples) > 0 {
			n := min(left, len(t.tuples))
			group = append(group, term{t.paths, t.tuples[:n]})
			t.tuples = t.tuples[n:]
			if left -= n; left == 0 {
				out, group, left = append(out, group), nil, most
			}
		}
	}
	if group != nil {
		out = append(out, group)
	}
	return out
}

// filter says {$or: [{a: 1}, {b: {$in: [...]}}]}, and the conditions with it.
// Values are never documents, so that none can hold an operator.
func filter(terms []term, conditions []bson.D) bson.D {
	var either bson.A
	for _, t := range terms {
		if len(t.paths) == 1 {
			var values bson.A
			for _, tuple := range t.tuples {
				values = append(values, tuple[0]...)
			}
			either = append(either, bson.D{{Key: t.paths[0], Value: oneOf(values)}})
			continue
		}
		for _, tuple := range t.tuples {
			var all bson.D
			for i, path := range t.paths {
				all = append(all, bson.E{Key: path, Value: oneOf(tuple[i])})
			}
			either = append(either, all)
		}
	}
	matched := bson.D{{Key: "$or", Value: either}}
	if len(either) == 1 {
		matched, _ = either[0].(bson.D)
	}
	if len(conditions) == 0 {
		return matched
	}
	return bson.D{{Key: "$and", Value: append(bson.A{matched}, array(conditions)...)}}
}

func oneOf(values bson.A) any {
	if len(values) == 1 {
		return values[0]
	}
	return bson.D{{Key: "$in", Value: values}}
}

func array(documents []bson.D) bson.A {
	out := make(bson.A, len(documents))
	for i, d := range documents {
		out[i] = d
	}
	return out
}

var operators = map[string]string{"=": "$in", "<>": "$nin", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}

// conditions turns those of a partition into filters. A constant that is text
// and reads as a time is compared with times too. As in SQL, a field that is
// null or absent fulfils none.
func (db *DB) conditions(doing string, partition []connector.Condition) ([]bson.D, error) {
	var out []bson.D
	for _, c := range partition {
		operator, known := operators[c.Operator]
		if !known {
			return nil, db.misfit(connector.Permanent, doing, "%q is no operator of a partition: use one of = <> < <= > >=", c.Operator)
		}
		if !addressable(c.Column) {
			return nil, db.misfit(connector.Permanent, doing, "the partition's field %q cannot be asked for: its name must not be empty, begin with $ or hold a dot", c.Column)
		}
		values := bson.A(forms(c.Constant))
		if t, ok := cast[any](c.Constant, value.Timestamp); ok {
			values = append(values, forms(t)...)
		}
		if len(values) == 0 {
			return nil, db.misfit(connector.Permanent, doing, "the partition's constant for %s cannot be compared with", c.Column)
		}
		switch operator {
		case "$in":
			out = append(out, bson.D{{Key: c.Column, Value: bson.D{{Key: operator, Value: values}}}})
		case "$nin":
			out = append(out, bson.D{{Key: c.Column, Value: bson.D{{Key: operator, Value: append(values, nil)}}}})
		default:
			var either bson.A
			for _, v := range values {
				either = append(either, bson.D{{Key: c.Column, Value: bson.D{{Key: operator, Value: v}}}})
			}
			out = append(out, bson.D{{Key: "$or", Value: either}})
		}
	}
	return out, nil
}

// projection names the fields to be read; _id always comes.
func (db *DB) projection(doing string, columns []string) (bson.D, error) {
	out := bson.D{{Key: key, Value: 1}}
	for _, c := range columns {
		if !addressable(c) {
			return nil, db.misfit(connector.Permanent, doing, "the field %q cannot be asked for: its name must not be empty, begin with $ or hold a dot", c)
		}
		if c != key {
			out = append(out, bson.E{Key: c, Value: 1})
		}
	}
	return out, nil
}

// text shows a filter or projection for people: names in quotes, ? for every
// value.
func text(v any) string {
	switch v := v.(type) {
	case bson.D:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = strconv.Quote(e.Key) + ": " + text(e.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case bson.A:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = text(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		return "?"
	}
}
