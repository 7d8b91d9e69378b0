package server

import (
	"context"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// Holding says what is to be held, and why.
type Holding struct {
	Identities []subject.Identity // of one person or of several
	Addresses  []string           // "dataset" or "dataset:collection"
	Ground     string
	Until      time.Time // zero: no end
}

// Place places a hold on each identity and address. When it returns, nothing
// of them is erased any more.
func (l *Local) Place(ctx context.Context, h Holding) ([]request.Hold, error) {
	targets, err := l.targets(ctx, h.Identities)
	if err != nil {
		return nil, err
	}
	var holds []request.Hold
	var entries []audit.Entry
	for _, target := range append(targets, h.Addresses...) {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		hold := request.Hold{ID: id.String(), Target: target, Ground: h.Ground, By: l.By, Until: h.Until}
		details := map[string]any{"by": l.By, "target": target, "ground": h.Ground}
		if !h.Until.IsZero() {
			details["until"] = h.Until.UTC().Format(time.RFC3339)
		}
		holds = append(holds, hold)
		entries = append(entries, audit.Entry{Act: "hold.place", Object: "hold/" + hold.ID, Details: details})
	}
	return holds, l.House.Store.Holds().Place(ctx, l.tenant(), holds, entries)
}

// Lift ends a hold.
func (l *Local) Lift(ctx context.Context, id string) error {
	entry := audit.Entry{Act: "hold.lift", Object: "hold/" + id, Details: map[string]any{"by": l.By}}
	return l.House.Store.Holds().Lift(ctx, l.tenant(), id, entry)
}

// Holds lists the holds in force: all, or those on identities. over adds to
// all of them those that are over.
func (l *Local) Holds(ctx context.Context, identities []subject.Identity, over bool) ([]request.Hold, error) {
	if len(identities) == 0 {
		return l.House.Store.Holds().List(ctx, l.tenant(), over)
	}
	targets, err := l.targets(ctx, identities)
	if err != nil {
		return nil, err
	}
	return l.House.Store.Holds().On(ctx, l.tenant(), targets)
}

// Held refuses a plan that erases something under legal hold, with a
// *request.HeldError.
func (l *Local) Held(ctx context.Context, plan *graph.Plan, identities []subject.Identity) error {
	addresses := erasing(plan)
	if len(addresses) == 0 {
		return nil
	}
	targets, err := l.targets(ctx, identities)
	if err != nil {
		return err
	}
	holds, err := l.House.Store.Holds().On(ctx, l.tenant(), append(targets, addresses...))
	if err != nil {
		return err
	}
	if len(holds) > 0 {
		return &request.HeldError{Holds: holds}
	}
	return nil
}

// erasing lists the collections that a plan erases something of.
func erasing(plan *graph.Plan) (addresses []string) {
	for i := range plan.Nodes {
		if plan.Nodes[i].Erases() || plan.Nodes[i].Instructs() {
			addresses = append(addresses, plan.Nodes[i].Address)
		}
	}
	return addresses
}

func (l *Local) targets(ctx context.Context, identities []subject.Identity) ([]string, error) {
	keys, err := l.House.Store.Tenant(ctx, l.tenant())
	if err != nil {
		return nil, err
	}
	var targets []string
	for _, i := range identities {
		targets = append(targets, request.HeldIdentity(i, keys.RecallKey()))
	}
	return targets, nil
}
