package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// countTime bounds a count for an approval, which has to be answered.
const countTime = 20 * time.Second

// mayAlone says whether whoever submitted an erasure may approve it as well:
// request.ErrFourEyes where its policy asks for another person, or asks for one
// above so many rows and they are more, or could not be counted in time.
func (d *frontDesk) mayAlone(ctx context.Context, caller auth.Caller, r request.Request, plan *graph.Plan) error {
	e, release, err := d.latest.Use(ctx, caller.Tenant)
	if err != nil {
		return err
	}
	defer release()
	p, ok := e.config.Policy(r.Policy)
	if !ok {
		return request.ErrOtherPlan
	}
	rule := p.FourEyes
	if rule == nil {
		return nil
	}
	if rule.AboveRows == 0 {
		return request.ErrFourEyes
	}
	entry := audit.Entry{Act: "request.survey", Object: "request/" + r.ID, Details: map[string]any{"by": caller.By()}}
	if err := d.house.Store.Audit().Append(ctx, caller.Tenant, entry); err != nil {
		return err
	}
	rows, err := d.count(ctx, r, plan, e)
	if err != nil {
		return fmt.Errorf("%w: its rows could not be counted: %w", request.ErrFourEyes, err)
	}
	if rows > rule.AboveRows {
		return request.ErrFourEyes
	}
	return nil
}

// count counts the rows of the collections that a request would write. It
// reads as the command line does for --count, through a state of its own that
// is thrown away, so that the request itself does not move.
func (d *frontDesk) count(ctx context.Context, r request.Request, plan *graph.Plan, e *edition) (rows int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	who, err := identitiesOf(ctx, d.house.Store, r.Tenant, r.ID, request.Vouched, request.Proven, request.Derived)
	if err != nil {
		return 0, err
	}
	if len(who) == 0 {
		return 0, errors.New("no identity leads to any")
	}
	aside, err := Open(ctx, Config{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, aside.Close()) }()
	l := &Local{House: aside, Systems: e.systems, Log: slog.New(slog.DiscardHandler), Limits: d.limits, Now: d.now}
	if err := l.Count(ctx, plan, who); err != nil {
		return 0, err
	}
	for i := range plan.Nodes {
		if n := &plan.Nodes[i]; n.Erases() {
			rows += *n.Rows
		}
	}
	return rows, nil
}
