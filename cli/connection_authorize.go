package cli

import (
	"fmt"
	"time"

	"volenti.dev/volenti/api"
)

type connectionAuthorizeCommand struct {
	keyed
	JSON bool `help:"Write it as JSON."`
}

// Run gives the address where somebody with an account at the vendor lets the
// connection be used.
func (c *connectionAuthorizeCommand) Run(s *session) error {
	var at api.Authorization
	if err := c.post(s, pathOfConnection(c.Key)+"/authorize", nil, &at); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, at)
	}
	fmt.Fprintln(s.Out, at.URL)
	fmt.Fprintf(s.Err, "Open it in the browser of who has an account there. They must be back by %s.\n", at.Until.UTC().Format(time.RFC3339))
	return nil
}
