package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/request"
)

// Keys keeps the keys that can be destroyed, wrapped by the tenant's. A
// request's key is made with the request and destroyed when it ends; that of
// its package is made when it is written, and destroyed when somebody says so.
type Keys struct{ db *DB }

// RequestKey gives the key that seals the request's working data:
// request.ErrDestroyed when the request has ended, request.ErrNotFound when
// the tenant has no such request.
func (k *Keys) RequestKey(ctx context.Context, tenant, id string) (request.Key, error) {
	keys, err := k.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	wrapped, err := requestKey(ctx, k.db.engine, tenant, id)
	if err != nil {
		return nil, err
	}
	key, err := keys.OpenKey(ownerOf(id), wrapped)
	if err != nil {
		return nil, fmt.Errorf("open the request's key: %w", err)
	}
	return key, nil
}

// PackageKey gives the key of a request's package, and makes it where there is
// none.
func (k *Keys) PackageKey(ctx context.Context, tenant, id string) (key *seal.Key, err error) {
	err = k.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, wrapped, err := t.keys.NewKey(packageOf(id))
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO keys (tenant, owner, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, tenant, packageOf(id), wrapped); err != nil {
			return fmt.Errorf("store a key: %w", err)
		}
		key, err = openPackage(ctx, t, t.keys, tenant, id)
		return err
	})
	return key, err
}

// OpenPackage gives the key of a request's package, or request.ErrNotFound.
func (k *Keys) OpenPackage(ctx context.Context, tenant, id string) (*seal.Key, error) {
	keys, err := k.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return openPackage(ctx, k.db.engine, keys, tenant, id)
}

func openPackage(ctx context.Context, q querier, keys *seal.Tenant, tenant, id string) (*seal.Key, error) {
	var wrapped []byte
	err := q.row(ctx, `SELECT wrapped FROM keys WHERE tenant = $1 AND owner = $2`, tenant, packageOf(id)).Scan(&wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, request.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of a package: %w", err)
	}
	return keys.OpenKey(packageOf(id), wrapped)
}

// DestroyPackage destroys the key of a package whose request has ended, with
// its entry, and revokes the links to it. It fails with request.ErrNotFound when there is none, and with
// request.ErrTransition while the request may write another one.
func (k *Keys) DestroyPackage(ctx context.Context, tenant, id string, entry audit.Entry) error {
	return k.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		var ended int64
		err := t.row(ctx, `SELECT r.ended FROM requests r JOIN keys k ON k.tenant = r.tenant AND k.owner = $3
			WHERE r.tenant = $1 AND r.id = $2`, tenant, id, packageOf(id)).Scan(&ended)
		if errors.Is(err, sql.ErrNoRows) {
			return request.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("destroy the key of a package: %w", err)
		}
		if ended == 0 {
			return fmt.Errorf("%w: the request has not ended", request.ErrTransition)
		}
		if err := t.revoke(ctx, auth.FetchPackage, packageOf(id)); err != nil {
			return err
		}
		if err := t.destroy(ctx, packageOf(id)); err != nil {
			return err
		}
		return t.log(ctx, entry)
	})
}

// Outlived gives the requests whose packages have a key although they ended
// longer than ago, oldest first, up to limit of them.
func (k *Keys) Outlived(ctx context.Context, tenant string, ago time.Duration, limit int) ([]string, error) {
	return k.packages(ctx, `SELECT r.id FROM keys k JOIN requests r ON r.tenant = k.tenant AND 'package/' || r.id = k.owner
		WHERE k.tenant = $1 AND k.owner >= 'package/' AND k.owner < 'package0' AND r.ended > 0 AND r.ended <= {now} - $2 ORDER BY r.ended, r.id LIMIT $3`,
		tenant, ago.Microseconds(), limit)
}

// Orphaned says whether a request has ended and its package has no key, so
// that what lies there of it can be read by nobody. What is not a request of
// this store is somebody else's.
func (k *Keys) Orphaned(ctx context.Context, tenant, id string) (bool, error) {
	found, err := k.packages(ctx, `SELECT r.id FROM requests r WHERE r.tenant = $1 AND r.id = $2 AND r.ended > 0
		AND NOT EXISTS (SELECT 1 FROM keys k WHERE k.tenant = r.tenant AND k.owner = $3)`, tenant, id, packageOf(id))
	return len(found) > 0, err
}

func (k *Keys) packages(ctx context.Context, statement string, args ...any) ([]string, error) {
	ids, err := collect(ctx, k.db.engine, func(row scanner) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	}, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("look for packages: %w", err)
	}
	return ids, nil
}

func packageOf(request string) string { return "package/" + request }

// requestKey gives the key of a request that has not ended, wrapped.
func requestKey(ctx context.Context, q querier, tenant, id string) ([]byte, error) {
	var wrapped []byte
	err := q.row(ctx, `
		SELECT k.wrapped FROM requests r
		LEFT JOIN keys k ON k.tenant = r.tenant AND k.owner = $3
		WHERE r.tenant = $1 AND r.id = $2`, tenant, id, ownerOf(id)).Scan(&wrapped)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, request.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("read the request's key: %w", err)
	case wrapped == nil:
		return nil, request.ErrDestroyed
	}
	return wrapped, nil
}

// keep stores the owner's new key.
func (t *tx) keep(ctx context.Context, owner string, wrapped []byte) error {
	if _, err := t.exec(ctx, `INSERT INTO keys (tenant, owner, wrapped) VALUES ($1, $2, $3)`, t.tenant, owner, wrapped); err != nil {
		return fmt.Errorf("store a key: %w", err)
	}
	return nil
}

// destroy destroys the owner's key.
func (t *tx) destroy(ctx context.Context, owner string) error {
	t.growth.destroyed = true
	if _, err := t.exec(ctx, `DELETE FROM keys WHERE tenant = $1 AND owner = $2`, t.tenant, owner); err != nil {
		return fmt.Errorf("destroy a key: %w", err)
	}
	return nil
}

func ownerOf(request string) string { return "request/" + request }
