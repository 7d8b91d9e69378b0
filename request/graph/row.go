package graph

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/value"
)

// Collect gives the values at a path of a row, through objects and arrays,
// in order. Null and absent are no values; 0, "" and false are.
func Collect(row map[string]any, path string) []any {
	var found []any
	var walk func(v any, path []string)
	walk = func(v any, path []string) {
		switch v := v.(type) {
		case nil:
		case []any:
			for _, e := range v {
				walk(e, path)
			}
		case map[string]any:
			if len(path) > 0 {
				walk(v[path[0]], path[1:])
			}
		default:
			if len(path) == 0 {
				found = append(found, v)
			}
		}
	}
	walk(row, strings.Split(path, "."))
	return found
}

// RunsThroughArray says whether a path of a row meets an array.
func RunsThroughArray(row map[string]any, path string) bool {
	var at any = row
	for _, name := range strings.Split(path, ".") {
		o, ok := at.(map[string]any)
		if !ok {
			break
		}
		at = o[name]
	}
	_, array := at.([]any)
	return array
}

// Values is a set of input values for one path of a row.
type Values struct {
	Path string
	Keys map[string]bool // value.Key of each
}

// Has says whether v is one of the values.
func (vs Values) Has(v any) bool { return vs.Keys[value.Key(v)] }

// Keep says which elements of a row's arrays belong to the data subject: by
// name of the field, down to the arrays. What is not named belongs whole.
//
// In an object it holds {name: Keep}; for an array {"": [positions], "1": Keep
// of the element at position 1}.
type Keep map[string]any

// Sift decides which array elements of a row belong to the data subject
// (D18): an element stays when it matches any path that runs through its
// array; where nothing matches the array is taken as empty. Scalars are never
// touched, and a path without values decides nothing. all lists the array
// paths that belong to whoever the row belongs to. Nil means the whole row.
func Sift(row map[string]any, inputs []Values, all []string) Keep {
	m := matcher{all: all}
	var wants []want
	for _, in := range inputs {
		if len(in.Keys) > 0 {
			wants = append(wants, want{strings.Split(in.Path, "."), in})
		}
	}
	if len(wants) == 0 {
		return nil
	}
	return m.object(row, wants, "")
}

// want is an input and what is left of its path.
type want struct {
	rest   []string
	values Values
}

type matcher struct{ all []string }

func (m matcher) object(o map[string]any, wants []want, at string) Keep {
	var keep Keep
	for _, name := range names(wants) {
		below := descend(wants, name)
		path := name
		if at != "" {
			path = at + "." + name
		}
		if k := m.value(o[name], below, path); k != nil {
			if keep == nil {
				keep = Keep{}
			}
			keep[name] = map[string]any(k)
		}
	}
	return keep
}

func (m matcher) value(v any, wants []want, at string) Keep {
	switch v := v.(type) {
	case map[string]any:
		return m.object(v, wants, at)
	case []any:
		if slices.ContainsFunc(m.all, func(a string) bool { return at == a || strings.HasPrefix(at, a+".") }) {
			return nil
		}
		return m.array(v, wants, at)
	default:
		return nil
	}
}

func (m matcher) array(a []any, wants []want, at string) Keep {
	keep := Keep{"": []any{}}
	for i, e := range a {
		if !slices.ContainsFunc(wants, func(w want) bool { return w.holds(e, w.rest) }) {
			continue
		}
		keep[""] = append(keep[""].([]any), int64(i))
		if k := m.value(e, wants, at); k != nil {
			keep[strconv.Itoa(i)] = map[string]any(k)
		}
	}
	return keep
}

// holds says whether the value has one of the wanted values at the path.
func (w want) holds(v any, path []string) bool {
	switch v := v.(type) {
	case nil:
		return false
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return w.holds(e, path) })
	case map[string]any:
		return len(path) > 0 && w.holds(v[path[0]], path[1:])
	default:
		return len(path) == 0 && w.values.Has(v)
	}
}

func names(wants []want) []string {
	var names []string
	for _, w := range wants {
		if len(w.rest) > 0 {
			names = append(names, w.rest[0])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func descend(wants []want, name string) []want {
	var below []want
	for _, w := range wants {
		if len(w.rest) > 0 && w.rest[0] == name {
			below = append(below, want{w.rest[1:], w.values})
		}
	}
	return below
}

// Own gives the row without the array elements that belong to others: what
// is handed out, and what is followed to other rows (D19).
func (k Keep) Own(row map[string]any) map[string]any {
	if k == nil {
		return row
	}
	own := make(map[string]any, len(row))
	for name, v := range row {
		own[name] = v
		if below := k.At(name); below != nil {
			own[name] = below.prune(v)
		}
	}
	return own
}

func (k Keep) prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return k.Own(v)
	case []any:
		kept := []any{}
		for _, i := range k.positions() {
			e := v[i]
			if below := k.At(strconv.Itoa(i)); below != nil {
				e = below.prune(e)
			}
			kept = append(kept, e)
		}
		return kept
	default:
		return v
	}
}

// At gives what belongs of a field's value; nil is all of it.
func (k Keep) At(name string) Keep {
	switch below := k[name].(type) {
	case Keep:
		return below
	case map[string]any:
		return below
	default:
		return nil
	}
}

// Shares says whether the row holds array elements that belong to others.
func (k Keep) Shares(row map[string]any) bool {
	for name := range k {
		if k.At(name).shares(row[name]) {
			return true
		}
	}
	return false
}

func (k Keep) shares(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return k.Shares(v)
	case []any:
		positions := k.positions()
		return len(positions) < len(v) || slices.ContainsFunc(positions, func(i int) bool {
			below := k.At(strconv.Itoa(i))
			return below != nil && below.shares(v[i])
		})
	}
	return false
}

// Beyond says whether k keeps an element that before does not.
func (k Keep) Beyond(before Keep) bool {
	old := before.positions()
	if slices.ContainsFunc(k.positions(), func(i int) bool { _, kept := slices.BinarySearch(old, i); return !kept }) {
		return true
	}
	for name := range k {
		if below := k.At(name); below != nil && below.Beyond(before.At(name)) {
			return true
		}
	}
	return false
}

func (k Keep) positions() []int {
	list, _ := k[""].([]any)
	positions := make([]int, len(list))
	for i, p := range list {
		n, _ := p.(int64)
		positions[i] = int(n)
	}
	return positions
}

// Select gives the parts of a row that an access rule returns (D20): the
// fields at the paths, objects whole, nested paths kept. Empty objects and
// arrays are removed at all levels, null and "" are values. Nil means that
// nothing is left of the row.
func Select(row map[string]any, paths []string) map[string]any { return Selector(paths)(row) }

// Selector is Select for many rows.
func Selector(paths []string) func(row map[string]any) map[string]any {
	tree := map[string]any{}
	for _, p := range paths {
		grow(tree, strings.Split(p, "."))
	}
	return func(row map[string]any) map[string]any {
		selected, _ := pick(row, tree).(map[string]any)
		return selected
	}
}

func grow(tree map[string]any, path []string) {
	for i, name := range path {
		if i == len(path)-1 {
			tree[name] = nil // whole
			return
		}
		below, ok := tree[name].(map[string]any)
		if _, there := tree[name]; there && !ok {
			return // an ancestor is taken whole
		}
		if !ok {
			below = map[string]any{}
			tree[name] = below
		}
		tree = below
	}
}

// empty marks what leaves nothing behind; nil is a value here.
type empty struct{}

func pick(v any, tree map[string]any) any {
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{}
		for name, e := range v {
			below, wanted := tree[name]
			if tree != nil && !wanted {
				continue
			}
			sub, _ := below.(map[string]any)
			if e = pick(e, sub); e != (empty{}) {
				object[name] = e
			}
		}
		if len(object) == 0 {
			return empty{}
		}
		return object
	case []any:
		var array []any
		for _, e := range v {
			if e = pick(e, tree); e != (empty{}) {
				array = append(array, e)
			}
		}
		if len(array) == 0 {
			return empty{}
		}
		return array
	default:
		if tree != nil {
			return empty{} // a path leads on where there is no object
		}
		return v
	}
}

// ErrMisfit marks what has not the form of its description: a path leads on
// from a value that is no object.
var ErrMisfit = errors.New("it has not the form of its description: there is a value where parts are described")

// Misfits says whether one of the paths leads on from a value of the row that
// is no object, so that what is there belongs to no described field.
func Misfits(row map[string]any, paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool { return misfits(row, strings.Split(path, ".")) })
}

func misfits(v any, path []string) bool {
	switch v := v.(type) {
	case nil:
		return false
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return misfits(e, path) })
	case map[string]any:
		return len(path) > 0 && misfits(v[path[0]], path[1:])
	default:
		return len(path) > 0
	}
}

// Rewrite gives the column of a row in which the values at a path are
// replaced by what mask makes of them, leaving alone the array elements that
// Keep gives to others. An object at the end of the path is handed to mask
// whole. The row itself is not changed. With an ErrMisfit it gives the column
// too, masked but for what does not fit; all other errors are of mask.
func Rewrite(column any, path []string, k Keep, mask func(any) (any, error)) (any, error) {
	switch v := column.(type) {
	case nil:
		return nil, nil
	case []any:
		return rewriteArray(v, path, k, mask)
	case map[string]any:
		if len(path) == 0 {
			return mask(v)
		}
		below, there := v[path[0]]
		if !there {
			return v, nil
		}
		e, err := Rewrite(below, path[1:], k.At(path[0]), mask)
		if err != nil && !errors.Is(err, ErrMisfit) {
			return nil, err
		}
		copied := maps.Clone(v)
		copied[path[0]] = e
		return copied, err
	default:
		if len(path) > 0 {
			return v, ErrMisfit
		}
		return mask(v)
	}
}

func rewriteArray(a []any, path []string, k Keep, mask func(any) (any, error)) (any, error) {
	copied := slices.Clone(a)
	positions := k.positions()
	if k == nil {
		positions = make([]int, len(a))
		for i := range positions {
			positions[i] = i
		}
	}
	var misfit error
	for _, i := range positions {
		e, err := Rewrite(a[i], path, k.At(strconv.Itoa(i)), mask)
		if errors.Is(err, ErrMisfit) {
			misfit = err
		} else if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		copied[i] = e
	}
	return copied, misfit
}

// WholeArrays lists the arrays of a collection that belong to whoever the
// row belongs to (return_all_elements).
func WholeArrays(c *dataset.Collection) []string {
	var paths []string
	c.Walk(func(f *dataset.Field) {
		if f.ReturnAllElements {
			paths = append(paths, f.Path)
		}
	})
	return paths
}
