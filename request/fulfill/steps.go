// Package fulfill carries a request out, step by step, and can be stopped at
// any point: what it has done is in the store before it goes on, and whoever
// takes the request over goes on from there.
//
//	Run ─ claim the lease ─┐
//	                       v
//	          ┌─> dispatch: load the step ─> do it ─> store the next ─┐
//	          └──────────────────────────────────────────────────────┘
//
// A verification that finds something sends the request back to the first
// step, in another round. No step calls another. Inside access and erasure the collections of the
// plan run in parallel, each with a row of its own in the store.
package fulfill

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
)

// step is one stage of a request. A step that does not apply is passed over.
type step struct {
	name    string
	applies func(*run) bool
	do      func(*run, context.Context) error
	// live: it asks the databases of the plan, which must be as they were when
	// the plan was made. Erasure looks at them by itself.
	live bool
}

// steps is the order of a request's life. Each is in the file of its name.
func steps() []step {
	return []step{
		{name: "manual input", applies: (*run).asks, do: (*run).manualInput},
		{name: "webhooks before", applies: (*run).callsBefore, do: (*run).webhooksBefore},
		{name: firstOfRound, applies: always, do: (*run).access, live: true},
		{name: "upload", applies: (*run).returns, do: (*run).upload},
		{name: "erasure", applies: (*run).erases, do: (*run).erasure},
		{name: "verification", applies: (*run).erases, do: (*run).verification, live: true},
		{name: "consent", applies: (*run).endsChoices, do: (*run).consent},
		{name: "emails", applies: (*run).instructs, do: (*run).emails},
		{name: "webhooks after", applies: (*run).callsAfter, do: (*run).webhooksAfter},
		{name: "review", applies: (*run).reviewed, do: (*run).review},
		{name: AfterReview, applies: (*run).redacts, do: (*run).redaction},
		{name: "completion", applies: always, do: (*run).completion}, // with it, the notification of the data subject
	}
}

// firstOfRound is the step that another round begins with: nobody is asked or
// called again.
const firstOfRound = "access"

func always(*run) bool { return true }

// canRun says whether a step is still to be run by a request that goes on from
// one: each is where it has not begun, else that one and those behind it (E11).
func canRun(name, from string) bool {
	at := func(name string) int {
		return slices.IndexFunc(steps(), func(s step) bool { return s.name == name })
	}
	return from == "" || at(name) >= at(from)
}

// dispatch runs the steps from the one that the request stands at.
func (r *run) dispatch(ctx context.Context) error {
	all, from := steps(), r.request.Step
	for at := 0; at < len(all); at++ {
		s := all[at]
		if !canRun(s.name, from) || !s.applies(r) {
			continue
		}
		if err := r.requests.Advance(ctx, r.lease, s.name); err != nil {
			return fmt.Errorf("go on to %s: %w", s.name, err)
		}
		crash("step.advanced")
		r.Log.Info("step", "request", r.lease.Request, "step", s.name)
		r.tell(Event{Step: s.name})
		r.step = s.name
		err := r.perform(ctx, s)
		r.only = ""
		if more := (again{}); errors.As(err, &more) {
			if err = r.nextRound(ctx, more); err == nil {
				at, from = -1, firstOfRound
			}
		}
		if errors.Is(err, errHandedOver) {
			return nil
		}
		if a := awaits(err); a != nil && ctx.Err() == nil {
			return r.rest(ctx, a)
		}
		if err != nil {
			return r.stop(ctx, s.name, err)
		}
	}
	return nil
}

// perform does a step. The first that asks databases looks at them before; they
// need not be there earlier, since a webhook may be what switches one on (X17).
func (r *run) perform(ctx context.Context, s step) error {
	if s.live && r.tables == nil {
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	return s.do(r, ctx)
}

// ErrPaused is what Run gives when the request waits for a person.
var ErrPaused = errors.New("waits for a person")

// pause is the result of a step that must wait for a person.
type pause struct {
	reason string
	parked request.Parked
	event  request.Event   // Pause unless told
	hooked *request.Hooked // the answer that halts the request
}

func (p pause) Error() string { return p.reason }

// Is makes every pause an ErrPaused.
func (p pause) Is(target error) bool { return target == ErrPaused }

// stop records why the request does not go on. The step stays where it is, so
// that a retry begins there.
func (r *run) stop(ctx context.Context, name string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause // interrupted or fenced: nothing is recorded, the next holder goes on
	}
	if errors.Is(err, request.ErrFenced) || errors.As(err, &asked{}) {
		return err
	}
	turn := request.Turn{Event: request.Fail, Message: fmt.Sprintf("%s: %s", name, err), Parked: parkedBy(err)}
	act, details := "request.fail", map[string]any{"step": name, "reason": turn.Message, "kind": string(connector.KindOf(err))}
	var p pause
	if errors.As(err, &p) {
		turn.Event, act, turn.Hooked = or(p.event, request.Pause), "request.pause", p.hooked
	}
	if turn.Hooked != nil {
		details["webhook"], details["derived"] = turn.Hooked.Key, typesOf(turn.Hooked.Identities)
	}
	entry := r.entry(act, details)
	if moved := r.requests.Move(ctx, r.lease, turn, entry); moved != nil {
		return errors.Join(err, moved)
	}
	return err
}

func (r *run) entry(act string, details map[string]any) audit.Entry {
	return audit.Entry{Act: act, Object: "request/" + r.lease.Request, Details: details}
}
