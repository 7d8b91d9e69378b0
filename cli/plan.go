package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// about says which request is meant; plan and run share it.
type about struct {
	Config string `required:"" help:"Configuration directory." placeholder:"DIR"`
	Policy string `required:"" help:"Key of the policy." placeholder:"KEY"`
	whom
	Refresh bool `help:"With --state: read the databases' catalogues again, instead of planning from the stored ones."`
}

// whom says whose request it is.
type whom struct {
	Identity   []string `help:"What the person is known by, as email=... , phone_number=+..., or another type of your datasets. May be given several times." placeholder:"TYPE=VALUE" sep:"none"`
	Identities string   `help:"File with one TYPE=VALUE a line, - for standard input: keeps identities out of the shell's history." placeholder:"FILE"`
}

type planCommand struct {
	about
	Count    bool   `help:"Also count the rows of each collection. Reads as a request would."`
	State    string `help:"Directory that keeps the runs: what is under legal hold there is refused, and the databases' catalogues are taken from there, so that one of them may be down." placeholder:"DIR"`
	Database string `help:"Database where it is not a file in that directory: postgres://..." placeholder:"URL" env:"VOLENTI_DATABASE"`
	JSON     bool   `help:"Write the plan as JSON."`
}

// Run shows a plan and changes nothing.
func (c *planCommand) Run(s *session) (err error) {
	p, err := c.prepare(s)
	if err != nil {
		return err
	}
	defer p.close()
	var state *server.House
	if c.State != "" {
		if state, err = openState(s, c.State, c.Database); err != nil {
			return err
		}
		defer closing(state, &err)
		p.systems.Remember(state.Store.Catalogues(), s.User, c.Refresh)
	}
	plan, err := p.plan(s)
	if err != nil {
		return err
	}
	if c.Count {
		house, err := server.Open(s.ctx, server.Config{})
		if err != nil {
			return err
		}
		defer closing(house, &err)
		l := server.Local{House: house, Systems: p.systems, Log: s.log, By: s.User, Now: s.Now}
		if err := l.Count(s.ctx, plan, p.identities); err != nil {
			return err
		}
	}
	if c.JSON {
		err = writeJSON(s, plan)
	} else {
		showPlan(s.Out, plan)
	}
	if err != nil || c.State == "" {
		return err
	}
	return (&server.Local{House: state}).Held(s.ctx, plan, p.identities)
}

// prepared is a request that could be planned.
type prepared struct {
	config     *config.Config
	policy     policy.Policy
	identities []subject.Identity
	systems    *server.Systems
}

func (a *about) prepare(s *session) (*prepared, error) {
	identities, err := a.identities(s)
	if err != nil {
		return nil, err
	}
	cfg, err := loadSound(s, a.Config)
	if err != nil {
		return nil, err
	}
	asked, ok := cfg.Policy(a.Policy)
	if !ok {
		var keys []string
		for _, p := range cfg.Policies {
			keys = append(keys, p.Key)
		}
		return nil, failure{exitNotFound, fmt.Errorf("there is no policy %q in %s; it has: %s", a.Policy, a.Config, strings.Join(keys, ", "))}
	}
	if err := declared(cfg, identities); err != nil {
		return nil, err
	}
	return &prepared{cfg, asked, identities, connected(cfg)}, nil
}

func (p *prepared) close() { _ = p.systems.Close() }

func (p *prepared) plan(s *session) (*graph.Plan, error) {
	var types []subject.Type
	for _, i := range p.identities {
		types = append(types, i.Type)
	}
	return p.systems.Plan(s.ctx, p.policy, types, today(s))
}

// today is the day in UTC, for what is kept until some day.
func today(s *session) value.Date { return value.Date(s.Now().UTC().Format(time.DateOnly)) }

// declared refuses a type of identity that no dataset knows: a request about
// it would find nothing and look complete.
func declared(cfg *config.Config, identities []subject.Identity) error {
	types := cfg.Datasets.IdentityTypes()
	for _, id := range identities {
		if !slices.Contains(types, string(id.Type)) {
			return usage("no dataset has an identity of type %q; there are: %s", id.Type, strings.Join(types, ", "))
		}
	}
	return nil
}

// identities reads what was typed and what stands in the file.
func (a *whom) identities(s *session) ([]subject.Identity, error) {
	var given []typed
	for k, text := range a.Identity {
		given = append(given, typed{fmt.Sprintf("identity %d", k+1), text})
	}
	if a.Identities != "" {
		more, err := a.fromFile(s)
		if err != nil {
			return nil, err
		}
		given = append(given, more...)
	}
	var all []subject.Identity
	var wrong []error
	for _, g := range given {
		kind, raw, ok := strings.Cut(g.text, "=")
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s is not TYPE=VALUE, for example email=anna@example.com", g.where))
			continue
		}
		id, err := subject.New(subject.Type(kind), raw)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", g.where, err))
			continue
		}
		all = append(all, id)
	}
	switch {
	case len(wrong) > 0:
		return nil, failure{exitUsage, errors.Join(wrong...)}
	case len(all) == 0:
		return nil, usage("whom is it about? Give --identity TYPE=VALUE or --identities FILE")
	}
	return subject.Together(all), nil
}

// typed is an identity as it was handed in, and where.
type typed struct{ where, text string }

func (a *whom) fromFile(s *session) ([]typed, error) {
	in := s.In
	if a.Identities != "-" {
		f, err := os.Open(a.Identities)
		if err != nil {
			return nil, usage("identities: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	var lines []typed
	scan := bufio.NewScanner(io.LimitReader(in, 1<<20))
	for n := 1; scan.Scan(); n++ {
		if line := strings.TrimSpace(scan.Text()); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, typed{fmt.Sprintf("%s:%d", a.Identities, n), line})
		}
	}
	return lines, scan.Err()
}

// showPlan writes a plan for a person to approve.
func showPlan(w io.Writer, p *graph.Plan) {
	fmt.Fprintf(w, "Plan %s\npolicy %s, identities: %s\n", p.Hash, p.Policy, joinTypes(p.Identities))
	showWebhooks(w, p)
	for i := range p.Nodes {
		showNode(w, &p.Nodes[i])
	}
	for _, a := range p.Asks {
		showAsk(w, a)
	}
	if len(p.Skipped) > 0 {
		fmt.Fprintf(w, "\nLeft out\n")
	}
	for _, s := range p.Skipped {
		fmt.Fprintf(w, "  %s: %s\n", s.Address, s.Reason)
	}
}

// showWebhooks writes what is called, and what leads on from it.
func showWebhooks(w io.Writer, p *graph.Plan) {
	if p.Consent != "" {
		fmt.Fprintf(w, "withdraws all that the person agreed to, by the rule %s\n", p.Consent)
	}
	if p.Webhooks == nil {
		return
	}
	for _, at := range []struct {
		when  string
		hooks []graph.Webhook
	}{{"before", p.Webhooks.Pre}, {"after", p.Webhooks.Post}} {
		for _, h := range at.hooks {
			derives := ""
			if len(h.Derives) > 0 {
				derives = ", may add identities of type " + joinTypes(h.Derives)
			}
			fmt.Fprintf(w, "calls %s %s (connection %s, %s%s)\n", h.Key, at.when, h.Connection, h.Direction, derives)
		}
	}
}

func showNode(w io.Writer, n *graph.Node) {
	rows := ""
	if n.Rows != nil {
		rows = ", " + count(int(*n.Rows), "row")
	}
	fmt.Fprintf(w, "\n%s (%s%s)\n", n.Address, where(n), rows)
	for _, path := range slices.Sorted(maps.Keys(n.Inputs)) {
		fmt.Fprintf(w, "  found by   %s = %s\n", path, strings.Join(n.Inputs[path], " or "))
	}
	if n.Cycle != "" {
		fmt.Fprintf(w, "  in rounds  with what feeds it, until no new key turns up, at most %d\n", n.Rounds)
	}
	for _, q := range n.Queries {
		fmt.Fprintf(w, "  query      %s\n", q)
	}
	if len(n.FieldsReturned) > 0 {
		fmt.Fprintf(w, "  returned   %s\n", strings.Join(n.FieldsReturned, ", "))
	}
	switch {
	case n.Blocked != "":
		fmt.Fprintf(w, "  BLOCKED    %s\n", n.Blocked)
	case n.Delete != "":
		fmt.Fprintf(w, "  deleted    the whole row%s\n", addressed(n))
	}
	if n.Delete == "" {
		for _, path := range slices.Sorted(maps.Keys(n.FieldsMasked)) {
			fmt.Fprintf(w, "  masked     %s: %s\n", path, n.FieldsMasked[path])
		}
	}
	if len(n.Nulled) > 0 {
		fmt.Fprintf(w, "  nulled     %s, before rows of the circle are deleted\n", strings.Join(n.Nulled, ", "))
	}
	for _, c := range n.Cascades {
		fmt.Fprintf(w, "  cascade    rows of %s by %s (ON DELETE %s), if all of them are the person's\n", c.From, strings.Join(c.Columns, ", "), strings.ToUpper(c.Action))
	}
	if len(n.EraseAfter) > 0 {
		fmt.Fprintf(w, "  after      %s\n", strings.Join(n.EraseAfter, ", "))
	}
	if len(n.AfterNulls) > 0 {
		fmt.Fprintf(w, "  after      the nulls of %s\n", strings.Join(n.AfterNulls, ", "))
	}
	for _, k := range together(n.Kept, func(k graph.Kept) (string, string) { return k.Field, k.Reason + ground(k) }) {
		fmt.Fprintf(w, "  kept       %s\n", k)
	}
	for _, r := range together(n.Refused, func(r graph.Refused) (string, string) { return r.Field, r.Reason }) {
		fmt.Fprintf(w, "  REFUSED    %s\n", r)
	}
	for _, note := range n.Notes {
		fmt.Fprintf(w, "  note       %s\n", note)
	}
}

func where(n *graph.Node) string {
	if n.Instructed {
		return fmt.Sprintf("connection %s, by instructions", n.Connection)
	}
	return fmt.Sprintf("connection %s, table %s", n.Connection, n.Table)
}

func addressed(n *graph.Node) string {
	if len(n.KeyColumns) == 0 {
		return ""
	}
	return ", addressed by " + strings.Join(n.KeyColumns, ", ")
}

// together writes "a, b, c: reason", once for each reason.
func together[T any](items []T, of func(T) (field, reason string)) []string {
	var lines []string
	at := map[string]int{}
	for _, item := range items {
		field, reason := of(item)
		if i, ok := at[reason]; ok {
			lines[i] += ", " + field
			continue
		}
		at[reason] = len(lines)
		lines = append(lines, field)
	}
	for reason, i := range at {
		lines[i] += ": " + reason
	}
	return lines
}

func ground(k graph.Kept) string {
	s := ""
	if k.Ground != "" {
		s = " (" + k.Ground
		if k.Until != "" {
			s += ", until " + string(k.Until)
		}
		s += ")"
	}
	return s
}

func joinTypes(types []subject.Type) string {
	var words []string
	for _, t := range types {
		words = append(words, string(t))
	}
	return strings.Join(words, ", ")
}
