package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	vendor "volenti.dev/volenti/connector/http"
	"volenti.dev/volenti/connector/http/vendors"
	"volenti.dev/volenti/internal/safehttp"
)

type connectorCommands struct {
	List connectorListCommand `cmd:"" help:"List the descriptions of vendors that come with Volenti, and what each can do."`
	Show connectorShowCommand `cmd:"" help:"Write a description, to start your own from."`
	Test connectorTestCommand `cmd:"" help:"Ask a vendor by a description, and show what was asked and answered, without values. Changes nothing."`
}

type connectorListCommand struct {
	JSON bool `help:"Write the list as JSON."`
}

// listedVendor is a description as the list has it.
type listedVendor struct {
	Type       string   `json:"type"`
	Name       string   `json:"name"`
	About      string   `json:"description"`
	Identities []string `json:"identities"`
	Reads      []string `json:"reads"`
	Masks      []string `json:"masks"`
	Deletes    []string `json:"deletes"`
	Choices    bool     `json:"choices"`
}

// Run lists them.
func (c *connectorListCommand) Run(s *session) error {
	var all []listedVendor
	for _, name := range vendorNames() {
		data, err := vendors.Files.ReadFile(name + ".yml")
		if err != nil {
			return err
		}
		d, err := parseVendor(name+".yml", data)
		if err != nil {
			return err
		}
		all = append(all, listVendor(d))
	}
	if c.JSON {
		return writeJSON(s, map[string]any{"connectors": all})
	}
	for _, v := range all {
		fmt.Fprintf(s.Out, "%s: %s. %s\n  found by  %s\n  reads     %s\n  masks     %s\n  deletes   %s\n  choices   %s\n", v.Type, v.Name, v.About,
			listed(v.Identities), listed(v.Reads), listed(v.Masks), listed(v.Deletes), map[bool]string{true: "yes", false: "no"}[v.Choices])
	}
	return nil
}

func listVendor(d *vendor.Description) listedVendor {
	v := listedVendor{Type: d.Type, Name: d.Name, About: d.About, Choices: len(d.OptIn) > 0 && len(d.OptOut) > 0, Reads: []string{}, Masks: []string{}, Deletes: []string{}}
	by := map[string]bool{}
	for _, e := range d.Endpoints {
		for _, in := range e.Inputs() {
			if in.Identity != "" {
				by[in.Identity] = true
			}
		}
		if slices.ContainsFunc(e.Read, func(r vendor.Request) bool { return r.Path != "" }) {
			v.Reads = append(v.Reads, e.Name)
		}
		if e.Update != nil {
			v.Masks = append(v.Masks, e.Name)
		}
		if e.Delete != nil {
			v.Deletes = append(v.Deletes, e.Name)
		}
	}
	v.Identities = slices.Sorted(maps.Keys(by))
	return v
}

type connectorShowCommand struct {
	Name string `arg:"" help:"Its type, as volenti connector list shows it."`
}

// Run writes the file.
func (c *connectorShowCommand) Run(s *session) error {
	data, err := shippedVendor(c.Name)
	if err == nil {
		_, err = s.Out.Write(data)
	}
	return err
}

func vendorNames() (names []string) {
	files, err := fs.Glob(vendors.Files, "*.yml")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, ".yml"))
	}
	return names
}

func shippedVendor(name string) ([]byte, error) {
	if names := vendorNames(); !slices.Contains(names, name) {
		return nil, failure{exitNotFound, fmt.Errorf("no description is called %s: %s", name, source.DidYouMean(name, slices.Values(names), "volenti connector list shows them"))}
	}
	return vendors.Files.ReadFile(name + ".yml")
}

func parseVendor(file string, data []byte) (*vendor.Description, error) {
	var report source.Report
	d := vendor.Parse(file, data, &report)
	if found := report.Problems(); source.Failed(found) {
		return nil, problemsIn("the description", found)
	}
	return d, nil
}

type connectorTestCommand struct {
	Source string `arg:"" name:"file" help:"File with a description, or the type of one that comes with Volenti."`
	whom
	Endpoint     string   `help:"Read this endpoint and what leads to it, instead of making the test_request." placeholder:"NAME"`
	Input        []string `help:"A value that the endpoint is asked by and that comes from another dataset." placeholder:"NAME=VALUE" sep:"none"`
	Secrets      string   `help:"File with a name: value for each secret of the description." placeholder:"FILE"`
	AllowPrivate bool     `help:"Let the vendor be in a network of your own, and without TLS."`
	Record       string   `help:"Keep what was answered in this new file, its texts and numbers replaced." placeholder:"FILE" xor:"recording"`
	Replay       string   `help:"Run against such a file instead of the vendor. Takes no secrets and no identities." placeholder:"FILE" xor:"recording"`
	ShowRows     bool     `help:"Also show the rows that came back: they are about a person."`
	JSON         bool     `help:"Write what was seen as JSON."`
}

// Run tries a description.
func (c *connectorTestCommand) Run(s *session) error {
	d, err := c.description()
	if err != nil {
		return err
	}
	if c.Endpoint != "" && d.Endpoint(c.Endpoint) == nil {
		var names []string
		for _, e := range d.Endpoints {
			names = append(names, e.Name)
		}
		return failure{exitNotFound, fmt.Errorf("the description has no endpoint %s; it has: %s", c.Endpoint, strings.Join(names, ", "))}
	}
	if c.Replay != "" {
		return c.replay(s, d)
	}
	t, err := c.trial(s, d)
	if err != nil {
		return err
	}
	if c.Record == "" {
		tried, err := t.Run(s.ctx)
		return errors.Join(c.show(s, t, tried), c.mend(tried, err))
	}
	file, err := os.OpenFile(c.Record, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // before anything is asked
	if err != nil {
		return usage("--record: %w", err)
	}
	tried, recording, err := t.Record(s.ctx)
	if err == nil {
		e := json.NewEncoder(file)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = e.Encode(recording)
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(c.Record) // what is not whole is not kept
	}
	return errors.Join(c.show(s, t, tried), c.mend(tried, err))
}

func (c *connectorTestCommand) description() (*vendor.Description, error) {
	data, err := os.ReadFile(c.Source)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(c.Source, "./\\"):
		data, err = shippedVendor(c.Source)
	case errors.Is(err, fs.ErrNotExist):
		err = failure{exitNotFound, fmt.Errorf("there is no file %s", c.Source)}
	}
	if err != nil {
		return nil, err
	}
	return parseVendor(c.Source, data)
}

// trial is what the flags ask for.
func (c *connectorTestCommand) trial(s *session, d *vendor.Description) (vendor.Trial, error) {
	t := vendor.Trial{
		About: d, Endpoint: c.Endpoint, Person: map[string][]string{}, Given: map[string][]string{},
		Client: safehttp.NewClient(safehttp.Options{AllowPrivate: c.AllowPrivate}),
	}
	if len(c.Identity) > 0 || c.Identities != "" {
		person, err := c.identities(s)
		if err != nil {
			return t, err
		}
		for _, id := range person {
			t.Person[string(id.Type)] = append(t.Person[string(id.Type)], id.Value.Reveal())
		}
	}
	for i, text := range c.Input {
		name, value, ok := strings.Cut(text, "=")
		if !ok || value == "" {
			return t, usage("input %d is not NAME=VALUE", i+1)
		}
		t.Given[name] = append(t.Given[name], value)
	}
	var err error
	t.Secrets, err = c.secrets(d.Settings())
	return t, err
}

// secrets reads the file of secrets, and finds all that is wrong in it.
func (c *connectorTestCommand) secrets(settings []connector.Setting) (map[string]string, error) {
	var names, needed []string
	for _, one := range settings {
		names = append(names, one.Name)
		if one.Required {
			needed = append(needed, one.Name)
		}
	}
	given := map[string]string{}
	if c.Secrets == "" {
		if len(needed) > 0 {
			return nil, usage("--secrets FILE is needed, a file with NAME: VALUE for: %s", strings.Join(needed, ", "))
		}
		return given, nil
	}
	data, err := os.ReadFile(c.Secrets)
	if err != nil {
		return nil, usage("secrets: %w", err)
	}
	var report source.Report
	for _, n := range source.Parse(c.Secrets, data, &report) {
		m := n.Mapping("a file of secrets", &report)
		for _, name := range m.Keys() {
			at := slices.Index(names, name)
			if at < 0 {
				report.Errorf(m.Where(name), source.DidYouMean(name, slices.Values(names), "leave it out"), "the description has no secret %s", name)
			}
			if n := m.Node(name); n != nil {
				given[name] = n.Scalar(name, &report)
			}
			if at >= 0 && given[name] != "" && settings[at].Check != nil {
				if err := settings[at].Check(given[name]); err != nil {
					report.Errorf(m.Where(name), settings[at].Help, "%s %s", name, err)
				}
			}
		}
	}
	for _, one := range settings {
		if one.Required && given[one.Name] == "" {
			report.Errorf(source.Position{File: c.Secrets}, cmp.Or(one.Help, "add it"), "the secret %s is missing", one.Name)
		}
	}
	if found := report.Problems(); source.Failed(found) {
		return nil, problemsIn("the file of secrets", found)
	}
	return given, nil
}

func (c *connectorTestCommand) replay(s *session, d *vendor.Description) error {
	if len(c.Identity) > 0 || c.Identities != "" || c.Secrets != "" || len(c.Input) > 0 {
		return usage("--replay takes neither identities nor inputs nor secrets: the recording has what stands for them")
	}
	data, err := os.ReadFile(c.Replay)
	if err != nil {
		return usage("--replay: %w", err)
	}
	var r vendor.Recording
	if err := json.Unmarshal(data, &r); err != nil || r.Connector == "" {
		return failure{exitProblems, fmt.Errorf("%s is no recording of volenti connector test --record", c.Replay)}
	}
	if r.Connector != d.Type || c.Endpoint != "" && c.Endpoint != r.Endpoint || r.Endpoint != "" && d.Endpoint(r.Endpoint) == nil {
		return failure{exitConflict, fmt.Errorf("the recording is of the endpoint %q of %s, which is not what is tested", r.Endpoint, r.Connector)}
	}
	c.Endpoint = r.Endpoint
	tried, err := r.Replay(s.ctx, d)
	return errors.Join(c.show(s, vendor.Trial{About: d}, tried), c.mend(tried, err))
}

// mend says what flag is missing.
func (c *connectorTestCommand) mend(tried vendor.Tried, err error) error {
	var lacking *vendor.Lacking
	switch n := len(tried.Calls); {
	case errors.Is(err, vendor.ErrNoTest):
		return usage("%w: name an --endpoint", err)
	case errors.As(err, &lacking):
		var flags []string
		for _, kind := range slices.Compact(slices.Sorted(slices.Values(lacking.Identities))) {
			flags = append(flags, "--identity "+kind+"=...")
		}
		for _, name := range lacking.Inputs {
			flags = append(flags, "--input "+name+"=...")
		}
		return usage("%w: give %s", err, cmp.Or(strings.Join(flags, " or "), "other values"))
	case !c.AllowPrivate && connector.KindOf(err) == connector.Denied && n > 0 && tried.Calls[n-1].Status == 0:
		return fmt.Errorf("%w; a network of your own is reached with --allow-private", err)
	}
	return err
}

// seenCall is a call as it is shown.
type seenCall struct {
	Doing   string   `json:"doing"`
	Call    string   `json:"call"`
	Status  int      `json:"status"`
	Attempt int      `json:"attempt"`
	Millis  int64    `json:"duration_ms"`
	Rows    int      `json:"rows"`
	Fields  []string `json:"fields"`
	Note    string   `json:"note,omitempty"`
}

func (c *connectorTestCommand) show(s *session, t vendor.Trial, tried vendor.Tried) error {
	rows := t.WithoutSecrets(tried.Rows)
	if c.JSON {
		calls := []seenCall{}
		for _, e := range tried.Calls {
			calls = append(calls, seenCall{e.Doing, e.Call, e.Status, e.Attempt, e.Took.Milliseconds(), e.Rows, append([]string{}, e.Fields...), e.Note})
		}
		all := map[string]any{"connector": t.About.Type, "endpoint": c.Endpoint, "calls": calls, "rows": len(rows), "fields": append([]string{}, tried.Fields...), "later": tried.Later}
		if c.ShowRows {
			all["shown"] = rows
		}
		return writeJSON(s, all)
	}
	for _, e := range tried.Calls {
		answer := fmt.Sprint(e.Status)
		if e.Status == 0 {
			answer = "no answer, " + e.Note
		}
		if e.Rows > 0 {
			answer += fmt.Sprintf(", %s: %s", count(e.Rows, "row"), strings.Join(e.Fields, ", "))
		}
		fmt.Fprintf(s.Out, "%s: %s: %s (%s)\n", e.Doing, e.Call, answer, e.Took.Round(time.Millisecond))
	}
	if c.Endpoint != "" {
		fmt.Fprintf(s.Out, "%s: %s\n", c.Endpoint, count(len(rows), "row"))
	}
	if tried.Later {
		fmt.Fprintln(s.Out, "The vendor answers later, which a test does not wait for.")
	}
	if c.ShowRows {
		return writeJSON(s, rows)
	}
	return nil
}
