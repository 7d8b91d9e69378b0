package config

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"
	"strings"

	"volenti.dev/volenti/subject"
)

// Change is how one thing differs between two configurations.
type Change struct {
	Kind string `json:"kind"` // dataset, policy, system, connection, saas_config, message, denial, calendar
	Key  string `json:"key"`
	What string `json:"what"` // added, changed, removed
}

// String writes the change as a line of a diff.
func (c Change) String() string {
	return strings.TrimSpace(map[string]string{"added": "+", "changed": "~", "removed": "-"}[c.What] + " " + c.Kind + " " + c.Key)
}

// Changes tells what becomes of the datasets, policies, systems, connections,
// descriptions of vendors, messages, denials and the calendar of one configuration when another takes its place;
// nil is one that holds nothing.
// Where something stands, and how it is laid out, is no change; another secret
// is one.
func Changes(from, to *Config) []Change {
	before, after := things(from), things(to)
	changes := []Change{}
	for t, text := range after {
		if old, there := before[t]; !there {
			changes = append(changes, Change{t.kind, t.key, "added"})
		} else if old != text {
			changes = append(changes, Change{t.kind, t.key, "changed"})
		}
	}
	for t := range before {
		if _, stays := after[t]; !stays {
			changes = append(changes, Change{t.kind, t.key, "removed"})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	return changes
}

type thing struct{ kind, key string }

// things gives a text for all that a configuration names; equal things have
// equal texts.
func things(c *Config) map[thing]string {
	all := map[thing]string{}
	if c == nil {
		return all
	}
	put := func(kind, key string, parts ...any) {
		var text bytes.Buffer
		for _, p := range parts {
			canonical(&text, reflect.ValueOf(p))
		}
		all[thing{kind, key}] = text.String()
	}
	for _, d := range c.Datasets {
		put("dataset", d.Key, d)
	}
	for _, p := range c.Policies {
		put("policy", p.Key, p)
	}
	for _, s := range c.Systems {
		put("system", s.Key, s)
	}
	for _, n := range c.Connections {
		put("connection", n.Key, n, revealed(n.Secrets))
	}
	for kind := range c.described {
		put("saas_config", kind, c.Registry[kind].Digest)
	}
	for _, m := range c.Messages {
		put("message", string(m.Kind)+" in "+m.Language, m)
	}
	for _, d := range c.Denials {
		put("denial", d.Key, d)
	}
	if text := c.Deadlines.Text(); text != "" {
		put("calendar", "", text)
	}
	return all
}

// revealed is for comparing secrets; it goes nowhere else.
func revealed(secrets map[string]subject.Personal[string]) map[string]string {
	open := map[string]string{}
	for name, s := range secrets {
		open[name] = s.Reveal()
	}
	return open
}
