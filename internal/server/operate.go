package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
)

// Retry lets a request that has stopped go on where it stopped: with all that
// is not done, or with one collection only.
func (l *Local) Retry(ctx context.Context, id, only string) (fulfill.Report, error) {
	if only != "" {
		if err := l.inPlan(ctx, id, only); err != nil {
			return fulfill.Report{}, err
		}
	}
	entry := audit.Entry{Act: "request.retry", Object: "request/" + id, Details: map[string]any{"by": l.By, "collection": only}}
	if err := l.House.Store.Requests().Apply(ctx, l.tenant(), id, request.Retry, entry); err != nil {
		return fulfill.Report{}, fmt.Errorf("retry: %w", err)
	}
	e := l.executor()
	e.Only = only
	failed := e.Run(ctx, l.tenant(), id, l.House.Store.Exclusive())
	report, err := l.Report(context.WithoutCancel(ctx), id)
	return report, errors.Join(failed, err)
}

// Skip takes a collection out of a request that has stopped, or waits for its system.
func (l *Local) Skip(ctx context.Context, id, address, reason string) error {
	if err := l.inPlan(ctx, id, address); err != nil {
		return err
	}
	entry := audit.Entry{Act: "request.skip", Object: "request/" + id, Details: map[string]any{"by": l.By, "collection": address, "reason": reason}}
	return l.House.Store.Requests().Skip(ctx, l.tenant(), id, address, reason, entry)
}

// Finalise ends a request that has stopped, or waits, as it is, with what it has left
// undone.
func (l *Local) Finalise(ctx context.Context, id, reason string) error {
	entry := audit.Entry{Act: "request.finalise", Object: "request/" + id, Details: map[string]any{"by": l.By, "reason": reason}}
	return l.House.Store.Requests().Finalise(ctx, l.tenant(), id, "finalised by an operator: "+reason, entry)
}

// ErrNotInPlan is request.ErrNotInPlan.
var ErrNotInPlan = request.ErrNotInPlan

func (l *Local) inPlan(ctx context.Context, id, address string) error {
	r, err := l.House.Store.Requests().Get(ctx, l.tenant(), id)
	if err != nil {
		return err
	}
	plan := &graph.Plan{}
	if err := json.Unmarshal(r.Plan, plan); err != nil {
		return fmt.Errorf("read the stored plan: %w", err)
	}
	if plan.Node(address) == nil {
		return fmt.Errorf("%w: %s", ErrNotInPlan, address)
	}
	return nil
}

// Lines gives the execution log of a request.
func (l *Local) Lines(ctx context.Context, id string, each func(request.LogLine) error) error {
	if _, err := l.House.Store.Requests().Get(ctx, l.tenant(), id); err != nil {
		return err
	}
	const page = 500
	for after := int64(0); ; {
		lines, err := l.House.Store.Work().Log(ctx, l.tenant(), id, after, page)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := each(line); err != nil {
				return err
			}
			after = line.Sequence
		}
		if len(lines) < page {
			return nil
		}
	}
}
