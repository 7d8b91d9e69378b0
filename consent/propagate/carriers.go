package propagate

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"volenti.dev/volenti/connector"
)

// Edition is what a tenant's configuration says of connections.
type Edition struct {
	Targets []Target
	// Connect gives the open connection with a key, and how many preferences it
	// takes in one call.
	Connect func(key string) (p connector.Preferrer, most int, err error)
}

// carried gives the target with a key, where a lane carries its deliveries. One that
// takes no choices now has a lane, too, by which what waits gets its outcome.
func (e *Edition) carried(key string) (Target, bool) {
	for _, t := range e.Targets {
		if t.Key == key {
			return t, !t.Table
		}
	}
	return Target{}, false
}

// ErrNoEdition: the tenant has no configuration, so that there is nothing to plan.
var ErrNoEdition = errors.New("there is no configuration")

// Carriers send what people choose, for all connections that no other process sends
// to.
//
//	a tenant  Plan, then a lane for each connection that has work
//	a lane    Next -> Begin -> calls, some at once -> Settle
//
// A lane is held by a lease, and each of its writes is guarded by the fence of it.
type Carriers struct {
	Store Store
	// Tenants are all that there are.
	Tenants func(ctx context.Context) ([]string, error)
	// Edition gives the configuration as of now, until release is called. While it
	// fails nothing is planned and nothing is sent.
	Edition func(ctx context.Context, tenant string) (e *Edition, release func(), err error)
	// Changed gives a channel that is closed once this process adds something to the
	// ledger of a tenant.
	Changed func(tenant string) <-chan struct{}
	// Owner names this process in leases.
	Owner string
	// TTL is how long a lane stays taken when its process dies.
	TTL time.Duration
	// Poll is how often to look for what Changed does not tell of: what other
	// processes have written, and a new configuration.
	Poll time.Duration
	// Pauses are those between attempts; nil for the usual, twelve attempts in about
	// three days.
	Pauses []time.Duration
	// Random gives numbers from 0 up to 1.
	Random func() float64
	Now    func() time.Time
	// Noted is told what each attempt led to; nil for nobody.
	Noted func(Status)
	Log   *slog.Logger

	stop context.CancelFunc
	done chan struct{}
}

const (
	// planLimit is how many changes are planned in one commit.
	planLimit = 500
	// breath is what passes between two looks at a ledger that grows all the time.
	breath = 20 * time.Millisecond
	// callsEnd is how long calls under way may take once Stop was called, and
	// endTime what storing their outcome may take then.
	callsEnd = 4 * time.Second
	endTime  = 2 * time.Second
	// complainTime is between two lines of the log about the same tenant.
	complainTime = time.Minute
)

// usualPauses lead to twelve attempts, the last of which is 70 hours and 43 minutes
// behind the first.
func usualPauses() []time.Duration {
	const minute, hour = time.Minute, time.Hour
	return []time.Duration{5 * time.Second, 30 * time.Second, 2 * minute, 10 * minute, 30 * minute, hour, 3 * hour, 6 * hour, 12 * hour, 24 * hour, 24 * hour}
}

// Start begins to plan and to send.
func (c *Carriers) Start() {
	if c.Pauses == nil {
		c.Pauses = usualPauses()
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop, c.done = stop, make(chan struct{})
	go c.run(ctx)
}

// Stop makes no more calls, lets those under way end for a few seconds, gives the
// lanes back and waits for all this.
func (c *Carriers) Stop() {
	c.stop()
	<-c.done
}

// run follows each tenant that there is, until ctx ends.
func (c *Carriers) run(ctx context.Context) {
	defer close(c.done)
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var all sync.WaitGroup
	look := time.NewTicker(c.Poll)
	defer look.Stop()
	followed := map[string]bool{}
	for {
		tenants, err := c.Tenants(ctx)
		if err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "tenants cannot be looked for", "error", err)
		}
		for _, tenant := range tenants {
			if !followed[tenant] {
				followed[tenant] = true
				f := &follower{Carriers: c, tenant: tenant, busy: map[string]bool{}, ended: make(chan end), planned: make(chan struct{})}
				all.Go(func() { f.run(ctx, hard) })
			}
		}
		select {
		case <-ctx.Done():
			timer := time.AfterFunc(callsEnd, cut)
			all.Wait()
			timer.Stop()
			return
		case <-look.C:
		}
	}
}

// follower follows the ledger of one tenant.
type follower struct {
	*Carriers
	tenant     string
	busy       map[string]bool // connections whose lane is here
	ended      chan end
	complained time.Time

	mu      sync.Mutex
	planned chan struct{} // closed when lanes are to look; guarded by mu
}

// end is a lane that is over.
type end struct {
	connection string
	well       bool
}

// run plans, and starts a lane for each connection that has work and no lane.
func (f *follower) run(ctx, hard context.Context) {
	var lanes sync.WaitGroup
	defer lanes.Wait()
	look := time.NewTicker(f.Poll)
	defer look.Stop()
	for {
		changed := f.Changed(f.tenant)
		vacant, more, err := f.plan(ctx)
		if err != nil && ctx.Err() == nil && f.Now().Sub(f.complained) >= complainTime {
			f.complained = f.Now()
			f.Log.WarnContext(ctx, "what people choose is sent on later", "tenant", f.tenant, "error", err)
		}
		for _, l := range vacant {
			f.busy[l.Connection] = true
			lanes.Go(func() {
				well := f.carry(ctx, hard, l)
				select {
				case f.ended <- end{l.Connection, well}:
				case <-ctx.Done():
				}
			})
		}
		f.wake()
		for stay := !more; stay; {
			select {
			case <-ctx.Done():
				return
			case e := <-f.ended:
				delete(f.busy, e.connection)
				stay = !e.well // what cannot be held must wait
			case <-look.C:
				stay = false
			case <-changed:
				stay = false
				select {
				case <-ctx.Done():
				case <-time.After(breath):
				}
			}
		}
	}
}

// plan makes the deliveries of some of what is new, and gives the lanes that are to
// be started.
func (f *follower) plan(ctx context.Context) (vacant []Lane, more bool, err error) {
	e, release, err := f.Edition(ctx, f.tenant)
	if errors.Is(err, ErrNoEdition) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer release()
	if more, err = f.Store.Plan(ctx, f.tenant, e.Targets, planLimit); err != nil {
		return nil, false, err
	}
	found, err := f.Store.Vacant(ctx, f.tenant, f.Owner)
	if err != nil {
		return nil, false, err
	}
	for _, l := range found {
		if _, carried := e.carried(l.Connection); carried && !f.busy[l.Connection] {
			vacant = append(vacant, l)
		}
	}
	return vacant, more, nil
}

// carry holds one lane for as long as it may, and has something to do. It says
// whether nothing went wrong.
func (f *follower) carry(ctx, hard context.Context, l Lane) (well bool) {
	until := f.Now().Add(f.TTL)
	held, weather, err := f.Store.Claim(ctx, l, f.TTL)
	if err == nil {
		err = newLane(f, held, weather, until).run(ctx, hard)
	}
	if err != nil && !errors.Is(err, ErrFenced) && ctx.Err() == nil {
		f.Log.WarnContext(ctx, "a connection is given up for now", "tenant", l.Tenant, "connection", l.Connection, "error", err)
	}
	return err == nil
}

// woken gives a channel that is closed when lanes are to look for work.
func (f *follower) woken() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.planned
}

func (f *follower) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.planned)
	f.planned = make(chan struct{})
}
