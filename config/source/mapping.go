package source

import (
	"slices"
	"strings"
)

// Mapping reads the keys of a mapping one by one. What has the wrong type is
// reported and read as absent; null is absent. At the end Done reports the
// keys that nobody asked for. All methods of a nil Mapping give nothing, so
// that reading needs no branches.
type Mapping struct {
	At     Position
	report *Report
	pairs  []pair
	known  []string
}

// Text is a piece of text and where it stands.
type Text struct {
	Value string
	At    Position
}

// Mapping begins to read a mapping; what names it in messages: "a dataset".
// It is nil, and reported, when the node is something else.
func (n *Node) Mapping(what string, r *Report) *Mapping {
	if !n.is(what, r, "write its keys below it, one a line", Map) {
		return nil
	}
	return &Mapping{At: n.At, report: r, pairs: n.pairs}
}

// List gives the entries of a list; what names it in messages.
func (n *Node) List(what string, r *Report) []*Node {
	if !n.is(what, r, "begin each entry with a dash: - ...", List) {
		return nil
	}
	return n.items
}

// String gives text; what names it in messages.
func (n *Node) String(what string, r *Report) string {
	if !n.is(what, r, "put it in quotes", String) {
		return ""
	}
	return n.text
}

// Scalar gives text, or what a number or truth value was written as.
func (n *Node) Scalar(what string, r *Report) string {
	if n.Kind == Null || n.Kind == List || n.Kind == Map {
		n.is(what, r, "put it in quotes", String)
		return ""
	}
	return n.text
}

func (n *Node) is(what string, r *Report, fix string, wanted Kind) bool {
	if n.Kind == wanted {
		return true
	}
	r.Errorf(n.At, fix, "%s must be %s, found %s", what, wanted, n.Kind)
	return false
}

// Has says whether the key is there, be it null.
func (m *Mapping) Has(key string) bool { return m.find(key) != nil }

// Where gives the place of the key, that of the mapping when it is absent.
func (m *Mapping) Where(key string) Position {
	if p := m.find(key); p != nil {
		return p.at
	}
	if m == nil {
		return Position{}
	}
	return m.At
}

// Node gives the value of a key, nil when it is absent or null.
func (m *Mapping) Node(key string) *Node {
	p := m.find(key)
	if m != nil {
		m.known = append(m.known, key)
	}
	if p == nil || p.value.Kind == Null {
		return nil
	}
	return p.value
}

// Need reports the keys that are absent or null.
func (m *Mapping) Need(keys ...string) {
	for _, key := range keys {
		if m != nil && m.Node(key) == nil {
			m.report.Errorf(m.Where(key), "add "+key+": ...", "%s is missing", key)
		}
	}
}

// String reads text.
func (m *Mapping) String(key string) string {
	if n := m.Node(key); n != nil {
		return n.String(key, m.report)
	}
	return ""
}

// Bool reads a truth value.
func (m *Mapping) Bool(key string) bool {
	n := m.Node(key)
	return n != nil && n.is(key, m.report, "write true or false", Bool) && strings.EqualFold(n.text, "true")
}

// Int reads a whole number of 64 bits.
func (m *Mapping) Int(key string) int64 {
	n := m.Node(key)
	if n == nil || !n.is(key, m.report, "write digits without quotes", Int) {
		return 0
	}
	i, err := parseInt(n.text)
	if err != nil {
		m.report.Errorf(n.At, "write a smaller number", "%s is too large", key)
		return 0
	}
	return i
}

// List reads the entries of a list.
func (m *Mapping) List(key string) []*Node {
	if n := m.Node(key); n != nil {
		return n.List(key, m.report)
	}
	return nil
}

// Strings reads a list of texts.
func (m *Mapping) Strings(key string) []Text {
	var texts []Text
	for _, n := range m.List(key) {
		if n.is("an entry of "+key, m.report, "put it in quotes", String) {
			texts = append(texts, Text{n.text, n.At})
		}
	}
	return texts
}

// Mapping reads a mapping inside this one.
func (m *Mapping) Mapping(key string) *Mapping {
	if n := m.Node(key); n != nil {
		return n.Mapping(key, m.report)
	}
	return nil
}

// Keys gives the keys in the order of the file and takes them all for known.
func (m *Mapping) Keys() []string {
	var keys []string
	if m != nil {
		for _, p := range m.pairs {
			keys = append(keys, p.key)
		}
		m.known = append(m.known, keys...)
	}
	return keys
}

// Ignore lets keys be there that are not read.
func (m *Mapping) Ignore(keys ...string) {
	if m != nil {
		m.known = append(m.known, keys...)
	}
}

// Done reports every key that is not known, with the known one that was
// probably meant.
func (m *Mapping) Done() {
	if m == nil {
		return
	}
	for _, p := range m.pairs {
		if !slices.Contains(m.known, p.key) {
			m.report.Errorf(p.at, DidYouMean(p.key, slices.Values(m.known), "remove it"), "unknown key %q", p.key)
		}
	}
}

func (m *Mapping) find(key string) *pair {
	if m == nil {
		return nil
	}
	for i := range m.pairs {
		if m.pairs[i].key == key {
			return &m.pairs[i]
		}
	}
	return nil
}
