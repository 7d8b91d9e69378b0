package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config/source"
)

type connectionCommands struct {
	Test      connectionTestCommand      `cmd:"" help:"Try a connection of a configuration directory out."`
	List      connectionListCommand      `cmd:"" help:"List the connections of a server."`
	Show      connectionShowCommand      `cmd:"" help:"Show a connection of a server, without its secrets."`
	Add       connectionAddCommand       `cmd:"" help:"Make a connection on a server, from a file."`
	Set       connectionSetCommand       `cmd:"" help:"Replace what a connection of a server says, from a file; secrets that it leaves out stay."`
	Remove    connectionRemoveCommand    `cmd:"" help:"Remove a connection of a server with its links."`
	Authorize connectionAuthorizeCommand `cmd:"" help:"Give the address where somebody lets a connection of a server be used, at its vendor."`
	Link      connectionLinkCommand      `cmd:"" help:"Say which system a connection of a server belongs to."`
	Unlink    connectionUnlinkCommand    `cmd:"" help:"Take a connection of a server off its system."`
}

func pathOfConnection(key string) string { return "/connections/" + url.PathEscape(key) }

type connectionListCommand struct {
	remote
	JSON bool `help:"Write the connections as JSON."`
}

// Run lists the connections, oldest first.
func (c *connectionListCommand) Run(s *session) error {
	var all api.ConnectionList
	if err := c.get(s, "/connections", &all); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, all.Items)
	}
	if len(all.Items) == 0 {
		fmt.Fprintln(s.Out, "There is no connection yet: volenti apply takes over those of a directory, volenti connection add FILE makes one.")
		return nil
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tNAME\tTYPE\tSYSTEM\tKEPT IN")
	for _, one := range all.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.Key, one.Name, one.Type, listed(systemsOf(one.Links)), keptIn(one.Managed))
	}
	return table.Flush()
}

func systemsOf(links []api.SystemLink) (keys []string) {
	for _, l := range links {
		key := l.System
		if l.Name == nil {
			key += " (there is no such system)"
		}
		keys = append(keys, key)
	}
	return keys
}

type connectionShowCommand struct {
	keyed
	JSON bool `help:"Write the connection as JSON."`
}

// Run shows a connection.
func (c *connectionShowCommand) Run(s *session) error {
	var one api.Connection
	if err := c.get(s, pathOfConnection(c.Key), &one); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, one)
	}
	return tellConnection(s, one)
}

func tellConnection(s *session, one api.Connection) error {
	fmt.Fprintf(s.Out, "%s: %s\n  type     %s\n  system   %s\n  kept in  %s\n  secrets  %s\n", one.Key, one.Name, one.Type, listed(systemsOf(one.Links)), keptIn(one.Managed), listed(one.Secrets))
	if len(one.Settings) == 0 {
		return nil
	}
	return writeJSON(s, one.Settings)
}

// oneFile is a file with a connection in it.
type oneFile struct {
	File string `arg:"" help:"YAML of the connection, as in a configuration directory, - for standard input."`
	JSON bool   `help:"Write the connection as JSON."`
}

// maxConnection is how long a connection can be, in bytes, as over HTTP.
const maxConnection = 64 << 10

// read gives the keys of the connection: alone, or the only one of a list that is
// called connection.
func (f oneFile) read(s *session) (map[string]any, error) {
	name, from := f.File, s.In
	if f.File == "-" {
		name = "standard input"
	} else {
		opened, err := os.Open(f.File)
		if err != nil {
			return nil, failure{exitUsage, err}
		}
		defer func() { _ = opened.Close() }()
		from = opened
	}
	text, err := io.ReadAll(io.LimitReader(from, maxConnection+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxConnection {
		return nil, usage("%s is larger than a connection can be, %d KiB", name, maxConnection>>10)
	}
	var report source.Report
	documents := source.Documents([]source.File{{Name: name, Data: text}}, &report)
	if report.Errors() > 0 {
		return nil, problemsIn("the connection", report.Problems())
	}
	if len(documents) != 1 {
		return nil, usage("%s must hold one connection", name)
	}
	says, _ := documents[0].Value().(map[string]any)
	if list, is := says["connection"].([]any); is && len(says) == 1 && len(list) == 1 {
		says, _ = list[0].(map[string]any)
	}
	if says == nil {
		return nil, usage("%s must hold the keys of one connection, such as type: ...", name)
	}
	return says, nil
}

type connectionAddCommand struct {
	remote
	oneFile
}

// Run makes a connection.
func (c *connectionAddCommand) Run(s *session) error {
	says, err := c.read(s)
	if err != nil {
		return err
	}
	var made api.Connection
	if err := c.post(s, "/connections", says, &made); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, made)
	}
	return tellConnection(s, made)
}

type connectionSetCommand struct {
	keyed
	oneFile
}

// Run replaces what a connection says.
func (c *connectionSetCommand) Run(s *session) error {
	says, err := c.read(s)
	if err != nil {
		return err
	}
	var one api.Connection
	if err := c.ask(s, http.MethodPut, pathOfConnection(c.Key), "", says, &one); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, one)
	}
	return tellConnection(s, one)
}

type connectionRemoveCommand struct{ keyed }

// Run removes a connection.
func (c *connectionRemoveCommand) Run(s *session) error {
	if err := c.ask(s, http.MethodDelete, pathOfConnection(c.Key), "", nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Connection %s is removed. What was delivered to it stays on record.\n", c.Key)
	return nil
}

type connectionLinkCommand struct {
	keyed
	System string `arg:"" help:"Key of the system."`
	JSON   bool   `help:"Write the links as JSON."`
}

// Run makes a system the one that a connection belongs to.
func (c *connectionLinkCommand) Run(s *session) error {
	var links []api.SystemLink
	if err := c.ask(s, http.MethodPut, pathOfConnection(c.Key)+"/links", "", []map[string]string{{"system_key": c.System}}, &links); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, links)
	}
	fmt.Fprintf(s.Out, "%s belongs to %s.\n", c.Key, listed(systemsOf(links)))
	return nil
}

type connectionUnlinkCommand struct{ keyed }

// Run takes a connection off the system that it belongs to.
func (c *connectionUnlinkCommand) Run(s *session) error {
	var links []api.SystemLink
	if err := c.get(s, pathOfConnection(c.Key)+"/links", &links); err != nil {
		return err
	}
	for _, l := range links {
		if err := c.ask(s, http.MethodDelete, pathOfConnection(c.Key)+"/links/"+url.PathEscape(l.System), "", nil, nil); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.Out, "%s belongs to no system.\n", c.Key)
	return nil
}
