package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/datamap/inventory"
)

// SystemLinks keeps which connection belongs to which system.
type SystemLinks struct{ db *DB }

// SystemLinks gives access to the links.
func (db *DB) SystemLinks() *SystemLinks { return &SystemLinks{db} }

// Of gives the links of a connection, or inventory.ErrNoConnection.
func (s *SystemLinks) Of(ctx context.Context, tenant, connection string) ([]inventory.Link, error) {
	c, err := s.db.Connections().Get(ctx, tenant, connection)
	return c.Links, err
}

// Put makes systems all that a connection belongs to. What stays as it was is
// neither changed nor logged. The errors come in this order, before anything
// changes: inventory.ErrNoConnection, *inventory.TooMany, inventory.ErrNoSystem,
// inventory.ErrManaged.
func (s *SystemLinks) Put(ctx context.Context, tenant, connection string, systems []string, entry audit.Entry) ([]inventory.Link, error) {
	c, err := s.db.Connections().Get(ctx, tenant, connection)
	if err != nil {
		return nil, err
	}
	if stands(c.Links, systems) {
		return c.Links, nil
	}
	err = s.db.inventoryWrite(ctx, tenant, func(ctx context.Context, t *tx, now int64) error {
		was, managed, err := t.linkOf(ctx, connection)
		if err != nil {
			return err
		}
		if len(systems) > inventory.MaxLinks {
			return &inventory.TooMany{Connection: connection}
		}
		for _, key := range systems {
			if err := t.unmanaged(ctx, selectSystem, inventory.ErrNoSystem, key); err != nil && !errors.Is(err, inventory.ErrManaged) {
				return err
			}
		}
		if managed {
			return inventory.ErrManaged
		}
		to := append([]string{}, systems...)
		if err := t.relink(ctx, connection, to, now); err != nil {
			return err
		}
		return t.log(ctx, with(entry, map[string]any{"from": was, "to": to}))
	})
	if err != nil {
		return nil, err
	}
	return s.Of(ctx, tenant, connection)
}

// stands says that a connection belongs to these systems already.
func stands(links []inventory.Link, systems []string) bool {
	if len(links) != len(systems) {
		return false
	}
	for i, l := range links {
		if l.System != systems[i] || l.Name == nil {
			return false
		}
	}
	return true
}

// linkOf gives the systems of a connection, and whether a directory says so.
func (t *tx) linkOf(ctx context.Context, connection string) (systems []string, managed bool, err error) {
	if err := t.unmanaged(ctx, selectConnection, inventory.ErrNoConnection, connection); err != nil && !errors.Is(err, inventory.ErrManaged) {
		return nil, false, err
	}
	var system string
	var is int64
	err = t.row(ctx, `SELECT system, managed FROM connection_links WHERE tenant = $1 AND connection = $2`, t.tenant, connection).Scan(&system, &is)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return []string{}, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("read the link of a connection: %w", err)
	}
	return []string{system}, is == 1, nil
}

func (t *tx) relink(ctx context.Context, connection string, systems []string, now int64) error {
	if _, err := t.exec(ctx, `DELETE FROM connection_links WHERE tenant = $1 AND connection = $2`, t.tenant, connection); err != nil {
		return fmt.Errorf("remove the link of a connection: %w", err)
	}
	for _, key := range systems {
		if _, err := t.exec(ctx, `INSERT INTO connection_links (tenant, connection, system, managed, created) VALUES ($1, $2, $3, 0, $4)`, t.tenant, connection, key, now); err != nil {
			return fmt.Errorf("link a connection: %w", err)
		}
	}
	return nil
}

// Remove takes a connection off its system. The errors come in this order:
// inventory.ErrNoConnection, inventory.ErrNoSystem, inventory.ErrNoLink,
// inventory.ErrManaged. A link whose system is gone can be removed.
func (s *SystemLinks) Remove(ctx context.Context, tenant, connection, system string, entry audit.Entry) error {
	return s.db.inventoryWrite(ctx, tenant, func(ctx context.Context, t *tx, now int64) error {
		was, managed, err := t.linkOf(ctx, connection)
		if err != nil {
			return err
		}
		if len(was) == 0 || was[0] != system {
			if err := t.unmanaged(ctx, selectSystem, inventory.ErrNoSystem, system); err != nil && !errors.Is(err, inventory.ErrManaged) {
				return err
			}
			return inventory.ErrNoLink
		}
		if managed {
			return inventory.ErrManaged
		}
		if err := t.relink(ctx, connection, nil, now); err != nil {
			return err
		}
		return t.log(ctx, with(entry, map[string]any{"from": was, "to": []string{}}))
	})
}
