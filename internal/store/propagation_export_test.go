package store

import (
	"context"

	"volenti.dev/volenti/consent/propagate"
)

// What a lane and a planner ask of the database, again and again.
var LaneQueries = map[string]string{
	"vacant": vacantLanes, "left": leftSending, "at once": dueAtOnce, "put off": duePutOff, "later": dueLater, "busy": busyPairs,
	"superseded": waitingAbout, "pending elsewhere": pendingLegacy, "elsewhere": legacyOf, "places": placesOf, "standing": standingOf, "known": knownAs,
}

// ListQuery is how List begins.
func ListQuery(tenant string, f propagate.Filter) (text string, args []any) {
	from, b := filtered(tenant, f)
	return from + b.text + " ORDER BY d.seq DESC, d.connection LIMIT 50", b.args
}

// SettleTableLate settles what waits for a permission table after something else
// happened to it.
func (p *Propagation) SettleTableLate(ctx context.Context, tenant string, target propagate.Target, meanwhile func()) error {
	waiting, err := collect(ctx, p.db.engine, scanDelivery(tenant), selectDeliveries+` WHERE tenant = $1 AND connection = $2 AND status = 'pending'`, tenant, target.Key)
	if err != nil {
		return err
	}
	meanwhile()
	return p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := p.settleTable(ctx, t, target, waiting)
		return err
	})
}

// PlanLate plans what there was before something else happened; or, where only the
// lanes were read before, what there is since.
func (p *Propagation) PlanLate(ctx context.Context, tenant string, targets []propagate.Target, onlyLanes bool, meanwhile func()) error {
	before, err := p.seen(ctx, tenant, targets, 10)
	if err != nil {
		return err
	}
	meanwhile()
	if onlyLanes {
		lanes := before.lanes
		if before, err = p.seen(ctx, tenant, targets, 10); err != nil {
			return err
		}
		before.lanes = lanes
	}
	return p.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := p.plan(ctx, t, before, targets, 10)
		return err
	})
}
