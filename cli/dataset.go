package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/datamap/discover"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/server"
)

type generateCommand struct {
	Config     string `required:"" help:"Configuration directory that holds the connection." placeholder:"DIR"`
	Connection string `required:"" help:"Key of the connection." placeholder:"KEY"`
	Out        string `help:"Write to this file instead of showing: a new one, or the one that describes the database already, which keeps every line that it has." placeholder:"FILE"`
	Samples    string `default:"100" help:"How many rows of each table to look at, or none. Their values are never shown." placeholder:"N"`
	Check      bool   `help:"Write nothing, and end with exit code 6 when description and database have drifted apart."`
	JSON       bool   `help:"Write the proposals and what has drifted as JSON."`
}

// generated is what a run has found, for programs.
type generated struct {
	Drafts    []discover.Draft `json:"drafts"` // what is not described yet
	Drift     []source.Problem `json:"drift"`
	Unsampled []string         `json:"unsampled,omitempty"`
	Written   string           `json:"written,omitempty"` // the file
	YAML      string           `json:"yaml,omitempty"`    // where there is no file

	serves []string // the datasets that the connection names
}

// Run proposes a first description of a database, or what an existing one
// lacks.
func (c *generateCommand) Run(s *session) error {
	rows, err := c.rows()
	if err != nil {
		return err
	}
	cfg, err := c.load(s)
	if err != nil {
		return err
	}
	systems := server.NewSystems(cfg, builtin.Registry())
	defer func() { _ = systems.Close() }()
	found, err := systems.Discover(s.ctx, c.Connection, rows, value.Date(s.Now().UTC().Format("2006-01-02")))
	if err != nil {
		return err
	}
	g := generated{Drafts: []discover.Draft{}, Drift: append([]source.Problem{}, found.Drift...), Unsampled: found.Unsampled}
	g.serves = cfg.Connections[slices.IndexFunc(cfg.Connections, func(conn config.Connection) bool { return conn.Key == c.Connection })].Datasets
	described := served(cfg, c.Connection)
	for _, d := range found.Drafts {
		if l := d.Lacking(described); len(l.Tables) > 0 || len(described) == 0 {
			g.Drafts = append(g.Drafts, l)
		}
	}
	if !c.Check {
		if err := c.write(&g, cfg, described); err != nil {
			return err
		}
	}
	if c.JSON {
		if err := writeJSON(s, g); err != nil {
			return err
		}
	} else {
		c.show(s, g)
	}
	if c.Check && len(g.Drift)+len(g.Drafts) > 0 {
		return failure{code: exitConflict}
	}
	return nil
}

func (c *generateCommand) rows() (int, error) {
	if c.Samples == "none" {
		return 0, nil
	}
	n, err := strconv.Atoi(c.Samples)
	if err != nil || n < 0 || n > 10_000 {
		return 0, usage("--samples must be none or a number up to 10000")
	}
	return n, nil
}

// load reads a configuration whose connections may name datasets that are not
// described yet.
func (c *generateCommand) load(s *session) (*config.Config, error) {
	cfg, found, err := config.Load(c.Config, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe, Env: s.Env, Undescribed: true})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failure{exitNotFound, err}
	}
	if err != nil {
		return nil, err
	}
	if bad := errorsAmong(found); len(bad) > 0 {
		return nil, problems(bad)
	}
	return cfg, hasConnection(cfg, c.Connection, c.Config)
}

// hasConnection says which connections there are when a key names none.
func hasConnection(cfg *config.Config, key, dir string) error {
	var keys []string
	for _, conn := range cfg.Connections {
		if conn.Key == key && conn.Disabled {
			return failure{exitConflict, fmt.Errorf("the connection %s is disabled, at %s", key, conn.At)}
		}
		if conn.Key == key {
			return nil
		}
		keys = append(keys, conn.Key)
	}
	return failure{exitNotFound, fmt.Errorf("there is no connection %q in %s; it has: %s", key, dir, strings.Join(keys, ", "))}
}

// served gives the described datasets of a connection.
func served(cfg *config.Config, connection string) []dataset.Dataset {
	var out []dataset.Dataset
	for _, conn := range cfg.Connections {
		for _, key := range conn.Datasets {
			if d := cfg.Datasets.Dataset(key); d != nil && conn.Key == connection {
				out = append(out, *d)
			}
		}
	}
	return out
}

// write puts the proposals into the file that was asked for, or into the
// result.
func (c *generateCommand) write(g *generated, cfg *config.Config, described []dataset.Dataset) error {
	whole, holders := "", []string{}
	for _, d := range g.Drafts {
		if at := cfg.Datasets.Dataset(d.Key); at != nil {
			holders = append(holders, at.At.File)
			whole += d.Fragment(described)
			continue
		}
		if whole != "" {
			whole += "---\n"
		}
		whole += d.YAML(c.Connection)
	}
	if c.Out == "" {
		g.YAML = whole
		return nil
	}
	if holders = slices.Compact(slices.Sorted(slices.Values(holders))); len(holders) > 0 {
		return c.merge(g, cfg, holders)
	}
	if _, err := os.Stat(c.Out); err == nil {
		if len(g.Drafts) == 0 {
			return nil // all is described
		}
		return failure{exitConflict, fmt.Errorf("%s is there already, and does not describe this database: nothing was written; give --out a name that is free", c.Out)}
	}
	if len(g.Drafts) == 0 {
		return nil
	}
	g.Written = c.Out
	return replace(c.Out, whole)
}

// merge writes the file that describes the database with what it lacks.
func (c *generateCommand) merge(g *generated, cfg *config.Config, holders []string) error {
	if len(holders) > 1 {
		return failure{exitConflict, fmt.Errorf("the database is described in several files (%s): nothing was written; without --out what they lack is shown", strings.Join(holders, ", "))}
	}
	if _, err := os.Stat(c.Out); err == nil && !same(c.Out, holders[0]) {
		return failure{exitConflict, fmt.Errorf("%s is there already, and the database is described in %s: nothing was written; give --out that file, or a name that is free", c.Out, holders[0])}
	}
	b, err := os.ReadFile(holders[0])
	if err != nil {
		return err
	}
	text := string(b)
	for _, d := range g.Drafts {
		at := cfg.Datasets.Dataset(d.Key)
		if at == nil {
			text = strings.TrimRight(text, "\n") + "\n---\n" + d.YAML(c.Connection)
			continue
		}
		merged, ok := discover.Merge(text, at, d)
		if !ok {
			return failure{exitConflict, fmt.Errorf("%s has no place for what it lacks, since a list is written in brackets: nothing was written; without --out it is shown", holders[0])}
		}
		text = merged
	}
	g.Written = c.Out
	return replace(c.Out, text)
}

func same(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// replace writes a file whole or not at all.
func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".volenti-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// show writes the proposals to the output and all that is said about them
// beside it.
func (c *generateCommand) show(s *session, g generated) {
	fmt.Fprint(s.Out, g.YAML)
	for _, p := range g.Drift {
		fmt.Fprintln(s.Err, p)
	}
	for _, t := range g.Unsampled {
		fmt.Fprintf(s.Err, "%s may not be read: it was judged by names and types\n", t)
	}
	var keys []string
	for _, d := range g.Drafts {
		fmt.Fprintf(s.Err, "dataset %s: %s\n", d.Key, tally(d))
		if !slices.Contains(g.serves, d.Key) {
			keys = append(keys, d.Key)
		}
	}
	switch {
	case len(g.Drafts) == 0 && len(g.Drift) == 0:
		fmt.Fprintln(s.Err, "Nothing differs.")
	case g.Written != "":
		fmt.Fprintf(s.Err, "Written to %s. Review every line: it is a proposal.\n", g.Written)
	}
	if len(keys) > 0 && !c.Check {
		fmt.Fprintf(s.Err, "The connection %s needs datasets: [%s].\n", c.Connection, strings.Join(keys, ", "))
	}
}

// tally counts what a draft proposes.
func tally(d discover.Draft) string {
	n := d.Count()
	return fmt.Sprintf("%s, %s with a category, %d more only mentioned, %d undecided, %s, %s",
		count(n.Tables, "collection"), count(n.Labelled, "field"), n.Mentioned, n.Undecided, count(n.Identities, "field")+" with an identity", count(n.References, "reference"))
}
