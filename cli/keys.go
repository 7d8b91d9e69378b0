package cli

import (
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/store"
)

type keysRotateCommand struct {
	atHome
	Digest bool `required:"" help:"The key of the digests that people are found by: each identity is digested again, then the former key is forgotten."`
}

// Run rotates the digest key, or goes on with a rotation that was stopped.
func (c *keysRotateCommand) Run(s *session) (err error) {
	house, _, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	entry := audit.Entry{Act: "digest_key.rotate", Object: "tenant/" + store.DefaultTenant, Details: map[string]any{"by": s.User}}
	total := int64(0)
	err = house.Store.Keys().RotateDigests(s.ctx, store.DefaultTenant, entry, func(moved int64) {
		if total += moved; s.Watch && moved > 0 {
			fmt.Fprintf(s.Err, "\r%d digested with the new key", total)
		}
	})
	if s.Watch && total > 0 {
		fmt.Fprintln(s.Err)
	}
	if err != nil {
		return fmt.Errorf("%w; both keys are in use: run the command again to go on", err)
	}
	fmt.Fprintf(s.Out, "Digested %d identities with the new key, and forgot the former one.\n", total)
	return nil
}
