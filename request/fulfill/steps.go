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
}

// steps is the order of a request's life. Each is in the file of its name.
func steps() []step {
	return []step{
		// manual input: waits until every manual connection has an answer
		// pre-execution webhooks: may halt, may add identities
		{"access", always, (*run).access},
		{"upload", (*run).returns, (*run).upload},
		{"erasure", (*run).erases, (*run).erasure},
		{"verification", (*run).erases, (*run).verification},
		// consent: withdraws what the person had agreed to
		{"emails", (*run).instructs, (*run).emails},
		// post-execution webhooks
		{"completion", always, (*run).completion}, // with it, the notification of the data subject
	}
}

func always(*run) bool { return true }

// dispatch runs the steps from the one that the request stands at.
func (r *run) dispatch(ctx context.Context) error {
	all := steps()
	at := max(0, slices.IndexFunc(all, func(s step) bool { return s.name == r.request.Step }))
	for ; at < len(all); at++ {
		s := all[at]
		if !s.applies(r) {
			continue
		}
		if err := r.requests.Advance(ctx, r.lease, s.name); err != nil {
			return fmt.Errorf("go on to %s: %w", s.name, err)
		}
		crash("step.advanced")
		r.Log.Info("step", "request", r.lease.Request, "step", s.name)
		r.tell(Event{Step: s.name})
		err := s.do(r, ctx)
		r.only = ""
		if more := (again{}); errors.As(err, &more) {
			if err = r.nextRound(ctx, more); err == nil {
				at = -1
			}
		}
		if errors.Is(err, errHandedOver) {
			return nil
		}
		if err != nil {
			return r.stop(ctx, s.name, err)
		}
	}
	return nil
}

// ErrPaused is what Run gives when the request waits for a person.
var ErrPaused = errors.New("waits for a person")

// pause is the result of a step that must wait for a person.
type pause struct {
	reason string
	parked request.Parked
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
	if errors.Is(err, request.ErrFenced) {
		return err
	}
	event, act := request.Fail, "request.fail"
	var parked request.Parked
	var p pause
	if errors.As(err, &p) {
		event, act, parked = request.Pause, "request.pause", p.parked
	}
	message := fmt.Sprintf("%s: %s", name, err)
	entry := r.entry(act, map[string]any{"step": name, "reason": message, "kind": string(connector.KindOf(err))})
	if moved := r.requests.Move(ctx, r.lease, request.Turn{Event: event, Message: message, Parked: parked}, entry); moved != nil {
		return errors.Join(err, moved)
	}
	return err
}

func (r *run) entry(act string, details map[string]any) audit.Entry {
	return audit.Entry{Act: act, Object: "request/" + r.lease.Request, Details: details}
}
