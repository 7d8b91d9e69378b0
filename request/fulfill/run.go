package fulfill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// Executor carries requests out. Its fields are what it needs of the house;
// they are set before the first Run and not changed after it.
type Executor struct {
	Requests Requests
	Work     Work
	Holds    Holds
	Keys     Keys
	// Colleagues answer what no system can; nil where nobody can be asked.
	Colleagues Colleagues
	// Connect gives the open connection with a key. It stays open after Run.
	Connect func(key string) (connector.Connector, error)
	Output  Output
	// Webhooks calls those of policies. Nil: a request whose plan has some fails
	// before anything is read.
	Webhooks WebhookCaller
	// Consents withdraws what people agreed to. Nil: as with Webhooks.
	Consents Consents
	// Choices, when set, are what people agreed to and chose in banners.
	Choices Choices
	// Instructions is nil where no letters are sent: then a plan that needs them
	// is not begun.
	Instructions Instructions
	// PublicURL is what links in letters begin with.
	PublicURL string
	// ReplyTo is where systems that call back post their answers; "" where none
	// can: then one that would is not called.
	ReplyTo string
	Limits  Limits
	Log     *slog.Logger
	// Tell, when set, hears of progress, from several goroutines at once.
	Tell func(Event)
	// Only, when set, is the one collection that is tried in the step that the
	// request stands at; others that are not done make the step fail.
	Only  string
	Owner string // who holds the leases: unique to this process
	// Controller is the company's name, for packages.
	Controller string
	// Delivery writes to the person; nil: an operator hands the answer out.
	Delivery *Delivery
	Now      func() time.Time // for packages and waiting; leases use the database's clock
}

// Output keeps what a request hands out.
type Output interface {
	// Put stores what write produces under a name made of slashes, letters,
	// digits, dots, - and _. It replaces what an interrupted Put of the same
	// request left; nobody sees half of it.
	Put(ctx context.Context, name string, write func(w Writer) error) error
}

// Limits bound what a request does. The zero value of a field means its
// default.
type Limits struct {
	Collections int           // collections at work at once; 16
	PerSystem   int           // of them on one connection; 4
	Attempts    int           // tries of a call that may go through later; 4
	Backoff     time.Duration // before the second try, doubled for each further one; 500 ms
	Batch       int           // rows in one transaction of an erasure; 500
	Lease       time.Duration // 25 s, renewed three times within, so that another node goes on within 30 s
	// The blast radius, X27.
	RowsPerCollection int64   // 1,000
	ShareOfTable      float64 // of a table of more than 10,000 rows; 0.01
	RowsPerHour       int64   // of all requests together; 100,000
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Collections: or(l.Collections, 16), PerSystem: or(l.PerSystem, 4), Attempts: or(l.Attempts, 4),
		Backoff: or(l.Backoff, 500*time.Millisecond), Batch: or(l.Batch, 500), Lease: or(l.Lease, 25*time.Second),
		RowsPerCollection: or(l.RowsPerCollection, 1000), ShareOfTable: or(l.ShareOfTable, 0.01), RowsPerHour: or(l.RowsPerHour, 100_000),
	}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Event is a piece of progress, for those who watch.
type Event struct {
	Step    string // set when a step begins
	Address string
	Action  request.Action
	Status  request.CollectionStatus
	Rows    int64
	Message string
}

// run is one request in the hands of this process.
type run struct {
	*Executor
	requests   Requests
	work       Work
	limits     Limits
	lease      request.Lease
	request    request.Request
	plan       *graph.Plan
	key        request.Key
	identities []subject.Identity          // that lead to data
	own        []subject.Identity          // of these, what the person was known by: no webhook has added them
	answers    map[string]any              // to the questions of the policy
	tables     map[string]*catalogue.Table // live, by address
	systems    map[string]chan struct{}    // what runs at once, by connection
	skips      map[string]string           // reasons, by address
	only       string                      // Only, in the first step
	step       string                      // that runs
	waited     bool                        // the round waits for systems, or has waited for them in the step that it stands at
	replies    map[string]map[int][]byte   // what was posted, by question and number
	calls      calls

	mu       sync.Mutex
	waits    map[string]*wait // what is answered later, by question
	progress map[progressKey]request.Progress
	fresh    map[string]int64 // rows that a recheck found, by address
}

type progressKey struct {
	round   int
	address string
	action  request.Action
}

// Run carries the request out from where it stands, until it ends, pauses,
// waits for systems (*Awaits) or fails. A nil error means that it has ended; what came of it is in its
// status and its Report. takeOver is for the only process that can hold
// leases in this store: it does not wait for those of its dead predecessors.
func (e *Executor) Run(ctx context.Context, tenant, id string, takeOver bool) error {
	r, ctx, release, err := e.take(ctx, tenant, id, takeOver)
	if err != nil {
		return err
	}
	defer release()
	crash("claimed")
	err = r.load(ctx)
	if err == nil {
		err = r.equipped()
	}
	if err != nil {
		return r.stop(ctx, or(r.request.Step, "start"), err)
	}
	if r.Instructions == nil && r.instructs() {
		return r.stop(ctx, or(r.request.Step, "start"), errNoMail)
	}
	return r.dispatch(ctx)
}

// take claims the request. The context that it gives ends when the lease is
// lost.
func (e *Executor) take(ctx context.Context, tenant, id string, takeOver bool) (*run, context.Context, func(), error) {
	limits := e.Limits.withDefaults()
	e = e.waiting()
	entry := audit.Entry{Act: "request.start", Object: "request/" + id}
	lease, req, err := e.Requests.Claim(ctx, tenant, id, e.Owner, limits.Lease, takeOver, entry)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("take request %s: %w", id, err)
	}
	r := &run{
		Executor: e, requests: e.Requests, work: e.Work, limits: limits, lease: lease, request: req, only: or(e.Only, req.Only),
		systems: map[string]chan struct{}{}, progress: map[progressKey]request.Progress{}, fresh: map[string]int64{},
	}
	ctx, release := r.keepLease(ctx)
	return r, ctx, release, nil
}

// keepLease renews the lease until release is called, and ends the context
// with request.ErrFenced when it is lost.
func (r *run) keepLease(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wait sync.WaitGroup
	stop := make(chan struct{})
	wait.Go(func() {
		tick := time.NewTicker(r.limits.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := r.requests.Renew(ctx, r.lease, r.limits.Lease); errors.Is(err, request.ErrFenced) {
					cancel(err)
				}
			}
		}
	})
	return ctx, func() {
		close(stop)
		wait.Wait()
		cancel(nil)
	}
}

// load reads what the request was approved with and what it has done.
func (r *run) load(ctx context.Context) error {
	r.plan = &graph.Plan{}
	if err := json.Unmarshal(r.request.Plan, r.plan); err != nil {
		return fmt.Errorf("read the stored plan: %w", err)
	}
	if err := r.plan.Verify(); err != nil {
		return err
	}
	if r.plan.Hash != r.request.PlanHash {
		return fmt.Errorf("the stored plan is not the one that was approved")
	}
	for i := range r.plan.Nodes {
		if c := r.plan.Nodes[i].Connection; r.systems[c] == nil {
			r.systems[c] = make(chan struct{}, r.limits.PerSystem)
		}
	}
	var err error
	if r.key, err = r.Keys.RequestKey(ctx, r.lease.Tenant, r.lease.Request); err != nil {
		return fmt.Errorf("open the request's key: %w", err)
	}
	if err := r.openIdentities(ctx); err != nil {
		return err
	}
	if err := r.openAnswers(ctx); err != nil {
		return err
	}
	done, err := r.work.Progress(ctx, r.lease.Tenant, r.lease.Request)
	if err != nil {
		return fmt.Errorf("read progress: %w", err)
	}
	for _, p := range done {
		r.progress[progressKey{p.Round, p.Address, p.Action}] = p
	}
	if r.skips, err = r.work.Skips(ctx, r.lease.Tenant, r.lease.Request); err != nil {
		return err
	}
	return r.loadWaits(ctx)
}

func (r *run) openIdentities(ctx context.Context) error {
	sealed, err := r.requests.Identities(ctx, r.lease.Tenant, r.lease.Request)
	if err != nil {
		return fmt.Errorf("read identities: %w", err)
	}
	r.identities, r.own = nil, nil
	for _, s := range sealed {
		if s.Origin == request.Claimed {
			continue // SE1: it leads to nothing
		}
		id, err := s.Unseal(r.key, r.lease.Tenant, r.lease.Request)
		if err != nil {
			return err
		}
		r.identities = append(r.identities, id)
		if s.Origin != request.Derived {
			r.own = append(r.own, id)
		}
	}
	return nil
}

// look reads the live catalogues and refuses to go on when they are no longer
// what the plan was made from (X17).
func (r *run) look(ctx context.Context) error {
	live := map[string]*catalogue.Catalogue{}
	for _, n := range r.plan.Nodes {
		if live[n.Connection] == nil && !n.Instructed {
			c, err := r.describe(ctx, n.Connection)
			if err != nil {
				return err
			}
			live[n.Connection] = &c
		}
	}
	tables, missing := r.plan.Tables(live)
	if missing != nil {
		return &connector.Error{Kind: connector.Drift, Connection: missing.Connection, Doing: "look for " + missing.Address, Reason: fmt.Sprintf("there is no table %s any more", missing.Table)}
	}
	r.tables = map[string]*catalogue.Table{}
	for i, n := range r.plan.Nodes {
		r.tables[n.Address] = tables[i]
	}
	digest, err := graph.Digest(tables)
	if err != nil {
		return err
	}
	if digest != r.plan.Catalogue {
		return &connector.Error{Kind: connector.Drift, Connection: "plan", Doing: "compare the databases with the plan", Reason: "tables that the plan uses have changed since it was made; make and approve a new plan"}
	}
	return nil
}

func (r *run) describe(ctx context.Context, key string) (catalogue.Catalogue, error) {
	var c catalogue.Catalogue
	err := r.patiently(ctx, func() error {
		d, err := capability[connector.Describer](r, key)
		if err != nil {
			return err
		}
		c, err = d.Describe(ctx)
		return err
	})
	return c, err
}

// capability gives a connection as the capability that a step needs.
func capability[T any](r *run, key string) (T, error) {
	var none T
	c, err := r.Connect(key)
	if err != nil {
		return none, err
	}
	if told, ok := c.(connector.Requested); ok {
		c = told.About(r.facts())
	}
	return as[T](c, key)
}

func as[T any](c any, key string) (T, error) {
	t, ok := c.(T)
	if !ok {
		return t, &connector.Error{Kind: connector.Permanent, Connection: key, Doing: fmt.Sprintf("use as %T", (*T)(nil)), Reason: "this kind of connection cannot do that"}
	}
	return t, nil
}

// longestRest is how long a system may have a worker wait for it: one that asks for
// more would keep all workers from other requests.
const longestRest = 5 * time.Minute

// patiently tries a call again while its failure may pass, and soon.
func (r *run) patiently(ctx context.Context, call func() error) error {
	wait := r.limits.Backoff
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil || !connector.Retryable(err) || attempt == r.limits.Attempts {
			return err
		}
		pauseFor := wait
		var ce *connector.Error
		if errors.As(err, &ce) && ce.RetryAfter > 0 {
			pauseFor = ce.RetryAfter
		}
		if pauseFor > longestRest {
			return fmt.Errorf("%w; it asks to be left alone for %s, so that the request has to be tried again then", err, pauseFor)
		}
		r.Log.Warn("will try again", "request", r.lease.Request, "attempt", attempt, "in", pauseFor, "error", err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pauseFor):
		}
		wait *= 2
	}
}

func (r *run) tell(e Event) {
	if r.Tell != nil {
		r.Tell(e)
	}
}

// at gives the progress of a collection in an action of this round.
func (r *run) at(address string, action request.Action) request.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.progress[progressKey{r.request.Round, address, action}]
	if !ok {
		p = request.Progress{Address: address, Action: action, Status: request.Pending}
	}
	return p
}

// found counts the rows of a collection that access has found, in all rounds.
func (r *run) found(address string) (rows int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for round := 1; round <= r.request.Round; round++ {
		rows += r.progress[progressKey{round, address, request.Access}].RowsRead
	}
	return rows
}

// save stores the progress of a collection with its line in the execution log,
// and with what is left to be stored of its rows.
func (r *run) save(ctx context.Context, p request.Progress, outcomes []request.FieldOutcome, rest ...request.Chunk) error {
	rows := p.RowsRead
	if p.Action == request.Erasure || p.Action == request.Verification {
		rows = p.RowsMasked
	}
	line := request.LogLine{
		Address: p.Address, Action: p.Action, Status: string(p.Status), Attempt: p.Attempt, Message: p.Message,
		Fields: r.affected(p, outcomes), RowsRead: p.RowsRead, RowsMasked: p.RowsMasked,
	}
	if n := r.plan.Node(p.Address); n != nil {
		line.Calls = r.calls.take(n.Connection, p.Address)
	}
	if err := r.work.Save(ctx, r.lease, p, outcomes, line, rest...); err != nil {
		return fmt.Errorf("store progress of %s: %w", p.Address, err)
	}
	r.mu.Lock()
	r.progress[progressKey{r.request.Round, p.Address, p.Action}] = p
	r.mu.Unlock()
	r.Log.Info("collection", "request", r.lease.Request, "round", r.request.Round, "collection", p.Address, "action", p.Action, "status", p.Status, "rows", rows, "attempt", p.Attempt, "message", p.Message)
	r.tell(Event{Address: p.Address, Action: p.Action, Status: p.Status, Rows: rows, Message: p.Message})
	return nil
}

// affected names the fields that a line of the execution log is about: those
// that were read, or those that were written.
func (r *run) affected(p request.Progress, outcomes []request.FieldOutcome) []string {
	if n := r.plan.Node(p.Address); n != nil && p.Action == request.Access && p.Status == request.Done {
		return n.Columns
	}
	var fields []string
	for _, o := range outcomes {
		if o.Field != "" && o.Status == "masked" {
			fields = append(fields, o.Field)
		}
	}
	slices.Sort(fields)
	return fields
}

// anew is a progress in a new attempt, or in the one that waits.
func anew(p request.Progress) request.Progress {
	if p.Status != request.Waiting {
		p.Attempt++
	}
	p.Status = request.Running
	p.Message = ""
	return p
}

// begin marks a collection as running, in a new attempt.
func (r *run) begin(ctx context.Context, p request.Progress) (request.Progress, error) {
	p = anew(p)
	if err := r.work.Begin(ctx, r.lease, p); err != nil {
		return p, fmt.Errorf("begin %s: %w", p.Address, err)
	}
	return p, nil
}

// beginAside does so while the caller goes on; begun waits for it.
func (r *run) beginAside(ctx context.Context, p request.Progress) (_ request.Progress, begun func() error) {
	done := make(chan error, 1)
	go func() {
		_, err := r.begin(ctx, p)
		done <- err
	}()
	return anew(p), sync.OnceValue(func() error { return <-done })
}

// Survey finds the rows of a request and counts them by collection; nothing
// is handed out or written, and the request ends as canceled.
func (e *Executor) Survey(ctx context.Context, tenant, id string) (map[string]int64, error) {
	r, ctx, release, err := e.take(ctx, tenant, id, true)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	if err := r.accessInPlace(ctx); err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	for k, p := range r.progress {
		rows[k.address] = p.RowsRead
	}
	return rows, r.requests.Move(ctx, r.lease, request.Turn{Event: request.Cancel}, r.entry("request.survey", nil))
}
