package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/seal"
)

// ConnectionTokens keeps what signing in to vendors gave, one token for each
// connection.
type ConnectionTokens struct{ db *DB }

// ConnectionTokens gives access to the tokens.
func (db *DB) ConnectionTokens() *ConnectionTokens { return &ConnectionTokens{db} }

const (
	// renewTime is how long one has to renew a token; keepTime is that part of it in
	// which the new one is stored.
	renewTime = time.Minute
	keepTime  = 10 * time.Second
	// renewPoll is how often to look whether another process has renewed a token.
	renewPoll = 50 * time.Millisecond
)

// Of gives the keeper of a tenant's tokens. What they were got with stands in their
// place: with other secrets they do not open, and are as good as gone.
func (s *ConnectionTokens) Of(tenant, with string) connector.TokenKeeper {
	return &tokenKeeper{s.db, tenant, with}
}

type tokenKeeper struct {
	db           *DB
	tenant, with string
}

// Renew implements connector.TokenKeeper.
func (k *tokenKeeper) Renew(ctx context.Context, connection string, renew func(ctx context.Context, kept connector.Token) (connector.Token, error)) (got connector.Token, err error) {
	release, err := k.db.turns.take(ctx, "token/"+k.tenant+"/"+connection)
	if err != nil {
		return got, err
	}
	defer release()
	keys, err := k.db.Tenant(ctx, k.tenant)
	if err != nil {
		return got, err
	}
	r := &renewal{tokenKeeper: k, connection: connection, keys: keys, renewer: uuid.NewString()}
	kept, err := r.begin(ctx)
	if err != nil {
		return got, err
	}
	given, cancel := context.WithTimeout(ctx, renewTime-keepTime)
	defer cancel()
	if got, err = renew(given, kept); err != nil || got == kept {
		return got, errors.Join(err, r.end(ctx, nil))
	}
	return got, r.end(ctx, &got)
}

// Kept gives the token of a connection that was got with that; the zero Token where
// there is none. It stands in nobody's way who renews it.
func (s *ConnectionTokens) Kept(ctx context.Context, tenant, with, connection string) (connector.Token, error) {
	var sealed []byte
	err := s.db.engine.row(ctx, `SELECT sealed FROM connection_tokens WHERE tenant = $1 AND connection = $2`, tenant, connection).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return connector.Token{}, nil
	}
	if err != nil {
		return connector.Token{}, fmt.Errorf("read the token of a connection: %w", err)
	}
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return connector.Token{}, err
	}
	return (&renewal{tokenKeeper: &tokenKeeper{s.db, tenant, with}, connection: connection, keys: keys}).open(sealed)
}

// renewal is the right to renew a token, until its time is over.
type renewal struct {
	*tokenKeeper
	connection string
	keys       *seal.Tenant
	renewer    string
}

// begin waits until nobody else renews the token, and gives the one that is kept.
func (r *renewal) begin(ctx context.Context) (kept connector.Token, err error) {
	for {
		var sealed []byte
		err := r.db.write(ctx, r.tenant, func(ctx context.Context, t *tx) error {
			return t.row(ctx, `
				INSERT INTO connection_tokens (tenant, connection, renewer, until) VALUES ($1, $2, $3, {now} + $4)
				ON CONFLICT (tenant, connection) DO UPDATE SET renewer = excluded.renewer, until = excluded.until
				WHERE connection_tokens.until <= {now}
				RETURNING sealed`, r.tenant, r.connection, r.renewer, renewTime.Microseconds()).Scan(&sealed)
		})
		if err == nil {
			return r.open(sealed)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return kept, fmt.Errorf("begin to renew a token: %w", err)
		}
		select {
		case <-ctx.Done():
			return kept, ctx.Err()
		case <-time.After(renewPoll):
		}
	}
}

// token is how a token is kept.
type token struct {
	Access  string    `json:"access"`
	Refresh string    `json:"refresh,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
}

// open reads what is kept. What does not open was got with other secrets.
func (r *renewal) open(sealed []byte) (connector.Token, error) {
	text, err := r.keys.Open(sealed, r.place())
	if sealed == nil || errors.Is(err, seal.ErrSealed) {
		return connector.Token{}, nil
	}
	var kept token
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return connector.Token{}, fmt.Errorf("read the token of a connection: %w", err)
	}
	return connector.Token(kept), nil
}

// end gives the right back, and keeps what was got. Whoever stops the caller does not
// stop this: the vendor may take the token of before no more.
func (r *renewal) end(ctx context.Context, got *connector.Token) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	var sealed []byte
	if got != nil {
		text, err := json.Marshal(token(*got))
		if err != nil {
			return fmt.Errorf("keep the token of a connection: %w", err)
		}
		sealed = r.keys.Seal(text, r.place())
	}
	for {
		err := r.db.write(ctx, r.tenant, func(ctx context.Context, t *tx) error {
			_, err := t.exec(ctx, `UPDATE connection_tokens SET sealed = COALESCE($4, sealed), renewer = '', until = 0 WHERE tenant = $1 AND connection = $2 AND renewer = $3`,
				r.tenant, r.connection, r.renewer, sealed)
			if err != nil {
				return fmt.Errorf("keep the token of a connection: %w", err)
			}
			return nil
		})
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(renewPoll):
		}
	}
}

func (r *renewal) place() []byte {
	return fmt.Appendf(nil, "token/%s/%s/%s", r.tenant, r.connection, r.with)
}

// Sweep forgets the tokens of connections that are gone.
func (s *ConnectionTokens) Sweep(ctx context.Context, tenant string) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `DELETE FROM connection_tokens WHERE tenant = $1
			AND NOT EXISTS (SELECT 1 FROM connections c WHERE c.tenant = $1 AND c.key = connection_tokens.connection)`, t.tenant); err != nil {
			return fmt.Errorf("forget tokens: %w", err)
		}
		return nil
	})
}
