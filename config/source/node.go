package source

import (
	"strconv"
	"strings"
)

// Kind is what a value is.
type Kind string

// The kinds, as messages name them.
const (
	Null   Kind = "nothing"
	Bool   Kind = "true or false"
	Int    Kind = "a whole number"
	Float  Kind = "a number"
	String Kind = "text"
	List   Kind = "a list"
	Map    Kind = "a mapping"
)

// Node is a value of a document, aliases and merge keys resolved. A node that
// an alias stands for is the node of its anchor, and lies where that lies.
type Node struct {
	At   Position
	Kind Kind

	text   string // of scalars, as written
	items  []*Node
	pairs  []pair
	size   int // nodes in it, aliases followed
	height int // levels below it
}

type pair struct {
	key   string
	at    Position // of the key
	value *Node
}

// Value gives plain Go values: nil, bool, int64, float64, string, []any,
// map[string]any. Whole numbers beyond int64 become float64.
func (n *Node) Value() any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case Bool:
		return strings.EqualFold(n.text, "true")
	case Int:
		if i, err := parseInt(n.text); err == nil {
			return i
		}
		return parseFloat(n.text)
	case Float:
		return parseFloat(n.text)
	case String:
		return n.text
	case List:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.Value()
		}
		return list
	case Map:
		m := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			m[p.key] = p.value.Value()
		}
		return m
	}
	return nil
}

// Path names what stands at a place in a value, as in "secrets.url" or
// "identities[0]"; "" for the value itself, and for what is not in it.
func (n *Node) Path(at Position) string { return strings.TrimPrefix(n.path(at), ".") }

func (n *Node) path(at Position) string {
	for _, p := range n.pairs {
		if below := p.value.path(at); below != "" || p.at == at || p.value.At == at {
			return "." + p.key + below
		}
	}
	for i, item := range n.items {
		if below := item.path(at); below != "" || item.At == at {
			return "[" + strconv.Itoa(i) + "]" + below
		}
	}
	return ""
}

// plainKind resolves a scalar without quotes by the core schema of YAML 1.2:
// 010 is ten, yes and dates are text. Unlike there, so are infinities and
// what is no number: nothing here takes them.
func plainKind(s string) Kind {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return Null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return Bool
	}
	unsigned := strings.TrimLeft(s, "+-")
	switch {
	case len(s)-len(unsigned) > 1:
		return String
	case only(unsigned, "0123456789") && len(unsigned) < 300: // a float64 at least
		return Int
	case strings.HasPrefix(s, "0x") && only(s[2:], "0123456789abcdefABCDEF"),
		strings.HasPrefix(s, "0o") && only(s[2:], "01234567"):
		if _, err := parseInt(s); err == nil {
			return Int
		}
		return String
	}
	if only(unsigned, "0123456789.eE+-") && strings.ContainsAny(unsigned, "0123456789") {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return Float
		}
	}
	return String
}

func only(s, letters string) bool { return s != "" && strings.Trim(s, letters) == "" }

func parseInt(s string) (int64, error) {
	switch {
	case strings.HasPrefix(s, "0x"):
		return strconv.ParseInt(s[2:], 16, 64)
	case strings.HasPrefix(s, "0o"):
		return strconv.ParseInt(s[2:], 8, 64)
	}
	return strconv.ParseInt(s, 10, 64)
}

func parseFloat(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64)
	return f
}
