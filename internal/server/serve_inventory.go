package server

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
)

// systemDesk keeps systems that package config finds nothing wrong with.
type systemDesk struct {
	*store.Systems
	latest *Latest
}

var (
	_ api.Systems     = systemDesk{}
	_ api.SystemLinks = (*store.SystemLinks)(nil)
)

// Create implements api.Systems.
func (d systemDesk) Create(ctx context.Context, caller auth.Caller, y inventory.System) (string, error) {
	y.Key = cmp.Or(y.Key, config.KeyOf(y.Name))
	y, err := d.read(ctx, caller.Tenant, y)
	if err != nil {
		return "", err
	}
	return y.Key, d.Systems.Create(ctx, caller.Tenant, y, changed("system.create", "system/"+y.Key, caller))
}

// Edit implements api.Systems.
func (d systemDesk) Edit(ctx context.Context, caller auth.Caller, y inventory.System) error {
	if is, err := d.Get(ctx, caller.Tenant, y.Key); err != nil {
		return err
	} else if is.Managed {
		return inventory.ErrManaged
	}
	y, err := d.read(ctx, caller.Tenant, y)
	if err != nil {
		return err
	}
	return d.Systems.Edit(ctx, caller.Tenant, y, changed("system.edit", "system/"+y.Key, caller))
}

// Remove implements api.Systems.
func (d systemDesk) Remove(ctx context.Context, caller auth.Caller, key string) error {
	return d.Systems.Remove(ctx, caller.Tenant, key, changed("system.remove", "system/"+key, caller))
}

// read reads a system by the words of the configuration that was applied.
func (d systemDesk) read(ctx context.Context, tenant string, y inventory.System) (inventory.System, error) {
	files, _, _, err := d.latest.parts(ctx, tenant)
	if err != nil {
		return y, err
	}
	c, _ := config.Read(files, d.latest.options)
	return config.ReadSystem(y, c.Taxonomy)
}

func changed(act, object string, caller auth.Caller) audit.Entry {
	return audit.Entry{Act: act, Object: object, Details: map[string]any{"by": caller.By()}}
}

// List implements api.Connections.
func (s connections) List(ctx context.Context, tenant string) ([]inventory.Connection, error) {
	return s.db.Connections().List(ctx, tenant)
}

// Get implements api.Connections.
func (s connections) Get(ctx context.Context, tenant, key string) (c inventory.Connection, settings api.ConnectionSettings, err error) {
	if c, err = s.db.Connections().Get(ctx, tenant, key); err != nil || c.Managed {
		return c, settings, err
	}
	p, err := s.picture(ctx, tenant, inventory.OfConnection, key)
	if err != nil {
		return c, settings, err
	}
	says, err := p.says()
	if err != nil {
		return c, settings, err
	}
	if secrets, ok := says["secrets"].(map[string]any); ok {
		settings.Secrets = slices.Sorted(maps.Keys(secrets))
	}
	for _, shown := range []string{"key", "name", "type", "secrets"} {
		delete(says, shown)
	}
	settings.Says = says
	return c, settings, nil
}

// Create implements api.Connections.
func (s connections) Create(ctx context.Context, caller auth.Caller, says map[string]any) (string, error) {
	key, _ := says["key"].(string)
	if name, _ := says["name"].(string); says["key"] == nil {
		key = config.KeyOf(name)
	}
	if key == "" {
		return "", &inventory.Invalid{Problems: []string{"the connection has no key (give it a key, or a name to make one of)"}}
	}
	p, err := s.picture(ctx, caller.Tenant, inventory.OfConnection, key)
	if err != nil {
		return "", err
	}
	c, text, err := p.read(key, says)
	if err != nil {
		return "", err
	}
	entry := changed("connection.create", "connection/"+key, caller)
	entry.Details["type"] = c.Type
	return key, s.db.Connections().Create(ctx, caller.Tenant, c, text, p.seen, entry)
}

// Edit implements api.Connections.
func (s connections) Edit(ctx context.Context, caller auth.Caller, key string, says map[string]any) error {
	if is, err := s.db.Connections().Get(ctx, caller.Tenant, key); err != nil {
		return err
	} else if is.Managed {
		return inventory.ErrManaged
	}
	if given, is := says["key"]; is && given != key {
		return &inventory.Invalid{Problems: []string{"the key of a connection stays: make another connection and remove this one"}}
	}
	p, err := s.picture(ctx, caller.Tenant, inventory.OfConnection, key)
	if err != nil {
		return err
	}
	before, err := p.says()
	if err != nil {
		return err
	}
	c, text, err := p.read(key, config.KeepSecrets(before, says, p.spec(says)))
	if err != nil {
		return err
	}
	entry := changed("connection.edit", "connection/"+key, caller)
	entry.Details["type"] = c.Type
	return s.db.Connections().Edit(ctx, caller.Tenant, c, text, p.seen, entry)
}

// Remove implements api.Connections.
func (s connections) Remove(ctx context.Context, caller auth.Caller, key string) error {
	is, err := s.db.Connections().Get(ctx, caller.Tenant, key)
	switch {
	case err != nil:
		return err
	case is.Managed:
		return inventory.ErrManaged
	}
	p, err := s.picture(ctx, caller.Tenant, inventory.OfConnection, key)
	if err != nil {
		return err
	}
	if p.own != nil {
		if wrong := config.ProblemsOf(p.problems(*p.own), p.problems()); len(wrong) > 0 {
			return &inventory.Invalid{Problems: wrong}
		}
	}
	return s.db.Connections().Remove(ctx, caller.Tenant, key, p.seen, changed("connection.remove", "connection/"+key, caller))
}

// picture is all that a connection, or a dataset, must fit to.
type picture struct {
	seen    store.Seen
	files   []source.File
	others  []inventory.Made
	own     *inventory.Made // nil where it is not there, or of a directory
	options config.Options
}

func (s connections) picture(ctx context.Context, tenant, what, key string) (p picture, err error) {
	p.options = s.latest.options
	if p.seen, err = s.db.Connections().Seen(ctx, tenant); err != nil {
		return p, err
	}
	var made []inventory.Made
	if p.files, made, _, err = s.latest.parts(ctx, tenant); err != nil {
		return p, err
	}
	for _, m := range made {
		if m.What == what && m.Key == key {
			p.own = &m
		} else {
			p.others = append(p.others, m)
		}
	}
	return p, nil
}

// says gives what the connection says now, with its secrets.
func (p picture) says() (map[string]any, error) {
	if p.own == nil {
		return nil, inventory.ErrNoConnection
	}
	return config.SaysOf(*p.own)
}

// spec is of the type that a connection is said to have.
func (p picture) spec(says map[string]any) connector.Spec {
	all, _ := config.ReadWith(p.files, p.others, p.options)
	name, _ := says["type"].(string)
	return all.Registry[name]
}

// problems finds what is wrong in the picture without the connection, or with it.
func (p picture) problems(own ...inventory.Made) []source.Problem {
	_, found := config.ReadWith(p.files, slices.Concat(p.others, own), p.options)
	return found
}

// read reads what the connection is to say.
func (p picture) read(key string, says map[string]any) (c inventory.Connection, text []byte, err error) {
	all, text, err := p.whole(key, says)
	if err != nil {
		return c, nil, err
	}
	found, err := all.Connection(key)
	return inventory.Connection{Key: key, Name: found.Name, Type: found.Type}, text, err
}

// whole reads all that there would be with what the connection is to say.
func (p picture) whole(key string, says map[string]any) (all *config.Config, text []byte, err error) {
	if _, is := says["system"]; is {
		return nil, nil, &inventory.Invalid{Problems: []string{"the system of a connection is not said here: put its links"}}
	}
	made, err := config.MadeOf(key, says)
	if err != nil {
		return nil, nil, err
	}
	all, after := config.ReadWith(p.files, slices.Concat(p.others, []inventory.Made{made}), p.options)
	if wrong := config.InvalidOf(p.problems(), after, made); wrong != nil {
		return nil, nil, wrong
	}
	return all, made.Text, nil
}
