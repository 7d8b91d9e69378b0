// Package policy says what a request may touch: which categories of data a
// person gets, which are masked and how, and what is kept and why.
package policy

import (
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/masking"
)

// Policy is a set of rules that a request is run under.
type Policy struct {
	Key   string
	Name  string
	Rules []Rule
	// Intake is how people ask under it by themselves; nil: they cannot.
	Intake *Intake
	// FourEyes asks for a second person before an erasure; nil where one may do.
	FourEyes *FourEyes
	// Review lets an operator look at what was done before the person is told.
	Review bool
	// Webhooks are called while a request is carried out.
	Webhooks Hooks
	At       source.Position
}

// FourEyes says from when on an erasure is approved by somebody else than the
// one who submitted it.
type FourEyes struct {
	AboveRows int64 // rows that it would write, as counted; 0 for every erasure
}

// Action is what a rule does.
type Action string

// The actions.
const (
	Access  Action = "access"
	Erasure Action = "erasure"
	Consent Action = "consent"
)

// Rule applies one action to the fields whose category it targets.
type Rule struct {
	Key     string
	Name    string
	Action  Action
	Targets []taxonomy.Category
	Masking *masking.Spec // erasure only
	Storage string        // access only: where packages go
	Keep    []Keep
	At      source.Position
}

// Keep exempts data from erasure, for a duty to retain it for example.
// Either Category or Address is set.
type Keep struct {
	Category taxonomy.Category
	Address  string     // "dataset:collection" or "dataset:collection.field.path"
	Reason   string     // told to the person
	Ground   string     // the law: "Art. 17(3)(b) GDPR, § 147 AO"
	Until    value.Date // kept through this day; "" for no end
	At       source.Position
}

// Of gives the rules of one action, in order.
func (p Policy) Of(a Action) []Rule {
	var rules []Rule
	for _, r := range p.Rules {
		if r.Action == a {
			rules = append(rules, r)
		}
	}
	return rules
}

// Matches says whether one of the categories falls under the rule's targets.
func (r Rule) Matches(categories []taxonomy.Category) bool {
	for _, target := range r.Targets {
		for _, c := range categories {
			if target.Covers(c) {
				return true
			}
		}
	}
	return false
}
