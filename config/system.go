package config

import (
	"cmp"
	"slices"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/taxonomy"
)

// System is a system of the company, such as its CRM: what connections belong to.
type System struct {
	Key         string
	Name        string
	Description string
	Uses        []taxonomy.Use // data_uses: what it uses data for
	At          source.Position
}

// System gives the system with a key; false where it is not declared.
func (c *Config) System(key string) (System, bool) {
	i := slices.IndexFunc(c.Systems, func(s System) bool { return s.Key == key })
	if i < 0 {
		return System{}, false
	}
	return c.Systems[i], true
}

// UsesOf gives what a connection uses data for: what its system does or, where
// it belongs to none, what it says itself (P8). That of a system which is not
// declared is nothing.
func (c *Config) UsesOf(conn Connection) []taxonomy.Use {
	if conn.System == "" {
		return conn.Uses
	}
	s, _ := c.System(conn.System)
	return s.Uses
}

func (l *loader) systems(key string, n *source.Node) {
	for _, entry := range n.List(key, &l.report) {
		m := entry.Mapping("a system", &l.report)
		m.Need("key")
		s := System{Key: m.String("key"), Name: m.String("name"), Description: m.String("description"), Uses: l.uses(m), At: entry.At}
		s.Name = cmp.Or(s.Name, s.Key)
		m.Done()
		if m.Node("key") == nil || !l.goodKey(s.Key, "system", m) {
			continue
		}
		if before, given := l.config.System(s.Key); given {
			l.report.Errorf(s.At, "rename or remove one of them", "the system %s is already given at %s", s.Key, before.At)
			continue
		}
		l.config.Systems = append(l.config.Systems, s)
	}
}

// uses reads data_uses.
func (l *loader) uses(m *source.Mapping) []taxonomy.Use {
	var uses []taxonomy.Use
	for _, t := range m.Strings("data_uses") {
		switch use := taxonomy.Use(t.Value); {
		case !l.config.Taxonomy.Uses.Check(t, &l.report):
		case slices.Contains(uses, use):
			l.report.Warnf(t.At, "remove one of them", "the data use %s is given twice", use)
		default:
			uses = append(uses, use)
		}
	}
	return uses
}

// goodKey reports a key that cannot be one.
func (l *loader) goodKey(key, what string, m *source.Mapping) bool {
	switch {
	case source.Refused(key):
		l.report.Errorf(m.Where("key"), "use another name", "%s is not allowed as a key", key)
	case !ValidKey(key):
		l.report.Errorf(m.Where("key"), "use letters, digits and _ . -, a letter or digit first, at most "+mostKeyText+" in all", "%q cannot be the key of a %s", key, what)
	default:
		return true
	}
	return false
}
