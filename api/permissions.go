package api

import (
	"context"

	"volenti.dev/volenti/auth"
)

// PermissionTables are tables in databases of the company that say who allows what.
type PermissionTables interface {
	// Rebuild lets the table of a connection be compared with all that stands, and
	// mended, now; request.ErrNotFound when none is kept there.
	Rebuild(ctx context.Context, tenant, connection, by string) error
}

type rebuildInput struct {
	Key string `path:"key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
}

func rebuildTable(a *API, ctx context.Context, caller auth.Caller, in *rebuildInput) (*struct{}, error) {
	return nil, a.config.PermissionTables.Rebuild(ctx, caller.Tenant, in.Key, caller.By())
}
