package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/discover"
	"volenti.dev/volenti/datamap/value"
)

// Discovery is what was found out about one connection.
type Discovery struct {
	Drafts []discover.Draft
	Drift  []source.Problem // between the live database and its description
	// Unsampled names tables that may not be looked into, or that there was no time
	// for: what they hold was judged by names and types.
	Unsampled []string
}

// Discover proposes a description of a connection's database, one dataset for
// each of its schemas. It looks at so many rows of each table; none of their
// values leaves the process, but for keys, which are sent to the databases of
// the same configuration that may know them.
func (s *Systems) Discover(ctx context.Context, key string, rows int, today value.Date) (*Discovery, error) {
	return s.discover(ctx, ctx, key, func(int) int { return rows }, today)
}

// discover is Discover that looks at no more rows when looking has ended. share gives how
// many rows of each table it looks at, when there are so many tables.
func (s *Systems) discover(ctx, looking context.Context, key string, share func(tables int) int, today value.Date) (*Discovery, error) {
	if s.vendor(key) {
		return nil, fmt.Errorf("connection %s is one to a vendor, whose description says what it holds: start from that of volenti connector show", key)
	}
	live, err := s.describe(ctx, key)
	if err != nil {
		return nil, err
	}
	described, rows := s.described(key), share(len(live.Tables))
	d := &Discovery{Drift: discover.Drift(key, described, live)}
	sampled, err := s.sample(ctx, looking, key, live, rows, d)
	if err != nil {
		return nil, err
	}
	elsewhere := map[string]*catalogue.Catalogue{}
	if rows > 0 {
		elsewhere = s.others(looking, key)
	}
	name := s.namer(key, described)
	for schema, tables := range live.Schemas() {
		in := discover.Input{
			Dataset: name(schema), Schema: schema, Tables: tables, Rows: sampled,
			Described: s.config.Datasets.All(), Elsewhere: elsewhere, Today: today,
		}
		for _, q := range discover.Questions(in) {
			found, err := s.ask(looking, key, q)
			if over(ctx, looking) {
				break // a question without an answer speaks for nothing
			}
			if err != nil {
				return nil, err
			}
			in.Answers = append(in.Answers, discover.Answer{Question: q, Found: found})
		}
		d.Drafts = append(d.Drafts, discover.Describe(in))
	}
	return d, nil
}

// Drift compares a connection's descriptions with its live database.
func (s *Systems) Drift(ctx context.Context, key string) ([]source.Problem, error) {
	live, err := s.describe(ctx, key)
	if err != nil {
		return nil, err
	}
	return discover.Drift(key, s.described(key), live), nil
}

// Databases lists the keys of the connections that are in use and have a
// catalogue of their own.
func (s *Systems) Databases() []string {
	var keys []string
	for _, c := range s.config.Connections {
		if c.Disabled || s.vendor(c.Key) {
			continue
		}
		open, err := s.Connect(c.Key)
		if _, describes := open.(connector.Describer); describes || err != nil { // whoever uses it is told the error
			keys = append(keys, c.Key)
		}
	}
	return keys
}

// described gives the datasets that a connection serves.
func (s *Systems) described(key string) []dataset.Dataset {
	var out []dataset.Dataset
	for _, name := range s.connection(key).Datasets {
		if d := s.config.Datasets.Dataset(name); d != nil {
			out = append(out, *d)
		}
	}
	return out
}

func (s *Systems) connection(key string) config.Connection {
	at := slices.IndexFunc(s.config.Connections, func(c config.Connection) bool { return c.Key == key })
	if at < 0 {
		return config.Connection{}
	}
	return s.config.Connections[at]
}

// namer gives each schema the key of its dataset: the one that describes it
// already, one that the connection names and nobody has described, or one
// made of the connection's key.
func (s *Systems) namer(key string, described []dataset.Dataset) func(schema string) string {
	var free []string
	for _, name := range s.connection(key).Datasets {
		if s.config.Datasets.Dataset(name) == nil {
			free = append(free, name)
		}
	}
	first := true
	return func(schema string) string {
		for _, d := range described {
			if d.Namespace.Schema == schema || d.Namespace.Schema == "" && (schema == "" || schema == "public") {
				return d.Key
			}
		}
		if len(free) > 0 {
			name := free[0]
			free = free[1:]
			return name
		}
		if alone := first && len(described) == 0; alone {
			first = false
			return key
		}
		return key + "_" + cmp.Or(schema, "more")
	}
}

// over says whether no more is to be looked at, though the work goes on.
func over(ctx, looking context.Context) bool { return looking.Err() != nil && ctx.Err() == nil }

func (s *Systems) sample(ctx, looking context.Context, key string, live *catalogue.Catalogue, rows int, d *Discovery) (map[catalogue.Name]discover.Rows, error) {
	sampled := map[catalogue.Name]discover.Rows{}
	c, err := s.Connect(key)
	if err != nil {
		return nil, err
	}
	sampler, ok := c.(connector.Sampler)
	if !ok || rows == 0 {
		return sampled, nil
	}
	for i := range live.Tables {
		t := &live.Tables[i]
		found, err := sampler.Sample(looking, t, rows)
		if connector.KindOf(err) == connector.Denied || over(ctx, looking) {
			d.Unsampled = append(d.Unsampled, t.Name.String())
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sample %s: %w", t.Name, err)
		}
		for _, r := range found {
			sampled[t.Name] = append(sampled[t.Name], r)
		}
	}
	return sampled, nil
}

// others describes the other databases, those that can be reached: references
// may lead there.
func (s *Systems) others(ctx context.Context, key string) map[string]*catalogue.Catalogue {
	all := map[string]*catalogue.Catalogue{}
	for _, other := range s.Databases() {
		if other == key {
			continue
		}
		live, err := s.describe(ctx, other)
		if err != nil {
			continue // what leads there is only mentioned
		}
		for _, d := range s.described(other) {
			all[d.Key] = live
		}
	}
	return all
}

// ask counts how many of a question's values the other column has. A system
// that cannot answer has none.
func (s *Systems) ask(ctx context.Context, key string, q discover.Question) (int, error) {
	for _, c := range s.config.Connections {
		if slices.Contains(c.Datasets, q.Dataset) && s.config.Datasets.Dataset(q.Dataset) != nil {
			key = c.Key
		}
	}
	c, err := s.Connect(key)
	if err != nil {
		return 0, err
	}
	reader, ok := c.(connector.Reader)
	if !ok {
		return 0, nil
	}
	match := connector.Match{Columns: []string{q.Column}}
	for _, v := range q.Values {
		match.Tuples = append(match.Tuples, connector.Tuple{v})
	}
	found := map[string]bool{}
	_, err = reader.Read(ctx, connector.Read{Table: q.Table, Columns: []string{q.Column}, Where: []connector.Match{match}}, func(r connector.Row) error {
		found[value.Key([]any{r[q.Column]})] = true
		return nil
	})
	if connector.KindOf(err) == connector.Denied {
		return 0, nil
	}
	return len(found), err
}
