package mongodb

import (
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"volenti.dev/volenti/datamap/value"
)

// state is what a part of a document holds, against Before and After.
type state int

const (
	masked  state = iota // its mask, or nothing that had to change
	read                 // something that was read and is to be changed
	changed              // neither: it changed meanwhile
)

// leaves is how many parts of a field are written one by one. Beyond it the
// field is written whole: the server looks each path up from the start.
const leaves = 1000

// judged is one field of a document, compared.
type judged struct {
	state   state
	refused string // why the field cannot take its mask, though it should
	set     bson.D // path -> mask
	where   bson.D // path -> what must stand there while set is written
}

// judge compares a field with what was read and its mask. Only where these
// two differ anything is written: values as a whole when their shapes differ,
// else their parts. An element of an array is known by all that it holds, not
// by its position, so that one that moved is not taken for another.
func judge(column string, doc bson.Raw, before, after any) (judged, error) {
	raw := doc.Lookup(column)
	c := comparison{}
	s, err := c.compare(column, raw, before, after, false)
	switch {
	case err != nil:
		return judged{}, err
	case s != read:
		return judged{state: s}, nil
	case c.refused != "":
		return judged{state: s, refused: c.refused}, nil
	case len(c.set) <= leaves:
		return judged{state: s, set: c.set, where: c.where}, nil
	}
	whole, err := rewritten(raw, before, after)
	return judged{state: s, set: bson.D{{Key: column, Value: whole}}, where: bson.D{{Key: column, Value: exactly(raw)}}}, err
}

// comparison gathers what is to be written, up to one more than leaves.
type comparison struct {
	set, where bson.D
	refused    string
}

// compare goes down both trees as far as they have the same shape. inside says
// that path leads through an array, whose element is in where already.
func (c *comparison) compare(path string, raw bson.RawValue, before, after any, inside bool) (state, error) {
	switch before := before.(type) {
	case map[string]any:
		if after, ok := after.(map[string]any); ok && sameNames(before, after) {
			return c.compareObject(path, raw, before, after, inside)
		}
	case []any:
		if after, ok := after.([]any); ok && len(before) == len(after) {
			return c.compareArray(path, raw, before, after, inside)
		}
	}
	return c.compareLeaf(path, raw, before, after, inside)
}

func sameNames(a, b map[string]any) bool {
	for name := range a {
		if _, ok := b[name]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}

func (c *comparison) compareObject(path string, raw bson.RawValue, before, after map[string]any, inside bool) (state, error) {
	doc, ok := raw.DocumentOK()
	if !ok {
		return changed, nil
	}
	worst := masked
	for name := range before {
		if value.Equal(before[name], after[name]) {
			continue
		}
		if !addressable(name) {
			c.refused = "a field in it has a name that is empty, begins with $ or holds a dot, which an update cannot address"
		}
		s, err := c.compare(path+"."+name, doc.Lookup(name), before[name], after[name], inside)
		if err != nil {
			return changed, err
		}
		worst = max(worst, s)
	}
	return worst, nil
}

func (c *comparison) compareArray(path string, raw bson.RawValue, before, after []any, inside bool) (state, error) {
	array, ok := raw.ArrayOK()
	if !ok {
		return changed, nil
	}
	elements, err := array.Values()
	if err != nil {
		return changed, errMalformed
	}
	worst := masked
	for i := range before {
		if value.Equal(before[i], after[i]) {
			continue
		}
		if i >= len(elements) {
			return changed, nil
		}
		now, err := decode(elements[i], depth)
		if err != nil {
			return changed, err
		}
		if !known(now, before[i], after[i]) {
			return changed, nil
		}
		at := path + "." + strconv.Itoa(i)
		s, err := c.compare(at, elements[i], before[i], after[i], true)
		if err != nil {
			return changed, err
		}
		if s == read && !inside && len(c.set) <= leaves {
			c.where = append(c.where, bson.E{Key: at, Value: exactly(elements[i])})
		}
		worst = max(worst, s)
	}
	return worst, nil
}

// known says that a value is the one that was read, with any of its masks.
func known(now, before, after any) bool {
	if value.Equal(now, before) || value.Equal(now, after) {
		return true
	}
	switch now := now.(type) {
	case map[string]any:
		before, _ := before.(map[string]any)
		after, _ := after.(map[string]any)
		if !sameNames(now, before) || !sameNames(now, after) {
			return false
		}
		for name := range now {
			if !known(now[name], before[name], after[name]) {
				return false
			}
		}
		return true
	case []any:
		before, _ := before.([]any)
		after, _ := after.([]any)
		if len(now) != len(before) || len(now) != len(after) {
			return false
		}
		for i := range now {
			if !known(now[i], before[i], after[i]) {
				return false
			}
		}
		return true
	}
	return false
}

func (c *comparison) compareLeaf(path string, raw bson.RawValue, before, after any, inside bool) (state, error) {
	now, err := decode(raw, depth)
	if err != nil {
		return changed, err
	}
	mask, holds, reason := written(raw, after)
	switch {
	case reason != "" && value.Equal(now, before):
		c.refused = reason
		return read, nil
	case reason == "" && value.Equal(now, holds):
		return masked, nil
	case !value.Equal(now, before):
		return changed, nil
	case len(c.set) > leaves:
		return read, nil
	}
	c.set = append(c.set, bson.E{Key: path, Value: mask})
	if !inside {
		c.where = append(c.where, bson.E{Key: path, Value: exactly(raw)})
	}
	return read, nil
}

// written gives what to write for a mask and what is read afterwards; a reason
// where MongoDB cannot hold it.
func written(raw bson.RawValue, after any) (mask, holds any, reason string) {
	mask, err := encode(after, raw)
	if err == nil {
		holds, err = stored(mask)
	}
	if err != nil {
		return nil, nil, "the mask cannot be written: " + err.Error()
	}
	return mask, holds, ""
}

// exactly asks for a value of just this type. Equality alone would take an
// array that holds the value, or a number of another type. Null is also what
// is absent.
func exactly(raw bson.RawValue) bson.D {
	if raw.Type == 0 || raw.Type == bson.TypeNull {
		return bson.D{{Key: "$eq", Value: nil}}
	}
	is := bson.D{{Key: "$eq", Value: raw}}
	if raw.Type != bson.TypeArray {
		is = append(is, bson.E{Key: "$not", Value: bson.D{{Key: "$type", Value: int32(bson.TypeArray)}}})
	}
	if raw.Type == bson.TypeMinKey {
		return is // the one type whose number is another in queries
	}
	return append(is, bson.E{Key: "$type", Value: int32(raw.Type)})
}

// rewritten gives a field with its masks in it; all else stays as it is, to
// the bit.
func rewritten(raw bson.RawValue, before, after any) (any, error) {
	if value.Equal(before, after) {
		return raw, nil
	}
	switch before := before.(type) {
	case map[string]any:
		after, ok := after.(map[string]any)
		doc, isDoc := raw.DocumentOK()
		if !ok || !isDoc || !sameNames(before, after) {
			break
		}
		elements, err := doc.Elements()
		if err != nil {
			return nil, errMalformed
		}
		out := make(bson.D, len(elements))
		for i, e := range elements {
			name := e.Key()
			v, err := rewritten(e.Value(), before[name], after[name])
			if err != nil {
				return nil, err
			}
			out[i] = bson.E{Key: name, Value: v}
		}
		return out, nil
	case []any:
		after, ok := after.([]any)
		array, isArray := raw.ArrayOK()
		if !ok || !isArray || len(before) != len(after) {
			break
		}
		elements, err := array.Values()
		if err != nil {
			return nil, errMalformed
		}
		out := make(bson.A, len(elements))
		for i, e := range elements {
			out[i] = e
			if i < len(before) {
				if out[i], err = rewritten(e, before[i], after[i]); err != nil {
					return nil, err
				}
			}
		}
		return out, nil
	}
	now, err := decode(raw, depth)
	if err != nil || !value.Equal(now, before) {
		return raw, err // masked already
	}
	return encode(after, raw)
}
