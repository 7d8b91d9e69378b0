package cli

import (
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
)

type operatorInviteCommand struct {
	place
	Role string `required:"" help:"What they are there for: owner, admin, privacy_officer, approver, engineer, viewer or auditor." placeholder:"ROLE"`
	JSON bool   `help:"Write the invitation as JSON."`
}

// Run makes an invitation and shows its token, this once.
func (c *operatorInviteCommand) Run(s *session) (err error) {
	role, err := auth.ParseRole(c.Role)
	if err != nil {
		return usage("%w", err)
	}
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	i, token, err := house.Operators(s.Now).Invite(s.ctx, auth.Console(store.DefaultTenant, s.User), role)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, map[string]any{"invitation": token, "role": i.Role, "expires": ends(i.Expires)})
	}
	fmt.Fprintln(s.Out, token)
	fmt.Fprintf(s.Err, "This invitation is shown only now. It makes one %s, and ends: %s.\n", i.Role, ends(i.Expires))
	return nil
}

type operatorListCommand struct {
	place
	JSON bool `help:"Write the list as JSON."`
}

// Run lists all operators, also those that are disabled.
func (c *operatorListCommand) Run(s *session) (err error) {
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	all, err := house.Store.Operators().List(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	if c.JSON {
		list := []map[string]any{}
		for _, o := range all {
			list = append(list, map[string]any{"id": o.ID, "email": o.Email.Value.Reveal(), "name": o.Name.Reveal(), "role": o.Role, "created": ends(o.Created), "enabled": o.Disabled.IsZero()})
		}
		return writeJSON(s, list)
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tROLE\tADDRESS\tNAME")
	for _, o := range all {
		state := "enabled"
		if !o.Disabled.IsZero() {
			state = "disabled"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", o.ID, state, o.Role, o.Email.Value.Reveal(), strconv.Quote(o.Name.Reveal()))
	}
	return table.Flush()
}

type operatorInvitationsCommand struct {
	place
	JSON bool `help:"Write the list as JSON."`
}

// Run lists the invitations that nobody has accepted yet.
func (c *operatorInvitationsCommand) Run(s *session) (err error) {
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	open, err := house.Store.Operators().Invitations(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	if c.JSON {
		list := []map[string]any{}
		for _, i := range open {
			list = append(list, map[string]any{"id": i.ID, "role": i.Role, "by": i.By, "expires": ends(i.Expires)})
		}
		return writeJSON(s, list)
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tROLE\tENDS\tBY")
	for _, i := range open {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", i.ID, i.Role, ends(i.Expires), i.By)
	}
	return table.Flush()
}

type operatorUninviteCommand struct {
	place
	ID string `arg:"" help:"The invitation's id, as the list of invitations shows it."`
}

// Run takes an invitation back that nobody has accepted yet.
func (c *operatorUninviteCommand) Run(s *session) error {
	return c.place.change(s, func(o server.Operators, by auth.Caller) error { return o.TakeBack(s.ctx, by, c.ID) })
}

type operatorPasswordCommand struct {
	place
	ID   string `arg:"" help:"The operator's id, as the list shows it."`
	JSON bool   `help:"Write the token as JSON."`
}

// Run makes what an operator sets a new password with, and shows it, this once.
func (c *operatorPasswordCommand) Run(s *session) (err error) {
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	token, expires, err := house.Operators(s.Now).LinkPassword(s.ctx, auth.Console(store.DefaultTenant, s.User), c.ID)
	if err != nil {
		return ofOperator(err)
	}
	if c.JSON {
		return writeJSON(s, map[string]any{"token": token, "expires": ends(expires)})
	}
	fmt.Fprintln(s.Out, token)
	fmt.Fprintf(s.Err, "This token is shown only now. It is good once, and ends: %s. The operator opens the address of the server with /new-password/ and the token behind it.\n", ends(expires))
	return nil
}

type operatorRoleCommand struct {
	place
	ID   string `arg:"" help:"The operator's id, as the list shows it."`
	Role string `arg:"" help:"The new role."`
}

// Run gives an operator another role.
func (c *operatorRoleCommand) Run(s *session) error {
	role, err := auth.ParseRole(c.Role)
	if err != nil {
		return usage("%w", err)
	}
	return c.place.change(s, func(o server.Operators, by auth.Caller) error { return o.SetRole(s.ctx, by, c.ID, role) })
}

type operatorDisableCommand struct {
	place
	ID string `arg:"" help:"The operator's id, as the list shows it."`
}

// Run keeps an operator out.
func (c *operatorDisableCommand) Run(s *session) error {
	return c.place.change(s, func(o server.Operators, by auth.Caller) error { return o.Disable(s.ctx, by, c.ID) })
}

type operatorEnableCommand struct {
	place
	ID string `arg:"" help:"The operator's id, as the list shows it."`
}

// Run lets an operator in again.
func (c *operatorEnableCommand) Run(s *session) error {
	return c.place.change(s, func(o server.Operators, by auth.Caller) error { return o.Enable(s.ctx, by, c.ID) })
}

// change changes an operator of the default tenant.
func (p place) change(s *session, do func(server.Operators, auth.Caller) error) (err error) {
	house, err := p.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	if err := do(house.Operators(s.Now), auth.Console(store.DefaultTenant, s.User)); err != nil {
		return ofOperator(err)
	}
	fmt.Fprintln(s.Out, "Done.")
	return nil
}

// ofOperator gives the exit code of what is in the way of an operator.
func ofOperator(err error) error {
	switch {
	case errors.Is(err, auth.ErrNoOperator), errors.Is(err, auth.ErrNoInvitation):
		return failure{exitNotFound, err}
	case errors.Is(err, auth.ErrLastOwner), errors.Is(err, auth.ErrKeptOut):
		return failure{exitConflict, err}
	}
	return err
}
