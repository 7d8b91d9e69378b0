package cli

import (
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

// Run shows what this program was built from.
func (versionCommand) Run(s *session) error {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	_, err := fmt.Fprintln(s.Out, "volenti", version)
	return err
}
