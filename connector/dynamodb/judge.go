package dynamodb

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// state is what a part of an item holds, against Before and After.
type state int

const (
	masked  state = iota // its mask, or nothing that had to change
	read                 // something that was read and is to be changed
	changed              // neither: it changed meanwhile
)

// leaf is a part of an item. A nil value is one that is not there.
type leaf struct {
	path  []any // names and positions
	value attribute
}

// judged is one field of an item, compared.
type judged struct {
	state   state
	refused string // why the field cannot take its mask, though it should
	set     []leaf // masks
	where   []leaf // what must stand there while set is written
	// whole writes the field as one, with its masks in it, when the parts are
	// too many to be named one by one.
	whole, was leaf
}

// judge compares a field with what was read and its mask. Only where these
// two differ anything is written: values as a whole when their shapes differ,
// else their parts. An element of an array is known by all that it holds, not
// by its position, so that one that moved is not taken for another.
func judge(t *catalogue.Table, name string, now attribute, before, after any) judged {
	c := comparison{}
	s := c.compare([]any{name}, now, before, after, false)
	if s != read {
		return judged{state: s}
	}
	if c.refused == "" {
		c.refused = unfit(t, name, after)
	}
	if c.refused != "" {
		return judged{state: s, refused: c.refused}
	}
	path := []any{name}
	return judged{state: s, set: c.set, where: c.where, whole: leaf{path, rewritten(now, before, after)}, was: leaf{path, now}}
}

// unfit says why a field that is part of a key cannot take a value.
func unfit(t *catalogue.Table, name string, after any) string {
	column := t.Column(name)
	if column == nil {
		return ""
	}
	if slices.Contains(t.PrimaryKey, name) {
		return "it is part of the primary key, which cannot be changed"
	}
	cast, err := value.Cast(after, column.Type)
	if err != nil || cast == nil || !value.Equal(cast, after) || !fitsKey(cast) {
		return "it is the key of an index, which must be of type " + column.Native + " and not empty"
	}
	return ""
}

// comparison gathers what is to be written.
type comparison struct {
	set, where []leaf
	refused    string
}

// compare goes down both trees as far as they have the same shape. inside says
// that path leads through a list, whose element is in where already.
func (c *comparison) compare(path []any, now attribute, before, after any, inside bool) state {
	switch before := before.(type) {
	case map[string]any:
		if after, ok := after.(map[string]any); ok && sameNames(before, after) {
			return c.compareObject(path, now, before, after, inside)
		}
	case []any:
		after, ok := after.([]any)
		if ok && emptied(now, after) {
			return masked
		}
		if ok && len(before) == len(after) && !isSet(now) {
			return c.compareArray(path, now, before, after, inside)
		}
	}
	return c.compareLeaf(path, now, before, after, inside)
}

// emptied says that null stands for a set of which all is masked by null.
func emptied(now attribute, after []any) bool {
	_, null := now.(*types.AttributeValueMemberNULL)
	return null && after != nil && !slices.ContainsFunc(after, func(v any) bool { return v != nil })
}

func sameNames(a, b map[string]any) bool {
	for name := range a {
		if _, ok := b[name]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}

func (c *comparison) compareObject(path []any, now attribute, before, after map[string]any, inside bool) state {
	members := membersOf(now)
	if members == nil {
		return changed
	}
	worst := masked
	for name := range before {
		if !value.Equal(before[name], after[name]) {
			worst = max(worst, c.compare(append(slices.Clip(path), name), members[name], before[name], after[name], inside))
		}
	}
	return worst
}

func (c *comparison) compareArray(path []any, now attribute, before, after []any, inside bool) state {
	elements, ok := elementsOf(now)
	if !ok {
		return changed
	}
	worst := masked
	for i := range before {
		if value.Equal(before[i], after[i]) {
			continue
		}
		if i >= len(elements) || !known(elements[i], before[i], after[i]) {
			return changed
		}
		at := append(slices.Clip(path), i)
		s := c.compare(at, elements[i], before[i], after[i], true)
		if s == read && !inside {
			c.where = append(c.where, leaf{at, elements[i]})
		}
		worst = max(worst, s)
	}
	return worst
}

// known says that a value is the one that was read, with any of its masks.
func known(now attribute, before, after any) bool {
	if holds := decode(now); value.Equal(holds, before) || value.Equal(holds, after) {
		return true
	}
	if isSet(now) { // in an order of its own
		mask, err := encode(after, now)
		return err == nil && value.Equal(decode(now), decode(mask))
	}
	if members := membersOf(now); members != nil {
		before, _ := before.(map[string]any)
		after, _ := after.(map[string]any)
		if len(members) != len(before) || !sameNames(before, after) {
			return false
		}
		for name, v := range before {
			if a, there := members[name]; !there || !known(a, v, after[name]) {
				return false
			}
		}
		return true
	}
	masks, _ := after.([]any)
	if emptied(now, masks) {
		return true
	}
	elements, _ := elementsOf(now)
	parts, _ := before.([]any)
	if elements == nil || len(elements) != len(parts) || len(elements) != len(masks) {
		return false
	}
	for i := range elements {
		if !known(elements[i], parts[i], masks[i]) {
			return false
		}
	}
	return true
}

func (c *comparison) compareLeaf(path []any, now attribute, before, after any, inside bool) state {
	holds := decode(now)
	mask, err := encode(after, now)
	switch {
	case err != nil && value.Equal(holds, before):
		c.refused = "the mask cannot be written: " + err.Error()
		return read
	case err == nil && value.Equal(holds, decode(mask)):
		return masked
	case !value.Equal(holds, before):
		return changed
	}
	c.set = append(c.set, leaf{path, mask})
	if !inside {
		c.where = append(c.where, leaf{path, now})
	}
	return read
}

// rewritten gives a field with its masks in it; all else stays as it is.
func rewritten(now attribute, before, after any) attribute {
	if value.Equal(before, after) {
		return now
	}
	switch before := before.(type) {
	case map[string]any:
		after, ok := after.(map[string]any)
		if members := membersOf(now); ok && members != nil && sameNames(before, after) {
			out := make(item, len(members))
			for name, a := range members {
				out[name] = rewritten(a, before[name], after[name])
			}
			for name := range before {
				if _, there := members[name]; !there && after[name] != nil {
					out[name] = rewritten(nil, before[name], after[name])
				}
			}
			return &types.AttributeValueMemberM{Value: out}
		}
	case []any:
		after, ok := after.([]any)
		if elements, isList := elementsOf(now); ok && isList && len(before) == len(after) {
			out := slices.Clone(elements)
			for i := range min(len(out), len(before)) {
				out[i] = rewritten(out[i], before[i], after[i])
			}
			return &types.AttributeValueMemberL{Value: out}
		}
	}
	if mask, err := encode(after, now); err == nil && value.Equal(decode(now), before) {
		return mask
	}
	return now // masked already
}
