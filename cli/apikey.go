package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
)

// place is where a server keeps what it knows.
type place struct {
	Data     string `help:"Directory of the server's data, volenti-data by default." placeholder:"DIR" env:"VOLENTI_DATA" type:"path"`
	Database string `help:"Database where it is not a file in that directory: postgres://..." placeholder:"URL" env:"VOLENTI_DATABASE"`
}

func (p place) open(s *session) (*server.House, error) { return p.openWith(s, nil) }

// openWith says what is told of trouble in the background.
func (p place) openWith(s *session, trouble func(error)) (*server.House, error) {
	key, _ := s.Env("VOLENTI_MASTER_KEY")
	if p.Data == "" {
		p.Data = server.DefaultPlace
	}
	house, err := server.Open(s.ctx, server.Config{Data: p.Data, Database: p.Database, MasterKey: key, Trouble: trouble})
	if errors.Is(err, store.ErrInUse) {
		return nil, fmt.Errorf("%w; a server that keeps its data here must be stopped first", err)
	}
	return house, err
}

type apikeyCreateCommand struct {
	place
	Scope   []string `required:"" help:"What the key is for; docs/server.md lists them. May be given more than once." placeholder:"SCOPE"`
	Expires string   `default:"90d" help:"When it ends: a number of days like 90d, of hours like 12h, or never." placeholder:"TIME"`
	Name    string   `help:"What it is for, to recognise it in the list." placeholder:"TEXT"`
	JSON    bool     `help:"Write the key as JSON."`
}

// Run makes a key and shows its token, this once.
func (c *apikeyCreateCommand) Run(s *session) (err error) {
	var scopes []auth.Scope
	for _, name := range c.Scope {
		scope, err := auth.ParseScope(name)
		if err != nil {
			return usage("%w", err)
		}
		scopes = append(scopes, scope)
	}
	expires, err := expiry(c.Expires, s.Now())
	if err != nil {
		return err
	}
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	key, token, err := auth.New(store.DefaultTenant, c.Name, scopes, expires, rand.Reader)
	if err != nil {
		return err
	}
	entry := audit.Entry{Act: "apikey.create", Object: "apikey/" + key.ID, Details: map[string]any{
		"by": s.User, "name": key.Name, "scopes": key.Scopes, "expires": ends(key.Expires),
	}}
	if err := house.Store.APIKeys().Create(s.ctx, key, entry); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, map[string]any{"id": key.ID, "key": token, "scopes": key.Scopes, "expires": ends(key.Expires)})
	}
	fmt.Fprintln(s.Out, token)
	fmt.Fprintf(s.Err, "This key is shown only now. It is for %s and ends: %s. Send it as \"Authorization: Bearer <key>\".\n", scopeNames(key), ends(key.Expires))
	return nil
}

type apikeyListCommand struct {
	place
	JSON bool `help:"Write the list as JSON."`
}

// Run lists all keys, also those that are over.
func (c *apikeyListCommand) Run(s *session) (err error) {
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	keys, err := house.Store.APIKeys().List(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	if c.JSON {
		list := []map[string]any{}
		for _, k := range keys {
			list = append(list, map[string]any{"id": k.ID, "name": k.Name, "scopes": k.Scopes, "created": ends(k.Created), "expires": ends(k.Expires), "state": state(k, s.Now())})
		}
		return writeJSON(s, list)
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATE\tENDS\tSCOPES\tNAME")
	for _, k := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, state(k, s.Now()), ends(k.Expires), scopeNames(k), strconv.Quote(k.Name))
	}
	return table.Flush()
}

type apikeyRevokeCommand struct {
	place
	ID string `arg:"" help:"The key's id, as the list shows it."`
}

// Run ends a key.
func (c *apikeyRevokeCommand) Run(s *session) (err error) {
	house, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	entry := audit.Entry{Act: "apikey.revoke", Object: "apikey/" + c.ID, Details: map[string]any{"by": s.User}}
	err = house.Store.APIKeys().Revoke(s.ctx, store.DefaultTenant, c.ID, entry)
	if errors.Is(err, auth.ErrNoKey) {
		return failure{exitNotFound, err}
	}
	if err == nil {
		fmt.Fprintf(s.Out, "Revoked %s.\n", c.ID)
	}
	return err
}

// expiry reads when a key ends; zero for never.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	const most = 3650 // days
	number, unit := strings.TrimRight(text, "dh"), 24*time.Hour
	if strings.HasSuffix(text, "h") {
		unit = time.Hour
	}
	n, err := strconv.Atoi(number)
	if err != nil || len(text) != len(number)+1 || n < 1 || n > most {
		return time.Time{}, usage("--expires %s: give a number of days like 90d, of hours like 12h, up to %d, or never", text, most)
	}
	return now.Add(time.Duration(n) * unit).UTC().Truncate(time.Second), nil
}

func ends(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func state(k auth.Key, now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	}
	return "valid"
}

func scopeNames(k auth.Key) string {
	var names []string
	for _, s := range k.Scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, " ")
}
