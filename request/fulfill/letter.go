package fulfill

import (
	"context"
	"io"

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

// tale is what the person is told of what became of their data.
func (r *run) tale() tale {
	return tale{r.plan, r.rowsErased, r.found, r.Delivery.Words}
}

// erased counts the entries that are as they were asked to be, by what kind of
// data was in them.
func (r *run) erased() []any {
	erased := []any{}
	for _, e := range r.tale().erased() {
		erased = append(erased, map[string]any{"what": e.What, "count": e.Entries})
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

// staying tells what stays, and why.
func (r *run) staying() []any {
	staying := []any{}
	for _, k := range r.tale().staying() {
		staying = append(staying, map[string]any{"what": k.What, "reason": k.Reason, "ground": k.Ground, "until": string(k.Until)})
	}
	return staying
}
