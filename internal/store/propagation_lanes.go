package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/consent/propagate"
)

// free is the condition under which $2 may take a lane. $1 says that no other
// process has the database open, so that every other lease is dead.
const free = `($1 OR l.lease_owner IN ('', $2) OR l.lease_until <= {now})`

// due is the condition of a lane that something is to be done on. Each part reads the
// first row of an index, which is the one that gives its order.
const due = `l.quiet <= {now} AND (
	(SELECT d.due FROM deliveries d WHERE d.tenant = l.tenant AND d.connection = l.connection AND d.status = 'pending' AND d.grants = 0 ORDER BY d.due LIMIT 1) <= {now}
	OR (SELECT d.due FROM deliveries d WHERE d.tenant = l.tenant AND d.connection = l.connection AND d.status = 'pending' AND d.grants = 1 ORDER BY d.due LIMIT 1) <= {now}
	OR (SELECT d.seq FROM deliveries d WHERE d.tenant = l.tenant AND d.connection = l.connection AND d.status = 'sending' ORDER BY d.grants, d.seq LIMIT 1) IS NOT NULL)`

const vacantLanes = `SELECT l.connection FROM delivery_lanes l WHERE l.tenant = $3 AND ` + free + ` AND ` + due + ` ORDER BY l.connection`

// Vacant implements propagate.Store.
func (p *Propagation) Vacant(ctx context.Context, tenant, owner string) ([]propagate.Lane, error) {
	found, err := collect(ctx, p.db.engine, func(s scanner) (propagate.Lane, error) {
		l := propagate.Lane{Tenant: tenant, Owner: owner}
		return l, s.Scan(&l.Connection)
	}, vacantLanes, p.db.Exclusive(), owner, tenant)
	if err != nil {
		return nil, fmt.Errorf("find lanes to carry: %w", err)
	}
	return found, nil
}

// Claim implements propagate.Store. An owner may claim again what it holds, with
// another fence.
func (p *Propagation) Claim(ctx context.Context, l propagate.Lane, ttl time.Duration) (propagate.Lane, propagate.Weather, error) {
	var w propagate.Weather
	if l.Owner == "" {
		return l, w, errors.New("claim a lane: the owner is empty")
	}
	err := p.db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		var quiet int64
		err := t.row(ctx, `UPDATE delivery_lanes AS l SET lease_owner = $2, lease_until = {now} + $3, fence = fence + 1
			WHERE l.tenant = $4 AND l.connection = $5 AND `+free+` RETURNING fence, failing, quiet`,
			p.db.Exclusive(), l.Owner, ttl.Microseconds(), l.Tenant, l.Connection).Scan(&l.Fence, &w.Failing, &quiet)
		w.Quiet = instant(quiet)
		return lost("claim a lane", err)
	})
	return l, w, err
}

// carrier is the condition under which the holder of a lane may write.
const carrier = `tenant = $1 AND connection = $2 AND lease_owner = $3 AND lease_owner <> '' AND fence = $4`

// Renew implements propagate.Store.
func (p *Propagation) Renew(ctx context.Context, l propagate.Lane, ttl time.Duration, w propagate.Weather) error {
	return p.keepLane(ctx, l, w, `lease_until = {now} + $7`, ttl.Microseconds())
}

// Release implements propagate.Store.
func (p *Propagation) Release(ctx context.Context, l propagate.Lane, w propagate.Weather) error {
	return p.keepLane(ctx, l, w, `lease_owner = $7, lease_until = 0`, "")
}

func (p *Propagation) keepLane(ctx context.Context, l propagate.Lane, w propagate.Weather, lease string, arg any) error {
	return p.db.write(ctx, l.Tenant, func(ctx context.Context, t *tx) error {
		changed, err := t.exec(ctx, `UPDATE delivery_lanes SET failing = $5, quiet = $6, `+lease+` WHERE `+carrier,
			l.Tenant, l.Connection, l.Owner, l.Fence, int64(w.Failing), micros(w.Quiet), arg)
		if err == nil && changed == 0 {
			err = sql.ErrNoRows
		}
		return lost("keep a lane", err)
	})
}

// hold fails with propagate.ErrFenced when the lane is no longer l's. Nobody takes it
// until the commit.
func (t *tx) holdLane(ctx context.Context, l propagate.Lane) error {
	err := t.row(ctx, `SELECT fence FROM delivery_lanes WHERE `+carrier+` {share}`, l.Tenant, l.Connection, l.Owner, l.Fence).Scan(new(int64))
	return lost("ask for a lane", err)
}

func lost(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return propagate.ErrFenced
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
