package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/datamap/inventory"
)

// Connections keeps the connections of companies. What one of a configuration
// directory says is in the configuration; what another says is here, sealed.
type Connections struct{ db *DB }

// Connections gives access to the connections.
func (db *DB) Connections() *Connections { return &Connections{db} }

// Seen is what somebody goes by who changes a connection: the version of the
// configuration, and how often the inventory was changed.
type Seen struct{ Configuration, Inventory int64 }

// Seen gives what holds now.
func (s *Connections) Seen(ctx context.Context, tenant string) (Seen, error) {
	return seenIn(ctx, s.db.engine, tenant)
}

func seenIn(ctx context.Context, q querier, tenant string) (seen Seen, err error) {
	err = q.row(ctx, `
		SELECT COALESCE((SELECT MAX(version) FROM configurations WHERE tenant = $1), 0),
			COALESCE((SELECT version FROM inventory_versions WHERE tenant = $1), 0)`, tenant).Scan(&seen.Configuration, &seen.Inventory)
	if err != nil {
		return seen, fmt.Errorf("read the version of the configuration: %w", err)
	}
	return seen, nil
}

// List gives the connections of the tenant with their links, oldest first.
func (s *Connections) List(ctx context.Context, tenant string) ([]inventory.Connection, error) {
	return readConnections(ctx, s.db.engine, `WHERE c.tenant = $1`, tenant)
}

// Get gives a connection with its links, or inventory.ErrNoConnection.
func (s *Connections) Get(ctx context.Context, tenant, key string) (inventory.Connection, error) {
	found, err := readConnections(ctx, s.db.engine, `WHERE c.tenant = $1 AND c.key = $2`, tenant, key)
	return only(found, err, inventory.ErrNoConnection)
}

// readConnections reads connections and their links by one join (C28).
func readConnections(ctx context.Context, q querier, where string, args ...any) ([]inventory.Connection, error) {
	all, err := collect(ctx, q, func(row scanner) (c inventory.Connection, err error) {
		var managed, created int64
		var system, name *string
		var linked *int64
		err = row.Scan(&c.Key, &c.Name, &c.Type, &managed, &created, &system, &linked, &name)
		c.Managed, c.Created = managed == 1, instant(created)
		if system != nil {
			c.Links = []inventory.Link{inventory.NewLink(*system, name, instant(*linked))}
		}
		return c, err
	}, `
		SELECT c.key, c.name, c.type, c.managed, c.created, l.system, l.created, s.name
		FROM connections c
		LEFT JOIN connection_links l ON l.tenant = c.tenant AND l.connection = c.key
		LEFT JOIN systems s ON s.tenant = l.tenant AND s.key = l.system
		`+where+` ORDER BY c.ordinal`, args...)
	if err != nil {
		return nil, fmt.Errorf("read connections: %w", err)
	}
	return all, nil
}

// Made gives what the connections and datasets say that no directory declares, oldest
// first, and the systems and links of that kind.
func (s *Connections) Made(ctx context.Context, tenant string) (made []inventory.Made, aside inventory.Declared, err error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, aside, err
	}
	made, err = collect(ctx, s.db.engine, func(row scanner) (m inventory.Made, err error) {
		var version int64
		var sealed []byte
		if err := row.Scan(&m.Key, &version, &sealed); err != nil {
			return m, err
		}
		m.What = inventory.OfConnection
		if m.Text, err = keys.Open(sealed, connectionPlace(tenant, m.Key, version)); err != nil {
			return m, fmt.Errorf("open the connection %s: %w", m.Key, err)
		}
		return m, nil
	}, `SELECT key, version, sealed FROM connections WHERE tenant = $1 AND managed = 0 ORDER BY ordinal`, tenant)
	if err != nil {
		return nil, aside, fmt.Errorf("read connections: %w", err)
	}
	described, err := readDatasets(ctx, s.db.engine, keys, tenant)
	if err != nil {
		return nil, aside, err
	}
	made = append(made, described...)
	aside.Systems, err = collect(ctx, s.db.engine, func(row scanner) (y inventory.System, err error) {
		var uses string
		err = row.Scan(&y.Key, &y.Name, &y.Description, &uses)
		y.Uses = usesIn(uses)
		return y, err
	}, `SELECT key, name, description, uses FROM systems WHERE tenant = $1 AND managed = 0 ORDER BY ordinal`, tenant)
	if err != nil {
		return nil, aside, fmt.Errorf("read systems: %w", err)
	}
	aside.Links = map[string]string{}
	err = s.db.engine.each(ctx, func(row scanner) error {
		var connection, system string
		err := row.Scan(&connection, &system)
		aside.Links[connection] = system
		return err
	}, `SELECT connection, system FROM connection_links WHERE tenant = $1 AND managed = 0`, tenant)
	if err != nil {
		return nil, aside, fmt.Errorf("read links: %w", err)
	}
	return made, aside, nil
}

func connectionPlace(tenant, key string, version int64) []byte {
	return fmt.Appendf(nil, "connection/%s/%s/%d", tenant, key, version)
}

// Create stores a connection that no directory declares, and what it says;
// inventory.ErrTaken when there is one with its key, inventory.ErrChanged when
// something else holds by now than what it was checked against.
func (s *Connections) Create(ctx context.Context, tenant string, c inventory.Connection, text []byte, seen Seen, entry audit.Entry) error {
	return s.db.inventoryChange(ctx, tenant, seen, func(ctx context.Context, t *tx, version, now int64) error {
		made, err := t.exec(ctx, `
			INSERT INTO connections (tenant, key, name, type, managed, version, sealed, created, ordinal)
			VALUES ($1, $2, $3, $4, 0, $5, $6, $7, (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM connections WHERE tenant = $1)) ON CONFLICT DO NOTHING`,
			tenant, c.Key, c.Name, c.Type, version, t.keys.Seal(text, connectionPlace(tenant, c.Key, version)), now)
		if err != nil {
			return fmt.Errorf("create a connection: %w", err)
		}
		if made == 0 {
			return inventory.ErrTaken
		}
		return t.log(ctx, entry)
	})
}

// Edit replaces what a connection says; see Create.
func (s *Connections) Edit(ctx context.Context, tenant string, c inventory.Connection, text []byte, seen Seen, entry audit.Entry) error {
	return s.db.inventoryChange(ctx, tenant, seen, func(ctx context.Context, t *tx, version, _ int64) error {
		if err := t.unmanaged(ctx, selectConnection, inventory.ErrNoConnection, c.Key); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE connections SET name = $3, type = $4, version = $5, sealed = $6 WHERE tenant = $1 AND key = $2`,
			tenant, c.Key, c.Name, c.Type, version, t.keys.Seal(text, connectionPlace(tenant, c.Key, version))); err != nil {
			return fmt.Errorf("edit a connection: %w", err)
		}
		if err := t.forgetState(ctx, c.Key); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// Remove removes a connection with its links. What it was sent stays.
func (s *Connections) Remove(ctx context.Context, tenant, key string, seen Seen, entry audit.Entry) error {
	return s.db.inventoryChange(ctx, tenant, seen, func(ctx context.Context, t *tx, _, _ int64) error {
		if err := t.unmanaged(ctx, selectConnection, inventory.ErrNoConnection, key); err != nil {
			return err
		}
		if err := t.removeConnection(ctx, key); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

func (t *tx) removeConnection(ctx context.Context, key string) error {
	for _, statement := range []string{
		`DELETE FROM connection_links WHERE tenant = $1 AND connection = $2`,
		`DELETE FROM connections WHERE tenant = $1 AND key = $2`,
	} {
		if _, err := t.exec(ctx, statement, t.tenant, key); err != nil {
			return fmt.Errorf("remove a connection: %w", err)
		}
	}
	return t.forgetState(ctx, key)
}

// declare brings the rows of what directories declare into line with one: what
// stays keeps when it was made, and what was made elsewhere is left alone.
func (t *tx) declare(ctx context.Context, d inventory.Declared, now int64) error {
	if err := clashes(ctx, t, t.tenant, d); err != nil {
		return err
	}
	systems, connections := map[string]bool{}, map[string]bool{}
	for _, y := range d.Systems {
		systems[y.Key] = true
		if _, err := t.exec(ctx, `
			INSERT INTO systems (tenant, key, name, description, uses, managed, created, ordinal)
			VALUES ($1, $2, $3, $4, $5, 1, $6, (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM systems WHERE tenant = $1))
			ON CONFLICT (tenant, key) DO UPDATE SET name = excluded.name, description = excluded.description, uses = excluded.uses`,
			t.tenant, y.Key, y.Name, y.Description, usesText(y.Uses), now); err != nil {
			return fmt.Errorf("declare a system: %w", err)
		}
	}
	for _, c := range d.Connections {
		connections[c.Key] = true
		if _, err := t.exec(ctx, `
			INSERT INTO connections (tenant, key, name, type, managed, version, sealed, created, ordinal)
			VALUES ($1, $2, $3, $4, 1, 0, $5, $6, (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM connections WHERE tenant = $1))
			ON CONFLICT (tenant, key) DO UPDATE SET name = excluded.name, type = excluded.type`,
			t.tenant, c.Key, c.Name, c.Type, []byte{}, now); err != nil {
			return fmt.Errorf("declare a connection: %w", err)
		}
		if err := t.declareLink(ctx, c.Key, d.Links[c.Key], now); err != nil {
			return err
		}
	}
	return t.undeclare(ctx, systems, connections)
}

// declareLink makes a link what a directory says, where that is not so yet.
func (t *tx) declareLink(ctx context.Context, connection, system string, now int64) error {
	if _, err := t.exec(ctx, `DELETE FROM connection_links WHERE tenant = $1 AND connection = $2 AND managed = 1 AND system <> $3`, t.tenant, connection, system); err != nil {
		return fmt.Errorf("declare a link: %w", err)
	}
	if system == "" {
		return nil
	}
	if _, err := t.exec(ctx, `
		INSERT INTO connection_links (tenant, connection, system, managed, created) VALUES ($1, $2, $3, 1, $4) ON CONFLICT DO NOTHING`,
		t.tenant, connection, system, now); err != nil {
		return fmt.Errorf("declare a link: %w", err)
	}
	return nil
}

// undeclare removes what no directory declares any more.
func (t *tx) undeclare(ctx context.Context, systems, connections map[string]bool) error {
	for _, gone := range []struct {
		query  string
		stays  map[string]bool
		remove func(context.Context, string) error
	}{
		{`SELECT key FROM connections WHERE tenant = $1 AND managed = 1`, connections, t.removeConnection},
		{`SELECT key FROM systems WHERE tenant = $1 AND managed = 1`, systems, func(ctx context.Context, key string) error {
			_, err := t.removeSystem(ctx, key)
			return err
		}},
	} {
		keys, err := collect(ctx, t, scanKey, gone.query, t.tenant)
		if err != nil {
			return fmt.Errorf("read the inventory: %w", err)
		}
		for _, key := range keys {
			if !gone.stays[key] {
				if err := gone.remove(ctx, key); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Clashes finds what was made elsewhere than in a directory that declares it: an
// *inventory.Clash for each.
func (s *Connections) Clashes(ctx context.Context, tenant string, d inventory.Declared) error {
	return clashes(ctx, s.db.engine, tenant, d)
}

func clashes(ctx context.Context, q querier, tenant string, d inventory.Declared) error {
	made := func(what, query, key string) error {
		switch err := q.row(ctx, query, tenant, key).Scan(new(string)); {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return fmt.Errorf("read the inventory: %w", err)
		}
		return &inventory.Clash{What: what, Key: key}
	}
	var errs []error
	for _, y := range d.Systems {
		errs = append(errs, made("system", `SELECT key FROM systems WHERE tenant = $1 AND key = $2 AND managed = 0`, y.Key))
	}
	for _, c := range d.Connections {
		errs = append(errs, made("connection", `SELECT key FROM connections WHERE tenant = $1 AND key = $2 AND managed = 0`, c.Key))
		if d.Links[c.Key] != "" {
			errs = append(errs, made("link", `SELECT system FROM connection_links WHERE tenant = $1 AND connection = $2 AND managed = 0`, c.Key))
		}
	}
	for _, key := range d.Datasets {
		errs = append(errs, made("dataset", `SELECT key FROM datasets WHERE tenant = $1 AND key = $2`, key))
	}
	return errors.Join(errs...)
}
