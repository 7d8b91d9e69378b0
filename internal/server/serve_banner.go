package server

import (
	"context"

	"volenti.dev/volenti/internal/store"
)

// sweepBanners ends what visitors chose whose time is over.
func sweepBanners(ctx context.Context, db *store.DB, tenant string) error {
	for {
		n, err := db.SiteConsents().Sweep(ctx, tenant, upkeepSlice)
		if err != nil || n < upkeepSlice {
			return err
		}
	}
}
