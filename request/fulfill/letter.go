package fulfill

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// Delivery is how the answer to a request reaches the person.
type Delivery struct {
	request.Correspondence
	To request.Address
	// Words says in the person's language what kinds of data a field holds;
	// nothing where it does not know.
	Words func(address, field string) []string
}

// AddressName is what the address that the package's links went to is kept
// under, beside the package: for new links, once the request has ended.
const AddressName = "address"

// delivers says whether somebody is written to.
func (r *run) delivers() bool { return r.Delivery != nil && !r.Delivery.To.None() }

// keepAddress keeps the address under the key of the package, which is there
// for as long as links to it can be made.
func (r *run) keepAddress(ctx context.Context) error {
	if !r.delivers() {
		return nil
	}
	return r.Output.Put(ctx, AddressName, func(w Writer) error {
		_, err := io.WriteString(w, r.Delivery.To.To().Reveal())
		return err
	})
}

// answer writes the letter that tells the person what came of their request
// (X15).
func (r *run) answer(residue bool) (request.Told, error) {
	if !r.delivers() {
		return request.Told{}, nil
	}
	values := message.Values{"erased": r.erased(), "kept": r.staying(), "residue": residue}
	return r.Delivery.Completion(r.request, r.Delivery.To, Rules(r.plan), values)
}

// Rules lists the access rules that a plan makes packages for: "" for the only
// one.
func Rules(plan *graph.Plan) []string {
	rules := rulesOf(plan)
	if len(rules) == 1 {
		return []string{""}
	}
	return rules
}

// erased counts the entries that are as they were asked to be, by what kind of
// data was in them.
func (r *run) erased() []any {
	counts := map[string]int64{}
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		if rows := r.rowsErased(n.Address); rows > 0 {
			for _, what := range r.kinds(n) {
				counts[what] += rows
			}
		}
	}
	erased := []any{}
	for _, what := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) }) {
		erased = append(erased, map[string]any{"what": what, "count": counts[what]})
	}
	return erased
}

// rowsErased counts the rows of a collection that were erased, in all rounds.
func (r *run) rowsErased(address string) (rows int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for round := 1; round <= r.request.Round; round++ {
		rows += r.progress[progressKey{round, address, request.Erasure}].RowsMasked
	}
	return rows
}

// kinds says what kinds of data are erased in a collection, each once.
func (r *run) kinds(n *graph.Node) []string {
	var kinds []string
	for field := range n.FieldsMasked {
		kinds = append(kinds, r.say(n.Address, field)...)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// say names the kinds of data in a field, or the field where nothing is known
// of them.
func (r *run) say(address, field string) []string {
	if r.Delivery.Words != nil {
		if known := r.Delivery.Words(address, field); len(known) > 0 {
			return known
		}
	}
	return []string{words(field)}
}

// staying tells what stays, and why: once for each reason, with all kinds of
// data that stay for it.
func (r *run) staying() []any {
	var reasons []graph.Kept // without their fields, in the order of the plan
	kinds := map[graph.Kept][]string{}
	for i := range r.plan.Nodes {
		n := &r.plan.Nodes[i]
		if r.found(n.Address) == 0 {
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
			kinds[why] = append(kinds[why], r.say(n.Address, k.Field)...)
		}
	}
	staying := []any{}
	for _, why := range reasons {
		slices.Sort(kinds[why])
		staying = append(staying, map[string]any{
			"what": strings.Join(slices.Compact(kinds[why]), ", "), "reason": why.Reason, "ground": why.Ground, "until": string(why.Until),
		})
	}
	return staying
}
