package graph

import (
	"errors"
	"strings"
	"testing"

	"volenti.dev/volenti/datamap/value"
)

type object = map[string]any
type list = []any

func inputs(pairs map[string]list) []Values {
	var all []Values
	for path, values := range pairs {
		vs := Values{Path: path, Keys: map[string]bool{}}
		for _, v := range values {
			vs.Keys[value.Key(v)] = true
		}
		all = append(all, vs)
	}
	return all
}

func TestCollectWalksObjectsAndArrays(t *testing.T) { // D14
	row := object{"a": list{object{"b": int64(0)}, object{"b": list{"", false}}, object{"c": 1}, nil}, "n": nil, "z": "x"}
	equal(t, "nested", Collect(row, "a.b"), list{int64(0), "", false}) // 0, "" and false are values
	equal(t, "null", Collect(row, "n"), list(nil))
	equal(t, "absent", Collect(row, "q.r"), list(nil))
	equal(t, "path through a scalar", Collect(row, "z.y"), list(nil))
}

func example() object {
	return object{
		"A": list{int64(1), int64(2), int64(3)}, "B": int64(2),
		"C": list{object{"D": int64(3), "E": int64(4)}, object{"D": int64(5), "E": int64(6)}, object{"D": int64(5), "E": int64(7)}},
	}
}

func TestArraysKeepWhatMatches(t *testing.T) { // D18
	// The example of the requirement: what stays, and the positions that an
	// erasure may touch.
	row := example()
	keep := Sift(row, inputs(map[string]list{"A": {int64(2)}, "C.D": {int64(5)}}), nil)
	equal(t, "access", keep.Own(row), object{"A": list{int64(2)}, "B": int64(2), "C": list{object{"D": int64(5), "E": int64(6)}, object{"D": int64(5), "E": int64(7)}}})

	touched := func(path string) any {
		column, rest, _ := strings.Cut(path, ".")
		var below []string
		if rest != "" {
			below = strings.Split(rest, ".")
		}
		got, err := Rewrite(row[column], below, keep.At(column), func(any) (any, error) { return "x", nil })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	equal(t, "A.1", touched("A"), list{int64(1), "x", int64(3)})
	equal(t, "C.1 and C.2", touched("C.E"), list{object{"D": int64(3), "E": int64(4)}, object{"D": int64(5), "E": "x"}, object{"D": int64(5), "E": "x"}})
	equal(t, "whole elements", touched("C"), list{object{"D": int64(3), "E": int64(4)}, "x", "x"})
	equal(t, "the row itself", row, example())
}

func TestSiftRules(t *testing.T) { // D18
	people := func() object {
		return object{"people": list{
			object{"mail": "a", "phones": list{"1", "2"}},
			object{"mail": "b", "phones": list{"3"}},
		}, "mail": "z"}
	}
	for name, tc := range map[string]struct {
		inputs map[string]list
		all    []string
		want   any
	}{
		"scalars are never removed":                      {map[string]list{"mail": {"nobody"}}, nil, people()["people"]},
		"an element that matches any path is kept":       {map[string]list{"people.mail": {"b"}, "people.phones": {"2"}}, nil, list{object{"mail": "a", "phones": list{"2"}}, object{"mail": "b", "phones": list{}}}},
		"nested arrays are matched at every level":       {map[string]list{"people.phones": {"1"}}, nil, list{object{"mail": "a", "phones": list{"1"}}}},
		"where nothing matches the array is empty":       {map[string]list{"people.mail": {"nobody"}}, nil, list{}},
		"a path without values decides nothing":          {map[string]list{"people.mail": {}}, nil, people()["people"]},
		"return_all_elements keeps everything":           {map[string]list{"people.mail": {"b"}}, []string{"people"}, people()["people"]},
		"return_all_elements below, the array above not": {map[string]list{"people.mail": {"a"}, "people.phones": {"1"}}, []string{"people.phones"}, list{object{"mail": "a", "phones": list{"1", "2"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			row := people()
			equal(t, "people", Sift(row, inputs(tc.inputs), tc.all).Own(row)["people"], tc.want)
		})
	}
}

func TestArraysOfArraysAreMatched(t *testing.T) { // D18
	row := object{"grid": list{list{int64(1), int64(2)}, list{int64(3)}, list{int64(2)}}}
	keep := Sift(row, inputs(map[string]list{"grid": {2.0}}), nil) // equal numbers are equal, D15
	equal(t, "grid", keep.Own(row)["grid"], list{list{int64(2)}, list{int64(2)}})
}

func TestOnlyWhatMatchedIsFollowed(t *testing.T) { // D19
	row := example()
	keep := Sift(row, inputs(map[string]list{"C.D": {int64(5)}}), nil)
	equal(t, "followed", Collect(keep.Own(row), "C.E"), list{int64(6), int64(7)})
}

func TestKeepSurvivesStorage(t *testing.T) {
	row := example()
	keep := Sift(row, inputs(map[string]list{"A": {int64(2)}, "C.D": {int64(5)}}), nil)
	chunk, err := value.Append(nil, object{"keep": object(keep)})
	if err != nil {
		t.Fatal(err)
	}
	err = value.Decode(chunk, func(m map[string]any) error {
		equal(t, "own part", Keep(m["keep"].(object)).Own(row), keep.Own(row))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSelectReturnsWhatARuleAsksFor(t *testing.T) { // D20
	row := object{
		"id": int64(7), "name": nil, "note": "", "tags": list{},
		"address": object{"city": "Bern", "geo": object{}},
		"orders":  list{object{"no": int64(1), "gift": "x"}, object{"no": int64(2)}},
	}
	for name, tc := range map[string]struct {
		paths []string
		want  object
	}{
		"null and empty text are values":              {[]string{"name", "note"}, object{"name": nil, "note": ""}},
		"an object whole, without its empty ones":     {[]string{"address"}, object{"address": object{"city": "Bern"}}},
		"nested paths keep their place":               {[]string{"address.city", "orders.gift"}, object{"address": object{"city": "Bern"}, "orders": list{object{"gift": "x"}}}},
		"an ancestor takes what is below it":          {[]string{"address", "address.city"}, object{"address": object{"city": "Bern"}}},
		"empty arrays are removed":                    {[]string{"id", "tags"}, object{"id": int64(7)}},
		"a row with nothing left is dropped":          {[]string{"tags", "address.geo"}, nil},
		"a path that leads on from a scalar, nowhere": {[]string{"note.x"}, nil},
	} {
		t.Run(name, func(t *testing.T) { equal(t, "selected", Select(row, tc.paths), tc.want) })
	}
}

func TestRewriteNamesTheElementThatFailed(t *testing.T) {
	_, err := Rewrite(list{"a", "b"}, nil, nil, func(v any) (any, error) {
		if v == "b" {
			return nil, errors.New("no")
		}
		return v, nil
	})
	if err == nil || !strings.Contains(err.Error(), "element 1") {
		t.Errorf("error: %v", err)
	}
}

func TestRewriteMasksWhatFitsAndSaysWhatDoesNot(t *testing.T) {
	x := func(any) (any, error) { return "x", nil }
	got, err := Rewrite(list{object{"a": "1"}, "stray", object{"a": list{"2", nil}}, object{"a": object{"b": 1}}, nil}, []string{"a"}, nil, x)
	equal(t, "masked", got, list{object{"a": "x"}, "stray", object{"a": list{"x", nil}}, object{"a": "x"}, nil})
	if !errors.Is(err, ErrMisfit) {
		t.Errorf("error: %v", err)
	}
	got, err = Rewrite(object{"in": list{object{"a": "1"}, int64(5)}}, []string{"in", "a"}, Keep{"in": Keep{"": list{int64(0)}}}, x)
	equal(t, "own", got, object{"in": list{object{"a": "x"}, int64(5)}})
	if err != nil {
		t.Errorf("an element of another does not fit: %v", err)
	}
}

func TestMisfitsAreValuesWherePartsAreDescribed(t *testing.T) {
	row := object{"a": list{object{"b": "x"}, nil}, "s": "x"}
	equal(t, "fits", Misfits(row, []string{"a.b", "a", "s", "gone.x"}), false)
	equal(t, "text", Misfits(row, []string{"a.b", "s.x"}), true)
	equal(t, "text in an array", Misfits(row, []string{"a.b.c"}), true)
}

func TestRowsThatHoldElementsOfOthersAreShared(t *testing.T) {
	row := object{"a": list{object{"m": "1", "n": list{"1", "2"}}}, "b": list{"1"}}
	for name, tc := range map[string]struct {
		inputs map[string]list
		want   bool
	}{
		"all matched":             {map[string]list{"b": {"1"}}, false},
		"an element of another":   {map[string]list{"a.n": {"1"}}, true},
		"deep, but all":           {map[string]list{"a.n": {"1", "2"}}, false},
		"nothing matched in it":   {map[string]list{"b": {"2"}}, true},
		"no array is run through": {map[string]list{"c": {"2"}}, false},
	} {
		equal(t, name, Sift(row, inputs(tc.inputs), nil).Shares(row), tc.want)
	}
}

func TestBeyondIsWhatWasNotKeptBefore(t *testing.T) {
	row := object{"a": list{object{"m": "1", "n": list{"1", "2"}}, object{"m": "2"}}}
	sift := func(path string, values ...any) Keep { return Sift(row, inputs(map[string]list{path: values}), nil) }
	for name, tc := range map[string]struct {
		now, before Keep
		want        bool
	}{
		"the same":                    {sift("a.m", "1"), sift("a.m", "1"), false},
		"one less":                    {sift("a.m", "1"), sift("a.m", "1", "2"), false},
		"one more":                    {sift("a.m", "1", "2"), sift("a.m", "1"), true},
		"another":                     {sift("a.m", "2"), sift("a.m", "1"), true},
		"one more below":              {sift("a.n", "1", "2"), sift("a.n", "1"), true},
		"one less below":              {sift("a.n", "1"), sift("a.n", "1", "2"), false},
		"an array that is new":        {sift("a.m", "1"), nil, true},
		"an array without any":        {sift("a.m", "x"), nil, false},
		"an array that is no more":    {nil, sift("a.m", "1"), false},
		"nothing that is run through": {nil, nil, false},
	} {
		equal(t, name, tc.now.Beyond(tc.before), tc.want)
	}
}
