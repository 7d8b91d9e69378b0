package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/webhook"
)

// mostRequests is how many requests one server carries out at once.
const mostRequests = 4

// handBackTime is for giving leases back at the end.
const handBackTime = time.Second

// worker carries out the requests that were approved. What an earlier process
// left is taken up at once where that process must be dead, and else when its
// lease has run out.
type worker struct {
	house   *House
	meter   *meter
	owner   string
	latest  *Latest
	handing *handing
	limits  fulfill.Limits
	poster  webhook.Poster
	log     *slog.Logger
	now     func() time.Time
	// What links begin with, and how many bytes of files a request keeps.
	publicURL string
	uploads   int64
	woken     chan struct{} // of one place
}

// job is a request to be carried out.
type job struct{ tenant, id string }

// wake lets the worker look at once.
func (w *worker) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// run works until ctx ends, and hands back what is not done then.
func (w *worker) run(ctx context.Context) {
	under, done := map[job]bool{}, make(chan job)
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, next := range w.look(ctx, under) {
			under[next] = true
			go func() {
				w.carryOut(ctx, next)
				done <- next
			}()
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-w.woken:
		case ended := <-done:
			delete(under, ended)
		}
	}
	for len(under) > 0 {
		delete(under, <-done)
	}
	w.handBack(context.WithoutCancel(ctx))
}

// look finds what there is to do, from each tenant in turn, and not more than
// there is room for beside what is under way.
func (w *worker) look(ctx context.Context, under map[job]bool) []job {
	room := mostRequests - len(under)
	if room == 0 {
		return nil
	}
	tenants, err := w.house.Store.Tenants(ctx)
	w.trouble(ctx, err)
	waiting := make([][]job, len(tenants))
	for i, tenant := range tenants {
		due, err := w.house.Store.Requests().Due(ctx, tenant, w.owner, w.house.Store.Exclusive(), mostRequests)
		w.trouble(ctx, err)
		for _, id := range due {
			if j := (job{tenant, id}); !under[j] {
				waiting[i] = append(waiting[i], j)
			}
		}
	}
	return inTurn(waiting, room)
}

// inTurn takes up to room jobs, one of each tenant in turn.
func inTurn(waiting [][]job, room int) (next []job) {
	for turn := 0; ; turn++ {
		before := len(next)
		for _, of := range waiting {
			if turn < len(of) && len(next) < room {
				next = append(next, of[turn])
			}
		}
		if len(next) == before {
			return next
		}
	}
}

// carryOut carries a request out, as far as it comes. What stops it is in the
// request, but for what is wrong with the store: then it is tried again later.
func (w *worker) carryOut(ctx context.Context, j job) {
	err := w.execute(ctx, j)
	switch {
	case err == nil, errors.Is(err, request.ErrLeased), errors.Is(err, request.ErrTransition), errors.Is(err, request.ErrFenced):
		return
	case ctx.Err() != nil:
		return
	case errors.Is(err, fulfill.ErrPaused):
		w.log.Info("a request waits", "tenant", j.tenant, "request", j.id)
		return
	case errors.As(err, new(*fulfill.Awaits)): // and is due again later
		return
	}
	w.log.Warn("a request stopped", "tenant", j.tenant, "request", j.id, "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(pollTime):
	}
}

func (w *worker) execute(ctx context.Context, j job) error {
	connect, connection, release, err := w.connections(ctx, j.tenant)
	if err != nil {
		return err
	}
	defer release()
	rules, err := w.house.Store.Consents().Rules(ctx, j.tenant)
	if err != nil {
		return err
	}
	db := w.house.Store
	r, err := db.Requests().Get(ctx, j.tenant, j.id)
	if err != nil {
		return err
	}
	output, delivery, err := w.handing.prepare(ctx, r)
	if err != nil {
		return err
	}
	tell, end := w.meter.stopwatch(w.now)
	defer end()
	e := &fulfill.Executor{
		Requests: db.Requests(), Work: db.Work(), Keys: db.Keys(), Holds: db.Holds(),
		Colleagues: w.colleagues(connect), Connect: connect, Webhooks: hookCaller{connection, w.poster, w.now}, Consents: withdrawals{db}, Choices: choices{db, w.now},
		Output: output, Delivery: delivery, Limits: w.limits,
		Log: w.log, Tell: tell, Owner: w.owner, Controller: rules.Controller.Name, Now: w.now,
		Instructions: db.Work(), PublicURL: w.publicURL, ReplyTo: w.replyTo(),
	}
	return e.Run(ctx, j.tenant, j.id, db.Exclusive())
}

// replyTo is where systems that answer later post their answers.
func (w *worker) replyTo() string {
	if w.publicURL == "" {
		return ""
	}
	return w.publicURL + api.CallbackPath
}

// connections gives those of the configuration as of now. Where that cannot be
// used, the request is to say so.
func (w *worker) connections(ctx context.Context, tenant string) (connect func(string) (connector.Connector, error), connection func(string) (config.Connection, error), release func(), err error) {
	e, release, err := w.latest.Use(ctx, tenant)
	if errors.Is(err, request.ErrNoConfiguration) || errors.Is(err, request.ErrConfiguration) {
		return func(string) (connector.Connector, error) { return nil, err }, func(string) (config.Connection, error) { return config.Connection{}, err }, func() {}, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	return e.systems.Connect, e.config.Connection, release, nil
}

// handBack lets another server go on at once.
func (w *worker) handBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, handBackTime)
	defer cancel()
	tenants, err := w.house.Store.Tenants(ctx)
	w.trouble(ctx, err)
	for _, tenant := range tenants {
		w.trouble(ctx, w.house.Store.Requests().HandBack(ctx, tenant, w.owner))
	}
}

func (w *worker) trouble(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		w.log.Warn("the work goes on later", "error", err)
	}
}
