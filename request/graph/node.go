package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/value"
)

// node adds the collection i to the plan.
func (p *planner) node(i int) {
	c, t := p.collections[i], p.tables[i]
	n := Node{
		Address:      p.addresses[i],
		Connection:   p.serving[c.Address.Dataset].Key,
		Table:        t.Name,
		Instructed:   p.blind(c.Address.Dataset),
		Inputs:       map[string][]string{},
		Upstream:     []string{},
		Partitions:   c.Partitions,
		FieldsMasked: map[string]string{},
	}
	if p.cyclic[p.group[i]] {
		n.Cycle, n.Rounds = p.addresses[slices.Index(p.group, p.group[i])], Rounds
	}
	p.inputs(i, &n)
	if !n.Instructed {
		p.key(i, &n)
	}
	p.returned(i, &n)
	p.masks(i, &n)
	p.openNotes(i, &n)
	if n.Columns, n.Queries = []string{}, []string{}; !n.Instructed {
		p.columns(i, &n)
	}
	p.plan.Nodes = append(p.plan.Nodes, n)
}

// inputs says by which values the rows of a collection are found.
func (p *planner) inputs(i int, n *Node) {
	c, t := p.collections[i], p.tables[i]
	for _, s := range p.seeds {
		if s.to == i && slices.Contains(p.Identities, s.identity) {
			from := "identity:" + string(s.identity)
			n.Inputs[s.toPath] = append(n.Inputs[s.toPath], from)
			n.Matches = append(n.Matches, Match{From: from, Fields: []string{s.toPath}, Types: castTypes(c, t, s.toPath)})
		}
	}
	edges := p.into[i]
	for at := 0; at < len(edges); {
		end := at
		for end < len(edges) && edges[end].from == edges[at].from {
			end++
		}
		from := edges[at].from
		source := p.addresses[from]
		if from != i {
			n.Upstream = append(n.Upstream, source)
		}
		for _, e := range edges[at:end] {
			n.Inputs[e.toPath] = append(n.Inputs[e.toPath], source+"."+e.fromPath)
		}
		for _, tied := range p.tied(i, from, edges[at:end]) {
			m := Match{From: source}
			for _, e := range tied {
				m.Source, m.Fields = append(m.Source, e.fromPath), append(m.Fields, e.toPath)
			}
			m.Types = castTypes(c, t, m.Fields...)
			n.Matches = append(n.Matches, m)
		}
		at = end
	}
	for _, b := range p.after(i) {
		n.Upstream = append(n.Upstream, p.addresses[b])
	}
	slices.Sort(n.Upstream)
	n.Upstream = slices.Compact(n.Upstream)
	for path := range n.Inputs {
		slices.Sort(n.Inputs[path])
	}
	if t.Asked != nil && t.Asked.Together && len(n.Matches) > 1 {
		n.Notes = append(n.Notes, "its inputs are asked together: each value of one with each of the others")
	}
	for _, m := range n.Matches {
		for _, path := range m.Fields {
			if n.Instructed {
				break // people find rows by whatever they are told
			}
			p.findable(i, n, m, path)
		}
	}
}

// tied splits the edges between two collections into those that are followed
// together.
func (p *planner) tied(i, from int, edges []edge) [][]edge {
	if p.tables[i].Asked != nil {
		return tieAll(edges, [][2][]string{{nil, grouped(p.collections[i])}})
	}
	return composites(edges, p.declared(from), p.declared(i), p.tables[from], p.tables[i])
}

// composites splits the edges between two collections into those that are
// followed on their own and those that make up one composite key and are
// only ever used together: half a key would find other people's rows.
func composites(edges []edge, fromKey, toKey []string, from, to *catalogue.Table) [][]edge {
	whole := [][2][]string{{fromKey, nil}, {nil, toKey}}
	for _, fk := range to.ForeignKeys {
		if fk.References == from.Name {
			whole = append(whole, [2][]string{fk.ReferencedColumns, fk.Columns})
		}
	}
	for _, fk := range from.ForeignKeys {
		if fk.References == to.Name {
			whole = append(whole, [2][]string{fk.Columns, fk.ReferencedColumns})
		}
	}
	return tieAll(edges, whole)
}

// tieAll ties the edges that make up each key, and leaves the others alone.
func tieAll(edges []edge, whole [][2][]string) [][]edge {
	var result [][]edge
	rest := slices.Clone(edges)
	for _, key := range whole {
		if tied := tie(rest, key[0], key[1]); tied != nil {
			result = append(result, tied)
			rest = slices.DeleteFunc(rest, func(e edge) bool { return slices.Contains(tied, e) })
		}
	}
	for _, e := range rest {
		result = append(result, []edge{e})
	}
	return result
}

// tie picks one edge for each column of a composite key, nil when a column
// has none. One of the two sides may be open.
func tie(edges []edge, from, to []string) []edge {
	size := max(len(from), len(to))
	if size < 2 {
		return nil
	}
	var tied []edge
	for k := range size {
		at := slices.IndexFunc(edges, func(e edge) bool {
			return (from == nil || e.fromPath == from[k]) && (to == nil || e.toPath == to[k]) && !slices.Contains(tied, e)
		})
		if at < 0 {
			return nil
		}
		tied = append(tied, edges[at])
	}
	return tied
}

// key says what rows are addressed by (D22): the whole primary key of the live
// table, or one that is declared and that the database keeps unique. A
// declared key that the database does not know to be unique could be shared
// with other people; it counts only together with all that rows are found by.
func (p *planner) key(i int, n *Node) {
	if p.tables[i].Asked != nil {
		p.askedKey(i, n)
		return
	}
	n.KeyColumns = p.declared(i)
	if len(p.tables[i].PrimaryKey) > 0 || unique(p.tables[i], n.KeyColumns) {
		n.Keyed = true
		return
	}
	n.KeyColumns = append(slices.Clone(n.KeyColumns), slices.Collect(maps.Keys(n.Inputs))...)
	slices.Sort(n.KeyColumns)
	n.KeyColumns = slices.Compact(n.KeyColumns)
	if n.Cycle != "" {
		p.problem.add(p.collections[i].At, fmt.Sprintf("%s feeds itself through others and has no primary key, so its rows cannot be told apart in rounds", n.Address),
			"give the table a primary key, or break the circle by a direction")
	}
}

// unique says whether the database keeps columns unique and not null.
func unique(t *catalogue.Table, columns []string) bool {
	for _, name := range columns {
		if c := t.Column(name); c == nil || !c.NotNull {
			return false
		}
	}
	return slices.ContainsFunc(t.Unique, func(u []string) bool {
		return !slices.ContainsFunc(u, func(name string) bool { return !slices.Contains(columns, name) })
	})
}

// declared gives the primary key of the live table, whole; else the one that
// the description declares.
func (p *planner) declared(i int) []string {
	if pk := p.tables[i].PrimaryKey; len(pk) > 0 {
		return pk
	}
	var key []string
	p.collections[i].Walk(func(f *dataset.Field) {
		if f.PrimaryKey {
			key = append(key, f.Path)
		}
	})
	return key
}

// castTypes gives the types that input values are turned into: declared by
// the description, else the column's own.
func castTypes(c *dataset.Collection, t *catalogue.Table, paths ...string) []value.Type {
	types := make([]value.Type, len(paths))
	for k, path := range paths {
		if f := c.Field(path); f != nil && f.Type.Kind != value.Unknown {
			types[k] = value.Type{Kind: f.Type.Kind}
		} else if col := t.Column(path); col != nil {
			types[k] = value.Type{Kind: col.Type.Kind}
		}
	}
	return types
}

// returned fills in what each access rule gives to the data subject.
func (p *planner) returned(i int, n *Node) {
	n.Returned = p.wants[i].returned
	n.FieldsReturned = []string{}
	for _, paths := range n.Returned {
		n.FieldsReturned = append(n.FieldsReturned, paths...)
	}
	slices.Sort(n.FieldsReturned)
	n.FieldsReturned = slices.Compact(n.FieldsReturned)
}

// columns lists what is read: what is returned or masked, what leads to
// other rows, and what tells one row from another. Nothing else.
func (p *planner) columns(i int, n *Node) {
	c, t := p.collections[i], p.tables[i]
	needs := map[string]bool{}
	for _, path := range n.FieldsReturned {
		needs[top(path)] = true
	}
	for _, m := range n.Masks {
		needs[m.Column] = true
	}
	n.Written, n.Unwritten = writtenAlong(t, c, n)
	for _, name := range n.Written {
		needs[name] = true
	}
	for _, e := range p.out[i] {
		needs[top(e.fromPath)] = true
	}
	if n.Targeted() || n.Keyed {
		for _, k := range n.KeyColumns {
			needs[top(k)] = true
		}
	}
	for path := range n.Inputs { // an array is sifted, and a document may hold one anywhere; any other must exist, even where it is not read
		if col := t.Column(top(path)); col == nil || col.Type.Array || t.Open {
			needs[top(path)] = true
		}
	}
	n.WholeArrays = WholeArrays(c)
	for name := range needs {
		if t.Column(name) == nil && !t.Open {
			p.problem.Drift = true
			at := c.At
			if f := c.Field(name); f != nil {
				at = f.At
			}
			p.problem.add(at, fmt.Sprintf("%s has a field %s, but the table %s has no such column", n.Address, name, t.Name), "describe the table as it is now")
			continue
		}
		n.Columns = append(n.Columns, name)
	}
	slices.Sort(n.Columns)
	if len(n.Columns) == 0 { // a collection that is read only to know that rows exist
		n.Columns = n.KeyColumns
	}
}

// top is the column that a path begins in.
func top(path string) string {
	column, _, _ := strings.Cut(path, ".")
	return column
}
