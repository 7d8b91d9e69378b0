package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

// masking gives the request that masks a row of the endpoint: update, else
// data_protection_request, else delete.
func (e *Endpoint) masking() *Request {
	if len(e.masks) == 0 {
		return nil
	}
	return e.masks[0]
}

// deleting gives the request that removes a row: the one that masks it, unless
// that only writes fields.
func (c *Connector) deleting(e *Endpoint) *Request {
	switch {
	case e.Update == nil:
		return e.masking()
	case e.Delete != nil:
		return e.Delete
	}
	return c.about.Protection
}

// Mask asks the vendor for each change. Key must hold InputsColumn, and with
// Before whatever of the row the request refers to. masked_object_fields is
// what After has otherwise than Before; all_object_fields is the whole of After
// but for Omit, so that Columns without any change belong into it, and read_only
// ones do not.
// When the vendor answers later the error is a *connector.Waiting, and those changes have
// no Status yet.
func (c *Connector) Mask(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	e, err := c.endpoint(b.Table)
	if err != nil {
		return nil, err
	}
	return c.write(ctx, e, b, e.masking())
}

// Delete asks the vendor to remove each row, under the contract of Mask.
func (c *Connector) Delete(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	e, err := c.endpoint(b.Table)
	if err != nil {
		return nil, err
	}
	return c.write(ctx, e, b, c.deleting(e))
}

// writing is the state of one batch.
type writing struct {
	*Connector
	endpoint *Endpoint
	batch    connector.Batch
	request  *Request
	doing    string
	made     map[string]connector.Outcome // calls that were made, by all that they hold
	begun    map[string]int               // those that are answered later, in state.Pending
	calls    int                          // whose answers are posted to us, so far
	state    state
}

func (c *Connector) write(ctx context.Context, e *Endpoint, b connector.Batch, r *Request) ([]connector.Outcome, error) {
	w := &writing{Connector: c, endpoint: e, batch: b, request: r, doing: "erase in " + e.Name, made: map[string]connector.Outcome{}, begun: map[string]int{}}
	switch {
	case c.readOnly:
		return nil, &connector.Error{Kind: connector.Denied, Connection: c.key, Doing: w.doing, Reason: "the connection may only read: give it access: write"}
	case r == nil:
		return nil, &connector.Error{Kind: connector.Permanent, Connection: c.key, Doing: w.doing, Reason: "the description has no update, no delete and no data_protection_request for it"}
	}
	for i := range b.Changes {
		o, err := w.change(ctx, i)
		if err != nil {
			return nil, c.wrong(w.doing, err)
		}
		w.state.Outcomes = append(w.state.Outcomes, o)
	}
	return w.state.Outcomes, w.waiting()
}

func (w *writing) waiting() error {
	return w.state.waiting(func(pending) *Async { return w.request.Async })
}

// change makes the calls for one row. The error is about the whole batch, which
// may then be tried again.
func (w *writing) change(ctx context.Context, i int) (connector.Outcome, error) {
	v, masked := w.valuesOf(w.batch.Changes[i])
	if len(w.batch.Columns) > 0 && len(masked) == 0 && (w.request.uses("masked_object_fields") || w.request.uses("all_object_fields")) {
		return connector.Outcome{Status: connector.AlreadyDone}, nil
	}
	if w.batch.Guard != nil {
		if err := w.batch.Guard(ctx); err != nil {
			return connector.Outcome{}, ours{err}
		}
	}
	rows, inputs, err := w.rowsOf(w.batch.Changes[i])
	if err != nil {
		return connector.Outcome{Status: connector.Failed, Reason: w.request.Method + " " + w.request.Path + ": " + err.Error()}, nil
	}
	worst := connector.Outcome{Status: connector.AlreadyDone}
	for _, row := range rows {
		for one := range product(w.factorsOf(row, inputs)) {
			o, err := w.one(ctx, i, v, one)
			if err != nil {
				return o, err
			}
			worst = worse(worst, o)
		}
	}
	return worst, nil
}

// rowsOf gives what a call is made for: the row, or what data_path and the
// postprocessors find in it.
func (w *writing) rowsOf(change connector.Change) (rows []map[string]any, inputs map[string]any, err error) {
	row, inputs := w.rowOf(change)
	steps := slices.DeleteFunc(slices.Clone(w.request.Processors), func(p Processor) bool { return p.Strategy == "extract_for_execution_log" })
	if w.request.DataPath == "" && len(steps) == 0 {
		return []map[string]any{row}, inputs, nil
	}
	rows, _, err = process(dig(row, w.request.DataPath), steps, func(p Processor) []any {
		if p.Literal != nil {
			return []any{*p.Literal}
		}
		of := Request{Processors: []Processor{p}}
		return w.valueOf(of.inputs()[0], nil, inputs)
	})
	return rows, inputs, err
}

// factorsOf gives the alternatives of each param value of a row.
func (w *writing) factorsOf(row, inputs map[string]any) []factor {
	var factors []factor
	for _, p := range w.request.Values {
		var found []any
		if p.Param == "" {
			found = w.valueOf(Input{Identity: p.Identity, References: p.References}, row, inputs)
		} else if secret := w.secrets[p.Param]; secret != nil {
			found = []any{secret}
		}
		if f := alternatives(p.Name, found, p.Unpack); len(f) > 0 {
			factors = append(factors, f)
		}
	}
	return factors
}

// worse gives the outcome that says more of what was not done.
func worse(a, b connector.Outcome) connector.Outcome {
	rank := map[connector.Status]int{connector.AlreadyDone: 0, connector.Changed: 1, connector.Missing: 2, "": 3, connector.Failed: 4}
	if rank[b.Status] > rank[a.Status] || a.Status == b.Status && b.Reason != "" {
		return b
	}
	return a
}

func (w *writing) one(ctx context.Context, i int, v, chosen values) (connector.Outcome, error) {
	all := values{}
	for _, from := range []values{v, chosen} {
		for name, one := range from {
			all[name] = one
		}
	}
	if w.request.calledBack() { // each has a token of its own, by which equal calls are not to differ
		all["reply_to"], all["reply_to_token"] = "reply", "token"
	}
	k, err := w.build(w.request, w.doing, all)
	if err != nil {
		lacks := missing{}
		if errors.As(err, &lacks) && w.request.SkipMissing {
			return connector.Outcome{Status: connector.AlreadyDone, Reason: "nothing was sent: " + err.Error()}, nil
		}
		return connector.Outcome{Status: connector.Failed, Reason: w.request.Method + " " + w.request.Path + ": " + err.Error()}, nil
	}
	key := k.url.String() + "?" + encode(k.query) + "\n" + string(k.body)
	if o, made := w.made[key]; made {
		return o, nil
	}
	if at, begun := w.begun[key]; begun {
		w.state.Pending[at].Changes = append(w.state.Pending[at].Changes, i)
		return connector.Outcome{}, nil
	}
	if w.request.calledBack() {
		w.calls++
		if err := w.replying(ctx, all, w.calls); err != nil {
			return connector.Outcome{}, err
		}
		if k, err = w.build(w.request, w.doing, all); err != nil {
			return connector.Outcome{}, err
		}
	}
	o, err := w.make(ctx, i, k, chosen)
	switch {
	case err != nil:
	case o.Status == "":
		w.begun[key] = len(w.state.Pending) - 1
	default:
		w.made[key] = o
	}
	return o, err
}

// make makes one call and says what it came to.
func (w *writing) make(ctx context.Context, i int, k *call, chosen values) (connector.Outcome, error) {
	if w.request.Async != nil {
		begun, err := w.start(ctx, k, chosen)
		if begun != nil {
			begun.Changes, begun.Number = []int{i}, w.calls
			w.state.Pending = append(w.state.Pending, *begun)
			return connector.Outcome{}, nil
		}
		return w.outcome(0, err)
	}
	a, err := w.send(ctx, k)
	if err != nil {
		return connector.Outcome{}, err
	}
	if a.good() {
		a.data, _ = parseJSON(a.body) // which need not be JSON
		w.noteOf(k, a, chosen)
		if reason := k.mistaken(a); reason != "" {
			return connector.Outcome{Status: connector.Failed, Reason: k.shown + ": " + reason}, nil
		}
		return connector.Outcome{Status: connector.Changed}, nil
	}
	_, err = w.accept(k, a)
	return w.outcome(a.status, err)
}

// outcome sorts a refusal: one of the row stays with the row.
func (w *writing) outcome(status int, err error) (connector.Outcome, error) {
	var refusal *refusal
	if errors.As(err, &refusal) {
		status = refusal.status
	}
	gone := (status == http.StatusNotFound || status == http.StatusGone) && w.tellsOfRow()
	switch {
	case err == nil, gone && w.request != w.endpoint.Update:
		return connector.Outcome{Status: connector.AlreadyDone}, nil
	case gone:
		return connector.Outcome{Status: connector.Missing}, nil
	case refusal != nil && refusal.failure.Kind != connector.Denied && !connector.Retryable(err):
		return connector.Outcome{Status: connector.Failed, Reason: refusal.failure.Reason}, nil
	}
	return connector.Outcome{}, err
}

// tellsOfRow says whether a 404 is about the row: the address names it, or it can
// be asked for again. Otherwise the address itself may be wrong, and nothing was
// erased.
func (w *writing) tellsOfRow() bool {
	r := w.request
	names := slices.ContainsFunc(r.Values, func(v Value) bool {
		return v.Param == "" && (holds(r.Path, v.Name, true) || slices.ContainsFunc(r.Query, func(p Pair) bool { return holds(p.Value, v.Name, true) }))
	})
	return names || w.endpoint.unasked() == ""
}

// noteOf shows in the log what the description wants shown of an answer.
func (w *writing) noteOf(k *call, a *answer, chosen values) {
	for _, p := range w.request.Processors {
		if p.Strategy == "extract_for_execution_log" && a.data != nil {
			w.log(connector.Exchange{Doing: w.doing, Call: k.shown, Status: a.status, Note: w.redacted(inText(dig(a.data, p.Path)), chosen)})
		}
	}
}

// valuesOf gives what the placeholders stand for in the calls of a row, and
// what of it is masked.
func (w *writing) valuesOf(change connector.Change) (v values, masked map[string]any) {
	v = w.standing()
	after := map[string]any{}
	masked = map[string]any{}
	for _, column := range w.batch.Columns {
		after[column] = change.After[column]
		if !value.Equal(change.Before[column], change.After[column]) {
			masked[column] = difference(change.Before[column], change.After[column])
		}
	}
	var whole any = after
	for _, path := range w.batch.Omit {
		whole = without(whole, strings.Split(path, "."))
	}
	v["all_object_fields"], v["masked_object_fields"] = whole, masked
	v["idempotency_key"] = w.idempotency(change, masked)
	return v, masked
}

// without gives a value without what a path leads to, in each element of a list.
func without(v any, path []string) any {
	switch v := v.(type) {
	case []any:
		all := make([]any, len(v))
		for i, element := range v {
			all[i] = without(element, path)
		}
		return all
	case map[string]any:
		inner, there := v[path[0]]
		if !there {
			return v
		}
		v = maps.Clone(v)
		if len(path) > 1 {
			v[path[0]] = without(inner, path[1:])
		} else {
			delete(v, path[0])
		}
		return v
	}
	return v
}

// rowOf gives a row as it was read, as far as the batch has it, and what it was
// found by.
func (w *writing) rowOf(change connector.Change) (row, inputs map[string]any) {
	row = map[string]any{}
	for name, v := range change.Before {
		row[name] = v
	}
	for k, column := range w.batch.KeyColumns {
		row[column] = change.Key[k]
	}
	inputs, _ = row[InputsColumn].(map[string]any)
	delete(row, InputsColumn)
	return row, inputs
}

// valueOf finds what is meant: in the row where it refers to the endpoint
// itself, else among what the row was found by, which may be several.
func (w *writing) valueOf(meant Input, row, inputs map[string]any) []any {
	for _, ref := range meant.References {
		if w.endpoint.own([]Reference{ref}) {
			_, path, _ := strings.Cut(ref.Field, ".")
			if found := dig(row, path); found != nil {
				return []any{found}
			}
		}
	}
	for _, in := range w.endpoint.Inputs() {
		found := inputs[in.Name]
		if found == nil || !meant.from(in) {
			continue
		}
		if list, ok := found.([]any); ok && in.Filter {
			return list
		}
		return []any{found}
	}
	return nil
}

// difference gives after where it is not as before: of objects the members
// that differ.
func difference(before, after any) any {
	b, ok := before.(map[string]any)
	a, also := after.(map[string]any)
	if !ok || !also {
		return after
	}
	differ := map[string]any{}
	for name := range a {
		if was, there := b[name]; !there || !value.Equal(was, a[name]) {
			differ[name] = difference(was, a[name])
		}
	}
	return differ
}

// idempotency gives the key of the calls for a row: the same whenever the same
// is asked for the same request. What was there before belongs to it: a value that
// has come back since is masked again, and not answered as it was then.
func (w *writing) idempotency(change connector.Change, masked map[string]any) string {
	h := sha256.New()
	row, _ := w.rowOf(connector.Change{Key: change.Key})
	before := map[string]any{}
	for column := range masked {
		before[column] = change.Before[column]
	}
	_, _ = fmt.Fprintf(h, "%s\n%s\n%s\n%s %s\n%s\n%s", w.facts.RequestID, w.Connector.key, w.endpoint.Name, w.request.Method, w.request.Path, value.Key(row), value.Key([]any{before, masked}))
	return "vr_" + hex.EncodeToString(h.Sum(nil))[:40]
}

// ResumeMask implements connector.Resumer.
func (c *Connector) ResumeMask(ctx context.Context, b connector.Batch, kept []byte, answers map[int][]byte) ([]connector.Outcome, error) {
	e, err := c.endpoint(b.Table)
	if err != nil {
		return nil, err
	}
	w := &writing{Connector: c, endpoint: e, batch: b, request: e.masking(), doing: "erase in " + e.Name}
	if len(b.Columns) == 0 {
		w.request = c.deleting(e)
	}
	s, err := readState(kept, func(p pending) bool {
		return w.request != nil && w.request.Async != nil && !slices.ContainsFunc(p.Changes, func(i int) bool { return i >= len(b.Changes) })
	})
	if err == nil && len(s.Outcomes) != len(b.Changes) {
		err = errors.New("the batch is not the one that waits")
	}
	if err != nil {
		return nil, c.wrong(w.doing, err)
	}
	w.state.Outcomes = s.Outcomes
	for _, p := range s.Pending {
		resume := w.resume
		if p.ID == "" {
			resume = func(_ context.Context, p pending) error { return w.posted(p, answers[p.Number]) }
		}
		if err := resume(ctx, p); err != nil {
			return nil, c.wrong(w.doing, err)
		}
	}
	for _, p := range w.state.Pending {
		for _, i := range p.Changes {
			w.state.Outcomes[i] = connector.Outcome{}
		}
	}
	return w.state.Outcomes, w.waiting()
}

// resume asks whether the vendor is done.
func (w *writing) resume(ctx context.Context, p pending) error {
	_, _, done, err := w.ask(ctx, p, w.request.Async, w.doing)
	switch {
	case err != nil && (connector.Retryable(err) || errors.As(err, &overdue{})):
		return err
	case err != nil:
		w.became(p, connector.Outcome{Status: connector.Failed, Reason: err.Error()})
	case done:
		w.became(p, connector.Outcome{Status: connector.Changed})
	default:
		w.state.Pending = append(w.state.Pending, p)
	}
	return nil
}

// posted takes what the vendor has posted; body is nil before it has.
func (w *writing) posted(p pending, body []byte) error {
	if body == nil {
		w.state.Pending = append(w.state.Pending, p)
		return w.late(p, w.request.Async, w.request.Method+" "+w.request.Path, w.doing, "posted its answer")
	}
	answer, err := readAnswer(body)
	switch {
	case err != nil:
		return err
	case !answer.counted:
		return errors.New("the vendor was asked to erase, and has posted no rows_masked")
	case answer.masked == 0:
		w.became(p, connector.Outcome{Status: connector.AlreadyDone, Reason: "the vendor says that it has masked no row"})
	default:
		w.became(p, connector.Outcome{Status: connector.Changed})
	}
	return nil
}

// became notes what a call has come to, for the changes that it was made for.
func (w *writing) became(p pending, outcome connector.Outcome) {
	for _, i := range p.Changes {
		was := w.state.Outcomes[i]
		if was.Status == "" {
			was = outcome
		}
		w.state.Outcomes[i] = worse(was, outcome)
	}
}
