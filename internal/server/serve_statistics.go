package server

import (
	"context"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/internal/store"
)

var _ api.SiteCounts = (*store.SiteCounts)(nil)

// How often choices in banners are counted, and how many in a commit.
const (
	countEvery = time.Second
	countSlice = 500
)

// countChoices counts what visitors choose, until ctx ends. Several servers may
// do it at once.
func (s *Server) countChoices(ctx context.Context) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		err := everyTenant(ctx, s.House.Store, func(ctx context.Context, tenant string) error {
			return countTenant(ctx, s.House.Store.SiteCounts(), tenant)
		})
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("choices are counted later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func countTenant(ctx context.Context, counts *store.SiteCounts, tenant string) error {
	for {
		n, err := counts.Count(ctx, tenant, countSlice)
		if err != nil || n < countSlice {
			return err
		}
	}
}
