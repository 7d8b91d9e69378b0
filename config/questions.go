package config

import (
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
)

// asked says whether people are asked something because of a rule.
func (ck *checker) asked(rule policy.Rule) bool {
	for _, c := range ck.Connections {
		if _, any := graph.Asked(c.Ask, policy.Policy{Rules: []policy.Rule{rule}}); any {
			return true
		}
	}
	return false
}

// questions finds those that no policy asks.
func (ck *checker) questions() {
	for _, c := range ck.Connections {
		asked := map[string]bool{}
		for _, p := range ck.Policies {
			a, _ := graph.Asked(c.Ask, p)
			for _, q := range a.Questions {
				asked[q.Key] = true
			}
		}
		for _, q := range c.Ask.Questions {
			if !asked[q.Key] && !c.Disabled {
				ck.report.Warnf(c.At, "give it a category that a rule targets, or remove it", "the field %s of the connection %s is asked by no policy", q.Key, c.Key)
			}
		}
	}
}
