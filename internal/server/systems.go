package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/discover"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
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
	stored   *store.Catalogues // nil: live catalogues are read each time
	by       string            // who reads catalogues, for the audit log
	refresh  bool

	// client calls over HTTP; nil where nobody does.
	client func(private bool) connector.Client
	// What vendors' connections share with those of other processes, and where their
	// calls are logged; zero where they share nothing.
	shared shared
	// trial sends a letter that says nothing, and letter one that says something; nil
	// where no mail can be sent.
	trial  func(ctx context.Context, to subject.Personal[string]) error
	letter func(ctx context.Context, l message.Letter, table [][]string) connector.Call

	mu   sync.Mutex
	open map[string]connector.Connector
}

// NewSystems gives the connections of a configuration; nothing is opened yet.
// Kinds that a description makes are those of the configuration, all others those of r.
func NewSystems(c *config.Config, r connector.Registry) *Systems {
	kinds := maps.Clone(r)
	for kind, spec := range c.Registry {
		if spec.Endpoints != nil {
			kinds[kind] = spec
		}
	}
	return &Systems{config: c, registry: kinds, open: map[string]connector.Connector{}}
}

// Remember makes plans from stored catalogues, so that a database need not be
// up for one (X17). One that is not stored yet is read and stored; with refresh
// all that are needed are.
func (s *Systems) Remember(c *store.Catalogues, by string, refresh bool) {
	s.stored, s.by, s.refresh = c, by, refresh
}

// Mailing lets connections that are mailboxes be tried out: trial sends a letter
// that says nothing. It is said before the first Connect.
func (s *Systems) Mailing(trial func(ctx context.Context, to subject.Personal[string]) error) {
	s.trial = trial
}

// Calling lets connections be called over HTTP: client gives what calls those that
// may be in a private network, or may not. It is said before the first Connect.
func (s *Systems) Calling(client func(private bool) connector.Client) { s.client = client }

// Writing lets connections that are mailboxes be written to. It is said before the
// first Connect.
func (s *Systems) Writing(letter func(ctx context.Context, l message.Letter, table [][]string) connector.Call) {
	s.letter = letter
}

// Connect gives the open connection with a key.
func (s *Systems) Connect(key string) (connector.Connector, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.open[key]; c != nil {
		return c, nil
	}
	conn, err := s.config.Connection(key)
	if err != nil {
		return nil, err
	}
	spec, err := s.registry.Lookup(conn.Type)
	if err != nil {
		return nil, err
	}
	settings := connector.Settings{Key: key, Secrets: revealed(conn), ReadOnly: !conn.Write, Trial: s.trial, Letter: s.letter}
	if len(conn.Datasets) == 1 {
		settings.Dataset = conn.Datasets[0]
	}
	if s.client != nil {
		settings.Client = s.client(conn.Private)
	}
	s.shared.give(&settings, conn)
	c, err := spec.New(settings)
	if err != nil {
		return nil, err
	}
	s.open[key] = c
	return c, nil
}

// revealed gives the secrets of a connection.
func revealed(conn config.Connection) map[string]string {
	secrets := map[string]string{}
	for name, secret := range conn.Secrets {
		secrets[name] = secret.Reveal()
	}
	return secrets
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

// Plan makes the plan for a policy and the types of identities that a request
// has, from the stored catalogues where there are some, or the live ones.
func (s *Systems) Plan(ctx context.Context, p policy.Policy, types []subject.Type, today value.Date) (*graph.Plan, error) {
	in := graph.Input{Datasets: s.config.Datasets.All(), Policy: p, Identities: types, Configuration: s.config.Digest, Today: today}
	for _, conn := range s.config.Connections {
		if conn.Disabled {
			continue
		}
		in.Connections = append(in.Connections, graph.Connection{Key: conn.Key, Write: conn.Write, Datasets: conn.Datasets, Ask: conn.Ask, Instructed: conn.Instructed})
	}
	needed := graph.Needed(in)
	for i := range in.Connections {
		if !slices.Contains(needed, in.Connections[i].Key) {
			continue
		}
		var err error
		if in.Connections[i].Catalogue, err = s.catalogue(ctx, in.Connections[i].Key); err != nil {
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
	plan, err := graph.Build(in)
	var missing *graph.Error
	if s.stored != nil && !s.refresh && errors.As(err, &missing) && missing.Drift {
		return nil, fmt.Errorf("%w\n  the catalogue that it was planned from was stored earlier: if the database has changed, %s", err, mend)
	}
	return plan, err
}

// mend is what to do when a stored catalogue is out of date.
const mend = "read it again, with --refresh or volenti catalogue refresh"

// Stale compares the live databases with the stored catalogues that a plan was
// made from. The error is of kind Drift when they differ; a database that
// cannot be reached is left to the run, which waits for it.
func (s *Systems) Stale(ctx context.Context, plan *graph.Plan) error {
	if s.stored == nil || s.refresh {
		return nil
	}
	live := map[string]*catalogue.Catalogue{}
	for _, n := range plan.Nodes {
		if live[n.Connection] == nil && !n.Instructed {
			c, err := s.describe(ctx, n.Connection)
			if connector.Retryable(err) {
				return nil
			}
			if err != nil {
				return err
			}
			live[n.Connection] = c
		}
	}
	tables, missing := plan.Tables(live)
	digest, err := graph.Digest(tables)
	if err != nil {
		return err
	}
	if missing != nil || digest != plan.Catalogue {
		return &connector.Error{Kind: connector.Drift, Connection: "plan", Doing: "compare the databases with the stored catalogue", Reason: "tables that the plan uses have changed since it was read; nothing was done; " + mend}
	}
	return nil
}

// catalogue gives the catalogue to plan from.
func (s *Systems) catalogue(ctx context.Context, key string) (*catalogue.Catalogue, error) {
	if s.vendor(key) {
		return s.describe(ctx, key) // nobody is asked for it
	}
	if s.stored != nil && !s.refresh {
		c, err := s.stored.Latest(ctx, store.DefaultTenant, key)
		if err != nil {
			return nil, err
		}
		if c != nil {
			return &c.Catalogue, nil
		}
	}
	live, err := s.describe(ctx, key)
	if err == nil && s.stored != nil {
		_, err = s.stored.Keep(ctx, store.DefaultTenant, key, live, s.by)
	}
	return live, err
}

// vendor says whether a connection is one to a vendor: its catalogue is its
// description.
func (s *Systems) vendor(key string) bool {
	return s.registry[s.connection(key).Type].Endpoints != nil
}

// Refreshed is what reading a catalogue again has shown.
type Refreshed struct {
	Connection string   `json:"connection"`
	Version    int64    `json:"version"`
	First      bool     `json:"first"`   // none was stored before
	Changes    []string `json:"changes"` // since the version before
}

// Refresh reads the catalogue of a connection again and stores it.
func (s *Systems) Refresh(ctx context.Context, key string) (r Refreshed, err error) {
	r = Refreshed{Connection: key, Changes: []string{}}
	before, err := s.stored.Latest(ctx, store.DefaultTenant, key)
	if err != nil {
		return r, err
	}
	live, err := s.describe(ctx, key)
	if err != nil {
		return r, err
	}
	r.Version, err = s.stored.Keep(ctx, store.DefaultTenant, key, live, s.by)
	if r.First = before == nil; before != nil && before.Version != r.Version {
		r.Changes = append(r.Changes, discover.Changes(&before.Catalogue, live)...)
	}
	return r, err
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
