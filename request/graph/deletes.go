package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
)

// orderErasure says what must be erased before what: as described, and
// children before the parents whose rows are deleted. Where foreign keys go in
// a circle, one is nulled first. It refuses deletes that would reach rows
// outside the plan, or that no order allows (D12).
func (p *planner) orderErasure() {
	for k := range p.plan.Nodes {
		n := &p.plan.Nodes[k]
		if !n.Erases() {
			continue
		}
		for a := range p.erasedBefore(address(n.Address)) {
			if other := p.plan.Node(a.String()); other != nil && other.Erases() {
				n.EraseAfter = append(n.EraseAfter, a.String())
			}
		}
		slices.Sort(n.EraseAfter)
	}
	if stuck := p.stuck(); len(stuck) > 0 {
		first := p.collections[p.index[address(stuck[0])]]
		p.problem.add(first.At, fmt.Sprintf("`erase_after` goes in a circle: %s wait for one another", strings.Join(stuck, ", ")), "remove one of the `erase_after`")
		return
	}
	var deletes []*Node
	for k := range p.plan.Nodes {
		if n := &p.plan.Nodes[k]; n.Erases() && n.Delete != "" {
			deletes = append(deletes, n)
		}
	}
	for _, n := range deletes {
		p.reaches(n, deletes)
	}
	p.orderDeletes(deletes)
	for k := range p.plan.Nodes {
		n := &p.plan.Nodes[k]
		p.triggers(p.tables[p.index[address(n.Address)]], n)
	}
	for _, n := range deletes {
		for _, names := range []*[]string{&n.EraseAfter, &n.Nulled, &n.AfterNulls, &n.Columns, &n.Notes} {
			slices.Sort(*names)
			*names = slices.Compact(*names)
		}
	}
}

func address(s string) dataset.Address {
	d, c, _ := strings.Cut(s, ":")
	return dataset.Address{Dataset: d, Collection: c}
}

// erasedBefore follows erase_after through collections that are not erased
// themselves.
func (p *planner) erasedBefore(a dataset.Address) map[dataset.Address]bool {
	seen := map[dataset.Address]bool{}
	var follow func(dataset.Address)
	follow = func(a dataset.Address) {
		i, ok := p.index[a]
		if !ok {
			return
		}
		for _, b := range p.collections[i].EraseAfter {
			if !seen[b] {
				seen[b] = true
				follow(b)
			}
		}
	}
	follow(a)
	return seen
}

// stuck lists the nodes that wait for one another, or for such, by EraseAfter.
func (p *planner) stuck() []string {
	position := map[string]int{}
	members := make([]int, len(p.plan.Nodes))
	for k, n := range p.plan.Nodes {
		position[n.Address] = k
		members[k] = k
	}
	before := map[int][]int{}
	for k, n := range p.plan.Nodes {
		for _, a := range n.EraseAfter {
			before[k] = append(before[k], position[a])
		}
	}
	_, waiting := sorted(members, before)
	var names []string
	for _, k := range waiting {
		names = append(names, p.plan.Nodes[k].Address)
	}
	return names
}

// keys are the foreign keys of a database, by the table at which they end, in
// the order of the names of the tables at which they begin.
type keys map[catalogue.Name][]foreignKey

// foreignKey is a foreign key and the table that has it.
type foreignKey struct {
	table *catalogue.Table
	fk    *catalogue.ForeignKey
}

func keysOf(c *catalogue.Catalogue) keys {
	all := keys{}
	for i := range c.Tables {
		for k := range c.Tables[i].ForeignKeys {
			fk := &c.Tables[i].ForeignKeys[k]
			all[fk.References] = append(all[fk.References], foreignKey{&c.Tables[i], fk})
		}
	}
	for _, ends := range all {
		slices.SortStableFunc(ends, func(a, b foreignKey) int { return cmp.Compare(a.table.Name.String(), b.table.Name.String()) })
	}
	return all
}

// pointing gives the foreign keys that end at a table, with the tables that
// they begin at.
func (k keys) pointing(to catalogue.Name, each func(*catalogue.Table, *catalogue.ForeignKey)) {
	for _, e := range k[to] {
		each(e.table, e.fk)
	}
}

// keys gives those of the database of a node.
func (p *planner) keys(n *Node) keys {
	if n.Instructed {
		return nil
	}
	if p.foreign[n.Connection] == nil {
		p.foreign[n.Connection] = keysOf(p.connection(n.Connection).Catalogue)
	}
	return p.foreign[n.Connection]
}

// deleting finds the node that deletes from a table, nil when there is none.
func deleting(deletes []*Node, connection string, table catalogue.Name) *Node {
	at := slices.IndexFunc(deletes, func(n *Node) bool { return n.Connection == connection && n.Table == table })
	if at < 0 {
		return nil
	}
	return deletes[at]
}

// reaches says which rows the database would delete or change together with
// those of a node. In tables that the plan deletes from, it will be asked
// whose rows they are; anywhere else the node is blocked.
func (p *planner) reaches(n *Node, deletes []*Node) {
	live := p.keys(n)
	var outside []string
	live.pointing(n.Table, func(t *catalogue.Table, fk *catalogue.ForeignKey) {
		child := deleting(deletes, n.Connection, t.Name)
		switch {
		case child != nil && changes(fk.OnDelete):
			n.Cascades = append(n.Cascades, Cascade{From: child.Address, Columns: fk.Columns, To: fk.ReferencedColumns, Action: fk.OnDelete})
			n.Columns = append(n.Columns, fk.ReferencedColumns...)
		case child != nil:
		case changes(fk.OnDelete):
			reason := fmt.Sprintf("%s, which this plan does not delete (foreign key, ON DELETE %s)", t.Name, strings.ToUpper(fk.OnDelete))
			if further := onward(live, t.Name, fk.OnDelete); len(further) > 0 {
				reason += ", and through it " + strings.Join(further, ", ")
			}
			outside = append(outside, reason)
		default:
			n.Notes = append(n.Notes, fmt.Sprintf("rows of %s point here and may refuse the delete", t.Name))
		}
	})
	slices.SortFunc(n.Cascades, func(a, b Cascade) int {
		return cmp.Or(cmp.Compare(a.From, b.From), slices.Compare(a.Columns, b.Columns), slices.Compare(a.To, b.To))
	})
	if slices.Sort(outside); len(outside) > 0 {
		n.Blocked = "deleting its rows would change " + strings.Join(outside, "; and ")
	}
}

// onward lists what else the database would change when it deletes rows of a
// table, each table once, with the way to it.
func onward(live keys, from catalogue.Name, action string) []string {
	var found []string
	seen := map[catalogue.Name]bool{from: true}
	var follow func(from catalogue.Name, action, way string)
	follow = func(from catalogue.Name, action, way string) {
		if action != "cascade" {
			return
		}
		live.pointing(from, func(t *catalogue.Table, fk *catalogue.ForeignKey) {
			if seen[t.Name] || !changes(fk.OnDelete) {
				return
			}
			seen[t.Name] = true
			step := way + " <- " + t.Name.String()
			found = append(found, fmt.Sprintf("%s (ON DELETE %s)", step, strings.ToUpper(fk.OnDelete)))
			follow(t.Name, fk.OnDelete, step)
		})
	}
	follow(from, action, from.String())
	slices.Sort(found)
	return found
}

// hold is a foreign key between nodes whose rows are deleted; both ends may be
// the same. Nodes are told by their position.
type hold struct {
	child, parent int
	columns       []string
	nulls         []string // of columns, those that can be set to null
}

// orderDeletes puts children before their parents. As long as foreign keys go
// in a circle, the first key on it that can hold null is nulled before
// anything is deleted; where none can, nothing of the circle is deleted.
func (p *planner) orderDeletes(deletes []*Node) {
	holds := p.holds(deletes)
	for {
		on := p.circles(holds)
		at := slices.IndexFunc(holds, func(h hold) bool { return on(h) && len(h.nulls) > 0 })
		if at < 0 {
			break
		}
		child, parent := &p.plan.Nodes[holds[at].child], &p.plan.Nodes[holds[at].parent]
		child.Nulled = append(child.Nulled, holds[at].nulls...)
		child.Columns = append(child.Columns, holds[at].nulls...)
		child.AfterNulls = append(child.AfterNulls, child.Address)
		parent.AfterNulls = append(parent.AfterNulls, child.Address)
		holds = slices.Delete(holds, at, at+1)
	}
	on := p.circles(holds)
	var rigid []string
	for _, h := range holds {
		child, parent := &p.plan.Nodes[h.child], &p.plan.Nodes[h.parent]
		if on(h) {
			rigid = append(rigid, fmt.Sprintf("%s.%s -> %s", child.Table, strings.Join(h.columns, "+"), parent.Table))
		}
		if child != parent {
			parent.EraseAfter = append(parent.EraseAfter, child.Address)
		} else {
			child.Blocked = fmt.Sprintf("its rows hold each other by %s, which cannot be null, so that no order of deleting fits; mask them instead", strings.Join(h.columns, ", "))
		}
	}
	stuck := p.stuck()
	for _, a := range stuck {
		if n := p.plan.Node(a); n.Delete != "" {
			n.Blocked = fmt.Sprintf("no order of deleting fits the foreign keys and `erase_after` among %s, and no key of the circle can be null (%s); mask one of them instead", strings.Join(stuck, ", "), strings.Join(rigid, ", "))
			n.EraseAfter = nil
		}
	}
}

// holds lists the foreign keys among nodes whose rows are deleted, in the order
// of the plan.
func (p *planner) holds(deletes []*Node) []hold {
	position := map[string]int{}
	for k, n := range p.plan.Nodes {
		position[n.Address] = k
	}
	var holds []hold
	for _, n := range deletes {
		p.keys(n).pointing(n.Table, func(t *catalogue.Table, fk *catalogue.ForeignKey) {
			if child := deleting(deletes, n.Connection, t.Name); child != nil {
				holds = append(holds, hold{position[child.Address], position[n.Address], fk.Columns, p.nullable(child, t, fk)})
			}
		})
	}
	slices.SortFunc(holds, func(a, b hold) int {
		return cmp.Or(cmp.Compare(a.child, b.child), cmp.Compare(a.parent, b.parent), slices.Compare(a.columns, b.columns))
	})
	return holds
}

// nullable lists the columns of a foreign key that can be set to null: those
// that no row is addressed by, and that no other table points to.
func (p *planner) nullable(n *Node, t *catalogue.Table, fk *catalogue.ForeignKey) []string {
	fixed := map[string]bool{}
	for _, name := range slices.Concat(n.KeyColumns, t.PrimaryKey) {
		fixed[name] = true
	}
	p.keys(n).pointing(t.Name, func(_ *catalogue.Table, other *catalogue.ForeignKey) {
		for _, name := range other.ReferencedColumns {
			fixed[name] = true
		}
	})
	var free []string
	for _, name := range fk.Columns {
		if c := t.Column(name); c != nil && !c.NotNull && !c.Generated && !fixed[name] {
			free = append(free, name)
		}
	}
	return free
}

// circles tells which foreign keys lie on a circle, of foreign keys alone or together
// with what the description puts before what.
func (p *planner) circles(holds []hold) func(hold) bool {
	position := map[string]int{}
	for k, n := range p.plan.Nodes {
		position[n.Address] = k
	}
	var edges []edge
	for k, n := range p.plan.Nodes {
		for _, a := range n.EraseAfter {
			edges = append(edges, edge{from: position[a], to: k})
		}
	}
	for _, h := range holds {
		edges = append(edges, edge{from: h.child, to: h.parent})
	}
	group, _ := groups(len(p.plan.Nodes), edges)
	return func(h hold) bool { return group[h.child] == group[h.parent] }
}

// Tables gives the live tables that a plan depends on: those of its nodes, in
// their order, then those that point at rows which it deletes, directly or
// through others. A node that is instructed has nil. missing names a node whose table is not there.
func (p *Plan) Tables(live map[string]*catalogue.Catalogue) (tables []*catalogue.Table, missing *Node) {
	type place struct{ connection, table string }
	seen := map[place]bool{}
	named := map[string]map[catalogue.Name]*catalogue.Table{}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Instructed {
			tables = append(tables, nil)
			continue
		}
		if named[n.Connection] == nil {
			named[n.Connection] = live[n.Connection].ByName()
		}
		t := named[n.Connection][n.Table]
		if t == nil {
			return nil, n
		}
		tables = append(tables, t)
		seen[place{n.Connection, n.Table.String()}] = true
	}
	foreign := map[string]keys{}
	for i := range p.Nodes {
		if p.Nodes[i].Delete == "" || p.Nodes[i].Instructed {
			continue
		}
		connection := p.Nodes[i].Connection
		if foreign[connection] == nil {
			foreign[connection] = keysOf(live[connection])
		}
		var follow func(catalogue.Name)
		follow = func(to catalogue.Name) {
			foreign[connection].pointing(to, func(t *catalogue.Table, fk *catalogue.ForeignKey) {
				if at := (place{connection, t.Name.String()}); !seen[at] {
					seen[at] = true
					tables = append(tables, t)
					if fk.OnDelete == "cascade" {
						follow(t.Name)
					}
				}
			})
		}
		follow(p.Nodes[i].Table)
	}
	return tables, nil
}

// Behind gives a node and all that must have been erased before it.
func (p *Plan) Behind(n *Node) []*Node {
	var all []*Node
	var follow func(*Node)
	follow = func(n *Node) {
		if n == nil || slices.Contains(all, n) {
			return
		}
		all = append(all, n)
		for _, a := range n.EraseAfter {
			follow(p.Node(a))
		}
	}
	follow(n)
	return all
}
