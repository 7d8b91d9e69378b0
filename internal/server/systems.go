package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// Systems opens the connections of a configuration, each once, when it is
// first needed.
type Systems struct {
	config   *config.Config
	registry connector.Registry

	mu   sync.Mutex
	open map[string]connector.Connector
}

// NewSystems gives the connections of a configuration; nothing is opened yet.
func NewSystems(c *config.Config, r connector.Registry) *Systems {
	return &Systems{config: c, registry: r, open: map[string]connector.Connector{}}
}

// Connect gives the open connection with a key.
func (s *Systems) Connect(key string) (connector.Connector, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.open[key]; c != nil {
		return c, nil
	}
	at := slices.IndexFunc(s.config.Connections, func(c config.Connection) bool { return c.Key == key })
	if at < 0 {
		return nil, fmt.Errorf("the configuration has no connection %s", key)
	}
	conn := s.config.Connections[at]
	spec, err := s.registry.Lookup(conn.Type)
	if err != nil {
		return nil, err
	}
	secrets := map[string]string{}
	for name, secret := range conn.Secrets {
		secrets[name] = secret.Reveal()
	}
	c, err := spec.New(connector.Settings{Key: key, Secrets: secrets, ReadOnly: !conn.Write})
	if err != nil {
		return nil, err
	}
	s.open[key] = c
	return c, nil
}

// Close closes what was opened.
func (s *Systems) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, c := range s.open {
		errs = append(errs, c.Close())
	}
	s.open = map[string]connector.Connector{}
	return errors.Join(errs...)
}

// Plan reads the live catalogues and makes the plan for a policy and the
// types of identities that a request has.
func (s *Systems) Plan(ctx context.Context, p policy.Policy, types []subject.Type, today value.Date) (*graph.Plan, error) {
	in := graph.Input{Datasets: s.config.Datasets.All(), Policy: p, Identities: types, Configuration: s.config.Digest, Today: today}
	for _, conn := range s.config.Connections {
		if conn.Disabled {
			continue
		}
		in.Connections = append(in.Connections, graph.Connection{Key: conn.Key, Write: conn.Write, Datasets: conn.Datasets})
	}
	needed := graph.Needed(in)
	for i := range in.Connections {
		if !slices.Contains(needed, in.Connections[i].Key) {
			continue
		}
		var err error
		if in.Connections[i].Catalogue, err = s.describe(ctx, in.Connections[i].Key); err != nil {
			return nil, err
		}
	}
	in.Queries = func(n *graph.Node, t *catalogue.Table) ([]string, error) {
		c, err := s.Connect(n.Connection)
		if err != nil {
			return nil, err
		}
		reader, ok := c.(connector.Reader)
		if !ok {
			return nil, fmt.Errorf("connection %s cannot be read", n.Connection)
		}
		return fulfill.Queries(reader, n, t)
	}
	return graph.Build(in)
}

func (s *Systems) describe(ctx context.Context, key string) (*catalogue.Catalogue, error) {
	c, err := s.Connect(key)
	if err != nil {
		return nil, err
	}
	d, ok := c.(connector.Describer)
	if !ok {
		return nil, fmt.Errorf("connection %s cannot describe itself", key)
	}
	live, err := d.Describe(ctx)
	return &live, err
}
