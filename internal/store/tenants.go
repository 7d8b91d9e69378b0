package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/seal"
)

// Tenant gives the tenant's keys, or ErrNoTenant. They are unwrapped once;
// where it matters whether another process has rotated them, whoever uses them
// looks at the number that is stored.
func (db *DB) Tenant(ctx context.Context, id string) (*seal.Tenant, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if keys, ok := db.tenants[id]; ok {
		return keys, nil
	}
	keys, err := db.unwrap(ctx, db.engine, id)
	if err == nil {
		db.tenants[id] = keys
	}
	return keys, err
}

// unwrap reads the tenant's keys as q sees them.
func (db *DB) unwrap(ctx context.Context, q querier, id string) (*seal.Tenant, error) {
	var wrapped []byte
	err := q.row(ctx, `SELECT wrapped FROM tenants WHERE tenant = $1`, id).Scan(&wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNoTenant
	}
	if err != nil {
		return nil, fmt.Errorf("read the tenant's keys: %w", err)
	}
	keys, err := db.config.Master.Unwrap(id, wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap the tenant's keys: %w", err)
	}
	return keys, nil
}

// Tenants lists the ids of all tenants. It is for what the program does by
// itself; nobody who asks is told.
func (db *DB) Tenants(ctx context.Context) ([]string, error) {
	all, err := collect(ctx, db.engine, func(s scanner) (id string, err error) {
		err = s.Scan(&id)
		return id, err
	}, `SELECT tenant FROM tenants ORDER BY tenant`)
	if err != nil {
		return nil, fmt.Errorf("list the tenants: %w", err)
	}
	return all, nil
}

// followKeys keeps the keys of a transaction in memory when it stands.
func (db *DB) followKeys(t *tx) {
	tenant, keys := t.tenant, t.keys
	t.growth.after = append(t.growth.after, func(stands bool) {
		// When it is not known whether the change stands, they are read again.
		db.mu.Lock()
		defer db.mu.Unlock()
		if stands {
			db.tenants[tenant] = keys
		} else {
			delete(db.tenants, tenant)
		}
	})
}

// CreateTenant makes a tenant with keys of its own and an audit log that
// begins with its making; ErrExists when there is one with this id.
func (db *DB) CreateTenant(ctx context.Context, id string) error {
	if id == "" {
		return errors.New("create tenant: its id is empty")
	}
	wrapped, err := seal.NewTenant(db.config.Master, id, db.config.Origin+"/"+id, db.config.Rand)
	if err != nil {
		return fmt.Errorf("create tenant: %w", err)
	}
	keys, err := db.config.Master.Unwrap(id, wrapped)
	if err != nil {
		return fmt.Errorf("create tenant: %w", err)
	}
	return db.writeWith(ctx, id, keys, func(ctx context.Context, t *tx) error {
		made, err := t.exec(ctx, `INSERT INTO tenants (tenant, wrapped, created) VALUES ($1, $2, {now}) ON CONFLICT DO NOTHING`, id, wrapped)
		if err != nil {
			return fmt.Errorf("create tenant: %w", err)
		}
		if made == 0 {
			return ErrExists
		}
		empty, err := tlog.TreeHash(0, nil)
		if err != nil {
			return fmt.Errorf("create tenant: %w", err)
		}
		if _, err := t.exec(ctx, `INSERT INTO audit_heads (tenant, size, root) VALUES ($1, 0, $2)`, id, empty[:]); err != nil {
			return fmt.Errorf("create tenant: %w", err)
		}
		return t.log(ctx, audit.Entry{Act: "tenant.create", Object: "tenant/" + id})
	})
}

// ensureTenant also shows that the master key is the right one.
func (db *DB) ensureTenant(ctx context.Context, id string) error {
	_, err := db.Tenant(ctx, id)
	if !errors.Is(err, ErrNoTenant) {
		return err
	}
	// Another process may do the same at the same time.
	if err := db.CreateTenant(ctx, id); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	_, err = db.Tenant(ctx, id)
	return err
}
