package cli

import (
	"fmt"
	"runtime/debug"
)

type versionCommand struct{}

// Run shows what this program was built from.
func (versionCommand) Run(s *session) error {
	_, err := fmt.Fprintln(s.Out, "volenti", version())
	return err
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
