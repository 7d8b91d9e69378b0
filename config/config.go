// Package config reads a configuration directory: what data a company holds
// (dataset), how it is reached (connection, and saas_config for kinds of its own) and
// what that belongs to (system),
// what requests may touch (policy),
// by when they are answered (calendar) and how they are denied (denial), what
// people are asked for (purpose) and written to (message), and the words for it
// (data_category, data_use, data_subject). Load reads and finds what is wrong
// with the text; Check judges what the text says.
package config

import (
	"iter"
	"maps"
	"os"
	"slices"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request/deadline"
	"volenti.dev/volenti/request/policy"
)

// Config is everything that a configuration directory says.
type Config struct {
	Datasets    dataset.Set
	Systems     []System
	Connections []Connection
	Policies    []policy.Policy
	Taxonomy    *taxonomy.Set
	Purposes    []consent.Purpose
	Messages    []message.Override
	Deadlines   deadline.Rules
	Denials     []Denial
	// Digest is the SHA-256, in hex, of what the datasets, the policies and
	// the connections without their secrets say. It does not depend on files,
	// comments, layout or the order of lists whose order means nothing, nor on
	// how connections take what people choose: plans that were approved name it.
	Digest string
	// Files are what it was read from.
	Files []source.File
	// Registry is the kinds of connector that there are: those of Options, and those
	// that it describes itself.
	Registry connector.Registry `json:"-"`

	purposesAt []source.Position
	described  map[string]source.Position // the types that it describes itself
}

// Policy gives the policy with a key; false where there is none.
func (c *Config) Policy(key string) (policy.Policy, bool) {
	for _, p := range c.Policies {
		if p.Key == key {
			return p, true
		}
	}
	return policy.Policy{}, false
}

// Options is what a configuration cannot say itself.
type Options struct {
	Registry connector.Registry
	// Env gives environment variables for secrets; nil means os.LookupEnv.
	Env func(string) (string, bool)
	// Describe reads a saas_config, the description of a kind of connector, and says
	// whether it could; nil where none can be read.
	Describe func(*source.Node, *source.Report) (connector.Spec, bool)
	// Undescribed lets connections name datasets that are still to be described.
	Undescribed bool
}

// lists are the top-level keys in the order in which they are read: the words
// before what uses them.
var lists = []struct {
	key  string
	read func(*loader, string, *source.Node)
}{
	{"data_category", (*loader).words},
	{"data_use", (*loader).words},
	{"data_subject", (*loader).words},
	{"saas_config", (*loader).vendors},
	{"dataset", (*loader).datasets},
	{"policy", (*loader).policies},
	{"purpose", (*loader).purposes},
	{"system", (*loader).systems},
	{"connection", (*loader).connections},
	{"message", (*loader).messages},
	{"calendar", (*loader).calendar},
	{"denial", (*loader).denials},
}

// Load reads a directory. The Config holds whatever could be read; it is fit
// for use when none of the problems is an error. Dangling references are
// left to Check, because they concern only the plans that need them (D10).
// The error is that of the operating system when the directory itself cannot
// be read.
func Load(dir string, o Options) (*Config, []source.Problem, error) {
	var report source.Report
	files, err := source.ReadDir(dir, &report)
	if err != nil {
		return nil, nil, err
	}
	c, found := read(files, report, o, nil)
	return c, found, nil
}

// Read is Load for files that were kept elsewhere.
func Read(files []source.File, o Options) (*Config, []source.Problem) {
	return read(files, source.Report{}, o, nil)
}

func read(files []source.File, report source.Report, o Options, elsewhere map[string]inventory.Made) (*Config, []source.Problem) {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	l := loader{Options: o, elsewhere: elsewhere, config: &Config{Taxonomy: taxonomy.Standard(), Files: files}, report: report}
	l.config.described, l.shipped = map[string]source.Position{}, map[string]*dataset.Dataset{}
	if l.Registry = maps.Clone(o.Registry); l.Registry == nil {
		l.Registry = connector.Registry{}
	}
	l.config.Registry = l.Registry
	documents := source.Documents(files, &l.report)
	var mappings []*source.Mapping
	for _, d := range documents {
		mappings = append(mappings, d.Mapping("a configuration file", &l.report))
	}
	for _, list := range lists {
		for _, m := range mappings {
			if n := m.Node(list.key); n != nil {
				list.read(&l, list.key, n)
			}
		}
	}
	for _, m := range mappings {
		m.Done()
	}
	l.config.Taxonomy.Complete(&l.report)
	l.config.Datasets.CheckOrder(&l.report)
	l.attach()
	l.assign()
	l.orphans()
	l.hooks()
	l.config.Digest = digest(l.config)
	return l.config, l.report.Problems()
}

type loader struct {
	Options
	config *Config
	report source.Report
	// elsewhere is what was made elsewhere, by its file.
	elsewhere map[string]inventory.Made

	calendarAt source.Position // zero until it was read

	templates []dataset.Dataset // of what connections to vendors hold
	shipped   map[string]*dataset.Dataset
}

func (l *loader) words(key string, n *source.Node) { l.config.Taxonomy.Decode(key, n, &l.report) }

func (l *loader) datasets(key string, n *source.Node) {
	for _, entry := range n.List(key, &l.report) {
		switch d, _ := dataset.Decode(entry, &l.report, l.config.Taxonomy); d.Key {
		case "":
		case connector.Instance:
			l.templates = append(l.templates, d)
		default:
			l.config.Datasets.Add(d, &l.report)
		}
	}
}

func (l *loader) policies(key string, n *source.Node) {
	for _, entry := range n.List(key, &l.report) {
		p, _ := policy.Decode(entry, &l.report, l.config.Taxonomy)
		same := func(other policy.Policy) bool { return other.Key == p.Key }
		if i := slices.IndexFunc(l.config.Policies, same); i >= 0 && p.Key != "" {
			l.report.Errorf(p.At, "rename or remove one of them", "the policy %s is already given at %s", p.Key, l.config.Policies[i].At)
			continue
		}
		l.config.Policies = append(l.config.Policies, p)
	}
}

func (l *loader) connections(key string, n *source.Node) {
	for _, entry := range n.List(key, &l.report) {
		c := l.connection(entry)
		same := func(other Connection) bool { return other.Key == c.Key }
		if i := slices.IndexFunc(l.config.Connections, same); i >= 0 && c.Key != "" {
			l.report.Errorf(c.At, "rename or remove one of them", "the connection %s is already given at %s", c.Key, l.config.Connections[i].At)
			continue
		}
		l.config.Connections = append(l.config.Connections, c)
	}
}

// assign checks that connections serve datasets that there are, and that each
// dataset is served once.
func (l *loader) assign() {
	serving := map[string]Connection{}
	for _, c := range l.config.Connections {
		if len(c.Ask.Questions) > 0 && l.config.Datasets.Dataset(c.Key) != nil {
			l.report.Errorf(c.At, "rename one of them", "people answer the connection %s, and there is a dataset of the same name: a package could not tell them apart", c.Key)
		}
		for i, key := range c.Datasets {
			at := c.datasetsAt[i]
			if before, taken := serving[key]; taken {
				l.report.Errorf(at, "remove it from one of them", "the dataset %s belongs to the connection %s already, at %s", key, before.Key, before.At)
				continue
			}
			serving[key] = c
			if l.config.Datasets.Dataset(key) == nil && !l.Undescribed {
				l.report.Errorf(at, source.DidYouMean(key, l.datasetKeys(), "describe the dataset, or remove it here"), "there is no dataset %q", key)
			}
		}
	}
	for _, d := range l.config.Datasets {
		if _, served := serving[d.Key]; !served {
			l.report.Warnf(d.At, "add it to the datasets of a connection", "the dataset %s belongs to no connection, so nothing is found in it", d.Key)
		}
	}
}

func (l *loader) datasetKeys() iter.Seq[string] {
	keys := map[string]bool{}
	for _, d := range l.config.Datasets {
		keys[d.Key] = true
	}
	return maps.Keys(keys)
}
