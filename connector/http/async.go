package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// pending is one answer that is still to come.
type pending struct {
	Request int       `json:"request,omitempty"` // which read request
	Changes []int     `json:"changes,omitempty"` // which changes of a batch
	Values  []byte    `json:"values"`            // what the call was made with
	ID      string    `json:"id,omitempty"`      // the vendor's; "" where it calls back
	Number  int       `json:"number,omitempty"`  // of the answer, where it calls back
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
	w := &connector.Waiting{}
	for _, p := range s.Pending {
		w.Until = sooner(w.Until, p.until(of(p)))
		if p.ID != "" {
			w.Again = sooner(w.Again, time.Now().Add(of(p).Every))
		}
	}
	if w.Again.After(w.Until) {
		w.Again = w.Until
	}
	var err error
	if w.State, err = json.Marshal(s); err != nil {
		return fmt.Errorf("keep what is pending: %w", err)
	}
	return w
}

func (p pending) until(as *Async) time.Time { return p.Since.Add(as.AtMost) }

// sooner gives the earlier time; zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// overdue says that the time for an answer is over.
type overdue struct{ failure *connector.Error }

func (o overdue) Error() string { return o.failure.Error() }
func (o overdue) Unwrap() error { return o.failure }

// late gives an overdue once the time for an answer is over.
func (c *Connector) late(p pending, as *Async, shown, doing, what string) error {
	if time.Now().Before(p.until(as)) {
		return nil
	}
	reason := fmt.Sprintf("%s: the vendor has not %s within %s: ask it what became of the call, and have the request tried again, which calls anew", shown, what, as.AtMost)
	return overdue{&connector.Error{Kind: connector.Permanent, Connection: c.key, Doing: doing, Reason: reason}}
}

// calledBack says whether the answer of a request is posted to us.
func (r *Request) calledBack() bool { return r.Async != nil && r.Async.Strategy == "callback" }

// idempotency gives the key of a call: the same when it is repeated before its answer
// was kept, another when the rows are asked for again.
func (p *reading) idempotency(i int, chosen values) string {
	question := p.facts.Question
	if question == "" {
		question = uuid.NewString()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s", question, i, value.Key(map[string]any(chosen))))
	return "vq_" + hex.EncodeToString(sum[:])[:40]
}

// replying fills in where the vendor posts the answer with a number.
func (c *Connector) replying(ctx context.Context, v values, number int) error {
	if c.facts.Reply == nil {
		return errors.New("the vendor posts its answer to this program, which has no address here, so that it was not called: submit the request to a server (volenti serve)")
	}
	address, token, err := c.facts.Reply(ctx, number)
	if err != nil {
		return ours{err}
	}
	v["reply_to"], v["reply_to_token"] = address, token
	return nil
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
	if k.request.calledBack() {
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
	status := any(nil)
	if a != nil {
		status = dig(a.data, as.StatusAt)
	}
	if text := inText(status); slices.Contains(as.Failed, text) {
		return nil, nil, false, c.fail(k, connector.Permanent, "the vendor has not done it, it says "+text+": ask it why, and have the request tried again, which calls anew", 0)
	}
	if !completed(status, as.Completed) {
		return k, nil, false, c.late(p, as, k.shown, doing, "finished")
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
		begun.Request, begun.Number = i, p.calls
		p.pending = append(p.pending, *begun)
	}
	return err
}

// Later implements connector.Resumer.
func (c *Connector) Later(t *catalogue.Table) bool {
	e := c.about.Endpoint(t.Name.Table)
	return e != nil && slices.ContainsFunc(e.Read, func(r Request) bool { return r.Async != nil })
}

// Resume implements connector.Resumer.
func (c *Connector) Resume(ctx context.Context, r connector.Read, kept []byte, answers map[int][]byte, each func(connector.Row) error) (connector.ReadResult, error) {
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
		resume := p.resume
		if o.ID == "" {
			resume = func(_ context.Context, o pending) error { return p.posted(o, answers[o.Number]) }
		}
		if err := resume(ctx, o); err != nil {
			return p.result, c.wrong(p.doing, err)
		}
	}
	return p.result, p.waiting()
}

// resume asks whether an answer is there.
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
	of, v, err := p.valuesFor(o)
	if err != nil {
		return err
	}
	rows := *k
	rows.request = &p.endpoint.Read[o.Request] // its postprocessors
	return p.emitPage(o.Request, &rows, of, v, dig(a.data, as.ResultAt))
}

// valuesFor gives what a call was made with, and all that placeholders stand for.
func (p *reading) valuesFor(o pending) (of, v values, err error) {
	if of, err = o.values(); err != nil {
		return nil, nil, err
	}
	v = p.standing()
	for name, one := range of {
		v[name] = one
	}
	return of, v, nil
}

// posted gives the rows that the vendor has posted; body is nil before it has.
func (p *reading) posted(o pending, body []byte) error {
	q := &p.endpoint.Read[o.Request]
	if body == nil {
		p.pending = append(p.pending, o)
		return p.late(o, q.Async, q.Method+" "+q.Path, p.doing, "posted its answer")
	}
	answer, err := readAnswer(body)
	if err == nil && !answer.listed {
		err = errors.New("the vendor was asked for data, and has posted no access_results")
	}
	if err != nil {
		return err
	}
	of, v, err := p.valuesFor(o)
	if err != nil {
		return err
	}
	for _, row := range answer.rows {
		if err := p.emit(o.Request, of, v, row); err != nil {
			return err
		}
	}
	return nil
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

// posted is what a vendor that calls back has said.
type posted struct {
	rows    []map[string]any
	listed  bool // there are access_results
	masked  int64
	counted bool // there is rows_masked
}

// readAnswer reads what a vendor posts to reply_to: {"access_results": [rows]}
// or {"rows_masked": count}.
func readAnswer(body []byte) (a posted, err error) {
	parsed, err := parseJSON(body)
	object, ok := parsed.(map[string]any)
	if err != nil || !ok {
		return a, errors.New("what the vendor has posted is no JSON object with access_results or rows_masked")
	}
	results, listed := object["access_results"].([]any)
	a.listed = listed
	a.masked, a.counted = object["rows_masked"].(int64)
	if !a.counted && !a.listed || a.masked < 0 {
		return a, errors.New("what the vendor has posted holds neither access_results, a list of rows, nor rows_masked, their number")
	}
	if a.rows, err = asRows(results); err != nil {
		return a, errors.New("the access_results that the vendor has posted are no list of objects")
	}
	return a, nil
}
