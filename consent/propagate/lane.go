package propagate

import (
	"context"
	"errors"
	"slices"
	"time"

	"volenti.dev/volenti/connector"
)

// The limits of one lane.
const (
	// While calls are under way, their outcomes are stored together: so many,
	// or after this time.
	settleMost = 64
	settleTime = 50 * time.Millisecond
	// Where calls are quick, more attempts are begun in one commit than there can be
	// calls at once: twice as many each time that those before were through in
	// quickTime, up to beginMost.
	beginMost = 64
	quickTime = 250 * time.Millisecond
	// callTime bounds a call, whatever the connector does.
	callTime = time.Minute
	openTime = 5 * time.Minute // the longest pause of an open circuit
	// longestQuiet bounds what a system can ask for.
	longestQuiet = 24 * time.Hour
	// jitter is the part of a pause by which it varies, so that what failed together
	// does not come back together.
	jitter = 0.1
)

// OpenAfter is after how many calls in a row that failed in a way that may pass the
// circuit of a connection opens: none is made for a second, and then one at a time,
// with pauses that double up to five minutes.
const OpenAfter = 5

// errGone ends a lane whose connection is gone, or is a permission table now.
var errGone = errors.New("the connection is not carried to")

// lane sends to one connection as long as it holds the lease. All fields are its
// goroutine's; calls only send their parcel back.
type lane struct {
	*follower
	lease   Lane
	weather Weather
	until   time.Time // when the lease is over, unless prolonged
	clouded bool      // the weather is not stored as it is here

	look    bool          // there may be something that is due
	next    time.Time     // when something becomes due; zero for nothing
	under   map[int64]Ref // begun and not settled, by sequence
	waiting []*parcel     // begun, and to be called
	calling int
	back    chan *parcel
	done    []Settlement
	since   time.Time // when the first of done was added
	limit   int       // calls at once; 0 while it is not known
	size    int       // how many calls are begun at once
	began   time.Time // when that was
}

// batch is what was begun together.
type batch struct {
	preferrer connector.Preferrer
	err       error // why there is none
	left      int   // parcels that are not back
	release   func()
}

// parcel is what goes in one call.
type parcel struct {
	*batch
	begun []Begun
	at    time.Time
	took  time.Duration
	probe bool // it was sent to see whether the system is well again
	calls [][]connector.Call
	err   error
}

func newLane(f *follower, lease Lane, w Weather, until time.Time) *lane {
	return &lane{follower: f, lease: lease, weather: w, until: until, look: true, under: map[int64]Ref{}, back: make(chan *parcel)}
}

// run sends until ctx ends, in order, or there is nothing to do for some time, or the
// lease is lost, which is an error. Calls under way when ctx ends have until hard ends.
func (l *lane) run(ctx, hard context.Context) error {
	calls, cut := context.WithCancel(hard)
	defer func() {
		cut()
		for ; l.calling > 0; l.calling-- {
			l.leave(<-l.back)
		}
		l.drop()
	}()
	for {
		woken := l.woken()
		if err := l.store(hard); err != nil {
			return err
		}
		err := l.fill(ctx)
		if ctx.Err() != nil || errors.Is(err, errGone) {
			return l.end(hard)
		}
		if err != nil {
			return err
		}
		l.send(calls)
		if len(l.done) > 0 && l.idle() {
			continue
		}
		if l.idle() && !l.Now().Before(l.renewal()) { // the follower knows when there is something due
			return l.end(hard)
		}
		timer := time.NewTimer(l.wait())
		select {
		case <-ctx.Done():
			timer.Stop()
			return l.end(hard)
		case p := <-l.back:
			l.note(p, hard.Err() != nil)
		case <-timer.C:
			l.look = l.look || !l.next.IsZero() && !l.Now().Before(l.next)
		case <-woken:
			l.look = true
		}
		timer.Stop()
	}
}

// idle says that nothing is under way.
func (l *lane) idle() bool { return l.calling == 0 && len(l.waiting) == 0 }

// renewal is when the lease is to be prolonged.
func (l *lane) renewal() time.Time { return l.until.Add(-2 * l.TTL / 3) }

// wait is how long there is nothing to do, unless something happens.
func (l *lane) wait() time.Duration {
	now := l.Now()
	at := l.renewal()
	if len(l.done) > 0 {
		at = earlier(at, l.since.Add(settleTime))
	}
	if !l.next.IsZero() && l.next.After(now) {
		at = earlier(at, l.next)
	}
	if l.weather.Quiet.After(now) {
		at = earlier(at, l.weather.Quiet)
	}
	return max(at.Sub(now), time.Millisecond)
}

// open says whether the circuit is: only one call is made at a time.
func (l *lane) open() bool { return l.weather.Failing >= OpenAfter }

// store notes outcomes, the weather, and prolongs the lease, where it is time.
func (l *lane) store(ctx context.Context) error {
	now := l.Now()
	if len(l.done) > 0 && (l.idle() || len(l.done) >= settleMost || now.Sub(l.since) >= settleTime) {
		if err := l.Store.Settle(ctx, l.lease, l.done); err != nil {
			return err
		}
		for _, s := range l.done {
			delete(l.under, s.Sequence)
		}
		l.done, l.look = nil, true
	}
	renew := !now.Before(l.renewal()) && !l.idle()
	if !renew && (!l.clouded || len(l.done) > 0) {
		return nil
	}
	if err := l.Store.Renew(ctx, l.lease, l.TTL, l.weather); err != nil {
		return err
	}
	l.until, l.clouded = now.Add(l.TTL), false
	return nil
}

// fill begins attempts of what is due, as many as there is room for.
func (l *lane) fill(ctx context.Context) error {
	now := l.Now()
	full := l.calling > 0 && (l.calling >= l.limit || l.open())
	if !l.look || full || len(l.waiting) > 0 || now.Before(l.weather.Quiet) || !now.Before(l.until) {
		return nil
	}
	e, release, err := l.Edition(ctx, l.tenant)
	if err != nil {
		return l.later(ctx, err)
	}
	b := &batch{release: release, left: 1}
	defer l.leave(&parcel{batch: b})
	t, carried := e.carried(l.lease.Connection)
	if !carried {
		return errGone
	}
	var most int
	b.preferrer, most, b.err = e.Connect(t.Key)
	if t.Schedule.Every == 0 || b.err != nil || most < 1 {
		most = 1
	}
	if l.limit = t.Limit; l.limit == 0 {
		l.limit = DefaultLimit
	}
	want := l.room(now) * most
	if want < 1 {
		return nil
	}
	due, next, err := l.Store.Next(ctx, l.lease, l.busy(), want)
	if err != nil {
		return err
	}
	l.look, l.next = len(due) == want, next
	if len(due) == 0 {
		return nil
	}
	var refs []Ref
	for _, d := range due {
		refs = append(refs, Ref{d.Sequence, d.Attempt})
	}
	begun, err := l.Store.Begin(ctx, l.lease, t, refs)
	if err != nil {
		return err
	}
	l.look = l.look || len(begun) < len(refs)
	l.began = now
	for _, some := range together(begun, most) {
		for _, d := range some {
			l.under[d.Sequence] = Ref{d.Sequence, d.Attempt}
		}
		b.left++
		l.waiting = append(l.waiting, &parcel{batch: b, begun: some})
	}
	return nil
}

// together says what goes in one call. What is told again goes by itself, so that a
// system which was told of several at once is told of the same.
func together(all []Begun, most int) (parts [][]Begun) {
	if most > 1 {
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b Begun) int {
			switch {
			case a.Repeats == b.Repeats:
				return 0
			case a.Repeats:
				return -1
			}
			return 1
		})
	}
	for i, b := range all {
		if i == 0 || b.Repeats != all[i-1].Repeats || len(parts[len(parts)-1]) == most {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], b)
	}
	return parts
}

// later lets what is due wait while there is no configuration.
func (l *lane) later(ctx context.Context, err error) error {
	if errors.Is(err, ErrNoEdition) {
		return errGone
	}
	if ctx.Err() == nil {
		l.look = false // the follower says what is wrong, and wakes the lane again
	}
	return nil
}

// room is how many calls to begin: as many as can be made at once, and more where
// they were quick.
func (l *lane) room(now time.Time) int {
	switch {
	case l.open():
		l.size = l.limit
		return 1
	case l.size >= l.limit && now.Sub(l.began) < quickTime && l.weather.Failing == 0:
		l.size = max(l.limit, min(2*l.size, beginMost))
	default:
		l.size = l.limit
	}
	return l.size - l.calling
}

// busy are the deliveries that are under way.
func (l *lane) busy() []Ref {
	var all []Ref
	for _, r := range l.under {
		all = append(all, r)
	}
	return all
}

// send makes the calls that may be made now. Where none may, what was begun is put
// back.
func (l *lane) send(ctx context.Context) {
	now := l.Now()
	if now.Before(l.weather.Quiet) || l.open() && l.calling > 0 {
		l.putBack(l.weather.Quiet)
	}
	for len(l.waiting) > 0 && l.calling < l.limit && !(l.open() && l.calling > 0) && now.Before(l.until) {
		p := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.calling++
		p.at, p.probe = now, l.open()
		go func() {
			p.call(ctx)
			p.took = l.Now().Sub(p.at)
			l.back <- p
		}()
	}
}

// call tells the system.
func (p *parcel) call(ctx context.Context) {
	if p.err = p.batch.err; p.err != nil {
		return
	}
	var all []connector.Preference
	for _, b := range p.begun {
		all = append(all, b.Preference)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	p.calls, p.err = p.preferrer.Prefer(ctx, all)
	if p.err == nil && len(p.calls) != len(p.begun) {
		p.err = errUncounted
	}
}

// putBack makes pending again what was begun and not called.
func (l *lane) putBack(due time.Time) {
	for _, p := range l.waiting {
		for _, b := range p.begun {
			l.add(Settlement{
				Ref: Ref{b.Sequence, b.Attempt}, Status: Pending, Due: due, At: l.Now(), Known: !b.Repeats,
				Message: "no call was made: the connection rests",
			})
		}
		l.leave(p)
	}
	l.waiting = nil
}

// drop forgets what was begun and not called.
func (l *lane) drop() {
	for _, p := range l.waiting {
		l.leave(p)
	}
	l.waiting = nil
}

// leave gives the configuration back with the last of a batch.
func (l *lane) leave(p *parcel) {
	if p.left--; p.left == 0 {
		p.release()
	}
}

func (l *lane) add(s Settlement) {
	if len(l.done) == 0 {
		l.since = l.Now()
	}
	l.done = append(l.done, s)
}

// note takes the outcome of a call. One that was cut off at the end says nothing of
// the system.
func (l *lane) note(p *parcel, cut bool) {
	l.calling--
	defer l.leave(p)
	now, chance := l.Now(), l.Random()      // the same for all, which stay together
	passing, rest := true, time.Duration(0) // all of it may pass; what the system asks for
	for i, b := range p.begun {
		var calls []connector.Call
		if p.err == nil {
			calls = p.calls[i]
		}
		o := judge(calls, p.err)
		passing, rest = passing && o.again, max(rest, o.pause)
		s := Settlement{
			Ref: Ref{b.Sequence, b.Attempt}, Status: o.status, Reason: o.reason, Message: o.message, Calls: calls, At: p.at, Took: p.took,
			Known: o.answered || !o.lost && !b.Repeats,
		}
		switch {
		case o.again && cut:
			s.Status, s.Reason, s.Due = Pending, NoReason, now
		case o.again && b.Attempt <= len(l.Pauses):
			s.Status, s.Reason, s.Due = Pending, NoReason, now.Add(max(vary(l.Pauses[b.Attempt-1], chance), o.pause))
		}
		if l.Noted != nil {
			l.Noted(s.Status)
		}
		l.add(s)
	}
	if !cut {
		l.feel(passing, rest, p.probe, now)
	}
}

// feel changes the weather by a call.
func (l *lane) feel(passing bool, rest time.Duration, probe bool, now time.Time) {
	before := l.weather
	switch {
	case !passing:
		l.weather.Failing = 0
	case probe || !l.open():
		l.weather.Failing++
		if over := l.weather.Failing - OpenAfter; over >= 0 {
			rest = max(rest, vary(min(time.Second<<min(over, 30), openTime), l.Random()))
		}
	}
	if quiet := now.Add(rest); rest > 0 && quiet.After(l.weather.Quiet) {
		l.weather.Quiet = quiet
	}
	l.clouded = l.clouded || l.weather != before
}

// vary changes a pause by chance, from 0 up to 1.
func vary(pause time.Duration, chance float64) time.Duration {
	return time.Duration(float64(pause) * (1 + jitter*(2*chance-1)))
}

// end stores what is known, and gives the lane back. It waits for calls under way.
func (l *lane) end(hard context.Context) error {
	l.putBack(l.Now())
	for l.calling > 0 {
		l.note(<-l.back, hard.Err() != nil)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(hard), endTime)
	defer cancel()
	var err error
	if len(l.done) > 0 {
		err = l.Store.Settle(last, l.lease, l.done)
	}
	return errors.Join(err, l.Store.Release(last, l.lease, l.weather))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
