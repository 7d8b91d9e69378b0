package fulfill

import (
	"context"
	"errors"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
)

// patient is the store for one who waits. It tries again while the store is
// not available, for about as long as a lease holds, and finds out what became
// of a write whose answer did not come: most may be made twice, the others read
// their marker. Who sends a write again waits first for the commit that may be
// under way, since each of them holds the request's row.
type patient struct {
	Requests // Renew is as it is: keepLease tries again by itself
	Work
	Holds
	Keys
	Instructions
	limits Limits
	warn   func(err error, in time.Duration)
}

// waiting gives an executor over the same store that waits for it.
func (e *Executor) waiting() *Executor {
	limits := e.Limits.withDefaults()
	p := patient{e.Requests, e.Work, e.Holds, e.Keys, e.Instructions, limits, func(err error, in time.Duration) {
		e.Log.Warn("the store will be tried again", "in", in, "error", err)
	}}
	waiting := *e
	waiting.Requests, waiting.Work, waiting.Holds, waiting.Keys = p, p, p, p
	if e.Colleagues != nil {
		waiting.Colleagues = patientColleagues{e.Colleagues, p}
	}
	if e.Consents != nil {
		waiting.Consents = patientConsents{p, e.Consents}
	}
	if e.Choices != nil {
		waiting.Choices = patientChoices{p, e.Choices}
	}
	if e.Instructions != nil {
		waiting.Instructions = p
	}
	return &waiting
}

// lost says that the store could not be asked, or did not answer: what was to
// be recorded may stand or not, and whoever goes on reads what stands.
func lost(err error) bool {
	return errors.Is(err, request.ErrUnavailable) || errors.Is(err, request.ErrUnknown)
}

func (p patient) try(ctx context.Context, call func() error) error {
	wait := p.limits.Backoff
	for waited := time.Duration(0); ; waited += wait / 2 {
		err := call()
		if !lost(err) || waited >= p.limits.Lease {
			return err
		}
		p.warn(err, wait)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// ask is try for calls that give something.
func ask[T any](ctx context.Context, p patient, call func() (T, error)) (found T, err error) {
	err = p.try(ctx, func() (err error) {
		found, err = call()
		return err
	})
	return found, err
}

// Claim may be made twice: an owner may claim again what it holds.
func (p patient) Claim(ctx context.Context, tenant, id, owner string, ttl time.Duration, takeOver bool, entry audit.Entry) (lease request.Lease, r request.Request, err error) {
	err = p.try(ctx, func() (err error) {
		lease, r, err = p.Requests.Claim(ctx, tenant, id, owner, ttl, takeOver, entry)
		return err
	})
	return lease, r, err
}

func (p patient) Advance(ctx context.Context, l request.Lease, step string) error {
	return p.try(ctx, func() error { return p.Requests.Advance(ctx, l, step) })
}

func (p patient) NextRound(ctx context.Context, l request.Lease, round int, step string, entry audit.Entry) error {
	return p.try(ctx, func() error { return p.Requests.NextRound(ctx, l, round, step, entry) })
}

// Move gives the lease back: one that was made is refused when it is made
// again, and the status is its marker.
func (p patient) Move(ctx context.Context, l request.Lease, turn request.Turn, entry audit.Entry) error {
	unknown := false
	return p.try(ctx, func() error {
		err := p.Requests.Move(ctx, l, turn, entry)
		if unknown && errors.Is(err, request.ErrFenced) {
			r, readErr := p.Requests.Get(ctx, l.Tenant, l.Request)
			if readErr != nil {
				return readErr
			}
			if next, _ := request.InProcessing.Next(turn.Event); r.Status == next {
				return nil
			}
		}
		unknown = unknown || errors.Is(err, request.ErrUnknown)
		return err
	})
}

func (p patient) Get(ctx context.Context, tenant, id string) (request.Request, error) {
	return ask(ctx, p, func() (request.Request, error) { return p.Requests.Get(ctx, tenant, id) })
}

func (p patient) Identities(ctx context.Context, tenant, id string) ([]request.Identity, error) {
	return ask(ctx, p, func() ([]request.Identity, error) { return p.Requests.Identities(ctx, tenant, id) })
}

func (p patient) Progress(ctx context.Context, tenant, id string) ([]request.Progress, error) {
	return ask(ctx, p, func() ([]request.Progress, error) { return p.Work.Progress(ctx, tenant, id) })
}

func (p patient) Begin(ctx context.Context, l request.Lease, pr request.Progress) error {
	return p.try(ctx, func() error { return p.Work.Begin(ctx, l, pr) })
}

func (p patient) Chunk(ctx context.Context, l request.Lease, c request.Chunk) error {
	return p.try(ctx, func() error { return p.Work.Chunk(ctx, l, c) })
}

// Save adds, so that it must not be made twice: the progress that is stored
// with it is its marker.
func (p patient) Save(ctx context.Context, l request.Lease, pr request.Progress, outcomes []request.FieldOutcome, line request.LogLine, rest ...request.Chunk) error {
	unknown := false
	return p.try(ctx, func() error {
		if unknown {
			if stands, err := p.stands(ctx, l, pr); stands || err != nil {
				return err
			}
		}
		err := p.Work.Save(ctx, l, pr, outcomes, line, rest...)
		unknown = unknown || errors.Is(err, request.ErrUnknown)
		return err
	})
}

// stands says whether a progress is the one that is stored. Renew waits for the
// commit that may be under way.
func (p patient) stands(ctx context.Context, l request.Lease, pr request.Progress) (bool, error) {
	if err := p.Requests.Renew(ctx, l, p.limits.Lease); err != nil {
		return false, err
	}
	all, err := p.Work.Progress(ctx, l.Tenant, l.Request)
	round := 0
	var stored request.Progress
	for _, o := range all {
		if o.Address == pr.Address && o.Action == pr.Action && o.Round > round {
			round, stored = o.Round, o
		}
	}
	stored.Round, stored.Started, stored.Ended, stored.Message, stored.Took = pr.Round, pr.Started, pr.Ended, pr.Message, pr.Took // the store has its own
	return stored == pr, err
}

func (p patient) Intend(ctx context.Context, l request.Lease, pr request.Progress, entry audit.Entry) error {
	return p.try(ctx, func() error { return p.Work.Intend(ctx, l, pr, entry) })
}

func (p patient) Skips(ctx context.Context, tenant, id string) (map[string]string, error) {
	return ask(ctx, p, func() (map[string]string, error) { return p.Work.Skips(ctx, tenant, id) })
}

func (p patient) Omissions(ctx context.Context, tenant, id string) ([]request.Omission, error) {
	return ask(ctx, p, func() ([]request.Omission, error) { return p.Work.Omissions(ctx, tenant, id) })
}

// Chunks goes on behind the last chunk that was handed over.
func (p patient) Chunks(ctx context.Context, tenant, id, address string, round int, each func(n int, sealed []byte) error) error {
	next := 0
	var own error // of each, not the store's
	err := p.try(ctx, func() error {
		err := p.Work.Chunks(ctx, tenant, id, address, round, func(n int, sealed []byte) error {
			if n < next {
				return nil
			}
			next = n + 1
			own = each(n, sealed)
			return own
		})
		if own != nil {
			return nil
		}
		return err
	})
	return errors.Join(own, err)
}

func (p patient) Outcomes(ctx context.Context, tenant, id string) ([]request.FieldOutcome, error) {
	return ask(ctx, p, func() ([]request.FieldOutcome, error) { return p.Work.Outcomes(ctx, tenant, id) })
}

func (p patient) Reserve(ctx context.Context, l request.Lease, rows map[string]int64, perHour int64) (bool, error) {
	return ask(ctx, p, func() (bool, error) { return p.Work.Reserve(ctx, l, rows, perHour) })
}

// Audit may leave its entry twice, as one does who goes on after a crash.
func (p patient) Audit(ctx context.Context, l request.Lease, entry audit.Entry) error {
	return p.try(ctx, func() error { return p.Work.Audit(ctx, l, entry) })
}

func (p patient) Held(ctx context.Context, tenant, id string, addresses []string) ([]request.Hold, error) {
	return ask(ctx, p, func() ([]request.Hold, error) { return p.Holds.Held(ctx, tenant, id, addresses) })
}

func (p patient) Enter(ctx context.Context, l request.Lease, address string) (func(), error) {
	return ask(ctx, p, func() (func(), error) { return p.Holds.Enter(ctx, l, address) })
}

func (p patient) RequestKey(ctx context.Context, tenant, id string) (request.Key, error) {
	return ask(ctx, p, func() (request.Key, error) { return p.Keys.RequestKey(ctx, tenant, id) })
}

func (p patient) PutPaper(ctx context.Context, l request.Lease, paper request.Paper) error {
	return p.try(ctx, func() error { return p.Instructions.PutPaper(ctx, l, paper) })
}

func (p patient) Papers(ctx context.Context, tenant, id, kind string) ([]request.Paper, error) {
	return ask(ctx, p, func() ([]request.Paper, error) { return p.Work.Papers(ctx, tenant, id, kind) })
}

func (p patient) Instructed(ctx context.Context, tenant, id string) ([]request.Instruction, error) {
	return ask(ctx, p, func() ([]request.Instruction, error) { return p.Instructions.Instructed(ctx, tenant, id) })
}
