package graph

import (
	"cmp"
	"slices"

	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/request/task"
)

// Asked says which questions of a connection that people answer a policy asks:
// those for what its access rules give, by their categories, and those for
// erasures that its erasure rules are about. False when it asks none.
func Asked(all task.Ask, p policy.Policy) (task.Ask, bool) {
	a := all
	a.Questions, a.Returned = nil, map[string][]string{}
	for _, q := range all.Questions {
		asked := false
		action := policy.Access
		if q.Erasure {
			action = policy.Erasure
		}
		for _, rule := range p.Of(action) {
			if !rule.Matches(q.Categories) {
				continue
			}
			asked = true
			if !q.Erasure {
				a.Returned[rule.Key] = append(a.Returned[rule.Key], q.Key)
			}
		}
		if asked {
			a.Questions = append(a.Questions, q)
		}
	}
	return a, len(a.Questions) > 0
}

// asks adds what people are asked.
func (p *planner) asks() {
	for _, c := range p.Connections {
		if a, any := Asked(c.Ask, p.Policy); any {
			p.plan.Asks = append(p.plan.Asks, a)
		}
	}
	slices.SortFunc(p.plan.Asks, func(a, b task.Ask) int { return cmp.Compare(a.Connection, b.Connection) })
}
