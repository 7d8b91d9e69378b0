package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/server"
)

type checkCommand struct {
	Dir        string `arg:"" help:"Configuration directory, read with all its subdirectories."`
	Live       bool   `help:"Also compare the descriptions with the live databases."`
	Connection string `help:"Compare this connection's descriptions only." placeholder:"KEY"`
	JSON       bool   `help:"Write the problems as JSON."`
}

// Run finds all problems at once. Only errors make it fail.
func (c *checkCommand) Run(s *session) error {
	if c.Connection != "" && !c.Live {
		return usage("--connection needs --live: without it no database is asked")
	}
	cfg, found, err := load(s, c.Dir)
	if err != nil {
		return err
	}
	if c.Connection != "" {
		if err := hasConnection(cfg, c.Connection, c.Dir); err != nil {
			return err
		}
	}
	found = append(found, slices.Concat(config.Check(cfg), config.CheckDates(cfg, today(s)))...)
	failed := len(errorsAmong(source.Sort(slices.Clone(found))))
	var drifted int
	var unasked error
	if c.Live {
		drift, err := c.drift(s, cfg)
		drifted, unasked = len(errorsAmong(drift)), err
		found = append(found, drift...)
	}
	found = source.Sort(found)
	if c.JSON {
		total := failed + drifted
		if err := writeJSON(s, map[string]any{"problems": append([]source.Problem{}, found...), "errors": total, "warnings": len(found) - total}); err != nil {
			return err
		}
	} else {
		for _, p := range found {
			fmt.Fprintln(s.Out, p)
		}
		fmt.Fprintf(s.Out, "%s, %s\n", count(failed+drifted, "error"), count(len(found)-failed-drifted, "warning"))
	}
	switch {
	case failed > 0:
		return failure{exitProblems, unasked}
	case drifted > 0:
		return failure{exitConflict, unasked}
	}
	return unasked
}

// drift compares the descriptions with the databases. The error says which
// could not be asked; the others were.
func (c *checkCommand) drift(s *session, cfg *config.Config) (found []source.Problem, err error) {
	systems := server.NewSystems(cfg, builtin.Registry())
	defer func() { _ = systems.Close() }()
	for _, key := range systems.Databases() {
		if c.Connection != "" && c.Connection != key {
			continue
		}
		drift, failed := systems.Drift(s.ctx, key)
		found, err = append(found, drift...), errors.Join(err, failed)
	}
	return found, err
}

// load reads a configuration with everything that is wrong in it.
func load(s *session, dir string) (*config.Config, []source.Problem, error) {
	c, found, err := config.Load(dir, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe, Env: s.Env})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, failure{exitNotFound, err}
	}
	return c, found, err
}

// connected gives the connections of a configuration. They may be in a private
// network where they say so.
func connected(cfg *config.Config) *server.Systems {
	systems := server.NewSystems(cfg, builtin.Registry())
	systems.Calling(server.Outbound())
	return systems
}

// loadSound reads a configuration that must have no errors.
func loadSound(s *session, dir string) (*config.Config, error) {
	c, found, err := load(s, dir)
	if err != nil {
		return nil, err
	}
	if bad := errorsAmong(found); len(bad) > 0 {
		return nil, problems(bad)
	}
	return c, nil
}

func writeJSON(s *session, v any) error {
	e := json.NewEncoder(s.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
