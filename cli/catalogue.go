package cli

import (
	"errors"
	"fmt"

	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/server"
)

type catalogueRefreshCommand struct {
	Config     string `required:"" help:"Configuration directory." placeholder:"DIR"`
	Connection string `help:"Read this connection's only." placeholder:"KEY"`
	State      string `required:"" help:"Directory that keeps the catalogues; made when it is not there." placeholder:"DIR"`
	Database   string `help:"Database where it is not a file in that directory: postgres://..." placeholder:"URL" env:"VOLENTI_DATABASE"`
	JSON       bool   `help:"Write what changed as JSON."`
}

// Run reads the catalogues of the databases again, which plans are made from.
// One that cannot be read keeps the catalogue that is stored.
func (c *catalogueRefreshCommand) Run(s *session) (err error) {
	cfg, err := loadSound(s, c.Config)
	if err != nil {
		return err
	}
	if c.Connection != "" {
		if err := hasConnection(cfg, c.Connection, c.Config); err != nil {
			return err
		}
	}
	key, _ := s.Env("VOLENTI_MASTER_KEY")
	house, err := server.Open(s.ctx, server.Config{Data: c.State, Database: c.Database, MasterKey: key})
	if err != nil {
		return err
	}
	defer closing(house, &err)
	systems := server.NewSystems(cfg, builtin.Registry())
	defer func() { _ = systems.Close() }()
	systems.Remember(house.Store.Catalogues(), s.User, true)
	all := []server.Refreshed{}
	var failed error
	for _, connection := range systems.Databases() {
		if c.Connection != "" && c.Connection != connection {
			continue
		}
		r, err := systems.Refresh(s.ctx, connection)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		all = append(all, r)
	}
	if c.JSON {
		return errors.Join(writeJSON(s, map[string]any{"catalogues": all}), failed)
	}
	for _, r := range all {
		switch {
		case r.First:
			fmt.Fprintf(s.Out, "%s: stored as version %d\n", r.Connection, r.Version)
		case len(r.Changes) == 0:
			fmt.Fprintf(s.Out, "%s: as it was, version %d\n", r.Connection, r.Version)
		default:
			fmt.Fprintf(s.Out, "%s: version %d\n", r.Connection, r.Version)
		}
		for _, line := range r.Changes {
			fmt.Fprintf(s.Out, "  %s\n", line)
		}
	}
	return failed
}
