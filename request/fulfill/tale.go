package fulfill

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/delivery"
	"volenti.dev/volenti/request/graph"
)

// Outcome is what the person is told of what became of their data.
type Outcome struct {
	Erased []Erased
	Kept   []delivery.Kept
}

// Erased counts the entries of one kind of data that were erased.
type Erased struct {
	What    string
	Entries int64
}

// NewOutcome puts together what the store knows of a request that has ended. words says
// what kinds of data a field holds; it may be nil.
func NewOutcome(ctx context.Context, r request.Request, plan *graph.Plan, work Work, words func(address, field string) []string) (Outcome, error) {
	rows, err := work.Progress(ctx, r.Tenant, r.ID)
	if err != nil {
		return Outcome{}, fmt.Errorf("read progress: %w", err)
	}
	t := tale{
		plan,
		func(address string) int64 { return allRounds(rows, address, request.Erasure).RowsMasked },
		func(address string) int64 { return allRounds(rows, address, request.Access).RowsRead },
		words,
	}
	return Outcome{t.erased(), t.staying()}, nil
}

// tale tells what became of the data of a plan.
type tale struct {
	plan       *graph.Plan
	rowsErased func(address string) int64
	rowsFound  func(address string) int64
	words      func(address, field string) []string
}

// erased counts the entries that are as they were asked to be, by what kind of data was
// in them.
func (t tale) erased() (all []Erased) {
	counts := map[string]int64{}
	for i := range t.plan.Nodes {
		n := &t.plan.Nodes[i]
		if rows := t.rowsErased(n.Address); rows > 0 {
			for _, what := range t.kinds(n) {
				counts[what] += rows
			}
		}
	}
	for _, what := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) }) {
		all = append(all, Erased{what, counts[what]})
	}
	return all
}

// kinds says what kinds of data are erased in a collection, each once.
func (t tale) kinds(n *graph.Node) []string {
	var kinds []string
	for field := range n.FieldsMasked {
		kinds = append(kinds, t.say(n.Address, field)...)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// say names the kinds of data in a field, or the field where nothing is known of them.
func (t tale) say(address, field string) []string {
	if t.words != nil {
		if known := t.words(address, field); len(known) > 0 {
			return known
		}
	}
	return []string{words(field)}
}

// staying tells what stays, and why: once for each reason, with all kinds of data that
// stay for it.
func (t tale) staying() (all []delivery.Kept) {
	var reasons []graph.Kept // without their fields, in the order of the plan
	kinds := map[graph.Kept][]string{}
	for i := range t.plan.Nodes {
		n := &t.plan.Nodes[i]
		if t.rowsFound(n.Address) == 0 {
			continue
		}
		for _, k := range n.Kept {
			if k.Ground == "" {
				continue // a key that ties records together
			}
			why := graph.Kept{Reason: k.Reason, Ground: k.Ground, Until: k.Until}
			if kinds[why] == nil {
				reasons = append(reasons, why)
			}
			kinds[why] = append(kinds[why], t.say(n.Address, k.Field)...)
		}
	}
	for _, why := range reasons {
		slices.Sort(kinds[why])
		all = append(all, delivery.Kept{What: strings.Join(slices.Compact(kinds[why]), ", "), Reason: why.Reason, Ground: why.Ground, Until: why.Until})
	}
	return all
}
