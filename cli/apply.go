package cli

import (
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/consent"
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
	Purposes []consent.Change `json:"purposes"`
	Applied  bool             `json:"applied"`
}

// Run takes over what a directory says, where the store keeps it: the
// purposes, which from then on are changed there only. Records stay as they are, whatever becomes of their purpose.
func (c *applyCommand) Run(s *session) (err error) {
	loaded, found, err := load(s, c.Dir)
	if err != nil {
		return err
	}
	if bad := errorsAmong(append(found, config.Check(loaded)...)); len(bad) > 0 {
		return problems(bad)
	}
	if len(loaded.Purposes) == 0 {
		return failure{exitProblems, errors.New("the directory names no purpose: there is nothing to apply; write a list purpose: into one of its files")}
	}
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	ledger := house.Store.Consents()
	rules, err := ledger.Rules(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	result := applied{Purposes: consent.Changes(rules.Purposes, loaded.Purposes)}
	if (len(result.Purposes) > 0 || rules.Managed == c.Release) && !c.DryRun {
		entry := audit.Entry{Act: "config.apply", Object: "purposes", Details: map[string]any{"by": s.User, "changes": result.Purposes, "released": c.Release}}
		if err := ledger.Apply(s.ctx, store.DefaultTenant, loaded.Purposes, !c.Release, entry); err != nil {
			return ofConsent(err)
		}
		result.Applied = true
	}
	if c.JSON {
		return writeJSON(s, result)
	}
	for _, change := range result.Purposes {
		fmt.Fprintln(s.Out, change)
	}
	switch {
	case result.Applied:
		fmt.Fprintf(s.Out, "Applied: %s.\n", count(len(result.Purposes), "change"))
	case len(result.Purposes) == 0:
		fmt.Fprintln(s.Out, "Nothing differs.")
	default:
		fmt.Fprintf(s.Out, "%s; nothing was applied.\n", count(len(result.Purposes), "change"))
	}
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
