package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"volenti.dev/volenti/api"
)

type systemCommands struct {
	List   systemListCommand   `cmd:"" help:"List the systems."`
	Show   systemShowCommand   `cmd:"" help:"Show a system and its connections."`
	Set    systemSetCommand    `cmd:"" help:"Make a system, or change what is said of one."`
	Remove systemRemoveCommand `cmd:"" help:"Remove a system with its links, and no connection."`
}

// keyed is something on a server that has a key.
type keyed struct {
	remote
	Key string `arg:"" help:"Its key."`
}

func pathOfSystem(key string) string { return "/systems/" + url.PathEscape(key) }

type systemListCommand struct {
	remote
	JSON bool `help:"Write the systems as JSON."`
}

// Run lists the systems, oldest first.
func (c *systemListCommand) Run(s *session) error {
	var all api.SystemList
	if err := c.get(s, "/systems", &all); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, all.Items)
	}
	if len(all.Items) == 0 {
		fmt.Fprintln(s.Out, "There is no system yet: volenti system set KEY --name NAME --use USE makes one.")
		return nil
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tNAME\tDATA USES\tCONNECTIONS\tKEPT IN")
	for _, y := range all.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", y.Key, y.Name, listed(y.Uses), listed(keysOf(y.Connections)), keptIn(y.Managed))
	}
	return table.Flush()
}

func keysOf(all []api.ConnectionSummary) (keys []string) {
	for _, c := range all {
		keys = append(keys, c.Key)
	}
	return keys
}

// listed writes words in one line, - where there is none.
func listed[T ~string](words []T) string {
	if len(words) == 0 {
		return "-"
	}
	var texts []string
	for _, w := range words {
		texts = append(texts, string(w))
	}
	return strings.Join(texts, ", ")
}

func keptIn(managed bool) string {
	if managed {
		return "directory"
	}
	return "server"
}

type systemShowCommand struct {
	keyed
	JSON bool `help:"Write the system as JSON."`
}

// Run shows a system.
func (c *systemShowCommand) Run(s *session) error {
	var y api.System
	if err := c.get(s, pathOfSystem(c.Key), &y); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, y)
	}
	fmt.Fprintf(s.Out, "%s: %s\n", y.Key, y.Name)
	if y.Description != "" {
		fmt.Fprintf(s.Out, "  %s\n", y.Description)
	}
	fmt.Fprintf(s.Out, "  data uses    %s\n  connections  %s\n  kept in      %s\n  since        %s\n", listed(y.Uses), listed(keysOf(y.Connections)), keptIn(y.Managed), y.Created.UTC().Format(time.RFC3339))
	return nil
}

type systemSetCommand struct {
	keyed
	Name        *string  `help:"What people call it; its key unless told." placeholder:"NAME"`
	Description *string  `help:"What it is." placeholder:"TEXT"`
	Use         []string `help:"What it uses data for, in a word of the taxonomy; as often as needed. Takes the place of those that it has." placeholder:"USE"`
	JSON        bool     `help:"Write the system as JSON."`
}

// Run makes a system where there is none, and else changes what is told.
func (c *systemSetCommand) Run(s *session) error {
	var y api.System
	err := c.get(s, pathOfSystem(c.Key), &y)
	var refused failure
	missing := errors.As(err, &refused) && refused.code == exitNotFound
	if err != nil && !missing {
		return err
	}
	body := map[string]any{"name": y.Name, "description": y.Description, "data_uses": y.Uses}
	for name, told := range map[string]*string{"name": c.Name, "description": c.Description} {
		if told != nil {
			body[name] = *told
		}
	}
	if len(c.Use) > 0 || missing {
		body["data_uses"] = append([]string{}, c.Use...)
	}
	if missing {
		body["key"] = c.Key
		err = c.post(s, "/systems", body, &y)
	} else {
		err = c.ask(s, http.MethodPut, pathOfSystem(c.Key), "", body, &y)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, y)
	}
	fmt.Fprintf(s.Out, "System %s uses data for: %s\n", y.Key, listed(y.Uses))
	return nil
}

type systemRemoveCommand struct{ keyed }

// Run removes a system.
func (c *systemRemoveCommand) Run(s *session) error {
	if err := c.ask(s, http.MethodDelete, pathOfSystem(c.Key), "", nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "System %s is removed. What was delivered to its connections stays on record.\n", c.Key)
	return nil
}
