package graph

import (
	"fmt"
	"slices"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/subject"
)

// What is special about collections whose rows are asked for: by their inputs, which
// are fields of the description and of no row.

// way is what one question takes: values for all of needs, each from one of several
// collections, and where there are identities, one of them.
type way struct {
	identities []subject.Type
	needs      [][]int
}

// waysToAsk gives the ways to ask for the rows of each collection whose rows are
// asked for.
func (w *web) waysToAsk() map[int][]way {
	ways := map[int][]way{}
	for i, c := range w.collections {
		if !c.Asked() {
			continue
		}
		ways[i] = []way{}
		for _, paths := range c.Ways {
			ways[i] = append(ways[i], w.way(c, paths))
		}
	}
	return ways
}

func (w *web) way(c *dataset.Collection, paths []string) (one way) {
	for _, path := range paths {
		f := c.Field(path)
		if f.Identity != "" {
			one.identities = append(one.identities, subject.Type(f.Identity))
			continue
		}
		var from []int
		for _, r := range f.References {
			if j, known := w.index[r.Target]; known {
				from = append(from, j)
			}
		}
		one.needs = append(one.needs, from)
	}
	return one
}

// askable says whether there is something to ask for the rows of a collection by, as
// far as others have been reached. Rows that can be looked up need nothing more.
func (w *web) askable(i int, types []subject.Type, depth []int) bool {
	ways, asked := w.ways[i]
	return !asked || slices.ContainsFunc(ways, func(o way) bool {
		known := func(t subject.Type) bool { return slices.Contains(types, t) }
		reached := func(j int) bool { return depth[j] != unreached }
		return len(o.identities)+len(o.needs) > 0 && (len(o.identities) == 0 || slices.ContainsFunc(o.identities, known)) &&
			!slices.ContainsFunc(o.needs, func(from []int) bool { return !slices.ContainsFunc(from, reached) })
	})
}

// grouped lists the inputs of a collection that come from one row together.
func grouped(c *dataset.Collection) (paths []string) {
	c.Walk(func(f *dataset.Field) {
		if f.Grouped {
			paths = append(paths, f.Path)
		}
	})
	return paths
}

// askedKey says what rows are addressed by that were asked for: what they were found
// by, the key that is declared, and what the requests refer to which write them. None
// of it is known to be of one row only.
func (p *planner) askedKey(i int, n *Node) {
	t, c := p.tables[i], p.collections[i]
	for _, path := range p.declared(i) {
		n.KeyColumns = append(n.KeyColumns, top(path))
	}
	keyed := len(n.KeyColumns) > 0
	n.KeyColumns = append(append(n.KeyColumns, t.Asked.Beside...), t.Asked.Column)
	slices.Sort(n.KeyColumns)
	n.KeyColumns = slices.Compact(n.KeyColumns)
	n.Unverified = t.Asked.Unverified
	switch {
	case n.Cycle == "":
	case t.Asked.Together:
		p.problem.add(c.At, fmt.Sprintf("%s feeds itself through others, and is asked by several values together: what a later round finds could not be asked with what an earlier one found", n.Address),
			"take the reference out of the circle that its rows are not found by")
	case !keyed:
		p.problem.add(c.At, fmt.Sprintf("%s feeds itself through others and has no primary key, so its rows cannot be told apart in rounds", n.Address),
			"give one of its fields primary_key, or break the circle by a direction")
	}
}

// unwritable says why a field of a row that was asked for stays as it is; "" when it
// need not.
func unwritable(t *catalogue.Table, f *dataset.Field) string {
	switch {
	case t.Asked == nil:
		return ""
	case t.Asked.Masks == catalogue.MasksNothing:
		return "the description of the vendor has no request that would erase it"
	case slices.Contains(t.Asked.Beside, top(f.Path)):
		return "the requests that write the row refer to it"
	}
	return ""
}

// removes says whether a mask comes to the removal of the row.
func removes(t *catalogue.Table, spec masking.Spec) bool {
	return masking.Deletes(spec) || t.Asked != nil && t.Asked.Masks == catalogue.MasksRow && spec.Strategy != masking.Preserve
}

// writtenAlong lists what is written with the masks where a row is written whole: all
// that is described and may be written, without what is read only within it.
func writtenAlong(t *catalogue.Table, c *dataset.Collection, n *Node) (columns, without []string) {
	if t.Asked == nil || !t.Asked.Whole || len(n.Masks) == 0 {
		return nil, nil
	}
	for i := range c.Fields {
		if f := &c.Fields[i]; !f.Input && !f.ReadOnly {
			columns = append(columns, f.Name)
			without = append(without, readOnlyWithin(f)...)
		}
	}
	slices.Sort(columns)
	slices.Sort(without)
	return columns, without
}

// readOnlyWithin gives the outermost fields of an object that are read only.
func readOnlyWithin(f *dataset.Field) (paths []string) {
	for i := range f.Fields {
		if inner := &f.Fields[i]; inner.ReadOnly {
			paths = append(paths, inner.Path)
		} else {
			paths = append(paths, readOnlyWithin(inner)...)
		}
	}
	return paths
}

// followAll lets collections of a vendor in which nothing can be erased go with rows
// of it that are removed: by those they are found by, else by any. Whether they are
// gone is asked afterwards, so that it need not be known.
func (p *planner) followAll() {
	for k := range p.plan.Nodes {
		n := &p.plan.Nodes[k]
		asked := p.tables[p.index[address(n.Address)]].Asked
		if asked == nil || asked.Masks != catalogue.MasksNothing || asked.Unverified != "" || len(n.Refused) == 0 {
			continue
		}
		if n.Follows = p.removedBefore(n); n.Follows != "" {
			n.Refused = nil
			n.Notes = append(n.Notes, "no request of the vendor erases its rows: it is asked whether they are gone with those of "+n.Follows)
		}
	}
}

// removedBefore names the first collection of the same dataset whose rows are
// removed, of those that a node is found by if there is one.
func (p *planner) removedBefore(n *Node) string {
	var others []string
	for _, o := range p.plan.Nodes {
		if o.Delete != "" && o.Blocked == "" && address(o.Address).Dataset == address(n.Address).Dataset {
			others = append(others, o.Address)
		}
	}
	for _, m := range n.Matches {
		if slices.Contains(others, m.From) {
			return m.From
		}
	}
	if len(others) == 0 {
		return ""
	}
	return others[0]
}
