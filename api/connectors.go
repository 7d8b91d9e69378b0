package api

import (
	"context"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
)

// Connectors are the types that connections can have.
type Connectors interface {
	// Of gives those that there are for a tenant: descriptions of vendors in what was
	// applied make some of their own.
	Of(ctx context.Context, tenant string) (connector.Registry, error)
}

type connectorsOutput struct {
	Body ConnectorList
}

// ConnectorList is the types that a connection can have, by name.
type ConnectorList struct {
	Items []ConnectorType `json:"items" nullable:"false"`
}

// ConnectorType is a type of connection: what forms and documentation are made of.
type ConnectorType struct {
	Type       string          `json:"type"`
	Name       string          `json:"name" doc:"What people call it"`
	Summary    string          `json:"summary" doc:"What it is, as a sentence"`
	Secrets    []ConnectorNeed `json:"secrets" nullable:"false" doc:"What its secrets may hold"`
	Local      bool            `json:"local,omitempty" doc:"It is a file of the server, and connected in a configuration directory only"`
	Asks       bool            `json:"asks,omitempty" doc:"People answer it: it has questions, and no datasets"`
	Called     bool            `json:"called,omitempty" doc:"It holds no data, and is called"`
	Instructed bool            `json:"instructed,omitempty" doc:"People are told what to erase there; nothing can be read"`
	Prefers    int             `json:"choices_at_once,omitempty" doc:"How many choices of people it is told in one call; absent: it takes none"`
	NoGrants   bool            `json:"no_grants,omitempty" doc:"Of choices it takes refusals and withdrawals only"`
	NoOptOuts  bool            `json:"no_opt_outs,omitempty" doc:"Of choices it takes consent only"`
	Permits    bool            `json:"permits,omitempty" doc:"A permission table can be kept in it"`
	Authorized bool            `json:"authorized,omitempty" doc:"A person has to allow at the vendor that it is used"`

	Collections []ConnectorCollection `json:"collections,omitempty" doc:"What is asked of a vendor; none where a dataset says it"`
	Hosts       []string              `json:"hosts,omitempty" doc:"Where it is called over HTTP, with * for any letters; a secret that may be any host stands in brackets"`
	Rates       []ConnectorRate       `json:"rates,omitempty" doc:"How often it is called at most"`
}

// ConnectorNeed is one of the secrets of a connection.
type ConnectorNeed struct {
	Name     string   `json:"name"`
	Label    string   `json:"label,omitempty" doc:"What its vendor calls it; help begins with it"`
	Required bool     `json:"required"`
	Help     string   `json:"help"`
	Plain    bool     `json:"plain,omitempty" doc:"It proves nothing to anybody: a form may show it while it is entered"`
	Options  []string `json:"options,omitempty" doc:"All that it may be"`
	Default  string   `json:"default,omitempty" doc:"What it is where it is left out"`
}

// ConnectorCollection is what a vendor is asked for, and what can be done there.
type ConnectorCollection struct {
	Name       string   `json:"name"`
	Identities []string `json:"identities,omitempty" doc:"Types of identities that it is asked by"`
	Fields     []string `json:"fields,omitempty" doc:"Fields of other collections that it is asked by"`
	Erases     string   `json:"erases,omitempty" enum:"fields,removes" doc:"Fields are masked, or the whole row is removed; absent: neither"`
	Skipped    bool     `json:"skip_processing,omitempty" doc:"Requests leave it out"`
}

// ConnectorRate is how many calls there are in a time at most.
type ConnectorRate struct {
	Calls    int64  `json:"calls"`
	Seconds  int64  `json:"seconds"`
	Together string `json:"together,omitempty" doc:"Of the calls that count together under this name; absent: of all calls of a connection"`
}

func listConnectors(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*connectorsOutput, error) {
	kinds, err := a.config.Connectors.Of(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	out := ConnectorList{Items: []ConnectorType{}}
	for _, name := range kinds.Types() {
		out.Items = append(out.Items, shownType(kinds[name]))
	}
	return &connectorsOutput{out}, nil
}

func shownType(spec connector.Spec) ConnectorType {
	t := ConnectorType{
		Type: spec.Type, Name: spec.Name, Summary: spec.Summary, Secrets: []ConnectorNeed{}, Local: spec.Local,
		Asks: spec.Asks, Called: spec.Called, Instructed: spec.Instructed, Prefers: spec.Prefers, Permits: spec.Permits,
		NoGrants: spec.NoGrants && spec.Prefers > 0, NoOptOuts: spec.NoOptOuts && spec.Prefers > 0, Authorized: spec.Authorized, Hosts: spec.Bounds.Hosts,
	}
	for _, s := range spec.Secrets {
		t.Secrets = append(t.Secrets, ConnectorNeed{s.Name, s.Label, s.Required, s.Help, s.Plain, s.Options, s.Default})
	}
	for _, r := range spec.Bounds.Rates {
		t.Rates = append(t.Rates, ConnectorRate{r.Calls, int64(r.Period.Seconds()), r.Together})
	}
	if spec.Endpoints == nil {
		return t
	}
	for _, e := range spec.Endpoints(nil, connector.Instance) {
		c := ConnectorCollection{Name: e.Name, Erases: string(e.Masks), Skipped: e.Skip}
		for _, in := range e.Inputs {
			if in.Identity != "" {
				c.Identities = append(c.Identities, in.Identity)
			}
			for _, ref := range in.References {
				c.Fields = append(c.Fields, fieldOf(ref))
			}
		}
		t.Collections = append(t.Collections, c)
	}
	return t
}

// fieldOf names a field, with its dataset where that is not the connection's own.
func fieldOf(r connector.Reference) string {
	name := r.Collection + "." + r.Field
	if r.Dataset != connector.Instance {
		name = r.Dataset + ":" + name
	}
	return name
}
