package catalogue

import (
	"math/big"
	"strings"

	"volenti.dev/volenti/datamap/value"
)

// cell is a value in an expression.
type cell struct {
	state state
	v     any // string, bool or *big.Rat, where the state is given
}

type state int

const (
	open  state = iota // may be anything
	null               //
	given              // is v
)

var anything, nothing = cell{}, cell{state: null}

func truth(v bool) cell { return cell{given, v} }

func known(v any) cell {
	switch v := v.(type) {
	case nil:
		return nothing
	case string, bool:
		return cell{given, v}
	case int64:
		return cell{given, new(big.Rat).SetInt64(v)}
	case float64: // a fraction may be another number than the one it is written as
		if r := new(big.Rat).SetFloat64(v); r != nil && r.IsInt() {
			return cell{given, r}
		}
	case value.Decimal:
		return number(string(v))
	}
	return anything
}

// number reads digits with a point; exponents, and more digits than a
// floating number has, are left open.
func number(text string) cell {
	if r, ok := new(big.Rat).SetString(text); ok && len(text) < 16 && !strings.ContainsAny(text, "eEpPxX_/") {
		return cell{given, r}
	}
	return anything
}

func not(c cell) cell {
	if b, ok := c.v.(bool); ok {
		return truth(!b)
	}
	if c.state == given {
		return anything
	}
	return c
}

// both is AND: one that is false decides, whatever the other is.
func both(a, b cell) cell {
	switch {
	case a.v == false || b.v == false:
		return truth(false)
	case a.v == true:
		return b
	case b.v == true:
		return a
	case a.state == null && b.state == null:
		return nothing
	}
	return anything
}

func isNull(c cell) cell {
	if c.state == open {
		return anything
	}
	return truth(c.state == null)
}

func equal(a, b cell) cell {
	if a.state == null || b.state == null {
		return nothing
	}
	switch x := a.v.(type) {
	case *big.Rat:
		if y, ok := b.v.(*big.Rat); ok {
			return truth(x.Cmp(y) == 0)
		}
	case bool:
		if y, ok := b.v.(bool); ok {
			return truth(x == y)
		}
	case string:
		y, ok := b.v.(string)
		switch {
		case !ok:
		case x == y:
			return truth(true)
		case plain(x) && plain(y) && !strings.EqualFold(x, y):
			return truth(false)
		}
	}
	return anything
}

// less compares numbers; the order of texts is a collation's.
func less(a, b cell) cell {
	if a.state == null || b.state == null {
		return nothing
	}
	x, ok := a.v.(*big.Rat)
	y, too := b.v.(*big.Rat)
	if ok && too {
		return truth(x.Cmp(y) < 0)
	}
	return anything
}

// like is sure where it does not matter whether case counts.
func like(c, pattern cell) cell {
	if c.state == null || pattern.state == null {
		return nothing
	}
	s, ok := c.v.(string)
	p, too := pattern.v.(string)
	if !ok || !too || !plain(s) || !plain(p) {
		return anything
	}
	exact, folded := matches(s, p), matches(strings.ToLower(s), strings.ToLower(p))
	if exact != folded {
		return anything
	}
	return truth(exact)
}

// matches says whether a text is like a pattern of %, _ and characters.
func matches(s, p string) bool {
	reach := make([]bool, len(s)+1) // the places in s that the pattern so far can end at
	reach[0] = true
	for i := range len(p) {
		next := make([]bool, len(s)+1)
		any := false
		for k := range reach {
			any = any || reach[k]
			if p[i] == '%' {
				next[k] = any
			} else if reach[k] && k < len(s) && (p[i] == '_' || p[i] == s[k]) {
				next[k+1] = true
			}
		}
		reach = next
	}
	return reach[len(s)]
}

// plain texts are ASCII and do not end with a space: every collation tells
// them apart but for their case.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] < 0x20 {
			return false
		}
	}
	return !strings.HasSuffix(s, " ")
}

// text reads a literal. A backslash means itself or not, as the database has
// it.
func text(t string) cell {
	if len(t) < 2 || !strings.HasSuffix(t, "'") || strings.Contains(t, `\`) {
		return anything
	}
	return cell{given, strings.ReplaceAll(t[1:len(t)-1], "''", "'")}
}
