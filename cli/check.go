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
)

type checkCommand struct {
	Dir  string `arg:"" help:"Configuration directory, read with all its subdirectories."`
	JSON bool   `help:"Write the problems as JSON."`
}

// Run finds all problems at once. Only errors make it fail.
func (c *checkCommand) Run(s *session) error {
	cfg, found, err := load(s, c.Dir)
	if err != nil {
		return err
	}
	found = source.Sort(append(found, slices.Concat(config.Check(cfg), config.CheckDates(cfg, today(s)))...))
	failed := 0
	for _, p := range found {
		if p.Severity == source.Error {
			failed++
		}
	}
	if c.JSON {
		if err := writeJSON(s, map[string]any{"problems": append([]source.Problem{}, found...), "errors": failed, "warnings": len(found) - failed}); err != nil {
			return err
		}
	} else {
		for _, p := range found {
			fmt.Fprintln(s.Out, p)
		}
		fmt.Fprintf(s.Out, "%s, %s\n", count(failed, "error"), count(len(found)-failed, "warning"))
	}
	if failed > 0 {
		return failure{code: exitProblems}
	}
	return nil
}

// load reads a configuration with everything that is wrong in it.
func load(s *session, dir string) (*config.Config, []source.Problem, error) {
	c, found, err := config.Load(dir, config.Options{Registry: builtin.Registry(), Env: s.Env})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, failure{exitNotFound, err}
	}
	return c, found, err
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
