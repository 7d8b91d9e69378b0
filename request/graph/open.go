package graph

import (
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
)

// What is special about tables that are open: documents, of which the
// catalogue knows the key and the description the rest.

// findable reports a path that rows cannot be found by.
func (p *planner) findable(i int, n *Node, m Match, path string) {
	c, t := p.collections[i], p.tables[i]
	switch array := arrayOn(c, t, path); {
	case array != "" && n.Cycle != "":
		p.problem.add(c.Field(path).At, fmt.Sprintf("rows of %s cannot be found by the array %s, because the collection feeds itself through others", n.Address, array),
			"put the values into a table of their own, or break the circle by a direction")
	case array != "" && t.Open && len(m.Fields) > 1:
		p.problem.add(c.Field(path).At, fmt.Sprintf("rows of %s cannot be found by %s together: %s is an array, and the parts of a key may stand in different elements of it", n.Address, strings.Join(m.Fields, " and "), array),
			"lead here by one field that tells the elements apart")
	case path != top(path) && !t.Open && t.Column(top(path)) != nil:
		p.problem.add(c.Field(path).At, fmt.Sprintf("rows of %s cannot be found by %s: it lies inside a document, and this is a table", n.Address, path),
			"give the value a column of its own, or lead here by another field")
	}
}

// arrayOn gives the first array that a path runs through or ends at, "" for
// none: the catalogue knows it of a table, only the description of documents.
func arrayOn(c *dataset.Collection, t *catalogue.Table, path string) string {
	if !t.Open {
		if column := t.Column(path); column != nil && column.Type.Array {
			return path
		}
		return ""
	}
	array := ""
	c.Walk(func(f *dataset.Field) {
		if array == "" && f.Type.Array && (f.Path == path || strings.HasPrefix(path, f.Path+".")) {
			array = f.Path
		}
	})
	return array
}

// openNotes says what a plan must say about writing documents (D23).
func (p *planner) openNotes(i int, n *Node) {
	switch t := p.tables[i]; {
	case !t.Open || !n.Erases():
		return
	case t.Asked != nil:
		n.Notes = append(n.Notes, "each row is written by a call of its own; there is no transaction over several")
		if t.Asked.Masks == catalogue.MasksRow {
			n.Notes = append(n.Notes, "the vendor removes the whole row, whatever the strategies are")
		}
		return
	}
	n.Notes = append(n.Notes, "each document is written by itself, whole or not at all; there is no transaction over several")
	if n.Delete == "" {
		return
	}
	for _, m := range n.Matches {
		for _, path := range m.Fields {
			array := arrayOn(p.collections[i], p.tables[i], path)
			if array != "" && !p.collections[i].Field(array).ReturnAllElements {
				n.Notes = append(n.Notes, fmt.Sprintf("a document is not deleted where %s holds elements of others", array))
			}
		}
	}
	n.Notes = slices.Compact(n.Notes)
}
