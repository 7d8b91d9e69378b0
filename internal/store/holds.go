package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/request"
)

// Holds keeps legal holds. Placing one waits for the batches under way:
//
//	Place: commit the hold ─> take what each batch under way shares ─> return
//	Enter: share it ─> read the holds ─> the batch commits ─> release
//
// A batch that read the holds before the new one was committed had its share
// by then, so that Place waits for it; any other sees the new one.
type Holds struct{ db *DB }

// Holds gives access to the legal holds.
func (db *DB) Holds() *Holds { return &Holds{db} }

// ErrNoHold: the tenant has no such hold in force.
var ErrNoHold = errors.New("no such hold in force")

// Place stores holds, each with its entry. When it returns without error,
// nothing is erased any more, by any process, that they forbid. With an error
// they may stand: look at List.
func (s *Holds) Place(ctx context.Context, tenant string, holds []request.Hold, entries []audit.Entry) error {
	err := s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		for i, h := range holds {
			if _, err := t.exec(ctx, `
				INSERT INTO holds (tenant, id, target, ground, sealed, placed, until, lifted) VALUES ($1, $2, $3, $4, $5, {now}, $6, 0)`,
				tenant, h.ID, h.Target, readable(h.Ground), t.keys.Seal([]byte(h.By), placerOf(tenant, h.ID)), micros(h.Until)); err != nil {
				return fmt.Errorf("place a hold: %w", err)
			}
			if err := t.log(ctx, entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.db.engine.outlast(ctx, s.underWay(tenant)); err != nil {
		return fmt.Errorf("the hold stands, but a batch that is under way may not know: place it again: %w", err)
	}
	return nil
}

// underWay takes for itself what batches share.
func (s *Holds) underWay(tenant string) work {
	return func(ctx context.Context, q querier, _ *growth) error {
		return q.each(ctx, func(scanner) error { return nil }, `
			SELECT address FROM request_progress WHERE tenant = $1 AND action = $2 AND status = $3
			ORDER BY request, round, address {lock}`, tenant, request.Erasure, request.Running)
	}
}

// Enter is described in fulfill.Holds.
func (s *Holds) Enter(ctx context.Context, l request.Lease, address string) (release func(), err error) {
	keys, err := s.db.Tenant(ctx, l.Tenant)
	if err != nil {
		return nil, err
	}
	q, release, err := s.db.engine.linger(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the holds: %w", err)
	}
	if err := mayCommit(ctx, q, keys, l, address); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// mayCommit shares what Place takes, and then reads.
func mayCommit(ctx context.Context, q querier, keys *seal.Tenant, l request.Lease, address string) error {
	err := q.each(ctx, func(scanner) error { return nil }, `
		SELECT address FROM request_progress WHERE tenant = $1 AND request = $2 AND address = $3 AND action = $4
			AND round = (SELECT round FROM requests WHERE tenant = $1 AND id = $2) {share}`,
		l.Tenant, l.Request, address, request.Erasure)
	if err != nil {
		return fmt.Errorf("share the batch: %w", err)
	}
	err = q.row(ctx, `SELECT fence FROM requests WHERE `+heldBy, leaseArgs(l)...).Scan(new(int64))
	if errors.Is(err, sql.ErrNoRows) {
		return request.ErrFenced
	}
	if err != nil {
		return fmt.Errorf("check the lease: %w", err)
	}
	holds, err := held(ctx, q, keys, l.Tenant, l.Request, []string{address})
	if err == nil && len(holds) > 0 {
		err = &request.HeldError{Holds: holds}
	}
	return err
}

// Held is described in fulfill.Holds.
func (s *Holds) Held(ctx context.Context, tenant, id string, addresses []string) ([]request.Hold, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return held(ctx, s.db.engine, keys, tenant, id, addresses)
}

func held(ctx context.Context, q querier, keys *seal.Tenant, tenant, id string, addresses []string) ([]request.Hold, error) {
	targets, err := collect(ctx, q, func(row scanner) (target string, err error) {
		err = row.Scan(&target)
		return target, err
	}, `SELECT type || ' ' || digest FROM request_identities WHERE tenant = $1 AND request = $2`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read the holds: %w", err)
	}
	return on(ctx, q, keys, tenant, append(targets, addresses...))
}

// On gives the holds in force on targets, and on the datasets of collections
// among them, oldest first.
func (s *Holds) On(ctx context.Context, tenant string, targets []string) ([]request.Hold, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return on(ctx, s.db.engine, keys, tenant, targets)
}

func on(ctx context.Context, q querier, keys *seal.Tenant, tenant string, targets []string) ([]request.Hold, error) {
	all := slices.Clone(targets)
	for _, t := range targets {
		if dataset, _, ok := strings.Cut(t, ":"); ok {
			all = append(all, dataset)
		}
	}
	found, err := collect(ctx, q, scanHold(tenant, keys),
		`SELECT `+holdColumns+` FROM holds WHERE tenant = $1 AND lifted = 0 AND (until = 0 OR until > {now}) AND target {in $2}`, tenant, all)
	if err != nil {
		return nil, fmt.Errorf("read the holds: %w", err)
	}
	slices.SortFunc(found, func(a, b request.Hold) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

// List gives all holds, oldest first; those that are over only when asked for.
func (s *Holds) List(ctx context.Context, tenant string, over bool) ([]request.Hold, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all, err := collect(ctx, s.db.engine, scanHold(tenant, keys), `
		SELECT `+holdColumns+` FROM holds
		WHERE tenant = $1 AND ($2 OR lifted = 0 AND (until = 0 OR until > {now})) ORDER BY id`, tenant, over)
	if err != nil {
		return nil, fmt.Errorf("list holds: %w", err)
	}
	return all, nil
}

// Lift ends a hold, with its entry; ErrNoHold when it is not in force.
func (s *Holds) Lift(ctx context.Context, tenant, id string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		lifted, err := t.exec(ctx, `UPDATE holds SET lifted = {now}
			WHERE tenant = $1 AND id = $2 AND lifted = 0 AND (until = 0 OR until > {now})`, tenant, id)
		if err != nil {
			return fmt.Errorf("lift a hold: %w", err)
		}
		if lifted == 0 {
			return ErrNoHold
		}
		return t.log(ctx, entry)
	})
}

const holdColumns = `id, target, ground, sealed, placed, until, lifted`

func scanHold(tenant string, keys *seal.Tenant) func(scanner) (request.Hold, error) {
	return func(row scanner) (h request.Hold, err error) {
		var sealed []byte
		var placed, until, lifted int64
		if err := row.Scan(&h.ID, &h.Target, &h.Ground, &sealed, &placed, &until, &lifted); err != nil {
			return h, err
		}
		h.Placed, h.Until, h.Lifted = instant(placed), instant(until), instant(lifted)
		by, err := keys.Open(sealed, placerOf(tenant, h.ID))
		if err != nil {
			return h, fmt.Errorf("who placed hold %s cannot be opened: %w", h.ID, err)
		}
		h.By = string(by)
		return h, nil
	}
}

// placerOf is the place that who placed a hold is sealed for.
func placerOf(tenant, id string) []byte { return []byte("hold/" + tenant + "/" + id) }
