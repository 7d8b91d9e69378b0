package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// Waiting says that a vendor has taken what it was asked and answers later.
// Nobody has to wait for it meanwhile: whoever keeps State goes on with it
// through Resume or ResumeMask, after a restart too.
type Waiting struct {
	// Again is when to resume. It is zero where the vendor calls back: then its
	// answer is read by Answered, and nothing is to be resumed.
	Again time.Time
	// State holds values of a person, and is to be kept sealed.
	State []byte
}

func (w *Waiting) Error() string {
	if w.Again.IsZero() {
		return "the vendor calls back"
	}
	return "the vendor answers later: ask again at " + w.Again.UTC().Format(time.RFC3339)
}

// pending is one answer that is still to come.
type pending struct {
	Request int       `json:"request,omitempty"` // which read request
	Changes []int     `json:"changes,omitempty"` // which changes of a batch
	Values  []byte    `json:"values"`            // what the call was made with
	ID      string    `json:"id,omitempty"`      // the vendor's; "" where it calls back
	Since   time.Time `json:"since"`
}

func (p pending) values() (values, error) {
	var all values
	err := value.Decode(p.Values, func(row map[string]any) error {
		all = row
		return nil
	})
	if err != nil || all == nil {
		return nil, errors.New("what was kept of the call cannot be read")
	}
	return all, nil
}

// state is what Waiting.State holds.
type state struct {
	Pending  []pending           `json:"pending"`
	Outcomes []connector.Outcome `json:"outcomes,omitempty"` // of a batch
}

// waiting gives what is to be waited for, nil when there is nothing.
func (s state) waiting(of func(pending) *Async) error {
	if len(s.Pending) == 0 {
		return nil
	}
	w := &Waiting{}
	for _, p := range s.Pending {
		if p.ID == "" {
			continue
		}
		if again := time.Now().Add(of(p).Every); w.Again.IsZero() || again.Before(w.Again) {
			w.Again = again
		}
	}
	var err error
	if w.State, err = json.Marshal(s); err != nil {
		return fmt.Errorf("keep what is pending: %w", err)
	}
	return w
}

// start makes a call whose answer comes later. It gives nil when the vendor
// had nothing to do.
func (c *Connector) start(ctx context.Context, k *call, chosen values) (*pending, error) {
	a, err := c.send(ctx, k)
	if err != nil {
		return nil, err
	}
	p := &pending{Since: time.Now()}
	if p.Values, err = value.Append(nil, chosen); err != nil {
		return nil, err
	}
	if k.request.Async.Strategy == "callback" {
		if !a.good() {
			_, err := c.accept(k, a)
			return nil, err
		}
		return p, nil
	}
	if a, err = c.accept(k, a); a == nil {
		return nil, err
	}
	if p.ID = inText(dig(a.data, k.request.CorrelationAt)); p.ID == "" {
		return nil, c.fail(k, connector.Permanent, "the answer holds no id at "+k.request.CorrelationAt+" to ask for the result by", 0)
	}
	return p, nil
}

// ask asks whether an answer is there, and gives it: the result, or the status
// where there is no request for a result.
func (c *Connector) ask(ctx context.Context, p pending, as *Async, doing string) (k *call, a *answer, done bool, err error) {
	of, err := p.values()
	if err != nil {
		return nil, nil, false, err
	}
	of["correlation_id"] = p.ID
	if k, a, err = c.askOnce(ctx, as.Status, doing, of); err != nil {
		return nil, nil, false, err
	}
	if a == nil || !completed(dig(a.data, as.StatusAt), as.Completed) {
		if time.Since(p.Since) > as.AtMost {
			return nil, nil, false, c.fail(k, connector.Permanent, fmt.Sprintf("the vendor has not finished within %s", as.AtMost), 0)
		}
		return k, nil, false, nil
	}
	if as.Result != nil {
		k, a, err = c.askOnce(ctx, as.Result, doing, of)
	}
	return k, a, err == nil, err
}

func (c *Connector) askOnce(ctx context.Context, r *Request, doing string, of values) (*call, *answer, error) {
	k, err := c.build(r, doing, c.withValues(r, of))
	if err != nil {
		return nil, nil, err
	}
	a, err := c.send(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	a, err = c.accept(k, a)
	return k, a, err
}

func completed(status any, wanted string) bool {
	if wanted == "" {
		b, isBool := status.(bool)
		return status != nil && (!isBool || b)
	}
	return inText(status) == wanted
}

func (p *reading) asyncOf(o pending) *Async { return p.endpoint.Read[o.Request].Async }

func (p *reading) waiting() error { return state{Pending: p.pending}.waiting(p.asyncOf) }

// later begins a read that is answered later.
func (p *reading) later(ctx context.Context, i int, k *call, chosen values) error {
	begun, err := p.start(ctx, k, chosen)
	if begun != nil {
		begun.Request = i
		p.pending = append(p.pending, *begun)
	}
	return err
}

// Resume goes on with a Read that was waiting. The error is a *Waiting again
// while the vendor is not done.
func (c *Connector) Resume(ctx context.Context, r connector.Read, kept []byte, each func(connector.Row) error) (connector.ReadResult, error) {
	e, err := c.endpoint(r.Table)
	if err != nil {
		return connector.ReadResult{}, err
	}
	p := c.newReading(e, r, each)
	s, err := readState(kept, func(o pending) bool { return o.Request < len(e.Read) && e.Read[o.Request].Async != nil })
	if err != nil {
		return p.result, c.wrong(p.doing, err)
	}
	for _, o := range s.Pending {
		if o.ID == "" {
			p.pending = append(p.pending, o)
			continue
		}
		if err := p.resume(ctx, o); err != nil {
			return p.result, c.wrong(p.doing, err)
		}
	}
	return p.result, p.waiting()
}

func (p *reading) resume(ctx context.Context, o pending) error {
	as := p.asyncOf(o)
	k, a, done, err := p.ask(ctx, o, as, p.doing)
	switch {
	case err != nil:
		return err
	case !done:
		p.pending = append(p.pending, o)
		return nil
	case a == nil || as.Result == nil:
		return nil
	}
	of, err := o.values()
	if err != nil {
		return err
	}
	v := p.standing()
	for name, one := range of {
		v[name] = one
	}
	rows := *k
	rows.request = &p.endpoint.Read[o.Request] // its postprocessors
	return p.emitPage(o.Request, &rows, of, v, dig(a.data, as.ResultAt))
}

func readState(kept []byte, good func(pending) bool) (s state, err error) {
	if err := json.Unmarshal(kept, &s); err != nil {
		return s, errors.New("what was kept of the calls cannot be read")
	}
	for _, o := range s.Pending {
		if o.Request < 0 || slices.ContainsFunc(o.Changes, func(i int) bool { return i < 0 }) || !good(o) {
			return s, errors.New("the description has changed since the calls were made: begin again")
		}
	}
	return s, nil
}

// Answered reads what a vendor posts to reply_to: {"access_results": [rows]}
// or {"rows_masked": count}.
func Answered(body []byte) (rows []connector.Row, masked int64, err error) {
	parsed, err := parseJSON(body)
	object, ok := parsed.(map[string]any)
	if err != nil || !ok {
		return nil, 0, errors.New("the answer must be a JSON object with access_results or rows_masked")
	}
	masked, counted := object["rows_masked"].(int64)
	results, listed := object["access_results"].([]any)
	if !counted && !listed || masked < 0 {
		return nil, 0, errors.New("the answer must hold access_results, a list of rows, or rows_masked, their number")
	}
	all, err := asRows(results)
	if err != nil {
		return nil, 0, errors.New("access_results must be a list of objects")
	}
	for _, row := range all {
		rows = append(rows, connector.Row(row))
	}
	return rows, masked, nil
}
