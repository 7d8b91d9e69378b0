package webhook

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Store keeps endpoints, and what couriers know of them.
type Store interface {
	// Vacant names the enabled endpoints, of all tenants, that nobody holds
	// but, perhaps, the owner. Lease.Fence is not set.
	Vacant(ctx context.Context, owner string) ([]Lease, error)
	// Claim takes an endpoint that is vacant for l.Owner, for ttl by the
	// database's clock, and gives what there is to know of it, with secrets;
	// ErrFenced when it is not vacant any more.
	Claim(ctx context.Context, l Lease, ttl time.Duration) (Lease, Endpoint, []Waiting, error)
	// Held says, without a write, whether a lease is still good: ErrFenced when
	// it is not, or when the settings of the endpoint were changed.
	Held(ctx context.Context, l Lease) error
	// Report stores a report and prolongs the lease.
	Report(ctx context.Context, l Lease, ttl time.Duration, r Report) error
	// Release gives an endpoint back.
	Release(ctx context.Context, l Lease) error
}

// Couriers deliver for all endpoints that no other process delivers for.
type Couriers struct {
	Poster
	Store  Store
	Ledger Ledger
	// Owner names this process in leases.
	Owner string
	// TTL is how long an endpoint stays taken when its process dies.
	TTL time.Duration
	// Poll is how often a courier looks for events of which Ledger.Changed does
	// not tell, because another process made them; 0 when there is none.
	Poll time.Duration
	// Look is how often to look for endpoints that nobody delivers for; 0 for a
	// second.
	Look time.Duration
	// Schedule is the pauses between attempts; nil for those of the standard.
	Schedule []time.Duration
	// Random gives numbers from 0 up to 1.
	Random func() float64
	Log    *slog.Logger

	stop context.CancelFunc
	done chan struct{}
}

const (
	// callsEnd is how long calls under way may take once Stop was called, and
	// endTime what storing their outcome may take then.
	callsEnd = 4 * time.Second
	endTime  = 2 * time.Second
)

// Start begins to deliver.
func (c *Couriers) Start() {
	if c.Schedule == nil {
		c.Schedule = schedule()
	}
	if c.Look == 0 {
		c.Look = time.Second
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop, c.done = stop, make(chan struct{})
	go c.run(ctx)
}

// Stop takes no more calls, lets those under way end for a few seconds, gives
// the endpoints back and waits for all this.
func (c *Couriers) Stop() {
	c.stop()
	<-c.done
}

// run starts a courier for each vacant endpoint, until ctx ends.
func (c *Couriers) run(ctx context.Context) {
	defer close(c.done)
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var all sync.WaitGroup
	look := time.NewTicker(c.Look)
	defer look.Stop()
	busy, ended := map[Lease]bool{}, make(chan Lease)
	begin := func() {
		for _, l := range c.vacant(ctx) {
			if busy[l] {
				continue
			}
			busy[l] = true
			all.Go(func() {
				c.deliver(ctx, hard, l)
				select {
				case ended <- l:
				case <-ctx.Done():
				}
			})
		}
	}
	for begin(); ; {
		select {
		case <-ctx.Done():
			timer := time.AfterFunc(callsEnd, cut)
			all.Wait()
			timer.Stop()
			return
		case l := <-ended:
			delete(busy, l) // not at once again: what cannot be held must wait
		case <-look.C:
			begin()
		}
	}
}

func (c *Couriers) vacant(ctx context.Context) []Lease {
	found, err := c.Store.Vacant(ctx, c.Owner)
	if err != nil && ctx.Err() == nil {
		c.Log.WarnContext(ctx, "webhooks cannot be looked for", "error", err)
	}
	return found
}

// deliver holds one endpoint for as long as it may.
func (c *Couriers) deliver(ctx, hard context.Context, l Lease) {
	until := c.Now().Add(c.TTL)
	lease, endpoint, waiting, err := c.Store.Claim(ctx, l, c.TTL)
	if err == nil {
		one := newCourier(c, lease, endpoint, waiting, until)
		err = one.run(ctx, hard)
	}
	if err != nil && !errors.Is(err, ErrFenced) && ctx.Err() == nil {
		c.Log.WarnContext(ctx, "a webhook is given up for now", "tenant", l.Tenant, "webhook", l.Endpoint, "error", err)
	}
}

func newCourier(c *Couriers, l Lease, e Endpoint, waiting []Waiting, until time.Time) *courier {
	one := &courier{Couriers: c, lease: l, endpoint: e, until: until, read: e.Cursor, answers: make(chan *message, calls), loaded: map[int64]bool{}}
	for _, w := range waiting {
		one.queue = append(one.queue, &message{Waiting: w, stored: true, kept: true})
		one.loaded[w.Event.Sequence] = true
	}
	return one
}
