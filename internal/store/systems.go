package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/taxonomy"
)

// Systems keeps the systems of companies. Every change takes the end of the
// ledger first, so that those of a tenant come one after the other; so do those
// of Connections, SystemLinks and Datasets.
type Systems struct{ db *DB }

// Systems gives access to the systems.
func (db *DB) Systems() *Systems { return &Systems{db} }

// List gives the systems of the tenant with their connections, oldest first.
func (s *Systems) List(ctx context.Context, tenant string) ([]inventory.System, error) {
	return readSystems(ctx, s.db.engine, `WHERE s.tenant = $1`, tenant)
}

// Get gives a system with its connections, or inventory.ErrNoSystem.
func (s *Systems) Get(ctx context.Context, tenant, key string) (inventory.System, error) {
	found, err := readSystems(ctx, s.db.engine, `WHERE s.tenant = $1 AND s.key = $2`, tenant, key)
	return only(found, err, inventory.ErrNoSystem)
}

// only gives the one that was looked for by its key, or none where there is none.
func only[T any](found []T, err, none error) (one T, _ error) {
	switch {
	case err != nil:
		return one, err
	case len(found) == 0:
		return one, none
	}
	return found[0], nil
}

// readSystems reads systems and their connections by one join.
func readSystems(ctx context.Context, q querier, where string, args ...any) ([]inventory.System, error) {
	var all []inventory.System
	err := q.each(ctx, func(row scanner) error {
		var s inventory.System
		var uses string
		var managed, created int64
		var c struct {
			key, name, kind  *string
			managed, created *int64
		}
		if err := row.Scan(&s.Key, &s.Name, &s.Description, &uses, &managed, &created, &c.key, &c.name, &c.kind, &c.managed, &c.created); err != nil {
			return err
		}
		if len(all) == 0 || all[len(all)-1].Key != s.Key {
			s.Uses, s.Managed, s.Created = usesIn(uses), managed == 1, instant(created)
			all = append(all, s)
		}
		if c.key != nil {
			last := &all[len(all)-1]
			last.Connections = append(last.Connections, inventory.Connection{Key: *c.key, Name: *c.name, Type: *c.kind, Managed: *c.managed == 1, Created: instant(*c.created)})
		}
		return nil
	}, `
		SELECT s.key, s.name, s.description, s.uses, s.managed, s.created, c.key, c.name, c.type, c.managed, c.created
		FROM systems s
		LEFT JOIN connection_links l ON l.tenant = s.tenant AND l.system = s.key
		LEFT JOIN connections c ON c.tenant = l.tenant AND c.key = l.connection
		`+where+` ORDER BY s.ordinal, c.ordinal`, args...)
	if err != nil {
		return nil, fmt.Errorf("read systems: %w", err)
	}
	return all, nil
}

func usesIn(text string) (uses []taxonomy.Use) {
	for use := range strings.FieldsSeq(text) {
		uses = append(uses, taxonomy.Use(use))
	}
	return uses
}

func usesText(uses []taxonomy.Use) string {
	var words []string
	for _, use := range uses {
		words = append(words, string(use))
	}
	return strings.Join(words, " ")
}

// Create stores a system that no directory declares; inventory.ErrTaken when
// there is one with its key.
func (s *Systems) Create(ctx context.Context, tenant string, y inventory.System, entry audit.Entry) error {
	return s.db.inventoryWrite(ctx, tenant, func(ctx context.Context, t *tx, now int64) error {
		made, err := t.exec(ctx, `
			INSERT INTO systems (tenant, key, name, description, uses, managed, created, ordinal)
			VALUES ($1, $2, $3, $4, $5, 0, $6, (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM systems WHERE tenant = $1)) ON CONFLICT DO NOTHING`, tenant, y.Key, y.Name, y.Description, usesText(y.Uses), now)
		if err != nil {
			return fmt.Errorf("create a system: %w", err)
		}
		if made == 0 {
			return inventory.ErrTaken
		}
		return t.log(ctx, entry)
	})
}

// Edit replaces what is said of a system.
func (s *Systems) Edit(ctx context.Context, tenant string, y inventory.System, entry audit.Entry) error {
	return s.db.inventoryWrite(ctx, tenant, func(ctx context.Context, t *tx, _ int64) error {
		if err := t.unmanaged(ctx, selectSystem, inventory.ErrNoSystem, y.Key); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE systems SET name = $3, description = $4, uses = $5 WHERE tenant = $1 AND key = $2`,
			tenant, y.Key, y.Name, y.Description, usesText(y.Uses)); err != nil {
			return fmt.Errorf("edit a system: %w", err)
		}
		return t.log(ctx, entry)
	})
}

// Remove removes a system with its links, and no connection. A link that a
// directory declares stays there and so here: it dangles. What was delivered
// stays under the system's key.
func (s *Systems) Remove(ctx context.Context, tenant, key string, entry audit.Entry) error {
	return s.db.inventoryWrite(ctx, tenant, func(ctx context.Context, t *tx, _ int64) error {
		if err := t.unmanaged(ctx, selectSystem, inventory.ErrNoSystem, key); err != nil {
			return err
		}
		linked, err := t.removeSystem(ctx, key)
		if err != nil {
			return err
		}
		return t.log(ctx, with(entry, map[string]any{"unlinked": linked}))
	})
}

// removeSystem gives the connections whose links went with it.
func (t *tx) removeSystem(ctx context.Context, key string) (linked []string, err error) {
	linked, err = collect(ctx, t, scanKey, `DELETE FROM connection_links WHERE tenant = $1 AND system = $2 AND managed = 0 RETURNING connection`, t.tenant, key)
	if err != nil {
		return nil, fmt.Errorf("remove the links of a system: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM systems WHERE tenant = $1 AND key = $2`, t.tenant, key); err != nil {
		return nil, fmt.Errorf("remove a system: %w", err)
	}
	return append([]string{}, linked...), nil
}

func scanKey(row scanner) (key string, err error) {
	err = row.Scan(&key)
	return key, err
}

// Whether something is managed.
const (
	selectSystem     = `SELECT managed FROM systems WHERE tenant = $1 AND key = $2`
	selectConnection = `SELECT managed FROM connections WHERE tenant = $1 AND key = $2`
)

// unmanaged says that something is there, and may be changed.
func (t *tx) unmanaged(ctx context.Context, query string, none error, key string) error {
	var managed int64
	err := t.row(ctx, query, t.tenant, key).Scan(&managed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return none
	case err != nil:
		return fmt.Errorf("read the inventory: %w", err)
	case managed == 1:
		return inventory.ErrManaged
	}
	return nil
}

// inventoryWrite changes the inventory other than by a directory, and says so to
// those who keep it in memory.
func (db *DB) inventoryWrite(ctx context.Context, tenant string, fn func(ctx context.Context, t *tx, now int64) error) error {
	return db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, now, err := t.growth.next(ctx, t, tenant)
		if err != nil {
			return fmt.Errorf("lock the ledger: %w", err)
		}
		if err := fn(ctx, t, now); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `
			INSERT INTO inventory_versions (tenant, version) VALUES ($1, 1)
			ON CONFLICT (tenant) DO UPDATE SET version = inventory_versions.version + 1`, tenant); err != nil {
			return fmt.Errorf("count a change of the inventory: %w", err)
		}
		return nil
	})
}

// inventoryChange is inventoryWrite that refuses what was checked against something
// else than what holds. version is the one that the change makes.
func (db *DB) inventoryChange(ctx context.Context, tenant string, seen Seen, fn func(ctx context.Context, t *tx, version, now int64) error) error {
	return db.inventoryWrite(ctx, tenant, func(ctx context.Context, t *tx, now int64) error {
		holds, err := seenIn(ctx, t, tenant)
		if err != nil {
			return err
		}
		if holds != seen {
			return inventory.ErrChanged
		}
		return fn(ctx, t, seen.Inventory+1, now)
	})
}
