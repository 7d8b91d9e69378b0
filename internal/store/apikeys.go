package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
)

// APIKeys keeps API keys: of each, a digest of its token.
type APIKeys struct{ db *DB }

// APIKeys gives access to the API keys.
func (db *DB) APIKeys() *APIKeys { return &APIKeys{db} }

// ErrNoKey: the tenant has no such API key.
var ErrNoKey = errors.New("no such API key")

// Create stores a new key with its entry; ErrExists when there is one with
// this id. Created is set by the database's clock.
func (s *APIKeys) Create(ctx context.Context, k auth.Key, entry audit.Entry) error {
	var scopes []string
	for _, scope := range k.Scopes {
		scopes = append(scopes, string(scope))
	}
	return s.db.write(ctx, k.Tenant, func(ctx context.Context, t *tx) error {
		made, err := t.exec(ctx, `
			INSERT INTO api_keys (tenant, id, name, digest, scopes, created, expires, revoked)
			VALUES ($1, $2, $3, $4, $5, {now}, $6, 0) ON CONFLICT DO NOTHING`,
			k.Tenant, k.ID, readable(k.Name), k.Digest, strings.Join(scopes, " "), micros(k.Expires))
		if err != nil {
			return fmt.Errorf("create API key: %w", err)
		}
		if made == 0 {
			return ErrExists
		}
		return t.log(ctx, entry)
	})
}

// Find gives the keys with an id, of whatever tenant: who shows a token is not
// known before. It is the one query without a tenant; ids are random, so that
// there is one key or none.
func (s *APIKeys) Find(ctx context.Context, id string) ([]auth.Key, error) {
	found, err := collect(ctx, s.db.engine, scanAPIKey, selectAPIKeys+` WHERE id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("find API key: %w", err)
	}
	return found, nil
}

// List gives all keys of the tenant, also those that are over, oldest first.
func (s *APIKeys) List(ctx context.Context, tenant string) ([]auth.Key, error) {
	all, err := collect(ctx, s.db.engine, scanAPIKey, selectAPIKeys+` WHERE tenant = $1 ORDER BY created, id`, tenant)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return all, nil
}

// Revoke ends a key, from the moment that it returns. It is harmless, and
// leaves no entry, when the key was revoked already; ErrNoKey when there is
// none.
func (s *APIKeys) Revoke(ctx context.Context, tenant, id string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		revoked, err := t.exec(ctx, `UPDATE api_keys SET revoked = {now} WHERE tenant = $1 AND id = $2 AND revoked = 0`, tenant, id)
		if err != nil {
			return fmt.Errorf("revoke API key: %w", err)
		}
		if revoked == 1 {
			return t.log(ctx, entry)
		}
		err = t.row(ctx, `SELECT revoked FROM api_keys WHERE tenant = $1 AND id = $2`, tenant, id).Scan(new(int64))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoKey
		}
		return err
	})
}

const selectAPIKeys = `SELECT tenant, id, name, digest, scopes, created, expires, revoked FROM api_keys`

func scanAPIKey(row scanner) (k auth.Key, err error) {
	var scopes string
	var created, expires, revoked int64
	err = row.Scan(&k.Tenant, &k.ID, &k.Name, &k.Digest, &scopes, &created, &expires, &revoked)
	for _, scope := range strings.Fields(scopes) {
		k.Scopes = append(k.Scopes, auth.Scope(scope))
	}
	k.Created, k.Expires, k.Revoked = instant(created), instant(expires), instant(revoked)
	return k, err
}
