package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// Latest is the configuration that was applied last, for each tenant, with the
// systems, connections and links that were made over HTTP. Its connections stay
// open until a later one holds and nobody uses them any more.
type Latest struct {
	db      *store.DB
	options config.Options
	// client calls over HTTP, in private networks too or not; nil where nobody does.
	client func(private bool) connector.Client
	log    *slog.Logger // of calls to vendors; nil for nowhere
	// trial sends a letter that says nothing, and letter one that says something; nil
	// where no mail can be sent.
	trial  func(ctx context.Context, tenant string, to subject.Personal[string]) error
	letter func(ctx context.Context, tenant string, l message.Letter, table [][]string) connector.Call

	mu sync.Mutex
	of map[string]*edition // by tenant
}

// NewLatest reads nothing yet.
func NewLatest(db *store.DB, o config.Options) *Latest {
	return &Latest{db: db, options: o, of: map[string]*edition{}}
}

// edition is one version of a configuration in use.
type edition struct {
	seen    store.Seen
	config  *config.Config
	systems *Systems
	told    sync.Once
	tells   *propagate.Edition // guarded by told

	users int // guarded by Latest.mu, as is over
	over  bool
}

// Use gives the tenant's configuration as of now, until release is called. It
// fails with request.ErrNoConfiguration or request.ErrConfiguration where that
// is the reason.
func (l *Latest) Use(ctx context.Context, tenant string) (e *edition, release func(), err error) {
	seen, err := l.db.Connections().Seen(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	if e := l.take(tenant, seen); e != nil {
		return e, func() { l.release(e) }, nil
	}
	fresh, err := l.read(ctx, tenant, seen)
	if err != nil {
		return nil, nil, err
	}
	e = l.put(tenant, fresh)
	return e, func() { l.release(e) }, nil
}

// take gives the edition in use when it is not older than what was seen.
func (l *Latest) take(tenant string, seen store.Seen) *edition {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of[tenant]
	if e == nil || e.older(seen) {
		return nil
	}
	e.users++
	return e
}

func (e *edition) older(seen store.Seen) bool {
	return e.seen.Configuration < seen.Configuration || e.seen.Inventory < seen.Inventory
}

// read reads what held when seen was, or something later.
func (l *Latest) read(ctx context.Context, tenant string, seen store.Seen) (*edition, error) {
	if seen == (store.Seen{}) {
		return nil, request.ErrNoConfiguration
	}
	files, made, aside, err := l.parts(ctx, tenant)
	if err != nil {
		return nil, err
	}
	c, found := config.ReadWith(files, made, l.options)
	c.Adopt(aside)
	var wrong []string
	for _, p := range found {
		if p.Severity == source.Error {
			wrong = append(wrong, p.String())
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("%w: %s", request.ErrConfiguration, strings.Join(wrong, "; "))
	}
	e := &edition{seen: seen, config: c, systems: l.reach(tenant, c)}
	e.systems.Sharing(l.db, tenant, l.log)
	return e, nil
}

// reach gives the connections of a configuration what they reach their systems by.
func (l *Latest) reach(tenant string, c *config.Config) *Systems {
	s := NewSystems(c, l.options.Registry)
	if l.trial != nil {
		s.Mailing(func(ctx context.Context, to subject.Personal[string]) error { return l.trial(ctx, tenant, to) })
	}
	s.Calling(l.client)
	if l.letter != nil {
		s.Writing(func(ctx context.Context, m message.Letter, table [][]string) connector.Call {
			return l.letter(ctx, tenant, m, table)
		})
	}
	return s
}

// parts gives what an edition is made of.
func (l *Latest) parts(ctx context.Context, tenant string) (files []source.File, made []inventory.Made, aside inventory.Declared, err error) {
	_, files, err = l.db.Configurations().Latest(ctx, tenant)
	if err != nil && !errors.Is(err, store.ErrNoConfiguration) {
		return nil, nil, aside, err
	}
	made, aside, err = l.db.Connections().Made(ctx, tenant)
	return files, made, aside, err
}

// put makes an edition the one in use, unless another was quicker.
func (l *Latest) put(tenant string, fresh *edition) *edition {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of[tenant]
	if e != nil && !e.older(fresh.seen) {
		e.users++
		return e
	}
	if e != nil {
		_ = e.end() // nothing is under way on what it closes
	}
	l.of[tenant] = fresh
	fresh.users++
	return fresh
}

func (l *Latest) release(e *edition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.users--
	if e.over && e.users == 0 {
		_ = e.systems.Close() // nothing is under way on it
	}
}

// end closes the connections of an edition, or lets its last user do it.
func (e *edition) end() error {
	e.over = true
	if e.users > 0 {
		return nil
	}
	return e.systems.Close()
}

// Close closes the connections that nobody uses; those who use others close
// them.
func (l *Latest) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, e := range l.of {
		errs = append(errs, e.end())
	}
	l.of = map[string]*edition{}
	return errors.Join(errs...)
}

// plan makes the plan for the policy with a key; *request.Invalid where there
// is no such policy, or no dataset that knows one of the types.
func (e *edition) plan(ctx context.Context, key string, types []subject.Type, today value.Date) (*graph.Plan, error) {
	asked, ok := e.config.Policy(key)
	if !ok {
		var keys []string
		for _, p := range e.config.Policies {
			keys = append(keys, p.Key)
		}
		return nil, request.Unknown("policy", "there is no such policy", keys)
	}
	known := e.config.Datasets.IdentityTypes()
	for _, t := range types {
		if !slices.Contains(known, string(t)) {
			return nil, request.Unknown("identities", "no dataset has an identity of such a type", known)
		}
	}
	return e.systems.Plan(ctx, asked, types, today)
}
