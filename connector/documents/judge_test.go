package documents

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type (
	object = map[string]any
	list   = []any
)

// plain keeps values as they are. Only texts of one letter fit into it.
type plain struct{}

func (plain) Decode(v any) (any, error) { return v, nil }

func (plain) Encode(v, _ any) (any, error) {
	if s, ok := v.(string); ok && len(s) > 1 {
		return nil, errors.New("it is too long")
	}
	return v, nil
}

func (plain) Split(v any) (object, list, error) {
	members, _ := v.(object)
	elements, _ := v.(list)
	return members, elements, nil
}

func (plain) Join(_ any, members object, elements list) (any, error) {
	if members != nil {
		return members, nil
	}
	return elements, nil
}

func (plain) Load(context.Context, int) (object, string, error)               { return nil, "", nil }
func (plain) Refuse(Field[any], any) string                                   { return "" }
func (plain) Update(context.Context, int, []Field[any]) (bool, string, error) { return false, "", nil }
func (plain) Remove(context.Context, int, []Leaf[any]) (bool, error)          { return false, nil }

func TestPartsOfAFieldAreKnownByWhatTheyHold(t *testing.T) { // D28
	// Two messages, of which the second is to lose its people.
	before := object{"log": list{object{"by": "a", "to": list{"x"}}, object{"by": "b", "to": list{"y"}}}, "n": "1"}
	after := object{"log": list{object{"by": "a", "to": list{"x"}}, object{"by": nil, "to": list{nil}}}, "n": "1"}
	second := list{"f", "log", 1}
	people := list{list{"f", "log", 1, "by"}, list{"f", "log", 1, "to", 0}}
	for name, c := range map[string]struct {
		now        any
		state      State
		set, where []any // paths
		whole      any
	}{
		"as it was read": {before, Read, people, list{second}, after},
		"masked already": {after, Masked, nil, nil, nil},
		"beside what changed": {object{"log": list{"new", object{"by": "b", "to": list{"y"}}, "more"}, "more": "m"}, Read,
			people, list{second}, object{"log": list{"new", object{"by": nil, "to": list{nil}}, "more"}, "more": "m"}},
		"moved":               {object{"log": list{object{"by": "b", "to": list{"y"}}, object{"by": "a", "to": list{"x"}}}}, Changed, nil, nil, nil},
		"with another name":   {object{"log": list{"a", object{"by": "b", "to": list{"y"}, "cc": "c"}}}, Changed, nil, nil, nil},
		"without one":         {object{"log": list{"a", object{"by": "b"}}}, Changed, nil, nil, nil},
		"with a part changed": {object{"log": list{"a", object{"by": "b", "to": list{"z"}}}}, Changed, nil, nil, nil},
		"with a part added":   {object{"log": list{"a", object{"by": "b", "to": list{"y", "z"}}}}, Changed, nil, nil, nil},
		"too short":           {object{"log": list{"a"}}, Changed, nil, nil, nil},
		"gone":                {nil, Changed, nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Judge(plain{}, "f", c.now, before, after)
			if err != nil || f.State != c.state {
				t.Fatalf("%+v, %v", f, err)
			}
			if diff := cmp.Diff([2][]any{c.set, c.where}, [2][]any{paths(f.Set), paths(f.Where)}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if f.State != Read {
				return
			}
			whole, err := f.Whole()
			if err != nil || len(whole.Set) != 1 {
				t.Fatalf("%+v, %v", whole, err)
			}
			if diff := cmp.Diff([]any{c.whole, c.now}, []any{whole.Set[0].Value, whole.Where[0].Value}); diff != "" {
				t.Errorf("as a whole (-want +got):\n%s", diff)
			}
		})
	}
}

func paths(leaves []Leaf[any]) (out []any) {
	for _, l := range leaves {
		out = append(out, l.Path)
	}
	slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return out
}

func TestAMaskThatDoesNotFitRefusesItsField(t *testing.T) { // D24
	before, after := object{"a": "x", "b": "y"}, object{"a": "M", "b": "too long"}
	f, err := Judge(plain{}, "f", any(before), before, after)
	if err != nil || f.State != Read || f.Refused != "the mask cannot be written: it is too long" || f.Set != nil {
		t.Errorf("%+v, %v", f, err)
	}
	f, err = Judge(plain{}, "f", any(object{"a": "x", "b": "another"}), before, after)
	if err != nil || f.State != Changed {
		t.Errorf("%+v, %v", f, err)
	}
}
