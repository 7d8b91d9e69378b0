package discover

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/datamap/value"
)

// shape fills in what the sampled values of a field are: their data type, and
// the parts of objects.
func (f *Field) shape(s samples) {
	seen := map[value.Kind]bool{}
	arrays, others := 0, 0
	var objects []map[string]any
	deeper := false
	take := func(v any, inside bool) {
		switch v := v.(type) {
		case map[string]any:
			seen[value.Object] = true
			objects = append(objects, v)
		case []any:
			deeper = deeper || inside
		case nil:
		default:
			seen[kindOf(v)] = true
		}
	}
	for _, v := range s.all {
		if list, ok := v.([]any); ok {
			arrays++
			for _, e := range list {
				take(e, true)
			}
			continue
		}
		others++
		take(v, false)
	}
	if deeper {
		f.Notes = append(f.Notes, "arrays in arrays were seen: what is in them is not described")
	}
	kinds := slices.Sorted(maps.Keys(seen))
	if len(kinds) > 1 || arrays > 0 && others > 0 {
		f.Notes = append(f.Notes, "types differ from row to row: "+types(kinds, arrays > 0, others > 0))
	}
	f.Type = value.Type{}
	if len(kinds) == 1 && (arrays == 0 || others == 0) {
		f.Type = described(value.Type{Kind: kinds[0], Array: arrays > 0})
	}
	if len(objects) == 0 {
		return
	}
	f.Type = value.Type{Kind: value.Object, Array: arrays > 0}
	f.parts(objects)
}

func types(kinds []value.Kind, arrays, others bool) string {
	var words []string
	for _, k := range kinds {
		if others {
			words = append(words, string(k))
		}
		if arrays {
			words = append(words, string(k)+"[]")
		}
	}
	return strings.Join(words, ", ")
}

// kindOf gives the kind of a value of package value.
func kindOf(v any) value.Kind {
	switch v := v.(type) {
	case bool:
		return value.Boolean
	case int64:
		return value.Integer
	case float64:
		return value.Float
	case value.Decimal:
		return value.Number
	case value.Date:
		return value.Day
	case time.Time:
		return value.Timestamp
	case []byte:
		return value.Bytes
	case string:
		if objectID.MatchString(v) {
			return value.ObjectID
		}
	}
	return value.String
}

// objectID is how object ids are written.
var objectID = regexp.MustCompile(`^[0-9a-f]{24}$`)

// parts describes the parts of objects, sorted by name.
func (f *Field) parts(objects []map[string]any) {
	names := map[string]int{}
	for _, o := range objects {
		for name := range o {
			names[name]++
		}
	}
	if data(names, len(objects)) {
		f.Notes = append(f.Notes, "the names of its parts look like data, so that they are not shown and not described")
		return
	}
	rows := make(Rows, len(objects))
	copy(rows, objects)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if unspeakable(name, ".") {
			f.Notes = append(f.Notes, "a part is left out: its name has a character that has a place in paths")
			continue
		}
		part := Field{Name: name, values: gather(rows, name)}
		part.shape(part.values)
		f.Fields = append(f.Fields, part)
	}
}

// plainName is what programs call the parts of an object.
var plainName = regexp.MustCompile(`^[\p{L}_$@][\p{L}\p{N}_$-]{0,63}$`)

// data says whether the keys of objects are values themselves, as in
// {"anna@example.com": 3}: they are no plain names, or there are many and
// each is rare, or they are names of people.
func data(names map[string]int, objects int) bool {
	rare, people := 0, 0
	for name, n := range names {
		if !plainName.MatchString(name) || strings.Count(name, "-") > 2 || len(digits(name)) > 4 {
			return true
		}
		if n*4 < objects {
			rare++
		}
		if words().given[strings.ToLower(name)] {
			people++
		}
	}
	return rare > 20 || people > 1 && people*2 >= len(names)
}

// open adds what documents hold beyond what the system vouches for.
func (t *Table) open(rows Rows) {
	whole := Field{}
	objects := make([]map[string]any, len(rows))
	copy(objects, rows)
	whole.parts(objects)
	for _, f := range whole.Fields {
		if !slices.ContainsFunc(t.Fields, func(o Field) bool { return o.Name == f.Name }) {
			t.Fields = append(t.Fields, f)
		}
	}
	t.Notes = append(t.Notes, whole.Notes...)
}
