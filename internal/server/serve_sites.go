package server

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
)

// sites are those of the store, which makes no ids.
type sites struct{ *store.Sites }

var _ api.Sites = sites{}

// Create implements api.Sites.
func (s sites) Create(ctx context.Context, caller auth.Caller, name string, d banner.Draft) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("name a site: %w", err)
	}
	key, err := banner.NewKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("name a site: %w", err)
	}
	made := banner.Summary{ID: id.String(), Key: key, Name: name}
	return made.ID, s.Sites.Create(ctx, caller.Tenant, made, d, audit.Entry{
		Act: "site.create", Object: "site/" + made.ID, Details: map[string]any{"by": caller.By()},
	})
}
