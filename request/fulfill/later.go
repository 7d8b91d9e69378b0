package fulfill

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// WaitLog keeps what a request waits for: questions that systems have taken
// and answer later, and what those have posted that call back.
type WaitLog interface {
	// Waits gives the questions of the request's round of which the collections
	// are not done.
	Waits(ctx context.Context, tenant, id string) ([]request.Wait, error)
	// Wait stores p with the questions that it waits for, each in the place of
	// what was kept of it, and the log line where there is one.
	Wait(ctx context.Context, l request.Lease, p request.Progress, waits []request.Wait, line *request.LogLine) error
	// Expect issues the pass by which an answer may be posted, unless it was.
	Expect(ctx context.Context, l request.Lease, p auth.Pass) error
	// Replies gives all that was posted, and notes that it was given.
	Replies(ctx context.Context, l request.Lease) ([]request.Reply, error)
}

// Awaits is what Run gives when the request waits for systems that answer
// later. Nobody holds it: it is to be run again.
type Awaits struct {
	// Again is when, at the latest.
	Again time.Time
	until map[string]time.Time // by connection: when it is given up
}

func (a *Awaits) Error() string { return strings.Join(a.each(), ", ") }

func (a *Awaits) each() (all []string) {
	for _, connection := range slices.Sorted(maps.Keys(a.until)) {
		all = append(all, fmt.Sprintf("waits for %s until %s", connection, a.until[connection].UTC().Format(time.RFC3339)))
	}
	return all
}

// join adds what another collection waits for; each may be nil.
func (a *Awaits) join(other *Awaits) *Awaits {
	if a == nil || other == nil {
		return or(a, other)
	}
	both := &Awaits{Again: sooner(a.Again, other.Again), until: maps.Clone(a.until)}
	for connection, until := range other.until {
		if until.After(both.until[connection]) {
			both.until[connection] = until
		}
	}
	return both
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// awaits gives what a failure waits for; nil where it is another.
func awaits(err error) *Awaits {
	var a *Awaits
	_ = errors.As(err, &a)
	return a
}

// wait is a question that its system answers later.
type wait struct {
	address, question, connection string
	since                         time.Time // it was asked
	kept
}

// kept is what is stored of a question, sealed.
type kept struct {
	Rows   []byte    // that have come, as package value writes them
	State  []byte    // by which the system goes on; nil: all has come
	Again  time.Time // when to ask again
	Until  time.Time // when it is given up
	Posted int       // answers that the system has been handed
}

// The times of systems that do not say any.
const (
	askAgain = time.Minute        // where a system cannot be asked for now
	longest  = 7 * 24 * time.Hour // until it is given up
)

// loadWaits opens what the request waits for, and what was posted since.
func (r *run) loadWaits(ctx context.Context) error {
	r.waits, r.replies = map[string]*wait{}, map[string]map[int][]byte{}
	all, err := r.work.Waits(ctx, r.lease.Tenant, r.lease.Request)
	if err != nil || len(all) == 0 {
		return err
	}
	r.waited = true
	for _, stored := range all {
		plain, err := stored.Unseal(r.key, r.lease.Tenant, r.lease.Request)
		if err != nil {
			return err
		}
		w := &wait{address: stored.Address, question: stored.Question, since: stored.Since}
		if err := json.Unmarshal(plain, &w.kept); err != nil {
			return fmt.Errorf("what %s waits for is damaged", stored.Address)
		}
		if n := r.plan.Node(w.address); n != nil {
			w.connection = n.Connection
		}
		r.waits[w.question] = w
	}
	replies, err := r.work.Replies(ctx, r.lease)
	if err != nil {
		return err
	}
	for _, stored := range replies {
		body, err := stored.Unseal(r.key, r.lease.Tenant, r.lease.Request)
		if err != nil {
			return err
		}
		if r.replies[stored.Question] == nil {
			r.replies[stored.Question] = map[int][]byte{}
		}
		r.replies[stored.Question][stored.Number] = body
	}
	return nil
}

// wait gives what is kept of a question, nil where it was not asked yet.
func (r *run) wait(question string) *wait {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waits[question]
}

func (r *run) keepWait(w *wait) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits[w.question] = w
}

// undue gives what a collection waits for that need not be asked now; nil when
// there is something to do.
func (r *run) undue(address string) (all *Awaits) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.waits {
		switch {
		case w.address != address || w.State == nil:
		case r.due(w):
			return nil
		default:
			all = w.awaits().join(all)
		}
	}
	return all
}

// due says whether a system is to be asked now.
func (r *run) due(w *wait) bool {
	return !r.Now().Before(w.Again) || len(r.replies[w.question]) > w.Posted
}

func (w *wait) awaits() *Awaits {
	return &Awaits{Again: w.Again, until: map[string]time.Time{w.connection: w.Until}}
}

// question names what is asked, the same whenever the same is asked in a step
// of a round. It comes from the request's key, and tells nothing of a person.
func (r *run) question(n *graph.Node, parts ...string) string {
	text := fmt.Sprintf("question/%d/%s/%s", r.request.Round, r.step, n.Address)
	for _, p := range parts {
		text += fmt.Sprintf("/%d:%s", len(p), p)
	}
	return hex.EncodeToString(r.key.Derive(text)[:16])
}

func (r *run) readQuestion(n *graph.Node, q connector.Read) string {
	var parts []string
	for _, m := range q.Where {
		parts = append(parts, strings.Join(m.Columns, "\x00"))
		for _, t := range m.Tuples {
			parts = append(parts, tupleKey(t))
		}
	}
	for _, c := range q.Partition {
		parts = append(parts, c.Column+c.Operator+value.Key(c.Constant))
	}
	return r.question(n, parts...)
}

// told gives a connection that knows which request it is asked for, and where it
// posts the answers to a question.
func (r *run) told(c any, question string) any {
	about, ok := c.(connector.Requested)
	if !ok {
		return c
	}
	facts := r.facts()
	facts.Question = question
	if r.ReplyTo != "" {
		facts.Reply = func(ctx context.Context, number int) (address, token string, err error) {
			name := fmt.Sprintf("%s/%d", question, number)
			secret := append(r.key.Derive("reply-pass-id/"+name), r.key.Derive("reply-pass/"+name)...)
			pass, token, err := auth.NewPass(r.lease.Tenant, auth.PostReply, request.ReplyObject(r.lease.Request, question, number), 1, r.Now().Add(passTime), bytes.NewReader(secret))
			if err == nil {
				err = r.work.Expect(ctx, r.lease, pass)
			}
			crash("reply.expected")
			return r.ReplyTo, token, err
		}
	}
	return about.About(facts)
}

// query makes one query. What a system answers later is not asked for twice: rows
// that have come are kept, and given again, until the collection is done.
func (r *run) query(ctx context.Context, n *graph.Node, reader connector.Reader, q connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	if _, later := reader.(connector.Resumer); !later {
		return reader.Read(ctx, q, each)
	}
	if whole := r.plan.Node(n.Address); whole != nil {
		q.Columns = whole.Columns // whoever asks in this step, so that it is one question
	}
	w := r.wait(r.readQuestion(n, q))
	if w == nil {
		return r.askFirst(ctx, n, reader, q, each)
	}
	var total connector.ReadResult
	if err := value.Decode(w.Rows, func(row map[string]any) error {
		total.Rows++
		return each(row)
	}); err != nil || w.State == nil {
		return total, err
	}
	if !r.due(w) {
		return total, w.awaits()
	}
	resumer, err := as[connector.Resumer](r.told(reader, w.question), n.Connection)
	if err != nil {
		return total, err
	}
	next := *w
	next.Rows, next.Posted = slices.Clone(w.Rows), len(r.replies[w.question])
	result, err := resumer.Resume(ctx, q, w.State, r.replies[w.question], keeping(&next.Rows, each))
	total.Rows += result.Rows
	crash("wait.resumed")
	return total, r.became(w, &next, err)
}

func (r *run) askFirst(ctx context.Context, n *graph.Node, reader connector.Reader, q connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	w := &wait{address: n.Address, question: r.readQuestion(n, q), connection: n.Connection}
	reader, err := as[connector.Reader](r.told(reader, w.question), n.Connection)
	if err != nil {
		return connector.ReadResult{}, err
	}
	if late, ok := reader.(connector.Resumer); ok && late.Later(q.Table) {
		each = keeping(&w.Rows, each)
	}
	result, err := reader.Read(ctx, q, each)
	var later *connector.Waiting
	if errors.As(err, &later) {
		crash("wait.begun")
		return result, r.later(w, later)
	}
	return result, err
}

// keeping hands rows on and keeps what they hold.
func keeping(rows *[]byte, each func(connector.Row) error) func(connector.Row) error {
	return func(row connector.Row) (err error) {
		if *rows, err = value.Append(*rows, row); err != nil {
			return err
		}
		return each(row)
	}
}

// later notes that a question is answered later.
func (r *run) later(w *wait, l *connector.Waiting) *Awaits {
	w.State, w.Until = l.State, l.Until
	if w.Until.IsZero() {
		w.Until = r.Now().Add(longest)
	}
	w.Again, w.since = or(l.Again, w.Until), or(w.since, r.Now())
	r.keepWait(w)
	return w.awaits()
}

// became notes what asking again has come to: was becomes next. A failure that
// may pass is waited for as the answer is.
func (r *run) became(was, next *wait, err error) error {
	var l *connector.Waiting
	switch {
	case errors.As(err, &l):
		return r.later(next, l)
	case err == nil:
		next.State = nil
		r.keepWait(next)
	case connector.Retryable(err) && r.Now().Before(was.Until):
		same := *was
		same.Again = r.Now().Add(askAgain)
		var failure *connector.Error
		if errors.As(err, &failure) && failure.RetryAfter > askAgain {
			same.Again = r.Now().Add(failure.RetryAfter)
		}
		same.Again = sooner(same.Again, same.Until)
		r.Log.Warn("a system that is waited for will be asked again", "request", r.lease.Request, "collection", was.address, "at", same.Again, "error", err)
		r.keepWait(&same)
		return same.awaits()
	}
	return err
}

// write sends a batch, or asks what has become of it.
func (e *eraser) write(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	question := e.batchQuestion()
	w := e.wait(question)
	if w == nil {
		return e.writeFirst(ctx, b, question)
	}
	if !e.due(w) {
		return nil, w.awaits()
	}
	c, err := e.Connect(e.node.Connection)
	if err != nil {
		return nil, err
	}
	resumer, err := as[connector.Resumer](e.told(c, question), e.node.Connection)
	if err != nil {
		return nil, err
	}
	next := *w
	next.Posted = len(e.replies[question])
	outcomes, err := resumer.ResumeMask(ctx, b, w.State, e.replies[question])
	crash("wait.resumed")
	return outcomes, e.became(w, &next, err)
}

// batchQuestion is that of the batch which begins behind the rows that were dealt
// with.
func (e *eraser) batchQuestion() string {
	return e.question(e.node, fmt.Sprintf("batch %d", e.progress.Position))
}

func (e *eraser) writeFirst(ctx context.Context, b connector.Batch, question string) ([]connector.Outcome, error) {
	c, err := e.Connect(e.node.Connection)
	if err != nil {
		return nil, err
	}
	write, err := e.writer(e.told(c, question))
	if err != nil {
		return nil, err
	}
	outcomes, err := write(ctx, b)
	var later *connector.Waiting
	if errors.As(err, &later) {
		crash("wait.begun")
		return nil, e.later(&wait{address: e.node.Address, question: question, connection: e.node.Connection}, later)
	}
	return outcomes, err
}

func (e *eraser) writer(c any) (func(context.Context, connector.Batch) ([]connector.Outcome, error), error) {
	if e.node.Delete != "" {
		deleter, err := as[connector.Deleter](c, e.node.Connection)
		if err != nil {
			return nil, err
		}
		return deleter.Delete, nil
	}
	masker, err := as[connector.Masker](c, e.node.Connection)
	if err != nil {
		return nil, err
	}
	return masker.Mask, nil
}

// whole says whether the batch is complete that the system was asked for and
// answers later: it must be the same, whatever the limits are now.
func (e *eraser) whole() (asked, whole bool) {
	asked = e.progress.Intent > e.progress.Position && e.wait(e.batchQuestion()) != nil
	return asked, asked && e.seen == e.progress.Intent
}

// keepWaiting stores that a collection waits, and with it what it waits for. The
// execution log has a line when that begins.
func (r *run) keepWaiting(ctx context.Context, p request.Progress, a *Awaits) error {
	began := r.at(p.Address, p.Action).Status != request.Waiting
	p.Status, p.Message = request.Waiting, a.Error()
	var waits []request.Wait
	r.mu.Lock()
	for _, w := range r.waits {
		if w.address != p.Address {
			continue
		}
		plain, err := json.Marshal(w.kept)
		if err != nil {
			r.mu.Unlock()
			return err
		}
		stored := request.Wait{Address: w.address, Action: p.Action, Question: w.question, Since: w.since, Until: w.Until}
		if w.State != nil {
			stored.Again = w.Again
		}
		waits = append(waits, request.NewWait(r.key, r.lease.Tenant, r.lease.Request, stored, plain))
	}
	r.mu.Unlock()
	var line *request.LogLine
	if began {
		line = &request.LogLine{Address: p.Address, Action: p.Action, Status: string(p.Status), Attempt: p.Attempt, Message: p.Message}
	}
	if err := r.work.Wait(ctx, r.lease, p, waits, line); err != nil {
		return fmt.Errorf("store what %s waits for: %w", p.Address, err)
	}
	crash("wait.stored")
	r.mu.Lock()
	r.progress[progressKey{r.request.Round, p.Address, p.Action}] = p
	r.mu.Unlock()
	if began {
		r.tell(Event{Address: p.Address, Action: p.Action, Status: p.Status, Message: p.Message})
	}
	return a
}

// rechecked says whether a collection was queried again already in a step that has
// waited for systems since. Of what it said, the rows count that there were more.
func (r *run) rechecked(n *graph.Node) bool {
	p := r.at(n.Address, request.Recheck)
	if r.waited && p.Status == request.Done {
		r.mu.Lock()
		r.fresh[n.Address] = max(0, p.RowsRead-p.RowsMatched)
		r.mu.Unlock()
		return true
	}
	return false
}

// cycleUndue is undue for the members of a circle.
func (r *run) cycleUndue(members []*graph.Node) (all *Awaits) {
	for _, n := range members {
		if r.at(n.Address, request.Access).Status != request.Waiting {
			return nil
		}
		if a := r.undue(n.Address); a != nil {
			all = a.join(all)
		} else if r.asked(n.Address) {
			return nil
		}
	}
	return all
}

// asked says whether a collection waits for an answer.
func (r *run) asked(address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.waits {
		if w.address == address && w.State != nil {
			return true
		}
	}
	return false
}

// keepWaiting lets all members wait: the circle is followed again from its
// beginning, with the answers that there are by then.
func (c *cycle) keepWaiting(ctx context.Context, a *Awaits) error {
	for _, m := range c.members {
		if err := c.run.keepWaiting(ctx, m.progress, a); awaits(err) == nil {
			return err
		}
	}
	return a
}

// accessInPlace waits for systems without giving the request back.
func (r *run) accessInPlace(ctx context.Context) error {
	for {
		err := r.access(ctx)
		a := awaits(err)
		if a == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(a.Again.Sub(r.Now())):
		}
	}
}

// rest gives the request back until a system is to be asked, or has posted.
func (r *run) rest(ctx context.Context, a *Awaits) error {
	r.Log.Info("waiting", "request", r.lease.Request, "until", a.Again, "message", a.Error())
	parked := request.Parked{Needed: a.each()}
	if err := r.requests.Rest(ctx, r.lease, max(0, a.Again.Sub(r.Now())), parked); err != nil {
		return errors.Join(a, fmt.Errorf("let the request wait: %w", err))
	}
	crash("rested")
	return a
}

// Rest gives the lease back: one that was lost after the outcome was unknown is
// given back, or taken by another.
func (p patient) Rest(ctx context.Context, l request.Lease, pause time.Duration, parked request.Parked) error {
	unknown := false
	return p.try(ctx, func() error {
		err := p.Requests.Rest(ctx, l, pause, parked)
		if unknown && errors.Is(err, request.ErrFenced) {
			return nil
		}
		unknown = unknown || errors.Is(err, request.ErrUnknown)
		return err
	})
}

func (p patient) Waits(ctx context.Context, tenant, id string) ([]request.Wait, error) {
	return ask(ctx, p, func() ([]request.Wait, error) { return p.Work.Waits(ctx, tenant, id) })
}

// Wait may be made twice: a line of the log is then there twice.
func (p patient) Wait(ctx context.Context, l request.Lease, pr request.Progress, waits []request.Wait, line *request.LogLine) error {
	return p.try(ctx, func() error { return p.Work.Wait(ctx, l, pr, waits, line) })
}

func (p patient) Expect(ctx context.Context, l request.Lease, pass auth.Pass) error {
	return p.try(ctx, func() error { return p.Work.Expect(ctx, l, pass) })
}

func (p patient) Replies(ctx context.Context, l request.Lease) ([]request.Reply, error) {
	return ask(ctx, p, func() ([]request.Reply, error) { return p.Work.Replies(ctx, l) })
}
