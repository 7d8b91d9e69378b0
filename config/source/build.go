package source

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Refused says whether a word must not be used as a key, because other
// programs could take it for something else than a name (SE8).
func Refused(key string) bool {
	return key == "__proto__" || key == "constructor" || key == "prototype"
}

// builder makes nodes of the documents of a file.
type builder struct {
	file     string
	report   *Report
	depth    int
	tooDeep  bool // reported once
	expanded int
	anchors  map[string]*Node // nil while the anchor's own value is being built
}

// document gives nil for an empty document.
func (b *builder) document(d *ast.DocumentNode) *Node {
	if d.Body == nil {
		return nil
	}
	b.anchors = map[string]*Node{}
	if n := b.node(d.Body); n.Kind != Null {
		return n
	}
	return nil
}

func (b *builder) node(from ast.Node) *Node {
	if from == nil {
		return &Node{At: Position{File: b.file}, Kind: Null, size: 1}
	}
	if b.depth++; b.depth > maxDepth {
		b.depth--
		n := b.empty(from)
		if !b.tooDeep {
			b.report.Errorf(n.At, "nest less", "this is nested more than %d levels deep", maxDepth)
		}
		b.tooDeep = true
		return n
	}
	defer func() { b.depth-- }()
	switch from := from.(type) {
	case *ast.MappingNode:
		return b.mapping(from)
	case *ast.SequenceNode:
		return b.list(from)
	case *ast.AnchorNode:
		return b.anchor(from)
	case *ast.AliasNode:
		return b.alias(from)
	case *ast.TagNode:
		return b.tagged(from)
	default:
		return b.scalar(from)
	}
}

// empty is what stands for a value that was refused.
func (b *builder) empty(from ast.Node) *Node {
	return &Node{At: position(b.file, from.GetToken()), Kind: Null, size: 1}
}

func (b *builder) scalar(from ast.Node) *Node {
	n := b.empty(from)
	switch from := from.(type) {
	case *ast.LiteralNode:
		n.Kind, n.text = String, from.Value.Value
	case *ast.StringNode:
		n.Kind, n.text = String, from.Value
		if !quoted(from.Token) {
			n.Kind = plainKind(from.Value)
		}
	case ast.ScalarNode:
		n.text = from.GetToken().Value
		n.Kind = plainKind(n.text)
		if from.Type() == ast.NullType {
			n.Kind = Null
		}
	default:
		b.report.Errorf(n.At, "write text, a list or a mapping", "%s cannot be read here", strings.ToLower(from.Type().YAMLName()))
	}
	return n
}

func quoted(t *token.Token) bool {
	return t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
}

func (b *builder) list(from *ast.SequenceNode) *Node {
	n := &Node{At: position(b.file, from.Start), Kind: List, size: 1}
	for _, value := range from.Values {
		item := b.node(value)
		n.items = append(n.items, item)
		n.hold(item)
	}
	return n
}

func (n *Node) hold(child *Node) {
	n.size += child.size
	n.height = max(n.height, child.height+1)
}

func (b *builder) mapping(from *ast.MappingNode) *Node {
	n := &Node{At: position(b.file, from.Start), Kind: Map, size: 1}
	if !from.IsFlowStyle && len(from.Values) > 0 {
		n.At = position(b.file, from.Values[0].Key.GetToken())
	}
	seen := make(map[string]Position, len(from.Values))
	var merged []*Node
	for _, v := range from.Values {
		if v.Key.IsMergeKey() {
			merged = append(merged, b.merge(v)...)
			continue
		}
		p, ok := b.pair(v)
		if first, again := seen[p.key]; ok && again {
			b.report.Errorf(p.at, "remove one of them", "the key %q is already given at %s", p.key, first)
			continue
		}
		if ok {
			seen[p.key] = p.at
			n.pairs = append(n.pairs, p)
			n.hold(p.value)
		}
	}
	b.inherit(n, seen, merged)
	return n
}

func (b *builder) pair(v *ast.MappingValueNode) (pair, bool) {
	p := pair{key: keyText(v.Key), at: position(b.file, v.Key.GetToken()), value: b.node(v.Value)}
	switch {
	case p.key == "":
		b.report.Errorf(p.at, "write a word", "a key must be text")
		return p, false
	case Refused(p.key):
		b.report.Errorf(p.at, "use another name", "%s is not allowed as a key", p.key)
		return p, false
	}
	if p.value.At.Line == 0 {
		p.value.At = p.at
	}
	return p, true
}

// keyText gives a key as written, "" when it is not a plain word.
func keyText(key ast.Node) string {
	switch key := key.(type) {
	case *ast.MappingKeyNode:
		return keyText(key.Value)
	case *ast.StringNode:
		return key.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return key.GetToken().Value
	}
	return ""
}

// merge gives the mappings that a merge key (<<) names.
func (b *builder) merge(v *ast.MappingValueNode) []*Node {
	n := b.node(v.Value)
	from := []*Node{n}
	if n.Kind == List {
		from = n.items
	}
	for _, m := range from {
		if b.expanded > maxExpanded {
			return nil
		}
		if m.Kind != Map {
			b.report.Errorf(position(b.file, v.Key.GetToken()), "write <<: *name", "<< takes a mapping or a list of mappings, found %s", m.Kind)
			return nil
		}
	}
	return from
}

// inherit adds the pairs of merged mappings that are not given: the first
// mapping that has a key wins.
func (b *builder) inherit(n *Node, seen map[string]Position, merged []*Node) {
	for _, m := range merged {
		for _, p := range m.pairs {
			if _, given := seen[p.key]; given || b.exhausted(p.at, p.value.size) {
				continue
			}
			seen[p.key] = p.at
			n.pairs = append(n.pairs, p)
			n.hold(p.value)
		}
	}
}

func (b *builder) anchor(from *ast.AnchorNode) *Node {
	name := from.Name.GetToken().Value
	b.anchors[name] = nil
	n := b.node(from.Value)
	b.anchors[name] = n
	return n
}

func (b *builder) alias(from *ast.AliasNode) *Node {
	none := b.empty(from)
	name := from.Value.GetToken().Value
	n, known := b.anchors[name]
	switch {
	case !known:
		b.report.Errorf(none.At, "write &"+name+" before the value that is meant", "*%s names nothing above it in this document", name)
	case n == nil:
		b.report.Errorf(none.At, "remove it", "*%s stands inside the value that it names", name)
	case b.depth+n.height > maxDepth:
		b.report.Errorf(none.At, "nest less", "with *%s this is nested more than %d levels deep", name, maxDepth)
	case !b.exhausted(none.At, n.size):
		return n
	}
	return none
}

// exhausted says whether the file's aliases stand for more values than they
// may: a few lines can name billions.
func (b *builder) exhausted(at Position, size int) bool {
	if b.expanded > maxExpanded {
		return true
	}
	if b.expanded += size; b.expanded > maxExpanded {
		b.report.Errorf(at, "write the values out", "the aliases of this file stand for more than %d values", maxExpanded)
		return true
	}
	return false
}

// tagged reads !!str, and lets the other tags of the core schema pass where
// they say what the value is anyway.
func (b *builder) tagged(from *ast.TagNode) *Node {
	name := from.Start.Value
	n := b.empty(from)
	if from.Value != nil {
		n = b.node(from.Value)
	}
	kinds := map[string][]Kind{
		"!!null": {Null}, "!!bool": {Bool}, "!!int": {Int}, "!!float": {Float, Int},
		"!!str": {String, Bool, Int, Float, Null}, "!!seq": {List}, "!!map": {Map},
	}
	if !slices.Contains(kinds[name], n.Kind) {
		b.report.Errorf(position(b.file, from.Start), "remove the tag", "the tag %s cannot be read here", name)
		return n
	}
	if name == "!!str" {
		text := *n
		text.Kind = String
		return &text
	}
	return n
}
