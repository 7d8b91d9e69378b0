package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/connector"
)

// ConnectionStates keeps what was last found out about connections. It is forgotten
// when a connection is changed over HTTP, or removed.
type ConnectionStates struct{ db *DB }

// ConnectionStates gives access to the states.
func (db *DB) ConnectionStates() *ConnectionStates { return &ConnectionStates{db} }

// ConnectionState is what was last found out about a connection.
type ConnectionState struct {
	Tried  time.Time // when it was tried out; zero for never
	Kind   connector.Kind
	Reason string // why that failed; "" when it did not
	// Returned is when a person came back from its vendor; zero for never.
	Returned time.Time
	Refusal  string // why that allowed nothing; "" where it did
}

// Get gives the state of a connection; the zero one where nothing is known of it.
func (s *ConnectionStates) Get(ctx context.Context, tenant, key string) (is ConnectionState, err error) {
	var tried, returned *int64
	err = s.db.engine.row(ctx, `SELECT tried, kind, reason, returned, refusal FROM connection_states WHERE tenant = $1 AND connection = $2`, tenant, key).
		Scan(&tried, &is.Kind, &is.Reason, &returned, &is.Refusal)
	if errors.Is(err, sql.ErrNoRows) {
		return is, nil
	}
	if err != nil {
		return is, fmt.Errorf("read the state of a connection: %w", err)
	}
	if tried != nil {
		is.Tried = instant(*tried)
	}
	if returned != nil {
		is.Returned = instant(*returned)
	}
	return is, nil
}

// Tried notes that a connection was tried out now, and why that failed.
func (s *ConnectionStates) Tried(ctx context.Context, tenant, key string, failed *connector.Error) error {
	kind, reason := "", ""
	if failed != nil {
		kind, reason = string(failed.Kind), failed.Reason
	}
	return s.note(ctx, tenant, `
		INSERT INTO connection_states (tenant, connection, tried, kind, reason)
		SELECT tenant, key, {now}, $3, $4 FROM connections WHERE tenant = $1 AND key = $2
		ON CONFLICT (tenant, connection) DO UPDATE SET tried = excluded.tried, kind = excluded.kind, reason = excluded.reason`, key, kind, reason)
}

// Returned notes that a person came back now from the vendor of a connection, and why
// that allowed nothing, "" where it did.
func (s *ConnectionStates) Returned(ctx context.Context, tenant, key, refusal string) error {
	return s.note(ctx, tenant, `
		INSERT INTO connection_states (tenant, connection, returned, refusal)
		SELECT tenant, key, {now}, $3 FROM connections WHERE tenant = $1 AND key = $2
		ON CONFLICT (tenant, connection) DO UPDATE SET returned = excluded.returned, refusal = excluded.refusal`, key, refusal)
}

// note writes about a connection that is there.
func (s *ConnectionStates) note(ctx context.Context, tenant, statement string, args ...any) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, statement, append([]any{t.tenant}, args...)...); err != nil {
			return fmt.Errorf("note the state of a connection: %w", err)
		}
		return nil
	})
}

// forgetState forgets the state of a connection.
func (t *tx) forgetState(ctx context.Context, key string) error {
	if _, err := t.exec(ctx, `DELETE FROM connection_states WHERE tenant = $1 AND connection = $2`, t.tenant, key); err != nil {
		return fmt.Errorf("forget the state of a connection: %w", err)
	}
	return nil
}
