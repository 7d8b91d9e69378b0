package config

import (
	"slices"
	"strings"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/request/policy"
)

// targets lists what a rule for erasure comes to in a collection.
func targets(rule policy.Rule, c *dataset.Collection) []graph.Target {
	if rule.Action != policy.Erasure || c.Skip {
		return nil
	}
	return graph.Targets(&rule, c)
}

// structural says whether a target is a key or a reference without a category
// of its own, which stays.
func structural(t graph.Target) bool {
	return t.Inherited && (t.Field.PrimaryKey || len(t.Field.References) > 0)
}

// erasures judges what every rule for erasure does to every collection.
func (ck *checker) erasures() {
	fed := ck.fed()
	blocked := map[string][]string{} // collections by connection that must not be written
	for c := range ck.Datasets.Collections() {
		var erasing []string
		for _, p := range ck.Policies {
			if ck.erases(p, c) {
				erasing = append(erasing, p.Key)
			}
		}
		if len(erasing) == 0 {
			continue
		}
		if !ck.instructed(c.Address.Dataset) {
			ck.addressable(c, fed, strings.Join(erasing, ", "))
		}
		if conn := ck.connection(c.Address.Dataset); conn != nil && !conn.Write {
			blocked[conn.Key] = append(blocked[conn.Key], c.Address.String())
		}
	}
	for _, conn := range ck.Connections {
		if blocked[conn.Key] != nil {
			ck.report.Warnf(conn.At, "add access: write, or keep this data in the policies",
				"the connection %s grants read access only, but policies erase in it: %s", conn.Key, strings.Join(blocked[conn.Key], ", "))
		}
	}
}

// erases says whether a policy changes rows of a collection, and reports what
// it cannot change.
func (ck *checker) erases(p policy.Policy, c *dataset.Collection) bool {
	erases := false
	for _, rule := range p.Of(policy.Erasure) {
		for _, t := range targets(rule, c) {
			spec := graph.Strategy(c, t)
			if spec == nil || masking.Check(*spec) != nil {
				continue // reported by Load
			}
			if !t.Field.ReadOnly {
				ck.used[spec] = true
			}
			if structural(t) && !masking.Deletes(*spec) || ck.keptForGood(rule, c, t) {
				continue
			}
			erases = ck.maskable(p, rule, c, t.Field, *spec) || erases
		}
	}
	return erases
}

// keptForGood says whether a field is exempt without an end.
func (ck *checker) keptForGood(rule policy.Rule, c *dataset.Collection, t graph.Target) bool {
	const never value.Date = "9999-12-31"
	return policy.Kept(rule, c.Address.String(), t.Field.Path, t.Categories, never) != nil
}

// maskable reports why a mask cannot be put on a field, and says whether it is
// put there.
func (ck *checker) maskable(p policy.Policy, rule policy.Rule, c *dataset.Collection, f *dataset.Field, spec masking.Spec) bool {
	at := c.Address.String() + "." + f.Path
	switch {
	case masking.Deletes(spec):
		return true
	case spec.Strategy == masking.Preserve:
		return false
	case c.Asked() && c.Masks == catalogue.MasksRow:
		return true
	case c.Asked() && c.Masks == catalogue.MasksNothing:
		ck.fixedAt(p, c)
		return false
	case f.ReadOnly:
		ck.report.Warnf(f.At, "remove read_only, or keep the field in the policy, with its reason",
			"%s is read_only, but the rule %s of the policy %s targets it: its requests cannot end as complete", at, rule.Key, p.Key)
		return false
	case f.PrimaryKey:
		ck.report.Warnf(f.At, "remove its category, keep it in the policy, or use delete for the collection",
			"%s is a primary key, which rows are addressed by and which is never masked, but the rule %s of the policy %s targets it", at, rule.Key, p.Key)
		return false
	case f.Type.Kind == value.Unknown && f.Length == 0:
		return true
	}
	if err := masking.Fits(spec, masking.Column{Type: f.Type, Length: f.Length}); err != nil {
		ck.report.Errorf(f.At, "write a masking_strategy_override for it, or change the rule", "the rule %s of the policy %s cannot mask %s: %v", rule.Key, p.Key, at, err)
		return false
	}
	return true
}

// fixedAt warns, once for each policy, of a collection of a vendor in which nothing can
// be erased, and which no other can take along.
func (ck *checker) fixedAt(p policy.Policy, c *dataset.Collection) {
	removes := func(o dataset.Collection) bool { return o.Masks == catalogue.MasksRow && !o.Skip }
	if slices.ContainsFunc(ck.Datasets.Dataset(c.Address.Dataset).Collections, removes) {
		return
	}
	if at := p.Key + " " + c.Address.String(); !ck.fixed[at] {
		ck.fixed[at] = true
		ck.report.Warnf(c.At, "keep its fields in the policy, with their reason, or add a request to the description that erases them",
			"the description of the vendor has no request that would erase anything of %s, but the policy %s targets it: its requests cannot end as complete where there is something", c.Address, p.Key)
	}
}

// addressable judges by what the rows of a collection are told apart when
// they are erased (D22).
func (ck *checker) addressable(c *dataset.Collection, fed map[dataset.Address]bool, policies string) {
	keyed := false
	c.Walk(func(f *dataset.Field) { keyed = keyed || f.PrimaryKey })
	switch {
	case keyed:
	case fed[c.Address]:
		ck.report.Warnf(c.At, "declare primary_key: true on the fields that identify a row",
			"%s has no primary key: its rows are erased by all their references and identities together (policies: %s)", c.Address, policies)
	default:
		ck.report.Errorf(c.At, "declare primary_key: true on the fields that identify a row",
			"%s has no primary key, and no reference or identity tells one row from another: nothing can be erased in it (policies: %s)", c.Address, policies)
	}
}

// fed finds the collections whose rows are found by an identity or by the
// values of another collection.
func (ck *checker) fed() map[dataset.Address]bool {
	fed := map[dataset.Address]bool{}
	for c := range ck.Datasets.Collections() {
		c.Walk(func(f *dataset.Field) {
			incoming := func(r dataset.Reference) bool { return r.Direction != dataset.To }
			if f.Identity != "" || slices.ContainsFunc(f.References, incoming) {
				fed[c.Address] = true
			}
			for _, r := range f.References {
				if r.Direction != dataset.From {
					fed[r.Target] = true
				}
			}
		})
	}
	return fed
}
