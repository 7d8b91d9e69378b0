package api

import (
	"context"

	"volenti.dev/volenti/auth"
)

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
	Summary    string          `json:"summary" doc:"What it is, as a sentence"`
	Secrets    []ConnectorNeed `json:"secrets" nullable:"false" doc:"What its secrets may hold"`
	Asks       bool            `json:"asks,omitempty" doc:"People answer it: it has questions, and no datasets"`
	Called     bool            `json:"called,omitempty" doc:"It holds no data, and is called"`
	Instructed bool            `json:"instructed,omitempty" doc:"People are told what to erase there; nothing can be read"`
	Prefers    int             `json:"choices_at_once,omitempty" doc:"How many choices of people it is told in one call; absent: it takes none"`
	Permits    bool            `json:"permits,omitempty" doc:"A permission table can be kept in it"`
}

// ConnectorNeed is one of the secrets of a connection.
type ConnectorNeed struct {
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Help     string `json:"help"`
}

func listConnectors(a *API, _ context.Context, _ auth.Caller, _ *struct{}) (*connectorsOutput, error) {
	out := ConnectorList{Items: []ConnectorType{}}
	for _, name := range a.config.Connectors.Types() {
		spec := a.config.Connectors[name]
		t := ConnectorType{
			Type: spec.Type, Summary: spec.Summary, Secrets: []ConnectorNeed{},
			Asks: spec.Asks, Called: spec.Called, Instructed: spec.Instructed, Prefers: spec.Prefers, Permits: spec.Permits,
		}
		for _, s := range spec.Secrets {
			t.Secrets = append(t.Secrets, ConnectorNeed{s.Name, s.Required, s.Help})
		}
		out.Items = append(out.Items, t)
	}
	return &connectorsOutput{out}, nil
}
