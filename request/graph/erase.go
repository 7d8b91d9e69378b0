package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/request/policy"
)

// wants is what a policy needs of a collection.
type wants struct {
	returned map[string][]string // by access rule, paths
	targets  []Target
}

// Target is a field that an erasure rule applies to.
type Target struct {
	Field      *dataset.Field
	Rule       *policy.Rule
	Categories []taxonomy.Category // those that count for it
	// Inherited: it falls under the rule only by the collection's category.
	Inherited bool
}

func (w wants) any() bool { return len(w.returned) > 0 || len(w.targets) > 0 }

// wanted applies the rules of a policy to a collection (D20, D21).
func wanted(c *dataset.Collection, pol policy.Policy) wants {
	w := wants{returned: map[string][]string{}}
	taken := map[string]bool{}
	for i := range pol.Rules {
		switch rule := &pol.Rules[i]; rule.Action {
		case policy.Access:
			if paths := returnedBy(rule, c); len(paths) > 0 {
				w.returned[rule.Key] = paths
			}
		case policy.Erasure:
			for _, t := range Targets(rule, c) {
				if !taken[t.Field.Path] {
					taken[t.Field.Path] = true
					w.targets = append(w.targets, t)
				}
			}
		}
	}
	return w
}

// returnedBy lists the paths that an access rule gives: whole rows where the
// collection itself has a matching category, else the fields that match, an
// object whole.
func returnedBy(rule *policy.Rule, c *dataset.Collection) []string {
	whole := rule.Matches(c.Categories)
	var paths []string
	var down func([]dataset.Field)
	down = func(fields []dataset.Field) {
		for i := range fields {
			switch f := &fields[i]; {
			case f.Input:
			case whole || rule.Matches(f.Categories):
				paths = append(paths, f.Path)
			default:
				down(f.Fields)
			}
		}
	}
	down(c.Fields)
	slices.Sort(paths)
	return paths
}

// Targets lists the fields that an erasure rule masks: an object with a
// matching category of its own whole, else the leaves (D21).
func Targets(rule *policy.Rule, c *dataset.Collection) []Target {
	whole := rule.Matches(c.Categories)
	var targets []Target
	var down func(fields []dataset.Field, covered bool)
	down = func(fields []dataset.Field, covered bool) {
		for i := range fields {
			f := &fields[i]
			switch {
			case f.Input:
			case rule.Matches(f.Categories):
				targets = append(targets, Target{Field: f, Rule: rule, Categories: f.Categories})
			case len(f.Fields) > 0:
				down(f.Fields, covered && len(f.Categories) == 0)
			case covered && len(f.Categories) == 0:
				targets = append(targets, Target{Field: f, Rule: rule, Categories: c.Categories, Inherited: true})
			}
		}
	}
	down(c.Fields, whole)
	return targets
}

// masks decides, field by field, what is masked, kept or refused, and why.
func (p *planner) masks(i int, n *Node) {
	c := p.collections[i]
	if len(p.wants[i].targets) == 0 {
		return
	}
	var deletes []Target
	var targets []Target
	for _, tg := range p.wants[i].targets {
		targets = append(targets, p.split(n, tg)...)
	}
	for _, tg := range targets {
		spec := *Strategy(c, tg)
		switch keep := policy.Kept(*tg.Rule, n.Address, tg.Field.Path, tg.Categories, p.Today); {
		case keep != nil:
			n.Kept = append(n.Kept, Kept{tg.Field.Path, tg.Rule.Key, keep.Reason, keep.Ground, keep.Until})
		case removes(p.tables[i], spec):
			deletes = append(deletes, tg)
		case tg.Inherited && p.structural(i, tg.Field):
			n.Kept = append(n.Kept, Kept{Field: tg.Field.Path, Rule: tg.Rule.Key, Reason: "a key or reference without a category of its own: it ties records together and tells nothing by itself"})
		default:
			p.mask(i, n, tg, spec)
		}
	}
	p.deleteRows(i, n, deletes)
	if !p.serving[c.Address.Dataset].Write && n.touches() {
		n.Blocked = fmt.Sprintf("the connection %s grants read access only", n.Connection)
	}
	if len(n.KeyColumns) == 0 && n.Erases() {
		n.Blocked = "no primary key, reference or identity tells one row from another"
	}
}

// structural says whether a field is a key or one end of a reference.
func (p *planner) structural(i int, f *dataset.Field) bool {
	return f.PrimaryKey || len(f.References) > 0 || p.joined[i][f.Path] || slices.Contains(p.tables[i].PrimaryKey, f.Path)
}

// split turns an object that is to be masked whole into its leaves when one
// of them must stay.
func (p *planner) split(n *Node, tg Target) []Target {
	var leaves []Target
	stays := false
	var down func(fields []dataset.Field, categories []taxonomy.Category)
	down = func(fields []dataset.Field, categories []taxonomy.Category) {
		for i := range fields {
			f, own := &fields[i], categories
			if len(f.Categories) > 0 {
				own = f.Categories
			}
			stays = stays || f.ReadOnly || policy.Kept(*tg.Rule, n.Address, f.Path, own, p.Today) != nil
			if len(f.Fields) > 0 {
				down(f.Fields, own)
			} else {
				leaf := *f
				leaf.Masking = cmp.Or(f.Masking, tg.Field.Masking)
				leaves = append(leaves, Target{Field: &leaf, Rule: tg.Rule, Categories: own})
			}
		}
	}
	if down(tg.Field.Fields, tg.Categories); stays {
		return leaves
	}
	return []Target{tg}
}

// Strategy gives what masks a target: the field's own override before the
// collection's, before the rule's; nil when there is none.
func Strategy(c *dataset.Collection, tg Target) *masking.Spec {
	return cmp.Or(tg.Field.Masking, c.Masking, tg.Rule.Masking)
}

// mask plans one field, or refuses it with the reason.
func (p *planner) mask(i int, n *Node, tg Target, spec masking.Spec) {
	f, t := tg.Field, p.tables[i]
	name := top(f.Path)
	if t.Column(name) == nil && !t.Open && !f.ReadOnly && !sealed(t) {
		p.problem.Drift = true
		p.problem.add(f.At, fmt.Sprintf("%s has a field %s, but the table %s has no column %s", n.Address, f.Path, t.Name, name), "describe the table as it is now")
		return
	}
	shape := Shape(t, f)
	reason := p.untouchable(i, n, f)
	if err := masking.Fits(spec, shape); reason == "" && err != nil {
		reason = err.Error()
	}
	refused, notes, shape := constrained(t, name, spec, shape)
	if reason = cmp.Or(reason, refused); reason != "" {
		n.Refused = append(n.Refused, Refused{f.Path, tg.Rule.Key, reason})
		return
	}
	for _, note := range append(notes, masking.Notes(spec, shape)...) {
		n.Notes = append(n.Notes, f.Path+": "+note)
	}
	for _, fk := range t.ForeignKeys {
		if slices.Contains(fk.Columns, name) && spec.Strategy != "null_rewrite" {
			n.Notes = append(n.Notes, fmt.Sprintf("%s: the foreign key to %s may refuse the mask", f.Path, fk.References))
		}
	}
	n.FieldsMasked[f.Path] = spec.Strategy
	if spec.Strategy == masking.Preserve {
		return // neither read nor written
	}
	n.Masks = append(n.Masks, Mask{Field: f.Path, Rule: tg.Rule.Key, Spec: spec, Column: name, Type: f.Type, Length: f.Length})
}

// untouchable says why a field stays as it is, whatever the strategy; "" when
// it need not.
func (p *planner) untouchable(i int, n *Node, f *dataset.Field) string {
	switch t := p.tables[i]; {
	case f.ReadOnly:
		return "its description says read_only"
	case sealed(t):
		return view(t)
	case t.NoRollback:
		return irrevocable(t)
	case unwritable(t, f) != "":
		return unwritable(t, f)
	case f.PrimaryKey || slices.Contains(p.declared(i), f.Path):
		return "it is part of the primary key, which rows are addressed by"
	}
	if table := p.changedBy(n, top(f.Path)); table != "" {
		return fmt.Sprintf("a foreign key with ON UPDATE CASCADE would change %s as well", table)
	}
	return ""
}

// sealed says that a view does not pass on what is written to it.
func sealed(t *catalogue.Table) bool { return t.View && !t.Writable }

// view is why nothing of a sealed view is written.
func view(t *catalogue.Table) string {
	return fmt.Sprintf("%s is a view, and its rows are those of other tables: describe and erase those", t.Name)
}

// irrevocable is why nothing of a table without transactions is written.
func irrevocable(t *catalogue.Table) string {
	return fmt.Sprintf("%s has an engine without transactions, so that nothing could be taken back: give it one that has, such as InnoDB", t.Name)
}

// triggers notes the code that the database runs when rows of a node are
// written; what that does, it does not say.
func (p *planner) triggers(t *catalogue.Table, n *Node) {
	writes := map[string]bool{"update": len(n.Masks)+len(n.Nulled) > 0, "delete": n.Delete != ""}
	for _, trigger := range t.Triggers {
		for _, event := range trigger.On {
			if writes[event] && n.Erases() {
				n.Notes = append(n.Notes, fmt.Sprintf("the database runs the trigger %s on %s, which may write elsewhere", trigger.Name, event))
			}
		}
	}
}

// changedBy names a table that the database would change together with the
// column, "" when there is none.
func (p *planner) changedBy(n *Node, column string) string {
	found := ""
	p.keys(n).pointing(n.Table, func(t *catalogue.Table, fk *catalogue.ForeignKey) {
		if found == "" && slices.Contains(fk.ReferencedColumns, column) && changes(fk.OnUpdate) {
			found = t.Name.String()
		}
	})
	return found
}

func changes(action string) bool {
	return action == "cascade" || action == "set null" || action == "set default"
}

func (p *planner) connection(key string) *Connection {
	at := slices.IndexFunc(p.Connections, func(c Connection) bool { return c.Key == key })
	return &p.Connections[at]
}

// Shape says what a strategy must know of the column, or the part of a
// document, that a field describes.
func Shape(t *catalogue.Table, f *dataset.Field) masking.Column {
	return ShapeOf(t, Mask{Field: f.Path, Column: top(f.Path), Type: f.Type, Length: f.Length})
}

// ShapeOf is Shape for a planned mask. Of what no column of its own stands
// for, the description tells.
func ShapeOf(t *catalogue.Table, m Mask) masking.Column {
	column := t.Column(m.Column)
	if column == nil || m.Field != m.Column {
		shape := masking.Column{Type: m.Type, Length: m.Length}
		shape.Unique = slices.ContainsFunc(t.Unique, func(u []string) bool { return len(u) == 1 && u[0] == m.Field })
		return shape
	}
	shape := masking.Column{
		Type: column.Type, Native: column.Native, Bits: column.Bits, Length: shorter(m.Length, column.Length),
		Labels: column.Labels, Precision: column.Precision, Scale: column.Scale, NotNull: column.NotNull, Generated: column.Generated,
	}
	for _, u := range t.Unique {
		shape.Unique = shape.Unique || len(u) == 1 && u[0] == column.Name
	}
	for _, ck := range t.Checks {
		if slices.Contains(ck.Columns, column.Name) || len(ck.Columns) == 0 && strings.Contains(ck.Expression, column.Name) {
			shape.Checks = append(shape.Checks, ck.Expression)
		}
	}
	return shape
}

// shorter is the smaller of two limits, where 0 is none.
func shorter(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// deleteRows plans the removal of whole rows. It is all or nothing: a row
// that holds something to be kept, or that others depend on, stays.
func (p *planner) deleteRows(i int, n *Node, deletes []Target) {
	if len(deletes) == 0 {
		return
	}
	reason := ""
	switch asked := p.tables[i].Asked; {
	case slices.ContainsFunc(n.Kept, func(k Kept) bool { return k.Ground != "" }):
		reason = "the row holds data that is kept, so it cannot be deleted; give the collection a masking strategy"
	case sealed(p.tables[i]):
		reason = view(p.tables[i])
	case p.tables[i].NoRollback:
		reason = irrevocable(p.tables[i])
	case asked != nil && !asked.Deletes:
		reason = "the description of the vendor has no request that would remove the row; use a strategy that masks it"
	case asked == nil && slices.ContainsFunc(deletes, func(d Target) bool { return d.Field.ReadOnly }):
		reason = "the row holds a field that its description calls read_only, so it cannot be deleted"
	}
	if reason != "" {
		for _, d := range deletes {
			n.Refused = append(n.Refused, Refused{d.Field.Path, d.Rule.Key, reason})
		}
		return
	}
	n.Delete = deletes[0].Rule.Key
	n.Masks = nil
	n.Kept, n.Refused = nil, nil
	n.FieldsMasked = map[string]string{}
	for _, tg := range p.wants[i].targets {
		n.FieldsMasked[tg.Field.Path] = "delete"
	}
}
