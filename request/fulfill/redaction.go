package fulfill

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/delivery"
	"volenti.dev/volenti/request/graph"
)

// PackageRows is what the secret of the ids of the rows of packages is derived for.
const PackageRows = "package rows"

// redacts says whether an operator may have left something out of the packages.
func (r *run) redacts() bool { return r.reviewed() && r.returns() }

// redaction writes the packages again, without what an operator has left out. Where
// a part of that is not found, nothing is written: what was looked at is not what
// would be sent.
func (r *run) redaction(ctx context.Context) error {
	all, err := r.work.Omissions(ctx, r.lease.Tenant, r.lease.Request)
	if err != nil || len(all) == 0 {
		return err
	}
	if err := r.pack(ctx, r.newOmissions(all)); err != nil {
		return err
	}
	return r.work.Audit(ctx, r.lease, r.entry("package.redact", map[string]any{"omissions": len(all)}))
}

// omissions are what is left out of packages, and which of it was met.
type omissions struct {
	secret []byte
	all    []request.Omission
	met    []bool
}

func (r *run) newOmissions(all []request.Omission) *omissions {
	o := &omissions{r.key.Derive(PackageRows), slices.Clone(all), make([]bool, len(all))}
	for i := range o.all {
		if rules := rulesOf(r.plan); o.all[i].Rule == "" && len(rules) == 1 {
			o.all[i].Rule = rules[0]
		}
	}
	return o
}

// less gives what leaves values out of the rows of a node: own is what of a row is the
// person's, given what an access rule gives of that. A value that was left out of one
// package is left out of all. It is nil where nothing of the node is left out.
func (o *omissions) less(n *graph.Node) func(own, given map[string]any) (map[string]any, error) {
	byRule := map[string][]int{}
	for i := range o.all {
		if o.all[i].Address == n.Address {
			byRule[o.all[i].Rule] = append(byRule[o.all[i].Rule], i)
		}
	}
	if len(byRule) == 0 {
		return nil
	}
	rules := slices.Sorted(maps.Keys(byRule))
	return func(own, given map[string]any) (map[string]any, error) {
		for _, rule := range rules {
			seen := graph.Select(own, n.Returned[rule])
			if seen == nil {
				continue
			}
			id, err := delivery.RowID(o.secret, n.Address, seen)
			if err != nil {
				return nil, err
			}
			for _, i := range byRule[rule] {
				if row := o.all[i].Row; row == "" || row == id {
					given = o.leave(i, given)
				}
			}
		}
		return given, nil
	}
}

func (o *omissions) leave(i int, row map[string]any) map[string]any {
	o.met[i] = true
	return delivery.Without(row, o.all[i].Field, delivery.LeftOut(o.all[i].Reason))
}

// covers says whether a field of an answer of colleagues is left out.
func (o *omissions) covers(address, field string) bool {
	return slices.ContainsFunc(o.all, func(one request.Omission) bool {
		return one.Address == address && (one.Field == "" || one.Field == field)
	})
}

// answer leaves values out of an answer of colleagues, which is the only row of its
// collection.
func (o *omissions) answer(address string, row map[string]any) map[string]any {
	for i := range o.all {
		if o.all[i].Address == address {
			row = o.leave(i, row)
		}
	}
	return row
}

// check fails where something was not met that was seen in the package of a rule.
func (o *omissions) check(rule string) error {
	for i, one := range o.all {
		if one.Rule == rule && !o.met[i] {
			return fmt.Errorf("a value of %s that was to be left out is not in the package any more: give the request up and submit it again", one.Address)
		}
	}
	return nil
}

// told tells the person what is left out: once for each field and reason.
func (o *omissions) told() (all []delivery.Omitted) {
	for _, left := range leftOut(o.all) {
		_, collection, _ := strings.Cut(left.Address, ":")
		what := words(collection)
		if left.Field != "" {
			what += ": " + words(left.Field)
		}
		all = append(all, delivery.Omitted{What: what, Reason: delivery.LeftOut(left.Reason), Values: left.Values})
	}
	return all
}

// leftOut counts what is left out, by field and reason.
func leftOut(all []request.Omission) (counts []OmissionReport) {
	for _, one := range all { // by address and field
		at := slices.IndexFunc(counts, func(c OmissionReport) bool {
			return c.Address == one.Address && c.Field == one.Field && c.Reason == one.Reason
		})
		if at < 0 {
			at = len(counts)
			counts = append(counts, OmissionReport{Address: one.Address, Field: one.Field, Reason: one.Reason, All: one.Row == ""})
		}
		if counts[at].All = counts[at].All || one.Row == ""; counts[at].All {
			counts[at].Values = 0
		} else {
			counts[at].Values++
		}
	}
	return counts
}
