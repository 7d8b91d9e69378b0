package propagate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
)

// memory is a store and a ledger. It checks what a lane writes.
type memory struct {
	mu      sync.Mutex
	t       *testing.T
	changes []Change
	planned int
	newest  map[string]int64 // the last sequence, by person and purpose
	changed chan struct{}
	sides   map[string]*side // by connection
	writes  int              // commits for deliveries
	stale   int              // outcomes that were dropped
	broken  error            // what all writes of lanes fail with
}

// side is what is stored of one connection.
type side struct {
	owner   string
	until   time.Time
	fence   int64
	weather Weather
	rows    []*row // opt-outs first, then by sequence; those that are open
	all     map[int64]*row
	last    map[string]*row // by person and purpose
}

// about is what a delivery shares with those that it supersedes.
func about(c Change) string { return c.Subject.String() + c.Purpose }

type row struct {
	Delivery
	unknown  bool // the outcome of the last attempt is not known
	attempts []Attempt
}

func newMemory(t *testing.T, connections ...string) *memory {
	m := &memory{t: t, newest: map[string]int64{}, changed: make(chan struct{}), sides: map[string]*side{}}
	for _, key := range connections {
		m.sides[key] = &side{all: map[int64]*row{}, last: map[string]*row{}}
	}
	return m
}

// person has a subject id of their own.
func person(n int) consent.SubjectID {
	id, err := consent.ParseSubjectID(fmt.Sprintf("0199c0de-0000-7000-8000-%012d", n))
	if err != nil {
		panic(err)
	}
	return id
}

// choose records a choice about one purpose, and gives its sequence.
func (m *memory) choose(n int, c consent.Choice) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	seq := int64(len(m.changes) + 1)
	m.changes = append(m.changes, Change{Tenant: "t", Sequence: seq, Record: fmt.Sprint("r", seq), Subject: person(n), Purpose: "marketing_email", Choice: c, At: time.Now()})
	m.newest[about(m.changes[seq-1])] = seq
	m.tell()
	return seq
}

// tell wakes those who follow the ledger.
func (m *memory) tell() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) Changed(string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *memory) Plan(_ context.Context, _ string, targets []Target, limit int) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; m.planned < len(m.changes) && limit > 0; limit-- {
		c := m.changes[m.planned]
		m.planned++
		for _, t := range targets {
			s := m.sides[t.Key]
			if r := s.last[about(c)]; r != nil && r.Status == Pending {
				r.Status, r.Reason = Superseded, Newer
			}
			r := &row{Delivery: Delivery{Change: c, Connection: t.Key, Status: Pending, Due: t.Schedule.Next(c.At)}}
			s.all[c.Sequence], s.last[about(c)] = r, r
			s.rows = append(s.rows, r)
		}
	}
	for _, s := range m.sides {
		slices.SortStableFunc(s.rows, func(a, b *row) int {
			if a.OptOut() != b.OptOut() {
				if a.OptOut() {
					return -1
				}
				return 1
			}
			return cmp.Compare(a.Sequence, b.Sequence)
		})
	}
	return m.planned < len(m.changes), nil
}

func (s *side) open() []*row {
	s.rows = slices.DeleteFunc(s.rows, func(r *row) bool { return r.Status != Pending && r.Status != Sending })
	return s.rows
}

func (s *side) vacant(owner string) bool {
	return s.owner == "" || s.owner == owner || !time.Now().Before(s.until)
}

func (m *memory) Vacant(_ context.Context, tenant, owner string) (all []Lane, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, s := range m.sides {
		due := slices.ContainsFunc(s.open(), func(r *row) bool { return r.Status == Sending || !time.Now().Before(r.Due) })
		if s.vacant(owner) && due && !time.Now().Before(s.weather.Quiet) {
			all = append(all, Lane{Tenant: tenant, Connection: key, Owner: owner})
		}
	}
	return all, nil
}

func (m *memory) Claim(_ context.Context, l Lane, ttl time.Duration) (Lane, Weather, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sides[l.Connection]
	if !s.vacant(l.Owner) {
		return l, Weather{}, ErrFenced
	}
	s.owner, s.until = l.Owner, time.Now().Add(ttl)
	s.fence++
	l.Fence = s.fence
	return l, s.weather, nil
}

func (m *memory) held(l Lane) (*side, error) {
	s := m.sides[l.Connection]
	if m.broken != nil {
		return s, m.broken
	}
	if s.owner != l.Owner || s.fence != l.Fence {
		return nil, ErrFenced
	}
	return s, nil
}

func (m *memory) Renew(ctx context.Context, l Lane, ttl time.Duration, w Weather) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.held(l)
	if err == nil {
		s.until, s.weather = time.Now().Add(ttl), w
	}
	return cmp.Or(err, ctx.Err())
}

func (m *memory) Release(ctx context.Context, l Lane, w Weather) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.held(l)
	if err == nil {
		s.owner, s.weather = "", w
	}
	return ctx.Err()
}

func (m *memory) Next(_ context.Context, l Lane, busy []Ref, limit int) (due []Delivery, next time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sides[l.Connection]
	taken := map[string]bool{}
	for _, r := range busy {
		taken[about(s.all[r.Sequence].Change)] = true
	}
	open := s.open()
	for _, left := range []bool{true, false} {
		for _, r := range open {
			switch {
			case len(due) == limit:
				return due, next, nil
			case (r.Status == Sending) != left, taken[about(r.Change)]:
			case time.Now().Before(r.Due):
				if next.IsZero() || r.Due.Before(next) {
					next = r.Due
				}
			default:
				taken[about(r.Change)] = true
				due = append(due, r.Delivery)
			}
		}
	}
	return due, next, nil
}

func (m *memory) Begin(_ context.Context, l Lane, t Target, refs []Ref) (begun []Begun, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.held(l)
	if err != nil {
		return nil, err
	}
	m.writes++
	for _, ref := range refs {
		r := s.all[ref.Sequence]
		if r.Attempt != ref.Attempt || r.Status != Pending && r.Status != Sending {
			m.t.Errorf("%s of %s is begun at attempt %d", r.Status, l.Connection, ref.Attempt)
			continue
		}
		if t.Disabled {
			r.Status, r.Reason = Skipped, Disabled
			continue
		}
		if m.newest[about(r.Change)] > r.Sequence {
			r.Status, r.Reason = Superseded, Newer
			continue
		}
		repeats := r.Status == Sending || r.unknown
		r.Status = Sending
		r.Attempt++
		if !repeats {
			r.Keyed = r.Attempt
		}
		key := fmt.Sprintf("%s-%s-%d", l.Connection, r.Record, r.Keyed)
		r.attempts = append(r.attempts, Attempt{Number: r.Attempt, At: time.Now(), Status: Sending, Key: key, Repeats: repeats})
		begun = append(begun, Begun{Delivery: r.Delivery, Repeats: repeats, Preference: connector.Preference{Key: key, Subject: r.Subject.String(), Purpose: r.Purpose, Items: []string{r.Purpose}, Granted: !r.OptOut(), Since: r.At}})
	}
	return begun, nil
}

func (m *memory) Settle(ctx context.Context, l Lane, all []Settlement) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.held(l)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		m.stale += len(all)
		return err
	}
	m.writes++
	for _, done := range all {
		r := s.all[done.Sequence]
		if r.Attempt != done.Attempt || r.Status != Sending {
			m.stale++
			continue
		}
		r.Status, r.Reason, r.Due, r.Calls, r.unknown = done.Status, done.Reason, done.Due, done.Calls, !done.Known
		a := &r.attempts[len(r.attempts)-1]
		a.Status, a.Reason, a.Message, a.Calls, a.Took = done.Status, done.Reason, done.Message, done.Calls, done.Took
	}
	return nil
}

func (m *memory) Retry(_ context.Context, _, _ string, refs []Ref) (int, error) {
	return len(refs), nil
}

var _ Store = (*memory)(nil)

// row gives a copy of what is stored of a delivery.
func (m *memory) row(connection string, seq int64) row {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.sides[connection].all[seq]
}

// count tells how many deliveries of a connection stand how.
func (m *memory) count(connection string) map[Status]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := map[Status]int{}
	for _, r := range m.sides[connection].all {
		n[r.Status]++
	}
	return n
}

// vendor is a system that notes each call and answers as it is told.
type vendor struct {
	mu     sync.Mutex
	calls  []told
	now    int // calls under way
	peak   int
	answer func(context.Context, told) ([]connector.Call, error)
}

// told is what a vendor was told: one preference.
type told struct {
	key, subject string
	granted      bool
	at           time.Time
	try          int // of this key, from 1
	together     int // how many came in the call
}

func (v *vendor) Prefer(ctx context.Context, all []connector.Preference) (done [][]connector.Call, err error) {
	v.mu.Lock()
	v.now++
	v.peak = max(v.peak, v.now)
	var new []told
	for _, p := range all {
		c := told{key: p.Key, subject: p.Subject, granted: p.Granted, at: time.Now(), try: 1, together: len(all)}
		for _, other := range v.calls {
			if other.key == p.Key {
				c.try++
			}
		}
		new = append(new, c)
	}
	v.calls = append(v.calls, new...)
	answer := v.answer
	v.mu.Unlock()
	defer func() { v.mu.Lock(); v.now--; v.mu.Unlock() }()
	for _, c := range new {
		calls := []connector.Call{{Name: "list", Outcome: connector.Arrived}}
		if answer != nil {
			if calls, err = answer(ctx, c); err != nil {
				return nil, err
			}
		}
		done = append(done, calls)
	}
	return done, nil
}

// set lets it answer otherwise from now on.
func (v *vendor) set(answer func(context.Context, told) ([]connector.Call, error)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = answer
}

func (v *vendor) seen() []told {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.calls)
}

func one(o connector.CallOutcome, after time.Duration) []connector.Call {
	return []connector.Call{{Name: "list", Outcome: o, Reason: "as told", RetryAfter: after}}
}

// office is a configuration that tests can change.
type office struct {
	mu      sync.Mutex
	targets []Target
	vendors map[string]*vendor
	most    int
	err     error
	used    int
}

func newOffice(vendors map[string]*vendor) *office {
	o := &office{vendors: vendors, most: 1}
	for key := range vendors {
		o.targets = append(o.targets, Target{Key: key, Write: true})
	}
	return o
}

func (o *office) change(f func(*office)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(o)
}

func (o *office) Edition(context.Context, string) (*Edition, func(), error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil, nil, o.err
	}
	o.used++
	return &Edition{Targets: slices.Clone(o.targets), Connect: func(key string) (connector.Preferrer, int, error) { return o.vendors[key], o.most, nil }},
		func() { o.change(func(o *office) { o.used-- }) }, nil
}

// carriers are started.
func carriers(m *memory, o *office, owner string) *Carriers {
	c := &Carriers{
		Store: m, Tenants: func(context.Context) ([]string, error) { return []string{"t"}, nil }, Edition: o.Edition, Changed: m.Changed,
		Owner: owner, TTL: 15 * time.Second, Poll: 5 * time.Second, Random: func() float64 { return 0.5 }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	c.Start()
	return c
}
