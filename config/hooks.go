package config

import (
	"maps"
	"slices"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request/policy"
)

// called reads what only connections have that webhooks of policies call.
func (l *loader) called(m *source.Mapping, spec connector.Spec, c *Connection) {
	c.Called, c.Private = spec.Called, m.Bool("private")
	switch what := m.String("receives"); what {
	case "":
	case "identities":
		c.Receives = true
	default:
		l.report.Errorf(m.Where("receives"), "use identities", "receives cannot be %q", what)
	}
	if spec.Called {
		if len(c.Datasets) > 0 {
			l.report.Errorf(m.Where("datasets"), "remove them", "the connection %s is called by webhooks of policies, and holds no data", c.Key)
		}
		return
	}
	for _, key := range []string{"receives", "private"} {
		if spec.Type != "" && m.Has(key) && (key == "receives" || spec.Endpoints == nil) {
			l.report.Errorf(m.Where(key), "remove it", "a connection of type %s has no %s", c.Type, key)
		}
	}
}

// hooks checks that webhooks of policies call connections that are meant for
// it, and derive identities that lead somewhere.
func (l *loader) hooks() {
	connections := map[string]Connection{}
	for _, c := range l.config.Connections {
		connections[c.Key] = c
	}
	for _, p := range l.config.Policies {
		for _, h := range slices.Concat(p.Webhooks.Pre, p.Webhooks.Post) {
			l.hook(h, connections)
		}
	}
}

func (l *loader) hook(h policy.Hook, connections map[string]Connection) {
	c, known := connections[h.Connection]
	switch {
	case h.Connection == "":
	case !known:
		l.report.Errorf(h.At, source.DidYouMean(h.Connection, maps.Keys(connections), "add a connection of type webhook"), "the webhook %s names a connection %q, which there is not", h.Key, h.Connection)
	case !c.Called:
		l.report.Errorf(h.At, "name a connection of type webhook", "the webhook %s names the connection %s, which is of type %s", h.Key, c.Key, c.Type)
	case !c.Receives:
		l.report.Errorf(h.At, "add receives: identities to the connection, if it may know who the people are", "the webhook %s would send identities to the connection %s, which is not marked to receive them", h.Key, c.Key)
	case c.Disabled:
		l.report.Errorf(h.At, "enable it, or remove the webhook", "the webhook %s names the connection %s, which is disabled", h.Key, c.Key)
	}
	types := l.config.Datasets.IdentityTypes()
	for _, t := range h.Derives {
		if !slices.Contains(types, string(t)) && !l.Undescribed {
			l.report.Errorf(h.At, source.DidYouMean(string(t), slices.Values(types), "give a field of a dataset this identity, or remove it"), "the webhook %s derives identities of type %s, which lead to no dataset", h.Key, t)
		}
	}
}
