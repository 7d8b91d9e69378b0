package cli

import (
	"errors"
	"fmt"
	"slices"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent/page"
)

type siteCheckCommand struct {
	oneSite
	Page string `arg:"" optional:"" help:"Address of a page of the site, or its path at the first origin; the first page of that unless given."`
	JSON bool   `help:"Write what was found as JSON."`
}

// Run has the server read a page, and says what it found. It fails with exitProblems
// where something is wrong, so that it can stand in a pipeline.
func (c *siteCheckCommand) Run(s *session) error {
	one, err := c.find(s)
	if err != nil {
		return err
	}
	var checked api.SiteCheck
	if err := c.post(s, pathOfSite(one.ID, "check"), map[string]string{"page": c.Page}, &checked); err != nil {
		return err
	}
	if c.JSON {
		if err := writeJSON(s, checked); err != nil {
			return err
		}
	} else {
		tellFindings(s, checked)
	}
	if slices.ContainsFunc(checked.Findings, func(f page.Finding) bool { return f.Weight == page.Wrong }) {
		return failure{exitProblems, errors.New("the page is not as it should be")}
	}
	return nil
}

func tellFindings(s *session, checked api.SiteCheck) {
	fmt.Fprintf(s.Out, "%s\n", checked.Page)
	for _, f := range checked.Findings {
		line := ""
		if f.Line > 0 {
			line = fmt.Sprintf("line %d: ", f.Line)
		}
		fmt.Fprintf(s.Out, "%-8s %s%s\n", f.Weight, line, f.Text)
		if f.Address != "" {
			fmt.Fprintf(s.Out, "         %s\n", f.Address)
		}
	}
}
