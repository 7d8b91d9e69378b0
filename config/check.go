package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
)

// Check judges what a configuration says (D5): what would stop requests, or
// leave data where it is, without anybody having meant it. It asks no
// database. The problems are sorted.
func Check(c *Config) []source.Problem {
	ck := checker{Config: c, used: map[any]bool{}, fixed: map[string]bool{}}
	c.Datasets.CheckReferences(&ck.report)
	for collection := range c.Datasets.Collections() {
		if !collection.Skip {
			ck.uncategorised(collection)
			ck.identityArrays(collection)
		}
	}
	for _, p := range c.Policies {
		for _, rule := range p.Rules {
			ck.matchesSomething(p, rule)
			ck.keepsSomething(p, rule)
		}
	}
	ck.erasures()
	ck.overrides()
	ck.reachability()
	ck.questions()
	ck.reached()
	return ck.report.Problems()
}

type checker struct {
	*Config
	report source.Report
	used   map[any]bool    // overrides that apply somewhere: *masking.Spec
	fixed  map[string]bool // collections of vendors that were reported, by policy
}

// instructed says whether people are told what to erase in a dataset, and
// nothing can be read of it.
func (c *Config) instructed(dataset string) bool {
	conn := c.connection(dataset)
	return conn != nil && conn.Instructed
}

// reachability per type of identity is judged by the graph.
func (ck *checker) reachability() {
	ck.report.Add(graph.Check(ck.Datasets, ck.Policies, ck.instructed)...)
}

// uncategorised finds fields that no policy can target. Keys and references
// need no category: they tie records together.
func (ck *checker) uncategorised(c *dataset.Collection) {
	if len(c.Categories) > 0 {
		return
	}
	var down func([]dataset.Field)
	down = func(fields []dataset.Field) {
		for i := range fields {
			f := &fields[i]
			switch {
			case f.Input, len(f.Categories) > 0 || f.PrimaryKey || len(f.References) > 0:
			case len(f.Fields) > 0:
				down(f.Fields)
			default:
				ck.report.Warnf(f.At, "add data_categories", "%s.%s has no category: no policy hands it out or masks it", c.Address, f.Path)
			}
		}
	}
	down(c.Fields)
}

// identityArrays finds arrays that may belong to a person as a whole (D18).
func (ck *checker) identityArrays(c *dataset.Collection) {
	var down func([]dataset.Field, bool)
	down = func(fields []dataset.Field, inArray bool) {
		for i := range fields {
			f := &fields[i]
			array := inArray || f.Type.Array
			if array && f.Identity != "" && !f.ReturnAllElements {
				ck.report.Warnf(f.At, "add return_all_elements: true to the array if it belongs to whoever the record belongs to",
					"%s.%s is an array of identities, of which only the elements that match a request are handed out or masked", c.Address, f.Path)
			}
			down(f.Fields, array)
		}
	}
	down(c.Fields, false)
}

// matchesSomething finds rules that do nothing.
func (ck *checker) matchesSomething(p policy.Policy, rule policy.Rule) {
	if len(rule.Targets) == 0 || len(ck.Datasets) == 0 {
		return
	}
	for c := range ck.Datasets.Collections() {
		matches := rule.Matches(c.Categories)
		c.Walk(func(f *dataset.Field) { matches = matches || rule.Matches(f.Categories) })
		if matches && !c.Skip {
			return
		}
	}
	if ck.asked(rule) {
		return
	}
	ck.report.Warnf(rule.At, "give fields one of these categories, or remove the rule", "no field falls under the targets of the rule %s of the policy %s: %s", rule.Key, p.Key, join(rule.Targets))
}

func join(categories []taxonomy.Category) string {
	var texts []string
	for _, c := range categories {
		texts = append(texts, string(c))
	}
	return strings.Join(texts, ", ")
}

// keepsSomething finds entries of keep that name nothing, or nothing that the
// rule would touch: then something else is erased that was to be kept.
func (ck *checker) keepsSomething(p policy.Policy, rule policy.Rule) {
	for _, k := range rule.Keep {
		if k.Address != "" && !ck.addressed(k) {
			continue
		}
		only := policy.Rule{Keep: []policy.Keep{{Category: k.Category, Address: k.Address}}}
		if !ck.exempts(rule, only) {
			ck.report.Warnf(k.At, "look whether it is written as it was meant", "the rule %s of the policy %s masks nothing of what this entry keeps", rule.Key, p.Key)
		}
	}
}

// exempts says whether an entry of keep holds for something that rule targets.
func (ck *checker) exempts(rule, only policy.Rule) bool {
	for c := range ck.Datasets.Collections() {
		for _, t := range targets(rule, c) {
			kept := policy.Kept(only, c.Address.String(), t.Field.Path, t.Categories, "") != nil
			part := dataset.Collection{Fields: t.Field.Fields}
			part.Walk(func(f *dataset.Field) {
				kept = kept || policy.Kept(only, c.Address.String(), f.Path, f.Categories, "") != nil
			})
			if kept {
				return true
			}
		}
	}
	return false
}

// addressed reports an address in keep that names nothing.
func (ck *checker) addressed(k policy.Keep) bool {
	key, rest, _ := strings.Cut(k.Address, ":")
	name, path, _ := strings.Cut(rest, ".")
	a := dataset.Address{Dataset: key, Collection: name}
	c := ck.Datasets.Collection(a)
	known := map[string]bool{}
	switch {
	case c == nil:
		for c := range ck.Datasets.Collections() {
			known[c.Address.String()] = true
		}
		ck.report.Errorf(k.At, source.DidYouMean(a.String(), maps.Keys(known), "describe it, or mend the address"), "there is no collection %s to keep anything of", a)
		return false
	case path != "" && c.Field(path) == nil:
		c.Walk(func(f *dataset.Field) { known[f.Path] = true })
		ck.report.Errorf(k.At, source.DidYouMean(path, maps.Keys(known), "describe it, or mend the address"), "%s has no field %s to keep", a, path)
		return false
	}
	return true
}

// overrides finds masking overrides that no rule for erasure comes to.
func (ck *checker) overrides() {
	erases := slices.ContainsFunc(ck.Policies, func(p policy.Policy) bool { return len(p.Of(policy.Erasure)) > 0 })
	if !erases {
		return
	}
	for c := range ck.Datasets.Collections() {
		if c.Masking != nil && !ck.used[c.Masking] {
			ck.neverApplies(c.At, c.Address.String(), c, nil)
		}
		c.Walk(func(f *dataset.Field) {
			if f.Masking != nil && !ck.used[f.Masking] {
				ck.neverApplies(f.At, fmt.Sprintf("%s.%s", c.Address, f.Path), c, f)
			}
		})
	}
}

func (ck *checker) neverApplies(at source.Position, what string, c *dataset.Collection, f *dataset.Field) {
	why := "no policy erases it, or its parts have strategies of their own"
	switch {
	case c.Skip:
		why = "the collection is not processed"
	case f != nil && f.ReadOnly:
		why = "the field is read_only"
	}
	ck.report.Warnf(at, "remove the override, or what keeps it from being used", "the masking_strategy_override of %s never applies: %s", what, why)
}
