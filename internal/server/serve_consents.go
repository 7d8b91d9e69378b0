package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
)

// checks asks the gate of each tenant; the states of a tenant are loaded when
// it is asked about for the first time.
type checks struct {
	db  *store.DB
	of  sync.Map // tenant -> *store.Checks
	one sync.Mutex
}

var _ consent.Checker = (*checks)(nil)

// Check implements consent.Checker.
func (c *checks) Check(ctx context.Context, tenant string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	of, ok := c.of.Load(tenant)
	if !ok {
		c.one.Lock()
		defer c.one.Unlock()
		if of, ok = c.of.Load(tenant); !ok {
			made, err := c.db.Consents().Checks(ctx, tenant)
			if err != nil {
				return consent.Decision{}, err
			}
			of, _ = c.of.LoadOrStore(tenant, made)
		}
	}
	return of.(*store.Checks).Check(ctx, tenant, id, purpose, now)
}

// How often the upkeep of the ledger looks for work, and how much it does
// before it lets others write.
const (
	upkeepEvery = time.Minute
	saveEvery   = time.Hour
	upkeepSlice = 500
)

// upkeep makes records of grants that have expired, writes down who is to be
// asked again, saves the states that checks read, and looks after requests that
// wait to be proven or planned, until ctx ends. No check waits for any of it.
func (s *Server) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for saved := s.Now(); ; {
		makeRoom()
		err := errors.Join(keepUp(ctx, s.House.Store), s.front().keepUp(ctx), s.remind(ctx), s.remindThirdParties(ctx))
		if now := s.Now(); now.Sub(saved) >= saveEvery {
			saved = now
			err = errors.Join(err, s.House.Store.Consents().SaveChecks(ctx))
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("the upkeep of the ledger goes on later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// keepUp does all that there is to do now, for every tenant.
func keepUp(ctx context.Context, db *store.DB) error {
	return everyTenant(ctx, db, func(ctx context.Context, tenant string) error {
		return errors.Join(keepUpTenant(ctx, db.Consents(), tenant), db.Operators().Sweep(ctx, tenant), sweepOverdue(ctx, db, tenant), sweepBanners(ctx, db, tenant), db.Devices().BridgeRest(ctx, tenant), db.Devices().SweepCodes(ctx, tenant), sweepVendors(ctx, db, tenant))
	})
}

func keepUpTenant(ctx context.Context, ledger *store.Consents, tenant string) error {
	for {
		n, err := ledger.Sweep(ctx, tenant, upkeepSlice)
		if err != nil {
			return err
		}
		if n < upkeepSlice {
			break
		}
	}
	_, err := ledger.QueueAll(ctx, tenant)
	return err
}
