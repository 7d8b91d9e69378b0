package webhook

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Ledger is where events come from.
type Ledger interface {
	// After gives up to limit events behind a sequence. Whoever goes on behind
	// the last one misses none.
	After(ctx context.Context, tenant string, after int64, limit int) ([]Event, error)
	// Changed gives a channel that is closed once this process adds something.
	// Take it before reading.
	Changed(tenant string) <-chan struct{}
}

// Report is what a courier has to store, all in one commit.
type Report struct {
	Cursor   int64
	Attempts []Attempt
	Waits    []Waiting // new, or changed
	Over     []int64   // sequences that wait no more
	Disable  Reason    // "" for no
}

// The limits of one endpoint.
const (
	// queueLimit is how many events are in memory, those that wait among them.
	// When it is reached the cursor stands still, and only what is due is sent.
	queueLimit = 1000
	readLimit  = 100 // events read at once
	calls      = 8   // at the same time
	// While calls are under way, their outcomes are stored together: so many,
	// or after this time.
	reportMost = 64
	reportTime = 50 * time.Millisecond
	// Where so many calls in a row have failed, one is made at a time, with
	// this pause: whoever is down is not to be stormed, and costs us little.
	failMost = calls
	failTime = time.Second
	// idleStep is how far the cursor may move without being stored, when all
	// that it passed was not wanted.
	idleStep = 1000
)

// courier delivers for one endpoint as long as it holds the lease. All fields
// are its goroutine's; calls only send their answer.
type courier struct {
	*Couriers
	lease    Lease
	endpoint Endpoint
	until    time.Time // when the lease is over, unless prolonged

	queue   []*message // by sequence; the first of each lane is sent first
	loaded  map[int64]bool
	read    int64 // up to here the ledger was read
	more    bool  // there may be more behind it
	calling int
	answers chan *message
	failing int       // calls in a row that failed
	quiet   time.Time // until then no call is made
	report  Report    // what became of calls since the last was stored
	said    time.Time // when that was
}

// message is an event on its way.
type message struct {
	Waiting
	calling bool
	stored  bool // as it is here
	kept    bool // in some form
	answer  Answer
	err     error
}

// run delivers until ctx ends, in order, or the lease is lost, which is an
// error. Calls under way when ctx ends have until hard ends.
func (c *courier) run(ctx, hard context.Context) error {
	calls, cut := context.WithCancel(hard)
	defer func() {
		cut()
		for ; c.calling > 0; c.calling-- {
			<-c.answers
		}
	}()
	var poll <-chan time.Time
	if c.Poll > 0 {
		ticker := time.NewTicker(c.Poll)
		defer ticker.Stop()
		poll = ticker.C
	}
	for {
		changed := c.Ledger.Changed(c.lease.Tenant)
		if err := c.Store.Held(ctx, c.lease); err != nil {
			return c.end(ctx, hard, err)
		}
		if err := c.fill(ctx); err != nil {
			return c.end(ctx, hard, err)
		}
		for stay := true; stay; {
			next := c.start(calls)
			if c.unsaid() {
				if err := c.say(hard); err != nil {
					return err
				}
			}
			if !c.endpoint.Enabled && c.calling == 0 {
				return nil
			}
			if c.more && c.room() {
				break
			}
			timer := time.NewTimer(next.Sub(c.Now()))
			select {
			case <-ctx.Done():
				timer.Stop()
				return c.end(ctx, hard, nil)
			case m := <-c.answers:
				c.settle(m)
			case <-timer.C:
			case <-changed:
				stay = false
			case <-poll:
				stay = false
			}
			timer.Stop()
		}
	}
}

// end stores what is known, and gives the endpoint back. It waits for calls
// under way, unless the lease is lost.
func (c *courier) end(ctx, hard context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	for c.calling > 0 {
		c.settle(<-c.answers)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(hard), endTime)
	defer cancel()
	return errors.Join(c.say(last), c.Store.Release(last, c.lease))
}

// fill reads what is behind the queue, as long as there is room.
func (c *courier) fill(ctx context.Context) error {
	for c.more = true; c.more && c.room(); {
		found, err := c.Ledger.After(ctx, c.lease.Tenant, c.read, readLimit)
		if err != nil {
			return err
		}
		for _, e := range found {
			c.read = e.Sequence
			if Wanted(c.endpoint.Types, e.Type) && !c.loaded[e.Sequence] {
				c.queue = append(c.queue, &message{Waiting: Waiting{Event: e}})
			}
		}
		c.more = len(found) == readLimit
	}
	return nil
}

func (c *courier) room() bool { return len(c.queue) <= queueLimit-readLimit }

// start makes the calls that are due, and gives when to look again.
func (c *courier) start(ctx context.Context) (next time.Time) {
	now := c.Now()
	next = now.Add(c.TTL / 3)
	if len(c.report.Attempts) > 0 {
		next = c.said.Add(reportTime)
	}
	if now.Before(c.quiet) {
		return earlier(next, c.quiet)
	}
	seen := map[string]bool{}
	for _, m := range c.queue {
		full := c.calling == calls || c.failing >= failMost && c.calling > 0
		if full || !c.endpoint.Enabled || !now.Before(c.until) {
			return next
		}
		if seen[m.Event.lane()] {
			continue
		}
		seen[m.Event.lane()] = true
		switch {
		case m.calling:
		case now.Before(m.Due):
			next = earlier(next, m.Due)
		default:
			m.calling = true
			c.calling++
			go func(to Endpoint, e Event) {
				m.answer, m.err = c.post(ctx, to, e)
				c.answers <- m
			}(c.endpoint, m.Event)
		}
	}
	return next
}

// settle notes what an answer means, and those that came with it.
func (c *courier) settle(m *message) {
	for {
		c.note(m)
		select {
		case m = <-c.answers:
		default:
			return
		}
	}
}

func (c *courier) note(m *message) {
	c.calling--
	m.calling = false
	a, now := m.answer, c.Now()
	line := Attempt{At: a.At, Event: m.Event.ID, Type: m.Event.Type, Sequence: m.Event.Sequence, Try: m.Tried + 1, Status: a.Status, Outcome: a.Outcome, Took: a.Took}
	if m.err != nil {
		c.Log.Error("an event cannot be written", "tenant", c.lease.Tenant, "webhook", c.lease.Endpoint, "error", m.err)
	}
	if a.Outcome == Delivered {
		c.endpoint.Succeeded, c.failing = now, 0
		c.leave(m)
	} else {
		c.failed(m, now)
		line.Next = m.Due // at once, where the endpoint was disabled
	}
	c.report.Attempts = append(c.report.Attempts, line)
}

// failed decides when a message is tried again. When all its tries are used
// up it is given up, unless nothing at all got through since the first: then
// the endpoint is disabled, and what waits there goes on once it is enabled.
func (c *courier) failed(m *message, now time.Time) {
	m.stored = false
	m.Tried++
	if m.Since.IsZero() {
		m.Since = m.answer.At
	}
	rest := m.answer.RetryAfter
	if c.failing++; c.failing >= failMost {
		rest = max(rest, failTime)
	}
	if quiet := now.Add(rest); rest > 0 && quiet.After(c.quiet) {
		c.quiet = quiet
	}
	switch {
	case m.answer.Status == 410:
		m.Due = now
		c.disable(Gone)
	case m.Tried <= len(c.Schedule):
		pause := time.Duration(float64(c.Schedule[m.Tried-1]) * (1 + jitter*(2*c.Random()-1)))
		m.Due = now.Add(max(pause, m.answer.RetryAfter))
	case !c.endpoint.Succeeded.Before(m.Since):
		m.Due = time.Time{} // it is not tried again
		c.leave(m)
	default:
		m.Tried, m.Since, m.Due = 0, time.Time{}, now
		c.disable(Failing)
	}
}

// jitter is the part of a pause by which it varies, so that what failed
// together does not come back together.
const jitter = 0.1

func (c *courier) disable(why Reason) {
	c.endpoint.Enabled, c.report.Disable = false, why
}

// leave takes a message off the queue.
func (c *courier) leave(m *message) {
	c.queue = slices.DeleteFunc(c.queue, func(other *message) bool { return other == m })
	if m.kept {
		c.report.Over = append(c.report.Over, m.Event.Sequence)
	}
}

// unsaid says whether there is something to store.
func (c *courier) unsaid() bool {
	now, attempts := c.Now(), len(c.report.Attempts)
	switch {
	case attempts >= reportMost, attempts > 0 && (c.calling == 0 || now.Sub(c.said) >= reportTime):
		return true
	case now.After(c.until.Add(-2 * c.TTL / 3)):
		return true
	}
	return c.cursor() > c.endpoint.Cursor+idleStep
}

// say stores what became of calls, where the queue stands, and prolongs the
// lease.
func (c *courier) say(ctx context.Context) error {
	held := map[string]bool{}
	for _, m := range c.queue {
		lane := m.Event.lane()
		held[lane] = held[lane] || m.kept || !m.Due.IsZero()
		if held[lane] && !m.stored {
			c.report.Waits = append(c.report.Waits, m.Waiting)
			m.stored, m.kept = true, true
		}
	}
	c.report.Cursor = c.cursor()
	until := c.Now().Add(c.TTL)
	if err := c.Store.Report(ctx, c.lease, c.TTL, c.report); err != nil {
		return err
	}
	c.endpoint.Cursor, c.until, c.report, c.said = c.report.Cursor, until, Report{}, c.Now()
	return nil
}

// cursor is the sequence up to which nothing needs to be read again.
func (c *courier) cursor() int64 {
	for _, m := range c.queue {
		if !m.kept {
			return m.Event.Sequence - 1
		}
	}
	return c.read
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
