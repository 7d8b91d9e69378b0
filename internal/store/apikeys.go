package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
)

// APIKeys keeps API keys: of each, a digest of its token.
type APIKeys struct{ db *DB }

// apikeys are keys that were found lately, so that not every request has to
// ask for its key. On an embedded database they hold until one is revoked,
// which only this process can do; on PostgreSQL, where another may, for
// keyTime.
type apikeys struct {
	mu      sync.Mutex
	found   map[string]foundKeys // by id
	changes int                  // what is read before one is out of date after it
}

type foundKeys struct {
	keys  []auth.Key
	until time.Time
}

const (
	keyTime  = time.Second
	mostKeys = 10_000 // then it begins anew
)

// APIKeys gives access to the API keys.
func (db *DB) APIKeys() *APIKeys { return &APIKeys{db} }

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
//
// On PostgreSQL a key that another process has revoked is found for one more
// second.
func (s *APIKeys) Find(ctx context.Context, id string) ([]auth.Key, error) {
	lately, mark := s.db.apikeys.lately(id, s.db.Exclusive())
	if lately != nil {
		return lately, nil
	}
	found, err := collect(ctx, s.db.engine, scanAPIKey, selectAPIKeys+` WHERE id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("find API key: %w", err)
	}
	s.db.apikeys.keep(id, found, mark)
	return found, nil
}

// lately gives what was found, and a mark for keep.
func (m *apikeys) lately(id string, alone bool) (found []auth.Key, mark int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.found[id]; alone || time.Now().Before(f.until) {
		found = f.keys
	}
	return found, m.changes
}

// keep keeps what was read after mark, unless a key has changed since.
func (m *apikeys) keep(id string, found []auth.Key, mark int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(found) == 0 || m.changes != mark {
		return
	}
	if m.found == nil || len(m.found) >= mostKeys {
		m.found = map[string]foundKeys{}
	}
	m.found[id] = foundKeys{found, time.Now().Add(keyTime)}
}

// forget is for a key that changes: before the change is told to anyone.
func (m *apikeys) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	delete(m.found, id)
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
// leaves no entry, when the key was revoked already; auth.ErrNoKey when there is
// none.
func (s *APIKeys) Revoke(ctx context.Context, tenant, id string, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		revoked, err := t.exec(ctx, `UPDATE api_keys SET revoked = {now} WHERE tenant = $1 AND id = $2 AND revoked = 0`, tenant, id)
		if err != nil {
			return fmt.Errorf("revoke API key: %w", err)
		}
		if revoked == 1 {
			t.growth.after = append(t.growth.after, func(bool) { s.db.apikeys.forget(id) })
			return t.log(ctx, entry)
		}
		err = t.row(ctx, `SELECT revoked FROM api_keys WHERE tenant = $1 AND id = $2`, tenant, id).Scan(new(int64))
		if errors.Is(err, sql.ErrNoRows) {
			return auth.ErrNoKey
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
