package dynamodb

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// way is how the items of one match are reached.
type way struct {
	index *catalogue.Index // nil for the table itself
	key   []string         // the columns that are asked for: the partition key, and the sort key
	whole bool             // key is the whole primary key
	rest  []string         // the columns of the match that are compared here
	keys  []item           // each once
}

// ways gives a way for every match; scan says that one of them has none, so
// that the table must be read as a whole.
func (q query) ways() (out []way, scan bool) {
	for _, m := range q.matches {
		w, found := m.way(q.table)
		if !found {
			return nil, true
		}
		seen := map[string]bool{}
		for _, tuple := range m.tuples {
			k, of := item{}, make([]any, len(w.key))
			for i, column := range w.key {
				of[i] = tuple[slices.Index(m.columns, column)]
				k[column], _ = encode(of[i], nil) // was encoded before
			}
			if s := value.Key(of); !seen[s] {
				seen[s] = true
				w.keys = append(w.keys, k)
			}
		}
		out = append(out, w)
	}
	return out, false
}

// way finds the way of a match, without its keys: the key that the match knows
// most of. On a tie the primary key goes before an index, and an index that
// holds whole items before one that does not.
func (m match) way(t *catalogue.Table) (w way, ok bool) {
	w.key = m.known(t.PrimaryKey)
	w.whole = len(w.key) == len(t.PrimaryKey)
	for _, partial := range []bool{false, true} {
		for i := range t.Indexes {
			x := &t.Indexes[i]
			if k := m.known(x.Columns); x.Partial == partial && !w.whole && len(k) > len(w.key) {
				w.key, w.index = k, x
			}
		}
	}
	for _, c := range m.columns {
		if !slices.Contains(w.key, c) {
			w.rest = append(w.rest, c)
		}
	}
	return w, w.key != nil
}

// known gives the columns of a key that the match has values for, from the
// first on; nil when it is not among them.
func (m match) known(key []string) []string {
	n := 0
	for n < len(key) && slices.Contains(m.columns, key[n]) {
		n++
	}
	if n == 0 {
		return nil
	}
	return key[:n]
}

// describe shows a way for people.
func (w way) describe(q query) string {
	where := " where " + equal(append(slices.Clone(w.key), w.rest...)) + q.shown()
	switch name := strconv.Quote(q.table.Name.Table); {
	case w.whole:
		return "BatchGetItem " + name + where
	case w.index != nil && w.index.Late:
		return "Query " + name + " index " + strconv.Quote(w.index.Name) + where + " (the index may miss what was written a moment ago)"
	case w.index != nil:
		return "Query " + name + " index " + strconv.Quote(w.index.Name) + where
	default:
		return "Query " + name + where
	}
}

// describeScan shows the reading of a whole table for people.
func (q query) describeScan() string {
	matches := make([]string, len(q.matches))
	for i, m := range q.matches {
		matches[i] = equal(m.columns)
	}
	return "Scan " + strconv.Quote(q.table.Name.Table) + " where " + strings.Join(matches, " or ") + q.shown() + " (reads every item of the table)"
}

func equal(columns []string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = strconv.Quote(c) + " = ?"
	}
	return strings.Join(out, " and ")
}

// shown lists the fields that are read.
func (q query) shown() string {
	var quoted []string
	for _, f := range q.fields() {
		quoted = append(quoted, strconv.Quote(f))
	}
	return " giving " + strings.Join(quoted, ", ")
}

// fields are the top-level ones that a read needs: those that were asked for,
// those that matches and conditions look at, and the primary key.
func (q query) fields() []string {
	out := slices.Clone(q.columns)
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, name := range q.table.PrimaryKey {
		add(name)
	}
	for _, m := range q.matches {
		for _, p := range m.paths {
			add(p[0])
		}
	}
	for _, c := range q.conditions {
		add(c.field)
	}
	return out
}

// filterable is how many values a filter of a scan names for a match. A scan
// costs the same with and without; the filter only keeps items from being sent
// here.
const filterable = 50

// functions is how many functions a filter calls; with what joins them the
// service takes 300.
const functions = 100

// filter writes what the service can tell of the matches; "" where that is too
// much for it. It lets through all that may match: parts of objects in lists,
// lists and sets are looked at here.
func (q query) filter(e *expression) string {
	either := make([]string, len(q.matches))
	for i, m := range q.matches {
		if len(m.tuples) > filterable {
			return ""
		}
		var all []string
		for j, p := range m.paths {
			var values []string
			for _, tuple := range m.tuples {
				a, _ := encode(tuple[j], nil) // was encoded before
				values = append(values, e.value(a))
			}
			all = append(all, e.mayHold(p, values))
		}
		either[i] = strings.Join(all, " AND ")
	}
	s := strings.Join(either, " OR ")
	if len(s) > longest || strings.Count(s, "attribute_type(") > functions {
		return ""
	}
	return s
}

// mayHold writes that a path leads to one of the values, or into or to a list
// or set.
func (e *expression) mayHold(path, values []string) string {
	var steps []any
	var either []string
	kind := func(token, k string) {
		either = append(either, "attribute_type("+token+", "+e.value(&types.AttributeValueMemberS{Value: k})+")")
	}
	for _, name := range path {
		steps = append(steps, name)
		kind(e.path(steps), "L")
	}
	token := e.path(steps)
	for _, set := range []string{"SS", "NS", "BS"} {
		kind(token, set)
	}
	either = append(either, token+" IN ("+strings.Join(values, ", ")+")")
	return "(" + strings.Join(either, " OR ") + ")"
}
