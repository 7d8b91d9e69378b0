package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
)

type applyCommand struct {
	place
	Dir     string `arg:"" help:"Configuration directory, read with all its subdirectories." type:"path"`
	DryRun  bool   `help:"Only show what would change."`
	Release bool   `help:"Let the purposes be changed elsewhere again: by volenti consent purposes, and over HTTP."`
	JSON    bool   `help:"Write the changes as JSON."`
}

// applied is what an apply has changed, or would change.
type applied struct {
	Configuration []config.Change  `json:"configuration"`
	Purposes      []consent.Change `json:"purposes"`
	Version       int64            `json:"version"` // of the configuration, afterwards; 0 before the first
	Applied       bool             `json:"applied"`
}

// Run takes over what a directory says: as the next version of the
// configuration that the store keeps, and, where the directory names purposes,
// as what people are asked for, which from then on is changed there only.
// Records stay as they are, whatever becomes of their purpose.
func (c *applyCommand) Run(s *session) (err error) {
	loaded, found, err := load(s, c.Dir)
	if err != nil {
		return err
	}
	found = append(found, config.Check(loaded)...)
	if bad := errorsAmong(found); len(bad) > 0 {
		return problems(bad)
	}
	if len(loaded.Purposes)+len(loaded.Datasets)+len(loaded.Policies)+len(loaded.Systems)+len(loaded.Connections)+len(loaded.Messages) == 0 {
		return failure{exitProblems, errors.New("the directory names no purpose, dataset, policy, system, connection or message: there is nothing to apply")}
	}
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	result := applied{Purposes: []consent.Change{}}
	if err := c.configuration(s, house, loaded, &result); err != nil {
		return err
	}
	if len(loaded.Purposes) > 0 {
		if err := c.purposes(s, house, loaded, &result); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeJSON(s, result)
	}
	for _, change := range result.Configuration {
		fmt.Fprintln(s.Out, change)
	}
	for _, change := range result.Purposes {
		fmt.Fprintln(s.Out, change)
	}
	changes := len(result.Configuration) + len(result.Purposes)
	switch {
	case result.Applied:
		fmt.Fprintf(s.Out, "Applied: %s; the configuration has version %d.\n", count(changes, "change"), result.Version)
	case changes == 0:
		fmt.Fprintln(s.Out, "Nothing differs.")
	default:
		fmt.Fprintf(s.Out, "%s; nothing was applied.\n", count(changes, "change"))
	}
	if len(found) > 0 {
		fmt.Fprintf(s.Err, "%s: volenti check %s tells.\n", count(len(found), "warning"), c.Dir)
	}
	return nil
}

// configuration keeps the files of the directory, where they differ.
func (c *applyCommand) configuration(s *session, house *server.House, loaded *config.Config, result *applied) error {
	kept := house.Store.Configurations()
	version, files, err := kept.Latest(s.ctx, store.DefaultTenant)
	var before *config.Config
	switch {
	case err == nil:
		before, _ = config.Read(files, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe, Env: s.Env})
	case !errors.Is(err, store.ErrNoConfiguration):
		return err
	}
	result.Configuration, result.Version = config.Changes(before, loaded), version
	seen, err := c.beside(s, house, loaded)
	if err != nil || c.DryRun {
		return err
	}
	if files, err = within(c.Dir, loaded.Files); err != nil {
		return err
	}
	entry := audit.Entry{Act: "config.apply", Object: "configuration", Details: map[string]any{"by": s.User, "changes": result.Configuration, "digest": loaded.Digest}}
	result.Version, err = kept.Apply(s.ctx, store.DefaultTenant, files, loaded.Declared(), seen, entry)
	result.Applied = result.Version > version
	return ofInventory(err)
}

// beside checks the directory together with the connections that were made over
// HTTP, and gives how often those had been changed.
func (c *applyCommand) beside(s *session, house *server.House, loaded *config.Config) (seen int64, err error) {
	made := house.Store.Connections()
	at, err := made.Seen(s.ctx, store.DefaultTenant)
	if err != nil {
		return 0, err
	}
	if err := made.Clashes(s.ctx, store.DefaultTenant, loaded.Declared()); err != nil {
		return 0, ofInventory(err)
	}
	all, _, err := made.Made(s.ctx, store.DefaultTenant)
	if err != nil {
		return 0, err
	}
	_, found := config.ReadWith(loaded.Files, all, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe, Env: s.Env})
	if bad := errorsAmong(found); len(bad) > 0 {
		return 0, problems(bad)
	}
	return at.Inventory, nil
}

// ofInventory says why a directory cannot be applied beside what was made over HTTP.
func ofInventory(err error) error {
	var clash *inventory.Clash
	switch {
	case errors.As(err, &clash):
		return failure{exitConflict, err}
	case errors.Is(err, inventory.ErrChanged):
		return failure{exitConflict, errors.New("systems or connections were changed meanwhile: apply the directory again")}
	}
	return err
}

// within names files as they lie in a directory, wherever that is.
func within(dir string, files []source.File) ([]source.File, error) {
	named := make([]source.File, len(files))
	for i, f := range files {
		name, err := filepath.Rel(dir, f.Name)
		if err != nil {
			return nil, err
		}
		named[i] = source.File{Name: filepath.ToSlash(name), Data: f.Data}
	}
	return named, nil
}

// purposes makes what the directory names what people are asked for.
func (c *applyCommand) purposes(s *session, house *server.House, loaded *config.Config, result *applied) error {
	ledger := house.Store.Consents()
	rules, err := ledger.Rules(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	result.Purposes = consent.Changes(rules.Purposes, loaded.Purposes)
	if len(result.Purposes) == 0 && rules.Managed != c.Release || c.DryRun {
		return nil
	}
	entry := audit.Entry{Act: "config.apply", Object: "purposes", Details: map[string]any{"by": s.User, "changes": result.Purposes, "released": c.Release}}
	if err := ledger.Apply(s.ctx, store.DefaultTenant, loaded.Purposes, !c.Release, entry); err != nil {
		return ofConsent(err)
	}
	result.Applied = true
	return nil
}

func errorsAmong(found []source.Problem) (bad []source.Problem) {
	for _, p := range found {
		if p.Severity == source.Error {
			bad = append(bad, p)
		}
	}
	return bad
}
