// Package graph turns a description of what a company holds into a plan for
// one policy and the identity types of one request: which collections are
// read, in which order, by which values, what of them is returned or masked,
// and what is left out and why. It is pure: no clock, no network, no state.
//
//	datasets ─┐
//	policy    ├─> web of edges ─> reached ─> needed ─> order ─> nodes ─> hash
//	catalogue ┘
//
// row.go holds the other half: how the values of one row lead to the next
// query, and which parts of a row belong to the data subject.
package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/request/task"
	"volenti.dev/volenti/subject"
)

// Input is all that a plan depends on.
type Input struct {
	Datasets      []dataset.Dataset
	Policy        policy.Policy
	Identities    []subject.Type
	Connections   []Connection
	Configuration string     // digest of the configuration
	Today         value.Date // decides which retention duties have ended
	// Queries gives the text of the statements by which a node is read. It
	// must be pure.
	Queries func(n *Node, t *catalogue.Table) ([]string, error)
}

// Connection says where datasets lie.
type Connection struct {
	Key       string
	Write     bool
	Datasets  []string
	Catalogue *catalogue.Catalogue
	Ask       task.Ask // where people answer instead
	// Instructed: it cannot be asked, and needs no Catalogue; somebody is told
	// what to erase there.
	Instructed bool
}

// Error says why there can be no plan, with everything that stands in the
// way at once.
type Error struct {
	Problems []source.Problem
	// Drift: a described table or column is not in the database.
	Drift bool
}

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return "this request cannot be planned:\n  " + strings.Join(lines, "\n  ")
}

func (e *Error) add(at source.Position, message, fix string) {
	e.Problems = append(e.Problems, source.Problem{Position: at, Severity: source.Error, Message: message, Fix: fix})
}

// planner holds what the stages of Build hand to each other.
type planner struct {
	Input
	*web
	depth   []int
	sighted []int  // depth, if all could be read
	edges   []edge // among needed collections, sorted by where they end
	into    [][]edge
	out     [][]edge
	group   []int
	cyclic  []bool
	needed  []bool
	wants   []wants
	tables  []*catalogue.Table
	serving map[string]*Connection // by dataset
	foreign map[string]keys        // by connection
	problem *Error
	plan    *Plan
}

// Needed lists the keys of the connections whose catalogue Build will ask
// for: a database that the request does not need may be down.
func Needed(in Input) []string {
	p := newPlanner(in)
	p.reach()
	var keys []string
	for i, c := range p.collections {
		if conn := p.serving[c.Address.Dataset]; p.needed[i] && conn != nil && !conn.Instructed {
			keys = append(keys, conn.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Build makes the plan, or fails with an *Error.
func Build(in Input) (*Plan, error) {
	p := newPlanner(in)
	p.reach()
	p.locate()
	if len(p.problem.Problems) > 0 {
		return nil, p.problem
	}
	order := p.order()
	for _, i := range order {
		p.node(i)
	}
	p.orderErasure()
	p.followAll()
	p.asks()
	p.tell()
	if err := p.finish(order); err != nil {
		return nil, err
	}
	if len(p.problem.Problems) > 0 {
		return nil, p.problem
	}
	return p.plan, nil
}

func newPlanner(in Input) *planner {
	types := slices.Clone(in.Identities)
	slices.Sort(types)
	given := slices.Compact(types)
	derived := in.Policy.Derived()
	in.Identities = slices.Compact(slices.Sorted(slices.Values(slices.Concat(given, derived))))
	p := &planner{Input: in, web: newWeb(in.Datasets), problem: &Error{}, serving: map[string]*Connection{}, foreign: map[string]keys{}}
	p.plan = &Plan{Policy: in.Policy.Key, Review: in.Policy.Review, Identities: given, Derived: derived, Webhooks: webhooks(in.Policy.Webhooks), Configuration: in.Configuration, Nodes: []Node{}, Skipped: []Skipped{}}
	for _, rule := range in.Policy.Of(policy.Consent) {
		p.plan.Consent = rule.Key
	}
	for i := range in.Connections {
		for _, d := range in.Connections[i].Datasets {
			p.serving[d] = &in.Connections[i]
		}
	}
	p.sighted = p.depths(p.Identities)
	p.cut(p.blind)
	return p
}

func webhooks(of policy.Hooks) *Webhooks {
	if len(of.Pre)+len(of.Post) == 0 {
		return nil
	}
	all := func(hooks []policy.Hook) []Webhook {
		plan := make([]Webhook, len(hooks))
		for i, h := range hooks {
			derives := slices.Compact(slices.Sorted(slices.Values(h.Derives)))
			plan[i] = Webhook{Key: h.Key, Connection: h.Connection, Direction: h.Direction, Derives: derives}
		}
		return plan
	}
	return &Webhooks{Pre: all(of.Pre), Post: all(of.Post)}
}

// reach finds the collections that the request can reach and those that the
// policy needs, and accounts for all others.
func (p *planner) reach() {
	p.depth = p.depths(p.Identities)
	p.wants = make([]wants, len(p.collections))
	targets := make([]bool, len(p.collections))
	for i, c := range p.collections {
		p.wants[i] = wanted(c, p.Policy)
		if p.blind(c.Address.Dataset) {
			p.wants[i].returned = nil
		}
		targets[i] = p.wants[i].any() && p.depth[i] != unreached
	}
	p.edges = p.oriented(p.depth)
	p.needed = ancestors(len(p.collections), p.edges, targets)
	p.edges = slices.DeleteFunc(p.edges, func(e edge) bool { return !p.needed[e.from] || !p.needed[e.to] })
	p.into, p.out = make([][]edge, len(p.collections)), make([][]edge, len(p.collections))
	for _, e := range p.edges {
		p.into[e.to] = append(p.into[e.to], e)
		p.out[e.from] = append(p.out[e.from], e)
	}
	p.group, p.cyclic = groups(len(p.collections), p.edges)

	ways := sync.OnceValue(p.ways)
	for i, c := range p.collections {
		address := p.addresses[i]
		switch {
		case p.needed[i]:
			for _, r := range p.dangling[i] {
				p.problem.add(r.At, fmt.Sprintf("%s refers to %s.%s, which is not described, so rows may be missed", address, r.Target, r.Field),
					"describe the field or remove the reference")
			}
		case p.depth[i] != unreached && p.blind(c.Address.Dataset):
			p.skip(address, fmt.Sprintf("it cannot be read, and the policy %s erases nothing of it or of what it leads to", p.Policy.Key))
		case p.depth[i] != unreached:
			p.skip(address, fmt.Sprintf("holds nothing that the policy %s targets and leads to nothing that does", p.Policy.Key))
		case len(ways()[i]) > 0:
			p.skip(address, fmt.Sprintf("cannot be reached by %s; an identity of type %s would reach it", join(p.Identities), join(ways()[i])))
		case p.wants[i].any() && p.sighted[i] != unreached:
			p.problem.add(c.At, fmt.Sprintf("the policy %s needs %s, but only collections that cannot be read lead to it", p.Policy.Key, address),
				"give one of its fields an identity, or a reference to a collection that can be read")
		case p.sighted[i] != unreached:
			p.skip(address, "only collections that cannot be read lead to it, and the policy needs nothing of it")
		case p.wants[i].any():
			p.problem.add(c.At, fmt.Sprintf("the policy %s needs %s, but no identity and no reference leads to it", p.Policy.Key, address),
				"give one of its fields an identity, or a reference to a collection that can be reached")
		default:
			p.skip(address, "no identity leads to it, and the policy needs nothing of it")
		}
	}
	for i := range p.Datasets {
		for _, c := range p.Datasets[i].Collections {
			if c.Skip {
				p.skip(c.Address.String(), "its description keeps it out of processing (skip_processing)")
			}
		}
	}
}

// ways lists, for each collection, the identity types that lead to it.
func (p *planner) ways() [][]subject.Type {
	var types []subject.Type
	for _, s := range p.seeds {
		types = append(types, s.identity)
	}
	slices.Sort(types)
	ways := make([][]subject.Type, len(p.collections))
	types = slices.Compact(types)
	for _, t := range types {
		for i, d := range p.depths([]subject.Type{t}) {
			if d != unreached {
				ways[i] = append(ways[i], t)
			}
		}
	}
	for i, d := range p.depths(types) {
		if d != unreached && len(ways[i]) == 0 { // asked by what several lead to
			ways[i] = types
		}
	}
	return ways
}

func (p *planner) skip(address, reason string) {
	p.plan.Skipped = append(p.plan.Skipped, Skipped{address, reason})
}

// locate finds the live table of every needed collection.
func (p *planner) locate() {
	p.tables = make([]*catalogue.Table, len(p.collections))
	named := map[*Connection]map[string][]*catalogue.Table{}
	for i, c := range p.collections {
		if !p.needed[i] {
			continue
		}
		address := p.addresses[i]
		conn := p.serving[c.Address.Dataset]
		if conn != nil && conn.Instructed {
			p.tables[i] = described(c)
			continue
		}
		if conn == nil || conn.Catalogue == nil {
			p.problem.add(c.At, fmt.Sprintf("the plan needs %s, but no connection serves the dataset %s", address, c.Address.Dataset),
				"add the dataset to a connection's `datasets`")
			continue
		}
		if named[conn] == nil {
			named[conn] = tablesNamed(conn.Catalogue)
		}
		t, err := catalogue.Among(named[conn][c.Address.Collection], p.datasets[c.Address.Dataset].Namespace.Schema, c.Address.Collection)
		if err != "" {
			p.problem.Drift = true
			p.problem.add(c.At, fmt.Sprintf("%s: %s on connection %s", address, err, conn.Key), "describe the database as it is now")
			continue
		}
		p.tables[i] = t
	}
}

// tablesNamed indexes the tables of a catalogue by their bare name.
func tablesNamed(c *catalogue.Catalogue) map[string][]*catalogue.Table {
	named := make(map[string][]*catalogue.Table, len(c.Tables))
	for i := range c.Tables {
		name := c.Tables[i].Name.Table
		named[name] = append(named[name], &c.Tables[i])
	}
	return named
}

// order puts the needed collections in reading order: groups that feed each
// other stay together.
func (p *planner) order() []int {
	group := p.group
	members := map[int][]int{} // by the group's first member, which stands for it
	first := map[int]int{}
	for i := range p.collections {
		if !p.needed[i] {
			continue
		}
		if _, ok := first[group[i]]; !ok {
			first[group[i]] = i
		}
		members[first[group[i]]] = append(members[first[group[i]]], i)
	}
	before := map[int][]int{}
	for _, e := range p.edges {
		if group[e.from] != group[e.to] {
			before[first[group[e.to]]] = append(before[first[group[e.to]]], first[group[e.from]])
		}
	}
	for i := range p.collections {
		for _, b := range p.after(i) {
			if group[b] == group[i] {
				p.problem.add(p.collections[i].At, fmt.Sprintf("%s is to be read after %s, but they feed each other", p.collections[i].Address, p.collections[b].Address), "remove the `after`")
				continue
			}
			before[first[group[i]]] = append(before[first[group[i]]], first[group[b]])
		}
	}
	var heads []int
	for h := range members {
		heads = append(heads, h)
	}
	slices.Sort(heads)
	order, stuck := sorted(heads, before)
	if len(stuck) > 0 {
		names := make([]string, len(stuck))
		for i, s := range stuck {
			names[i] = p.addresses[s]
		}
		p.problem.add(p.collections[stuck[0]].At, fmt.Sprintf("`after` and the references contradict each other: %s wait for one another", strings.Join(names, ", ")), "remove one of the `after`")
		return nil
	}
	var all []int
	for _, h := range order {
		slices.SortFunc(members[h], func(a, b int) int { return cmp.Or(cmp.Compare(p.depth[a], p.depth[b]), cmp.Compare(a, b)) })
		all = append(all, members[h]...)
	}
	return all
}

// after lists the needed collections that the description puts before i.
func (p *planner) after(i int) []int {
	if !p.needed[i] {
		return nil
	}
	var before []int
	for _, a := range p.collections[i].After {
		if j, ok := p.index[a]; ok && p.needed[j] && j != i {
			before = append(before, j)
		}
	}
	for _, d := range p.datasets[p.collections[i].Address.Dataset].After {
		for j, c := range p.collections {
			if p.needed[j] && c.Address.Dataset == d {
				before = append(before, j)
			}
		}
	}
	return before
}

// finish fills in what is known only now, and the hash.
func (p *planner) finish(order []int) error {
	for at, i := range order {
		if p.Queries == nil || len(p.problem.Problems) > 0 || p.plan.Nodes[at].Instructed {
			continue
		}
		q, err := p.Queries(&p.plan.Nodes[at], p.tables[i])
		if err != nil {
			return fmt.Errorf("queries of %s: %w", p.plan.Nodes[at].Address, err)
		}
		p.plan.Nodes[at].Queries = q
	}
	slices.SortFunc(p.plan.Skipped, func(a, b Skipped) int { return cmp.Compare(a.Address, b.Address) })
	live := map[string]*catalogue.Catalogue{}
	for _, c := range p.Connections {
		live[c.Key] = c.Catalogue
	}
	tables, _ := p.plan.Tables(live)
	var err error
	if p.plan.Catalogue, err = Digest(tables); err != nil {
		return err
	}
	p.plan.Hash, err = p.plan.digest()
	return err
}

func join(types []subject.Type) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = string(t)
	}
	return strings.Join(words, ", ")
}
