package graph

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
)

// These tests hold row.go to a second implementation that is slow and obvious:
// it lays a row out as a list of everything in it, each with the place where
// it stands, and answers every question by looking through the list.

// place is the way to a value: names of fields, and positions in arrays.
type place []any

// names leaves the positions out: what a path says of a place.
func (p place) names() string {
	var names []string
	for _, step := range p {
		if name, ok := step.(string); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, ".")
}

func (p place) under(q place) bool { return len(p) >= len(q) && slices.Equal(p[:len(q)], q) }

func (p place) with(step any) place { return append(slices.Clone(p), step) }

type item struct {
	at place
	v  any
}

// layout lists a value and all that is in it.
func layout(v any, at place) []item {
	all := []item{{at, v}}
	switch v := v.(type) {
	case object:
		for _, name := range []string{"a", "b", "c"} {
			if e, ok := v[name]; ok {
				all = append(all, layout(e, at.with(name))...)
			}
		}
	case list:
		for i, e := range v {
			all = append(all, layout(e, at.with(i))...)
		}
	}
	return all
}

func scalar(v any) bool {
	switch v.(type) {
	case object, list, nil:
		return false
	}
	return true
}

// alike compares as a person would: numbers by what they count.
func alike(a, b any) bool {
	number := func(v any) (float64, bool) {
		switch v := v.(type) {
		case int64:
			return float64(v), true
		case float64:
			return v, true
		}
		return 0, false
	}
	x, isX := number(a)
	y, isY := number(b)
	return isX && isY && x == y || isX == isY && a == b
}

// given is a path and its values.
type given struct {
	path   string
	values list
}

// owned says whether an array element is the data subject's (D18).
func owned(row object, element item, inputs []given, whole []string) bool {
	array := element.at[:len(element.at)-1].names()
	for _, w := range whole {
		if array == w || strings.HasPrefix(array, w+".") {
			return true
		}
	}
	through := false
	for _, in := range inputs {
		if len(in.values) == 0 || in.path != array && !strings.HasPrefix(in.path, array+".") {
			continue
		}
		through = true
		for _, it := range layout(row, nil) {
			if it.at.under(element.at) && it.at.names() == in.path && scalar(it.v) &&
				slices.ContainsFunc(in.values, func(v any) bool { return alike(v, it.v) }) {
				return true
			}
		}
	}
	return !through
}

// foreign lists the places of the elements that belong to others.
func foreign(row object, inputs []given, whole []string) []place {
	var others []place
	for _, it := range layout(row, nil) {
		if len(it.at) == 0 {
			continue
		}
		if _, element := it.at[len(it.at)-1].(int); element && !owned(row, it, inputs, whole) {
			others = append(others, it.at)
		}
	}
	return others
}

func isForeign(at place, others []place) bool {
	return slices.ContainsFunc(others, func(o place) bool { return at.under(o) })
}

// remade builds a value anew, asking of everything in it what becomes of it.
func remade(v any, at place, become func(v any, at place) (out any, gone, done bool)) (any, bool) {
	out, gone, done := become(v, at)
	if gone || done {
		return out, gone
	}
	switch v := v.(type) {
	case object:
		made := object{}
		for name, e := range v {
			if e, gone := remade(e, at.with(name), become); !gone {
				made[name] = e
			}
		}
		return made, false
	case list:
		made := list{}
		for i, e := range v {
			if e, gone := remade(e, at.with(i), become); !gone {
				made = append(made, e)
			}
		}
		return made, false
	}
	return v, false
}

func drawValue(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	switch {
	case depth > 0 && kind < 2:
		return drawObject(t, depth-1)
	case depth > 0 && kind < 7:
		array := list{}
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			array = append(array, drawValue(t, depth-1))
		}
		return array
	}
	return rapid.SampledFrom(list{nil, int64(0), int64(5), 5.0, 0.5, "x", "", "5", false, true}).Draw(t, "scalar")
}

func drawObject(t *rapid.T, depth int) object {
	o := object{}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID).Draw(t, "names") {
		o[name] = drawValue(t, depth)
	}
	return o
}

var paths = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3), func(names []string) string { return strings.Join(names, ".") })

// drawInputs draws paths and values, more often than not such as the row has.
func drawInputs(t *rapid.T, row object) (slow []given, fast []Values, whole []string) {
	var there []item
	for _, it := range layout(row, nil) {
		if scalar(it.v) {
			there = append(there, it)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "inputs") {
		in := given{paths.Draw(t, "path"), rapid.SliceOfN(rapid.SampledFrom(list{int64(0), 5.0, "x", "", false}), 0, 2).Draw(t, "values")}
		if len(there) > 0 && rapid.IntRange(0, 3).Draw(t, "there") > 0 {
			it := rapid.SampledFrom(there).Draw(t, "item")
			in = given{it.at.names(), append(in.values, it.v)}
		}
		vs := Values{Path: in.path, Keys: map[string]bool{}}
		for _, v := range in.values {
			vs.Keys[value.Key(v)] = true
		}
		slow, fast = append(slow, in), append(fast, vs)
	}
	return slow, fast, rapid.SliceOfN(paths, 0, 1).Draw(t, "whole")
}

func holdsTo(t *rapid.T, what string, got, want any) {
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-slow +fast):\n%s", what, diff)
	}
}

func TestCollectIsWhatStandsAtThePath(t *testing.T) { // D14
	rapid.Check(t, func(t *rapid.T) {
		row, path := drawObject(t, 4), paths.Draw(t, "path")
		var want list
		for _, it := range layout(row, nil) {
			if it.at.names() == path && scalar(it.v) {
				want = append(want, it.v)
			}
		}
		holdsTo(t, "collected", Collect(row, path), any(want))
	})
}

func TestSiftKeepsWhatIsOwned(t *testing.T) { // D18
	rapid.Check(t, func(t *rapid.T) {
		row := drawObject(t, 4)
		slow, fast, whole := drawInputs(t, row)
		others := foreign(row, slow, whole)
		want, _ := remade(row, nil, func(v any, at place) (any, bool, bool) { return v, isForeign(at, others), false })
		keep := Sift(row, fast, whole)
		holdsTo(t, "own", keep.Own(row), want)
		holdsTo(t, "shares", keep.Shares(row), len(others) > 0)
	})
}

func TestSelectGivesWhatLiesUnderThePaths(t *testing.T) { // D20
	rapid.Check(t, func(t *rapid.T) {
		row, selected := drawObject(t, 4), rapid.SliceOfN(paths, 1, 3).Draw(t, "paths")
		all := layout(row, nil)
		wanted := func(at place) bool { // something is left of it
			return slices.ContainsFunc(all, func(it item) bool {
				leaf := it.v == nil || scalar(it.v)
				return leaf && it.at.under(at) && slices.ContainsFunc(selected, func(p string) bool {
					return it.at.names() == p || strings.HasPrefix(it.at.names(), p+".")
				})
			})
		}
		want, gone := remade(row, nil, func(v any, at place) (any, bool, bool) { return v, !wanted(at), false })
		got := Select(row, selected)
		if gone {
			want = object(nil)
		}
		holdsTo(t, "selected", got, want)
	})
}

func TestRewriteMasksWhatIsOwnedAtThePath(t *testing.T) { // D18, D21
	rapid.Check(t, func(t *rapid.T) {
		row, path := drawObject(t, 4), paths.Draw(t, "path")
		slow, fast, whole := drawInputs(t, row)
		if len(slow) > 0 && rapid.Bool().Draw(t, "masked as found") {
			path = slow[0].path
		}
		others := foreign(row, slow, whole)
		misfit := false
		want, _ := remade(row, nil, func(v any, at place) (any, bool, bool) {
			_, array := v.(list)
			switch {
			case isForeign(at, others), v == nil, array && at.names() == path:
				return v, false, isForeign(at, others) || v == nil
			case at.names() == path:
				return "masked", false, true
			case scalar(v) && strings.HasPrefix(path, at.names()+"."):
				misfit = true
			}
			return v, false, false
		})
		top, rest, _ := strings.Cut(path, ".")
		var below []string
		if rest != "" {
			below = strings.Split(rest, ".")
		}
		got, err := Rewrite(row[top], below, Sift(row, fast, whole).At(top), func(any) (any, error) { return "masked", nil })
		holdsTo(t, "rewritten", got, want.(object)[top])
		holdsTo(t, "misfit", errors.Is(err, ErrMisfit), misfit)
		if others == nil {
			holdsTo(t, "misfits", Misfits(row, []string{path}), misfit)
		}
	})
}
