package http

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
)

// Settings are the secrets that a connection of this vendor needs.
func (d *Description) Settings() []connector.Setting {
	var all []connector.Setting
	for _, p := range d.Params {
		s := connector.Setting{Name: p.Name, Label: p.Label, Required: p.Default == nil, Help: p.help(), Plain: !p.Sensitive, Check: p.Check, Leads: d.leads(p)}
		if p.Default != nil && !p.Sensitive {
			s.Default = *p.Default
		}
		if !p.Multiselect {
			s.Options = p.Options
		}
		all = append(all, s)
	}
	for _, e := range d.External {
		all = append(all, connector.Setting{Name: e.Name, Label: e.Label, Required: true, Plain: true, Help: help(e.Label, e.About, "the field that this vendor's data is found by, as dataset.collection.field"), Check: checkField})
	}
	return all
}

// leads says whether calls go where a param says.
func (d *Description) leads(p Param) bool {
	used := func(r *Request) bool { return r.Client != nil && holds(r.Client.Host, p.Name, true) }
	return p.Type == "endpoint" || holds(d.Client.Host, p.Name, true) || slices.ContainsFunc(d.requests(), used)
}

func (p Param) help() string {
	text := help(p.Label, p.About, "")
	if len(p.Options) > 0 {
		text += " (one of " + strings.Join(p.Options, ", ") + ")"
	}
	if len(p.Allowed) > 0 {
		text += " (" + strings.Join(p.Allowed, " or ") + ")"
	}
	return strings.TrimSpace(text)
}

func help(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), ": ")
}

// Check says what is wrong with a value, without quoting it.
func (p Param) Check(v string) error {
	for _, one := range p.split(v) {
		if len(p.Options) > 0 && !slices.Contains(p.Options, one) {
			return fmt.Errorf("must be one of %s", strings.Join(p.Options, ", "))
		}
	}
	if len(p.Allowed) > 0 && !allowed(p.Allowed, v) {
		return fmt.Errorf("must be one of %s", strings.Join(p.Allowed, ", "))
	}
	return nil
}

func (p Param) split(v string) []string {
	if !p.Multiselect {
		return []string{v}
	}
	parts := strings.Split(v, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func checkField(v string) error {
	if parts := strings.SplitN(v, ".", 3); len(parts) < 3 || slices.Contains(parts, "") {
		return errors.New("must name a field, as dataset.collection.field")
	}
	return nil
}

// allowed says whether a host is one of the patterns, in which * stands for
// any letters, dots among them.
func allowed(patterns []string, host string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return like(strings.ToLower(p), strings.ToLower(host)) })
}

func like(pattern, host string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == host
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(host) < len(first)+len(last) || !strings.HasPrefix(host, first) || !strings.HasSuffix(host, last) {
		return false
	}
	host = host[len(first) : len(host)-len(last)]
	if strings.Trim(host, hostLetters) != "" {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(host, part)
		if at < 0 {
			return false
		}
		host = host[at+len(part):]
	}
	return true
}

const hostLetters = "abcdefghijklmnopqrstuvwxyz0123456789.-"

// secrets turns the texts of a connection into what placeholders stand for.
func (d *Description) secrets(key string, given map[string]string) (map[string]any, error) {
	values := map[string]any{}
	for _, s := range d.Settings() {
		text, there := given[s.Name]
		p := d.param(s.Name)
		if text == "" && p != nil && p.Default != nil {
			text, there = *p.Default, true
		}
		switch {
		case !there || text == "":
			if s.Required {
				return nil, fmt.Errorf("connection %s: secrets.%s is missing: %s", key, s.Name, s.Help)
			}
			continue
		case s.Check(text) != nil:
			return nil, fmt.Errorf("connection %s: secrets.%s %w", key, s.Name, s.Check(text))
		case p != nil && p.Multiselect:
			var list []any
			for _, one := range p.split(text) {
				list = append(list, one)
			}
			values[s.Name] = list
		default:
			values[s.Name] = text
		}
	}
	return values, nil
}
