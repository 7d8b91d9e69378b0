package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
)

// connectorTypes are the types that connections can have.
type connectorTypes struct{ latest *Latest }

var _ api.Connectors = connectorTypes{}

// Of implements api.Connectors. Where nothing was applied, or what was cannot be used,
// there are those that come along.
func (k connectorTypes) Of(ctx context.Context, tenant string) (connector.Registry, error) {
	e, release, err := k.latest.Use(ctx, tenant)
	if errors.Is(err, request.ErrNoConfiguration) || errors.Is(err, request.ErrConfiguration) {
		return k.latest.options.Registry, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	return e.systems.registry, nil
}

// connections tries out those of the configuration as of now.
type connections struct {
	db     *store.DB
	latest *Latest
}

var _ api.Connections = connections{}

// Test implements api.Connections.
func (s connections) Test(ctx context.Context, caller auth.Caller, key string) (*connector.Error, error) {
	e, release, err := s.latest.Use(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	defer release()
	if e.systems.connection(key).Key == "" {
		return nil, request.ErrNotFound
	}
	if err := s.db.Audit().Append(ctx, caller.Tenant, changed("connection.test", connectionObject+key, caller)); err != nil {
		return nil, err
	}
	failed := failureOf(e.systems.Test(ctx, key))
	return failed, s.db.ConnectionStates().Tried(ctx, caller.Tenant, key, failed)
}

// failureOf gives a failure as one of a connector; nil for none.
func failureOf(err error) *connector.Error {
	var failed *connector.Error
	if err == nil || errors.As(err, &failed) {
		return failed
	}
	return &connector.Error{Kind: connector.Permanent, Reason: err.Error()}
}

// Try implements api.Connections. It shares nothing with connections that there are: a
// token that it gets is nobody's.
func (s connections) Try(ctx context.Context, caller auth.Caller, says map[string]any) (*connector.Error, error) {
	key, _ := says["key"].(string)
	name, _ := says["name"].(string)
	key = cmp.Or(key, config.KeyOf(name), "new")
	p, err := s.picture(ctx, caller.Tenant, inventory.OfConnection, key)
	if err != nil {
		return nil, err
	}
	if p.own != nil {
		return nil, inventory.ErrTaken
	}
	c, _, err := p.whole(key, says)
	if err != nil {
		return nil, err
	}
	if err := s.db.Audit().Append(ctx, caller.Tenant, changed("connection.try", connectionObject+key, caller)); err != nil {
		return nil, err
	}
	systems := s.latest.reach(caller.Tenant, c)
	failed := failureOf(systems.Test(ctx, key))
	return failed, systems.Close()
}

// Standing implements api.Connections.
func (s connections) Standing(ctx context.Context, tenant string, c inventory.Connection) (api.ConnectionStanding, error) {
	var standing api.ConnectionStanding
	is, err := s.db.ConnectionStates().Get(ctx, tenant, c.Key)
	if err != nil {
		return standing, err
	}
	if !is.Tried.IsZero() {
		test := api.ConnectionTest{Succeeded: is.Reason == "", Kind: is.Kind, Reason: is.Reason}
		standing.Tried = &api.ConnectionTrial{At: is.Tried, ConnectionTest: test}
	}
	standing.Authorization, err = s.authorization(ctx, tenant, c, is)
	return standing, err
}

// authorization says whether a person lets a connection be used; nil where none has to.
func (s connections) authorization(ctx context.Context, tenant string, c inventory.Connection, is store.ConnectionState) (*api.ConnectionAuthorization, error) {
	e, release, err := s.latest.Use(ctx, tenant)
	if errors.Is(err, request.ErrNoConfiguration) || errors.Is(err, request.ErrConfiguration) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	conn := e.systems.connection(c.Key)
	if !e.systems.registry[conn.Type].Authorized {
		return nil, nil
	}
	token, err := s.db.ConnectionTokens().Kept(ctx, tenant, signedInWith(conn.Type, revealed(conn)), c.Key)
	if err != nil {
		return nil, err
	}
	a := &api.ConnectionAuthorization{Stands: token != connector.Token{}}
	if token.Refresh == "" && !token.Expires.IsZero() {
		a.Until, a.Stands = &token.Expires, a.Stands && token.Expires.After(time.Now())
	}
	switch {
	case is.Returned.IsZero():
	case is.Refusal != "":
		a.At, a.Reason = &is.Returned, is.Refusal
	case a.Stands:
		a.Since = &is.Returned
	}
	return a, nil
}

// Test tries out whether a system can be reached, or mail be sent to it.
func (s *Systems) Test(ctx context.Context, key string) error {
	c, err := s.Connect(key)
	if err != nil {
		return err
	}
	tester, ok := c.(connector.Tester)
	if !ok {
		return fmt.Errorf("%s: this kind of connection cannot be tried out", key)
	}
	return tester.Test(ctx)
}
