package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// memory is a store and a ledger. It checks what a courier writes.
type memory struct {
	mu       sync.Mutex
	t        *testing.T
	events   []Event
	changed  chan struct{}
	desks    map[string]*desk // by endpoint
	refusing error            // what reports fail with
}

// desk is what is stored of one endpoint.
type desk struct {
	Endpoint
	owner    string
	until    time.Time
	fence    int64
	waiting  map[int64]Waiting
	attempts []Attempt
	reports  int
}

func newMemory(t *testing.T, endpoints ...string) *memory {
	m := &memory{t: t, changed: make(chan struct{}), desks: map[string]*desk{}}
	for _, id := range endpoints {
		secret, err := NewSecret(constant(7))
		if err != nil {
			t.Fatal(err)
		}
		m.desks[id] = &desk{Endpoint: Endpoint{Tenant: "t", ID: id, URL: "https://" + id, Enabled: true, Secrets: []Secret{secret}}, waiting: map[int64]Waiting{}}
	}
	return m
}

// happen adds an event about each subject.
func (m *memory) happen(subjects ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range subjects {
		n := int64(len(m.events) + 1)
		m.events = append(m.events, Event{ID: fmt.Sprintf("e%d", n), Type: ConsentGranted, Sequence: n, Timestamp: time.Now(), Data: Data{Subject: s}})
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) After(_ context.Context, _ string, after int64, limit int) ([]Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := min(int(after), len(m.events))
	return slices.Clone(m.events[from:min(from+limit, len(m.events))]), nil
}

func (m *memory) Changed(string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *memory) Vacant(_ context.Context, owner string) (all []Lease, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, d := range m.desks {
		if d.Enabled && (d.owner == "" || d.owner == owner || !time.Now().Before(d.until)) {
			all = append(all, Lease{Tenant: "t", Endpoint: id, Owner: owner})
		}
	}
	return all, nil
}

func (m *memory) Claim(_ context.Context, l Lease, ttl time.Duration) (Lease, Endpoint, []Waiting, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.desks[l.Endpoint]
	if !d.Enabled || d.owner != "" && d.owner != l.Owner && time.Now().Before(d.until) {
		return l, Endpoint{}, nil, ErrFenced
	}
	d.owner, d.until = l.Owner, time.Now().Add(ttl)
	d.fence++
	l.Fence = d.fence
	var waiting []Waiting
	for _, seq := range sorted(d.waiting) {
		waiting = append(waiting, d.waiting[seq])
	}
	return l, d.Endpoint, waiting, nil
}

func (m *memory) Held(_ context.Context, l Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.held(l)
	return err
}

func (m *memory) held(l Lease) (*desk, error) {
	d := m.desks[l.Endpoint]
	if d.owner != l.Owner || d.fence != l.Fence {
		return nil, ErrFenced
	}
	return d, nil
}

func (m *memory) Report(ctx context.Context, l Lease, ttl time.Duration, r Report) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.held(l)
	if err = errors.Join(err, m.refusing, ctx.Err()); err != nil {
		return err
	}
	if r.Cursor < d.Cursor {
		m.t.Errorf("the cursor goes back from %d to %d", d.Cursor, r.Cursor)
	}
	d.Cursor, d.until = r.Cursor, time.Now().Add(ttl)
	d.reports++
	d.attempts = append(d.attempts, r.Attempts...)
	for _, a := range r.Attempts {
		if a.Outcome == Delivered {
			d.Succeeded = a.At
		}
	}
	for _, seq := range r.Over {
		if _, ok := d.waiting[seq]; !ok {
			m.t.Errorf("event %d did not wait", seq)
		}
		delete(d.waiting, seq)
	}
	for _, w := range r.Waits {
		d.waiting[w.Event.Sequence] = w
	}
	if len(d.waiting) > queueLimit {
		m.t.Errorf("%d events wait", len(d.waiting))
	}
	if r.Disable != "" {
		d.Enabled, d.Reason, d.owner = false, r.Disable, ""
	}
	return nil
}

func (m *memory) Release(_ context.Context, l Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, err := m.held(l); err == nil {
		d.owner = ""
	}
	return nil
}

// change does to an endpoint what an operator does.
func (m *memory) change(id string, f func(*desk)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.desks[id]
	d.fence++
	d.owner = ""
	f(d)
}

// desk gives a copy of what is stored.
func (m *memory) desk(id string) desk {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := *m.desks[id]
	d.waiting = map[int64]Waiting{}
	for seq, w := range m.desks[id].waiting {
		d.waiting[seq] = w
	}
	return d
}

func sorted(waiting map[int64]Waiting) []int64 {
	var all []int64
	for seq := range waiting {
		all = append(all, seq)
	}
	slices.Sort(all)
	return all
}

// receiver stands for all endpoints. It notes each call and answers as it is
// told.
type receiver struct {
	mu     sync.Mutex
	calls  []call
	answer func(call) (status int, header string)
}

type call struct {
	endpoint, id string
	at           time.Time
	try          int // at this endpoint, from 1
	status       int
}

func (r *receiver) Do(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	c := call{endpoint: request.URL.Host, id: request.Header.Get("webhook-id"), at: time.Now(), try: 1}
	for _, other := range r.calls {
		if other.endpoint == c.endpoint && other.id == c.id {
			c.try++
		}
	}
	r.calls = append(r.calls, c)
	n := len(r.calls) - 1
	r.mu.Unlock()
	status, header := 200, ""
	if r.answer != nil {
		status, header = r.answer(c)
	}
	if status == 0 { // never answers
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	r.mu.Lock()
	r.calls[n].status = status
	r.mu.Unlock()
	return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": strings.Fields(header)}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// seen gives the ids that an endpoint took, in order, or all that it was sent.
func (r *receiver) seen(endpoint string, taken bool) (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c.endpoint == endpoint && (!taken || c.status == 200) {
			ids = append(ids, c.id)
		}
	}
	return ids
}

// couriers are started, and stopped at the end.
func couriers(t *testing.T, m *memory, r *receiver, owner string) *Couriers {
	t.Helper()
	c := &Couriers{
		Poster: Poster{Public: r, NotAllowed: func(error) bool { return false }, Now: time.Now},
		Store:  m, Ledger: m, Owner: owner, TTL: 15 * time.Second,
		Random: func() float64 { return 0.5 }, Look: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
	}
	c.Start()
	return c
}

type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

func number(id string) int {
	n, _ := strconv.Atoi(id[1:])
	return n
}
