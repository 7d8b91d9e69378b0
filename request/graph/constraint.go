package graph

import (
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

// constrained holds the masks of a strategy against the constraints of a
// column. It gives why the database would surely refuse them, else what may
// go wrong; constraints that surely take them are left out of the shape.
func constrained(t *catalogue.Table, column string, spec masking.Spec, shape masking.Column) (refused string, notes []string, open masking.Column) {
	masks, all := examples(spec, shape)
	open = shape
	open.Checks = nil
	for _, check := range t.Checks {
		if !slices.Contains(shape.Checks, check.Expression) {
			continue
		}
		takes, sure := takesAll(check, column, masks)
		switch {
		case sure && !takes:
			return fmt.Sprintf("a check constraint refuses every mask of %s (%s); use a strategy or a value that it takes", spec.Strategy, check.Expression), nil, open
		case !sure || !all:
			open.Checks = append(open.Checks, check.Expression)
		}
	}
	if spec.Strategy == masking.StringRewrite {
		for _, u := range t.Unique {
			if len(u) > 1 && slices.Contains(u, column) {
				others := slices.DeleteFunc(slices.Clone(u), func(name string) bool { return name == column })
				notes = append(notes, fmt.Sprintf("unique together with %s: rows that are alike in that cannot take the same mask", strings.Join(others, ", ")))
			}
		}
	}
	return "", notes, open
}

// takesAll says whether a check takes every one of the masks, or none; where
// some are taken, or it cannot be told, it is not sure.
func takesAll(check catalogue.Check, column string, masks []any) (takes, sure bool) {
	for i, m := range masks {
		one, known := check.Takes(column, m)
		if !known || i > 0 && one != takes {
			return false, false
		}
		takes = one
	}
	return takes, len(masks) > 0
}

// examples gives masks of a strategy: all that there can be, or some that
// stand for all, as they do for strategies whose masks look alike whatever
// was there. There are none where a mask depends on the value, or is stored in
// another form than it is compared in.
func examples(spec masking.Spec, shape masking.Column) (masks []any, all bool) {
	var values []any
	switch spec.Strategy {
	case masking.NullRewrite:
		return []any{nil}, true
	case masking.StringRewrite:
		values, all = []any{"anything"}, true
	case masking.Hash, masking.HMAC, masking.RandomStringRewrite, masking.AESEncrypt:
		for i := range int64(8) {
			v, err := value.Cast(i, value.Type{Kind: shape.Type.Kind})
			if err != nil {
				return nil, false
			}
			values = append(values, v)
		}
	}
	strategy, err := masking.New(spec)
	if err != nil || !slices.Contains(compared, shape.Type.Kind) || shape.Type.Array {
		return nil, false
	}
	for _, v := range values {
		m, err := strategy.Mask(v, shape, masking.Place{Secret: make([]byte, 32)})
		if err != nil {
			return nil, false
		}
		masks = append(masks, m)
	}
	return masks, all
}

// compared kinds are stored in the form that checks compare.
var compared = []value.Kind{value.String, value.Integer, value.Number, value.Float, value.Boolean}
