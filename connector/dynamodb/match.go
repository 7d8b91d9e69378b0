package dynamodb

import (
	"math/big"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// query is a Read after it was checked.
type query struct {
	doing      string
	table      *catalogue.Table
	columns    []string
	matches    []match
	conditions []condition
	dropped    int
}

// match holds for an item in which the paths together lead to one of the
// tuples.
type match struct {
	columns []string
	paths   [][]string
	tuples  [][]any
	keys    map[string]bool // of the tuples
}

// condition compares a field with a constant.
type condition struct {
	field    string
	operator string
	constant any
}

// query checks a Read. Values that cannot be stored are dropped, null is
// passed over, and what is there twice is asked for once.
func (db *DB) query(verb string, r connector.Read) (query, error) {
	doing, err := db.doing(verb, r.Table)
	q := query{doing: doing, table: r.Table, columns: r.Columns}
	if err != nil {
		return q, err
	}
	for _, m := range r.Where {
		if len(m.Columns) == 0 {
			return q, db.misfit(connector.Permanent, doing, "a match without columns")
		}
		one := match{columns: m.Columns, keys: make(map[string]bool, len(m.Tuples))}
		for _, c := range m.Columns {
			one.paths = append(one.paths, strings.Split(c, "."))
		}
		for _, tuple := range m.Tuples {
			if len(tuple) != len(m.Columns) {
				return q, db.misfit(connector.Permanent, doing, "a match of %d columns with %d values", len(m.Columns), len(tuple))
			}
			if slices.Contains(tuple, nil) {
				continue
			}
			cast, ok := storable(r.Table, m.Columns, tuple)
			if k := value.Key(cast); !ok {
				q.dropped++
			} else if !one.keys[k] {
				one.keys[k] = true
				one.tuples = append(one.tuples, cast)
			}
		}
		if len(one.tuples) > 0 {
			q.matches = append(q.matches, one)
		}
	}
	for _, p := range r.Partition {
		if !slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, p.Operator) {
			return q, db.misfit(connector.Permanent, doing, "%q is no operator of a partition: use one of = <> < <= > >=", p.Operator)
		}
		q.conditions = append(q.conditions, condition{p.Column, p.Operator, p.Constant})
	}
	return q, nil
}

// doing says what is done, for errors, and checks the table.
func (db *DB) doing(verb string, t *catalogue.Table) (string, error) {
	if t == nil {
		return verb, db.misfit(connector.Drift, verb, "no table of the live catalogue was given")
	}
	doing := verb + " " + t.Name.String()
	if !t.Open || len(t.PrimaryKey) == 0 {
		return doing, db.misfit(connector.Drift, doing, "it is not described as a table of DynamoDB: describe the database again")
	}
	return doing, nil
}

// storable gives the values of a tuple as they are read when they are stored.
// The attributes of keys have a type, and are neither empty nor longer than
// 2,048 bytes.
func storable(t *catalogue.Table, columns []string, tuple connector.Tuple) ([]any, bool) {
	out := make([]any, len(tuple))
	for i, v := range tuple {
		if c := t.Column(columns[i]); c != nil {
			cast, err := value.Cast(v, c.Type)
			if err != nil {
				return nil, false
			}
			v = cast
		}
		a, err := encode(v, nil)
		if err != nil || membersOf(a) != nil {
			return nil, false
		}
		if _, isList := elementsOf(a); isList {
			return nil, false
		}
		out[i] = decode(a)
		if t.Column(columns[i]) != nil && !fitsKey(out[i]) {
			return nil, false
		}
	}
	return out, true
}

func fitsKey(v any) bool {
	n := 1
	switch v := v.(type) {
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	}
	return n > 0 && n <= 2048
}

// holds says whether an item is one that the query asks for.
func (q query) holds(row map[string]any) bool {
	for _, c := range q.conditions {
		if !c.holds(row[c.field]) {
			return false
		}
	}
	return slices.ContainsFunc(q.matches, func(m match) bool { return m.holds(row) })
}

// holds tries every combination of the values that the paths lead to.
func (m match) holds(row map[string]any) bool {
	found := make([][]any, len(m.paths))
	for i, path := range m.paths {
		if found[i] = collect(nil, row, path); len(found[i]) == 0 {
			return false
		}
	}
	tuple := make([]any, len(found))
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(found) {
			return m.keys[value.Key(tuple)]
		}
		return slices.ContainsFunc(found[i], func(v any) bool {
			tuple[i] = v
			return try(i + 1)
		})
	}
	return try(0)
}

// collect adds the values that a path leads to, through objects and arrays;
// null is none.
func collect(out []any, v any, path []string) []any {
	switch v := v.(type) {
	case nil:
		return out
	case []any:
		for _, e := range v {
			out = collect(out, e, path)
		}
		return out
	case map[string]any:
		if len(path) > 0 {
			return collect(out, v[path[0]], path[1:])
		}
		return out
	}
	if len(path) > 0 {
		return out
	}
	return append(out, v)
}

// holds compares values of one nature; others are neither equal nor in order.
func (c condition) holds(v any) bool {
	order, ok := compare(v, c.constant)
	if !ok {
		return false
	}
	switch c.operator {
	case "=":
		return order == 0
	case "<>":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

func compare(a, b any) (order int, ok bool) {
	if x, isText := a.(string); isText {
		y, isText := b.(string)
		return strings.Compare(x, y), isText
	}
	if x, isBool := a.(bool); isBool {
		y, isBool := b.(bool)
		return map[bool]int{false: 1, true: 0}[x == y], isBool
	}
	x, ok := rational(a)
	y, ok2 := rational(b)
	if !ok || !ok2 {
		return 0, false
	}
	return x.Cmp(y), true
}

func rational(v any) (*big.Rat, bool) {
	switch v.(type) {
	case int, int64, float64, value.Decimal:
		a, err := encodeNumber(v) // bounds the exponent
		if err != nil {
			return nil, false
		}
		return new(big.Rat).SetString(numberText(a))
	}
	return nil, false
}
