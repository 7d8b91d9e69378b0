package server

import (
	"context"
	"errors"
	"fmt"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// identitiesOf opens the identities of a request that came in one of these ways, in
// the order of the ways. A request that has ended has none.
func identitiesOf(ctx context.Context, db *store.DB, tenant, id string, from ...request.Origin) ([]subject.Identity, error) {
	key, err := db.Keys().RequestKey(ctx, tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the request's key: %w", err)
	}
	sealed, err := db.Requests().Identities(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	var all []subject.Identity
	for _, origin := range from {
		for _, s := range sealed {
			if s.Origin != origin || s.Sealed == nil { // it has ended meanwhile
				continue
			}
			i, err := s.Unseal(key, tenant, id)
			if err != nil {
				return nil, err
			}
			all = append(all, i)
		}
	}
	return all, nil
}
