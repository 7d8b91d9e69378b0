package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// byPolicy is who approves where a policy says so.
const byPolicy = "policy"

// firstPlans makes the plan of requests that were proven and have none. What
// cannot be planned says why, and is tried again by the upkeep.
func (d *frontDesk) firstPlans(ctx context.Context, tenant string, requests []request.Request) {
	e, release, err := d.latest.Use(ctx, tenant)
	if err != nil {
		for _, r := range requests {
			d.unplannable(ctx, r, err)
		}
		return
	}
	defer release()
	p := planner{desk: d, edition: e, made: map[string]planned{}}
	for _, r := range requests {
		if err := p.first(ctx, r); err != nil {
			d.unplannable(ctx, r, err)
		}
	}
}

func (d *frontDesk) unplannable(ctx context.Context, r request.Request, why error) {
	if errors.Is(why, request.ErrTransition) || errors.Is(why, request.ErrOtherPlan) {
		return // somebody was quicker
	}
	if ctx.Err() == nil && !errors.Is(why, store.ErrUnavailable) && !errors.Is(why, store.ErrUnknown) {
		why = d.house.Store.Intake().Unplannable(ctx, r.Tenant, r.ID, "it cannot be planned yet: "+why.Error())
	}
	if why != nil {
		d.log.Warn("a request is planned later", "request", r.ID, "error", why)
	}
}

// planner plans many requests, each kind of them once.
type planner struct {
	desk    *frontDesk
	edition *edition
	made    map[string]planned
}

type planned struct {
	plan *graph.Plan
	err  error
}

func (p *planner) first(ctx context.Context, r request.Request) error {
	identities, err := p.desk.house.Store.Requests().Identities(ctx, r.Tenant, r.ID)
	if err != nil {
		return err
	}
	types := trusted(identities)
	kind := r.Policy + " " + fmt.Sprint(types)
	made, ok := p.made[kind]
	if !ok {
		made.plan, made.err = p.edition.plan(ctx, r.Policy, types, p.desk.today())
		p.made[kind] = made
	}
	if made.err != nil {
		return made.err
	}
	text, err := json.Marshal(made.plan)
	if err != nil {
		return err
	}
	entry := audit.Entry{Act: "request.plan", Object: "request/" + r.ID, Details: map[string]any{"plan": made.plan.Hash}}
	if err := p.desk.house.Store.Requests().Replan(ctx, r.Tenant, r.ID, "", made.plan.Hash, text, entry); err != nil {
		return err
	}
	return p.approve(ctx, r, made.plan)
}

// trusted are the types of the identities that may lead to data.
func trusted(identities []request.Identity) (types []subject.Type) {
	for _, i := range identities {
		if i.Origin != request.Claimed && !slices.Contains(types, i.Type) {
			types = append(types, i.Type)
		}
	}
	return types
}

// approve approves where the policy says that nobody has to, and nothing else
// asks for somebody.
func (p *planner) approve(ctx context.Context, r request.Request, plan *graph.Plan) error {
	d := p.desk
	asked, _ := p.edition.config.Policy(r.Policy)
	in := asked.Intake
	if in == nil || in.Approval != policy.Automatic || d.fourEyes && erases(plan) || r.Author != byPerson && r.Author != byAgent {
		return nil
	}
	if err := d.held(ctx, r.Tenant, r.ID, plan); err != nil {
		if held := (*request.HeldError)(nil); errors.As(err, &held) {
			return nil // an operator looks at it
		}
		return err
	}
	entry := audit.Entry{Act: "request.approve", Object: "request/" + r.ID, Details: map[string]any{"by": byPolicy, "plan": plan.Hash, "max_rows": 0}}
	if err := d.house.Store.Requests().Approve(ctx, r.Tenant, r.ID, plan.Hash, 0, entry); err != nil {
		return err
	}
	d.wake()
	return nil
}

// planNow makes the plan of a request that has none: request.ErrOtherPlan when
// it has one then, which is to be read first.
func (d *frontDesk) planNow(ctx context.Context, r request.Request) error {
	e, release, err := d.latest.Use(ctx, r.Tenant)
	if err != nil {
		return err
	}
	defer release()
	p := planner{desk: d, edition: e, made: map[string]planned{}}
	if err := p.first(ctx, r); err != nil {
		return err
	}
	return request.ErrOtherPlan
}

// planTenant plans what waits for a plan.
func (d *frontDesk) planTenant(ctx context.Context, tenant string) error {
	const page = 100
	for after := ""; ; {
		waiting, err := d.house.Store.Intake().Unplanned(ctx, tenant, after, page)
		if err != nil || len(waiting) == 0 {
			return err
		}
		d.firstPlans(ctx, tenant, waiting)
		after = waiting[len(waiting)-1].ID
	}
}
