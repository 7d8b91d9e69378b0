package fulfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// errand is what is to be done in one collection that cannot be reached. It is
// kept sealed with the request, and goes into a letter.
type errand struct {
	Locators []locator `json:"locators"`
	Update   []update  `json:"update"` // empty where its rows only lead to others
}

// locator finds rows: the field holds one of the values, or the row belongs to
// one of the rows of another collection that are to be found, whose field Their
// holds the same. Several fields that only count together are written as one.
type locator struct {
	Field  string   `json:"field"`
	Values []string `json:"values"`
	Of     string   `json:"of"`
	Their  string   `json:"their"`
}

// update is what becomes of a field. Where whole rows are deleted there is one
// without a field.
type update struct {
	Field  string `json:"field"`
	Action string `json:"action"` // a masking strategy
	Value  string `json:"value"`  // what it is rewritten to, where the strategy says
}

// instructionPapers is the kind of the papers, named by collection.
const instructionPapers = "instructions"

// noteInstructed records that nothing is read of a collection (E5).
func (r *run) noteInstructed(ctx context.Context, n *graph.Node) error {
	p := r.at(n.Address, request.Access)
	if passes, err := r.passes(ctx, p); passes || err != nil {
		return err
	}
	p = anew(p)
	p.Status, p.Message = request.Done, "it cannot be read; others are told what to erase in it"
	return r.save(ctx, p, nil)
}

// instructOne writes down what is to be done in a collection; the letter goes
// out when all of the dataset is known (E3, E4).
func (r *run) instructOne(ctx context.Context, n *graph.Node) error {
	p := r.at(n.Address, request.Erasure)
	if passes, err := r.passes(ctx, p); passes || err != nil {
		return err
	}
	found, err := r.gather(ctx, n)
	if err != nil {
		return err
	}
	o := newErrand(n, found)
	if p, err = r.begin(ctx, p); err != nil {
		return err
	}
	crash("collection.begun")
	if most, values := or(r.request.MaxRows, r.limits.RowsPerCollection), o.values(); int64(values) > most {
		too := pause{reason: fmt.Sprintf("%s: instructions would name %d values to find rows by, and a request may touch %d rows per collection; nothing was sent. If that is right, raise the limit for this request (--max-rows)", n.Address, values, most)}
		p.Status, p.Message = request.Pending, too.reason
		return errors.Join(too, r.save(ctx, p, nil))
	}
	plain, err := json.Marshal(o)
	if err != nil {
		return err
	}
	paper := request.NewPaper(r.key, r.lease.Tenant, r.lease.Request, instructionPapers, n.Address, plain)
	if err := r.Instructions.PutPaper(ctx, r.lease, paper); err != nil {
		return fmt.Errorf("keep the instructions for %s: %w", n.Address, err)
	}
	crash("instructions.kept")
	p.Status, p.Message = request.Instructed, o.remark(n, found.dropped)
	return r.save(ctx, p, nil)
}

// remark says what was prepared, without any value.
func (o errand) remark(n *graph.Node, lost int) string {
	said := fmt.Sprintf("instructions prepared: %d values to find rows by, %d fields to erase", o.values(), len(n.FieldsMasked))
	if n.Delete != "" {
		said = fmt.Sprintf("instructions prepared: %d values to find rows by, which are to be deleted", o.values())
	}
	if d := dropped(lost); d != "" {
		said += "; " + d
	}
	return said
}

func (o errand) values() (n int) {
	for _, l := range o.Locators {
		n += len(l.Values)
	}
	return n
}

// newErrand puts together by what rows are found and what becomes of them.
func newErrand(n *graph.Node, found *inputs) errand {
	o := errand{Locators: []locator{}, Update: []update{}}
	for _, m := range found.matches {
		l := locator{Field: strings.Join(m.Columns, ", "), Values: []string{}}
		seen := map[string]bool{}
		for _, tuple := range m.Tuples {
			parts := make([]string, len(tuple))
			for i, v := range tuple {
				parts[i] = value.Text(v)
			}
			if text := strings.Join(parts, ", "); !seen[text] {
				seen[text] = true
				l.Values = append(l.Values, text)
			}
		}
		if len(l.Values) > 0 {
			o.Locators = append(o.Locators, l)
		}
	}
	for _, m := range n.Matches {
		if dataset(m.From) == dataset(n.Address) {
			o.Locators = append(o.Locators, locator{Field: strings.Join(m.Fields, ", "), Values: []string{}, Of: collection(m.From), Their: strings.Join(m.Source, ", ")})
		}
	}
	if n.Blocked != "" {
		return o
	}
	if n.Delete != "" {
		o.Update = append(o.Update, update{Action: "delete"})
		return o
	}
	for _, m := range n.Masks {
		u := update{Field: m.Field, Action: m.Spec.Strategy}
		if text, ok := m.Spec.Configuration["rewrite_value"].(string); ok {
			u.Value = text
		}
		o.Update = append(o.Update, u)
	}
	return o
}
