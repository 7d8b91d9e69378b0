package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// frontDesk takes requests in over HTTP, and lets operators decide on them.
type frontDesk struct {
	house    *House
	latest   *Latest
	handing  *handing
	fourEyes bool
	wake     func() // tells that there is something to carry out
	now      func() time.Time
	log      *slog.Logger
	limits   fulfill.Limits
}

var _ api.Desk = (*frontDesk)(nil)

// local works for the caller, on what does not need a database.
func (d *frontDesk) local(caller auth.Caller) *Local {
	return &Local{House: d.house, Tenant: caller.Tenant, By: caller.By(), Now: d.now}
}

func (d *frontDesk) today() value.Date { return value.Date(d.now().UTC().Format(time.DateOnly)) }

// Submit implements api.Desk.
func (d *frontDesk) Submit(ctx context.Context, caller auth.Caller, s api.Submission) (request.Request, error) {
	return d.submit(ctx, caller, s, request.Request{})
}

// submit submits a request of which some is known already.
func (d *frontDesk) submit(ctx context.Context, caller auth.Caller, s api.Submission, r request.Request) (request.Request, error) {
	if r, err := d.submitted(ctx, caller, s); !errors.Is(err, request.ErrNotFound) {
		return r, err
	}
	e, release, err := d.latest.Use(ctx, caller.Tenant)
	if err != nil {
		return request.Request{}, err
	}
	defer release()
	handover, err := handoverPapers(s.Handover, s.Identities)
	if err != nil {
		return request.Request{}, err
	}
	var types []subject.Type
	for _, i := range s.Identities {
		types = append(types, i.Type)
	}
	r.Author, r.Idempotency = caller.By(), s.Idempotency
	papers, err := d.circumstances(&r, e, s)
	if err != nil {
		return request.Request{}, err
	}
	plan, err := e.plan(ctx, s.Policy, types, d.today())
	if err != nil {
		return request.Request{}, err
	}
	l := d.local(caller)
	if err := l.Held(ctx, plan, s.Identities); err != nil {
		return request.Request{}, err
	}
	if r, err = e.timed(r, cmp.Or(r.Law, e.lawOf(s.Policy)), d.now()); err != nil {
		return request.Request{}, err
	}
	id, err := l.keep(ctx, r, plan, s.Identities, s.Note, append(papers, handover...)...)
	if errors.Is(err, store.ErrExists) { // another was quicker
		return d.submitted(ctx, caller, s)
	}
	if err != nil {
		return request.Request{}, err
	}
	return d.house.Store.Requests().Get(ctx, caller.Tenant, id)
}

// submitted gives the request that was submitted under the same key before;
// consent.ErrConflict when that was another one.
func (d *frontDesk) submitted(ctx context.Context, caller auth.Caller, s api.Submission) (request.Request, error) {
	requests := d.house.Store.Requests()
	r, err := requests.Submitted(ctx, caller.Tenant, s.Idempotency)
	if err != nil {
		return r, err
	}
	alike, err := requests.Find(ctx, caller.Tenant, s.Policy, s.Identities)
	if err != nil {
		return r, err
	}
	for _, a := range alike {
		if a.ID == r.ID {
			return r, nil
		}
	}
	return request.Request{}, consent.ErrConflict
}

// Plan implements api.Desk.
func (d *frontDesk) Plan(ctx context.Context, tenant, id string) ([]byte, error) {
	r, err := d.house.Store.Requests().Get(ctx, tenant, id)
	if err == nil && r.PlanHash == "" {
		err = request.ErrNotFound
	}
	return r.Plan, err
}

// Log implements api.Desk.
func (d *frontDesk) Log(ctx context.Context, tenant, id string, after int64, limit int) ([]request.LogLine, error) {
	if _, err := d.house.Store.Requests().Get(ctx, tenant, id); err != nil {
		return nil, err
	}
	return d.house.Store.Work().Log(ctx, tenant, id, after, limit)
}

// Approve implements api.Desk. It makes the plan again: when the configuration
// or a database has changed since, the request gets the new one, and nothing is
// approved.
func (d *frontDesk) Approve(ctx context.Context, caller auth.Caller, id, hash string, maxRows int64) error {
	requests := d.house.Store.Requests()
	r, err := requests.Get(ctx, caller.Tenant, id)
	if err != nil {
		return err
	}
	if _, err := r.Status.Next(request.Approve); err != nil {
		return err
	}
	if r.PlanHash == "" {
		return d.planNow(ctx, r)
	}
	plan := &graph.Plan{}
	if err := json.Unmarshal(r.Plan, plan); err != nil {
		return fmt.Errorf("read the stored plan: %w", err)
	}
	if hash != r.PlanHash {
		return request.ErrOtherPlan
	}
	alone := erases(plan) && (caller.Session == "" || caller.By() == r.Author)
	if d.fourEyes && alone {
		return request.ErrFourEyes
	}
	if err := d.renew(ctx, caller, r, plan); err != nil {
		return err
	}
	if err := d.held(ctx, caller.Tenant, id, plan); err != nil {
		return err
	}
	maxRows = cmp.Or(maxRows, r.MaxRows)
	entry := audit.Entry{Act: "request.approve", Object: "request/" + id, Details: map[string]any{"by": caller.By(), "plan": hash, "max_rows": maxRows}}
	if alone {
		if err := d.mayAlone(ctx, caller, r, plan); err != nil {
			return err
		}
	}
	told, err := d.handing.letter(ctx, r, message.Approval, nil)
	if err != nil {
		return err
	}
	if err := requests.Approve(ctx, caller.Tenant, id, hash, maxRows, entry, told); err != nil {
		return err
	}
	d.wake()
	return nil
}

// renew fails with request.ErrOtherPlan when the plan would be another one by
// now, and stores that.
func (d *frontDesk) renew(ctx context.Context, caller auth.Caller, r request.Request, was *graph.Plan) error {
	e, release, err := d.latest.Use(ctx, caller.Tenant)
	if err != nil {
		return err
	}
	defer release()
	plan, err := e.plan(ctx, r.Policy, was.Identities, d.today())
	if gone := (*request.Invalid)(nil); errors.As(err, &gone) {
		return fmt.Errorf("%w: %w", request.ErrOtherPlan, err)
	}
	if err != nil || plan.Hash == r.PlanHash {
		return err
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	entry := audit.Entry{Act: "request.replan", Object: "request/" + r.ID, Details: map[string]any{"by": caller.By(), "was": r.PlanHash, "plan": plan.Hash}}
	if err := d.house.Store.Requests().Replan(ctx, caller.Tenant, r.ID, r.PlanHash, plan.Hash, text, entry); err != nil {
		return err
	}
	return request.ErrOtherPlan
}

func (d *frontDesk) held(ctx context.Context, tenant, id string, plan *graph.Plan) error {
	if !erases(plan) {
		return nil
	}
	holds, err := d.house.Store.Holds().Held(ctx, tenant, id, erasing(plan))
	if err == nil && len(holds) > 0 {
		err = &request.HeldError{Holds: holds}
	}
	return err
}

func erases(plan *graph.Plan) bool { return len(erasing(plan)) > 0 }

// Cancel implements api.Desk. Whoever carries the request out writes nothing
// more.
func (d *frontDesk) Cancel(ctx context.Context, caller auth.Caller, id string) error {
	return d.local(caller).Cancel(ctx, id)
}

// Retry implements api.Desk.
func (d *frontDesk) Retry(ctx context.Context, caller auth.Caller, id, only string) error {
	if only != "" {
		if err := d.local(caller).inPlan(ctx, id, only); err != nil {
			return err
		}
	}
	entry := audit.Entry{Act: "request.retry", Object: "request/" + id, Details: map[string]any{"by": caller.By(), "collection": only}}
	if err := d.house.Store.Requests().Retry(ctx, caller.Tenant, id, only, entry); err != nil {
		return err
	}
	d.wake()
	return nil
}

// Skip implements api.Desk.
func (d *frontDesk) Skip(ctx context.Context, caller auth.Caller, id, address, reason string) error {
	return d.local(caller).Skip(ctx, id, address, reason)
}

// Finalise implements api.Desk.
func (d *frontDesk) Finalise(ctx context.Context, caller auth.Caller, id, reason string) error {
	return d.local(caller).Finalise(ctx, id, reason)
}

// OpenPackage implements api.Desk.
func (d *frontDesk) OpenPackage(ctx context.Context, tenant, id, rule string) (api.Handout, error) {
	return d.handing.shelf(tenant, id).handout(ctx, rule)
}

// DestroyPackage implements api.Desk.
func (d *frontDesk) DestroyPackage(ctx context.Context, caller auth.Caller, id string) error {
	entry := audit.Entry{Act: "package.destroy", Object: "package/" + id, Details: map[string]any{"by": caller.By()}}
	return d.handing.shelf(caller.Tenant, id).destroy(ctx, entry)
}
