package server

import (
	"context"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/deadline"
)

var _ api.Deadlines = (*frontDesk)(nil)

// timed gives a request that comes in now, or at r.Received, with the law that
// its time runs under and the day that it is due. law is the key of the one
// that its policy names, if any.
func (e *edition) timed(r request.Request, law string, now time.Time) (request.Request, error) {
	rules := e.config.Deadlines
	if r.Received.IsZero() {
		r.Received = now.UTC()
	}
	if l, ok := rules.LawOf(law, r.Place); ok {
		r.Law = l.Key
	}
	c, ok, err := rules.Clock(r.Law, r.Received, r.Verified, r.Status != request.IdentityUnverified)
	if ok {
		_, r.Due, err = c.Due()
	}
	return r, err
}

// lawOf gives the key of the law that a policy names, if any.
func (e *edition) lawOf(key string) string {
	if p, _ := e.config.Policy(key); p.Intake != nil {
		return p.Intake.Law
	}
	return ""
}

// Pause implements api.Deadlines.
func (d *frontDesk) Pause(ctx context.Context, caller auth.Caller, id string, ground deadline.Ground, note string) error {
	rules, err := d.rules(ctx, caller.Tenant)
	if err != nil {
		return err
	}
	details := map[string]any{"by": caller.By(), "ground": string(ground)}
	if note != "" {
		details["note"] = note
	}
	return d.house.Store.Requests().StopClock(ctx, caller.Tenant, id, ground, rules, audit.Entry{Act: "request.stop_clock", Object: "request/" + id, Details: details})
}

// Continue implements api.Deadlines.
func (d *frontDesk) Continue(ctx context.Context, caller auth.Caller, id string) error {
	rules, err := d.rules(ctx, caller.Tenant)
	if err != nil {
		return err
	}
	entry := audit.Entry{Act: "request.start_clock", Object: "request/" + id, Details: map[string]any{"by": caller.By()}}
	return d.house.Store.Requests().StartClock(ctx, caller.Tenant, id, rules, entry)
}

// Extend implements api.Deadlines.
func (d *frontDesk) Extend(ctx context.Context, caller auth.Caller, id, reason string) error {
	requests := d.house.Store.Requests()
	r, err := requests.Get(ctx, caller.Tenant, id)
	if err != nil {
		return err
	}
	rules, err := d.rules(ctx, caller.Tenant)
	if err != nil {
		return err
	}
	told, err := d.handing.letter(ctx, r, message.Extension, message.Values{"reason": reason})
	if err != nil {
		return err
	}
	notice := func(_ request.Request, due value.Date) (request.Told, error) {
		for _, l := range told.Letters {
			l.Values["due"] = string(due)
		}
		return told, nil
	}
	entry := audit.Entry{Act: "request.extend", Object: "request/" + id, Details: map[string]any{"by": caller.By(), "reason": reason, "told": len(told.Letters) > 0}}
	return requests.Extend(ctx, caller.Tenant, id, rules, notice, entry)
}

func (d *frontDesk) rules(ctx context.Context, tenant string) (deadline.Rules, error) {
	e, release, err := d.latest.Use(ctx, tenant)
	if err != nil {
		return deadline.Rules{}, err
	}
	defer release()
	return e.config.Deadlines, nil
}

// sweepOverdue writes down what has become late.
func sweepOverdue(ctx context.Context, db *store.DB, tenant string) error {
	for {
		n, err := db.Requests().SweepOverdue(ctx, tenant, upkeepSlice)
		if err != nil || n < upkeepSlice {
			return err
		}
	}
}
