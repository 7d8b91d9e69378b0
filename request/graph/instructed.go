package graph

import (
	"fmt"
	"slices"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
)

// What is special about collections whose system cannot be asked: somebody is
// told which rows to find there, and what to erase of them. What is known of
// them is their description.

// cut takes out of the web what no value could run along: nothing is read from
// a blind dataset, so that it leads to nothing. Inside of one, who is told
// follows a reference from row to row without us.
func (w *web) cut(blind func(dataset string) bool) {
	w.keep(func(e edge) bool {
		from, to := w.collections[e.from].Address.Dataset, w.collections[e.to].Address.Dataset
		return from == to || !blind(from)
	})
}

// keep leaves the edges in the web that carry values; one whose direction is open
// gets the one in which it does.
func (w *web) keep(carries func(edge) bool) {
	w.directed = slices.DeleteFunc(w.directed, func(e edge) bool { return !carries(e) })
	w.either = slices.DeleteFunc(w.either, func(e edge) bool {
		there, back := carries(e), carries(e.reversed())
		switch {
		case there && back:
			return false
		case there:
			w.directed = append(w.directed, e)
		case back:
			w.directed = append(w.directed, e.reversed())
		}
		return true
	})
}

// blind says whether nothing can be read of a dataset.
func (p *planner) blind(key string) bool {
	conn := p.serving[key]
	return conn != nil && conn.Instructed
}

// described is the table that a description makes, where no system can say
// what there is.
func described(c *dataset.Collection) *catalogue.Table {
	t := &catalogue.Table{Name: catalogue.Name{Table: c.Address.Collection}}
	for _, f := range c.Fields {
		t.Columns = append(t.Columns, catalogue.Column{Name: f.Name, Type: f.Type, Length: f.Length})
	}
	c.Walk(func(f *dataset.Field) {
		if f.PrimaryKey {
			t.PrimaryKey = append(t.PrimaryKey, f.Path)
		}
	})
	return t
}

// tell notes what becomes of the collections that are instructed: one letter
// for each dataset in which something is to be erased.
func (p *planner) tell() {
	for i := range p.plan.Nodes {
		n := &p.plan.Nodes[i]
		key := address(n.Address).Dataset
		switch {
		case !n.Instructed || n.Blocked != "":
		case !p.plan.Instructs(n):
			n.Notes = append(n.Notes, fmt.Sprintf("nothing of %s is to be erased, so that no instructions are sent", key))
		case n.Instructs():
			n.Notes = append(n.Notes, "it cannot be read: instructions are sent that say which rows to find, and what to erase of them")
		default:
			n.Notes = append(n.Notes, "it cannot be read: the instructions name its rows only since others are found by them")
		}
	}
}

// Instructs says whether instructions are sent in which a collection that
// cannot be read has its place: something of its dataset is to be erased.
func (p *Plan) Instructs(n *Node) bool {
	return n.Instructed && n.Blocked == "" && slices.ContainsFunc(p.Nodes, func(o Node) bool {
		return o.Instructs() && address(o.Address).Dataset == address(n.Address).Dataset
	})
}
