package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
)

// How often packages are looked at that have had their time, and how often
// what is left of such packages is removed.
const (
	expireEvery = time.Minute
	sweepEvery  = time.Hour
	expireSlice = 100
)

// run destroys packages and messages whose time is over, until ctx ends.
func (h *handing) run(ctx context.Context, trouble func(context.Context, error)) {
	expire, sweep := time.NewTicker(expireEvery), time.NewTicker(sweepEvery)
	defer expire.Stop()
	defer sweep.Stop()
	trouble(ctx, everyTenant(ctx, h.db, h.sweep))
	for {
		trouble(ctx, everyTenant(ctx, h.db, h.expire))
		trouble(ctx, everyTenant(ctx, h.db, h.expireMessages))
		select {
		case <-ctx.Done():
			return
		case <-expire.C:
		case <-sweep.C:
			trouble(ctx, everyTenant(ctx, h.db, h.sweep))
		}
	}
}

// everyTenant does something for each tenant, whatever becomes of the others.
func everyTenant(ctx context.Context, db *store.DB, do func(ctx context.Context, tenant string) error) error {
	tenants, err := db.Tenants(ctx)
	for _, tenant := range tenants {
		err = errors.Join(err, do(ctx, tenant))
	}
	return err
}

// expire destroys the keys of packages whose time is over, and then their
// files. What a crash leaves in between is left to sweep.
func (h *handing) expire(ctx context.Context, tenant string) error {
	for {
		over, err := h.db.Keys().Outlived(ctx, tenant, h.keeps, expireSlice)
		if err != nil {
			return err
		}
		var failed error
		for _, id := range over {
			err := h.shelf(tenant, id).destroy(ctx, audit.Entry{Act: "package.expire", Object: request.PackageObject(id)})
			if !errors.Is(err, request.ErrNotFound) { // else another server was quicker
				failed = errors.Join(failed, err)
			}
		}
		if failed != nil || len(over) < expireSlice {
			return failed
		}
	}
}

// sweep removes what nobody can open any more: the files of packages without a
// key, and passes that have expired.
func (h *handing) sweep(ctx context.Context, tenant string) error {
	if err := h.db.Passes().Sweep(ctx, tenant); err != nil {
		return err
	}
	ids, err := h.packages.at.Folders(ctx, tenant)
	if err != nil {
		return fmt.Errorf("look for what is left of packages: %w", err)
	}
	for _, id := range ids {
		orphaned, err := h.db.Keys().Orphaned(ctx, tenant, id)
		if err == nil && orphaned {
			err = h.packages.at.Remove(ctx, tenant+"/"+id)
		}
		if err != nil {
			return fmt.Errorf("remove what is left of a package: %w", err)
		}
	}
	return nil
}
