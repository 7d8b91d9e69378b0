package documents

import (
	"maps"
	"slices"

	"volenti.dev/volenti/datamap/value"
)

// State is what a part of a document holds, against Before and After.
type State int

// What a part holds, the worst last.
const (
	Masked  State = iota // its mask, or nothing that had to change
	Read                 // something that was read and is to be changed
	Changed              // neither: it changed meanwhile
)

// Most is how many parts of a field are written one by one. Beyond it the
// field is written whole: databases look each path up from the start.
const Most = 1000

// Leaf is a part of a document.
type Leaf[R any] struct {
	Path  []any // names and positions
	Value R
}

// Field is one field of a document, compared.
type Field[R any] struct {
	Name    string
	State   State
	Refused string    // why it cannot take its mask, though it should
	Set     []Leaf[R] // masks
	Where   []Leaf[R] // what must stand there while Set is written

	format Format[R]
	now    R
}

// Judge compares a field with what was read and its mask. Only where these
// two differ anything is written: values as a whole when their shapes differ,
// else their parts. An element of an array is known by all that it holds, not
// by its position, so that one that moved is not taken for another.
func Judge[R any](t Target[R], name string, now R, before, after any) (Field[R], error) {
	c := comparison[R]{Format: t}
	s, err := c.compare([]any{name}, now, before, after, false)
	if err != nil || s != Read {
		return Field[R]{Name: name, State: s}, err
	}
	f := Field[R]{Name: name, State: s, Set: c.set, Where: c.where, format: t, now: now}
	reason := c.refused
	if reason == "" && len(f.Set) > Most {
		f, err = f.Whole()
	}
	if reason == "" {
		reason = t.Refuse(f, after)
	}
	if reason != "" {
		f = Field[R]{Name: name, State: s, Refused: reason}
	}
	return f, err
}

// Whole gives a field that is written as one, with its masks in it.
func (f Field[R]) Whole() (Field[R], error) {
	masked, err := put(f.format, f.now, f.Set, 1)
	path := []any{f.Name}
	f.Set, f.Where = []Leaf[R]{{path, masked}}, []Leaf[R]{{path, f.now}}
	return f, err
}

// put gives a value with leaves in it, whose paths lead to it by so many
// steps; all else stays as it is.
func put[R any](f Format[R], now R, leaves []Leaf[R], steps int) (R, error) {
	if len(leaves[0].Path) == steps {
		return leaves[0].Value, nil
	}
	members, elements, err := f.Split(now)
	if err != nil {
		return now, err
	}
	members, elements = maps.Clone(members), slices.Clone(elements)
	for len(leaves) > 0 { // in the order of compare, what leads through one part comes together
		step, n := leaves[0].Path[steps], 1
		for n < len(leaves) && leaves[n].Path[steps] == step {
			n++
		}
		switch step := step.(type) {
		case string:
			members[step], err = put(f, members[step], leaves[:n], steps+1)
		case int:
			elements[step], err = put(f, elements[step], leaves[:n], steps+1)
		}
		if err != nil {
			return now, err
		}
		leaves = leaves[n:]
	}
	return f.Join(now, members, elements)
}

// comparison gathers what is to be written, and up to one more than Most of
// what must stand.
type comparison[R any] struct {
	Format[R]
	set, where []Leaf[R]
	refused    string
}

// compare goes down three trees as far as they have one shape. inside says that
// path leads through an array, whose element is in where already and has to be
// known by all that it holds.
func (c *comparison[R]) compare(path []any, now R, before, after any, inside bool) (State, error) {
	switch before := before.(type) {
	case map[string]any:
		after, ok := after.(map[string]any)
		if !ok || !sameNames(before, after) {
			break
		}
		members, _, err := c.Split(now)
		if err != nil {
			return Changed, err
		}
		if members != nil {
			return c.compareObject(path, members, before, after, inside)
		}
	case []any:
		after, ok := after.([]any)
		if !ok || len(before) != len(after) {
			break
		}
		_, elements, err := c.Split(now)
		if err != nil {
			return Changed, err
		}
		if elements != nil {
			return c.compareArray(path, elements, before, after, inside)
		}
	}
	return c.compareLeaf(path, now, before, after, inside)
}

func (c *comparison[R]) stands(path []any, now R) {
	if len(c.where) <= Most {
		c.where = append(c.where, Leaf[R]{path, now})
	}
}

func sameNames(a, b map[string]any) bool {
	for name := range a {
		if _, ok := b[name]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}

func (c *comparison[R]) compareObject(path []any, members map[string]R, before, after map[string]any, inside bool) (State, error) {
	worst := Masked
	for name := range before {
		now, there := members[name]
		if inside && (!there || len(members) != len(before)) {
			return Changed, nil
		}
		s, err := c.comparePart(append(slices.Clip(path), name), now, before[name], after[name], inside)
		if err != nil {
			return Changed, err
		}
		worst = max(worst, s)
	}
	return worst, nil
}

func (c *comparison[R]) compareArray(path []any, elements []R, before, after []any, inside bool) (State, error) {
	if inside && len(elements) != len(before) {
		return Changed, nil
	}
	worst := Masked
	for i := range before {
		if !inside && value.Equal(before[i], after[i]) {
			continue
		}
		if i >= len(elements) {
			return Changed, nil
		}
		at := append(slices.Clip(path), i)
		s, err := c.comparePart(at, elements[i], before[i], after[i], true)
		if err != nil {
			return Changed, err
		}
		if s == Read && !inside {
			c.stands(at, elements[i])
		}
		worst = max(worst, s)
	}
	return worst, nil
}

// comparePart compares a part. One that was not to change counts only inside.
func (c *comparison[R]) comparePart(path []any, now R, before, after any, inside bool) (State, error) {
	if !value.Equal(before, after) {
		return c.compare(path, now, before, after, inside)
	}
	if !inside {
		return Masked, nil
	}
	holds, err := c.Decode(now)
	if err != nil || !value.Equal(holds, before) {
		return Changed, err
	}
	return Masked, nil
}

func (c *comparison[R]) compareLeaf(path []any, now R, before, after any, inside bool) (State, error) {
	holds, err := c.Decode(now)
	if err != nil {
		return Changed, err
	}
	mask, stored, refused := c.written(now, after)
	switch {
	case refused == nil && value.Equal(holds, stored):
		return Masked, nil
	case !value.Equal(holds, before):
		return Changed, nil
	case refused != nil:
		c.refused = "the mask cannot be written: " + refused.Error()
		return Read, nil
	}
	c.set = append(c.set, Leaf[R]{path, mask})
	if !inside {
		c.stands(path, now)
	}
	return Read, nil
}

// written gives what to write for a mask and what is read afterwards.
func (c *comparison[R]) written(now R, after any) (mask R, stored any, err error) {
	if mask, err = c.Encode(after, now); err == nil {
		stored, err = c.Decode(mask)
	}
	return mask, stored, err
}
