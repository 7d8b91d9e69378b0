package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/taxonomy"
)

// Systems keeps the systems of the company. What the tenant does not have is
// inventory.ErrNoSystem, what comes from a configuration directory
// inventory.ErrManaged, and what is wrong with a system an *inventory.Invalid.
// Changes commit together with their audit entry.
type Systems interface {
	List(ctx context.Context, tenant string) ([]inventory.System, error)
	Get(ctx context.Context, tenant, key string) (inventory.System, error)
	// Create makes a key of the name where there is none; inventory.ErrTaken when
	// there is a system with the key.
	Create(ctx context.Context, caller auth.Caller, y inventory.System) (key string, err error)
	Edit(ctx context.Context, caller auth.Caller, y inventory.System) error
	Remove(ctx context.Context, caller auth.Caller, key string) error
}

// System is a system of the company.
type System struct {
	Key         string              `json:"key"`
	Name        string              `json:"name"`
	Description string              `json:"description,omitempty"`
	Uses        []taxonomy.Use      `json:"data_uses" nullable:"false" doc:"What it uses data for"`
	Managed     bool                `json:"managed" doc:"It comes from a configuration directory, and is changed there"`
	Created     time.Time           `json:"created_at"`
	Connections []ConnectionSummary `json:"connections,omitzero" required:"false" doc:"Those that belong to it, oldest first; for who may read links"`
}

// ConnectionSummary is what lists say of a connection.
type ConnectionSummary struct {
	Key     string    `json:"key"`
	Name    string    `json:"name,omitempty"`
	Type    string    `json:"type"`
	Managed bool      `json:"managed" doc:"It comes from a configuration directory, and is changed there"`
	Created time.Time `json:"created_at"`
}

func summaryOf(c inventory.Connection) ConnectionSummary {
	return ConnectionSummary{Key: c.Key, Name: c.Name, Type: c.Type, Managed: c.Managed, Created: c.Created.UTC()}
}

func shownSystem(y inventory.System, caller auth.Caller) System {
	s := System{Key: y.Key, Name: y.Name, Description: y.Description, Uses: append([]taxonomy.Use{}, y.Uses...), Managed: y.Managed, Created: y.Created.UTC()}
	if caller.May(auth.ReadLinks) {
		s.Connections = []ConnectionSummary{}
		for _, c := range y.Connections {
			s.Connections = append(s.Connections, summaryOf(c))
		}
	}
	return s
}

type systemsOutput struct {
	Body SystemList
}

// SystemList is all systems of a tenant, oldest first.
type SystemList struct {
	Items []System `json:"items" nullable:"false"`
}

func listSystems(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*systemsOutput, error) {
	all, err := a.config.Systems.List(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	shown := []System{}
	for _, y := range all {
		shown = append(shown, shownSystem(y, caller))
	}
	return &systemsOutput{SystemList{shown}}, nil
}

// SystemSays is what is said of a system.
type SystemSays struct {
	Name        string         `json:"name,omitempty" maxLength:"200"`
	Description string         `json:"description,omitempty" maxLength:"2000"`
	Uses        []taxonomy.Use `json:"data_uses,omitempty" maxItems:"50" doc:"What it uses data for, in words of the taxonomy"`
}

func (s SystemSays) of(key string) inventory.System {
	return inventory.System{Key: key, Name: s.Name, Description: s.Description, Uses: s.Uses}
}

type createSystemInput struct {
	Body struct {
		Key string `json:"key,omitempty" maxLength:"256" doc:"Made of the name unless given"`
		SystemSays
	}
}

const exampleSystem = `{"key":"crm","name":"Customer relations","data_uses":["marketing"]}`

type createSystemOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     System
}

func createSystem(a *API, ctx context.Context, caller auth.Caller, in *createSystemInput) (*createSystemOutput, error) {
	key, err := a.config.Systems.Create(ctx, caller, in.Body.of(in.Body.Key))
	if err != nil {
		return nil, err
	}
	y, err := a.config.Systems.Get(ctx, caller.Tenant, key)
	return &createSystemOutput{http.StatusCreated, "/api/v1/systems/" + key, shownSystem(y, caller)}, err
}

// keyInput is the key of a system or a connection.
type keyInput struct {
	Key string `path:"key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
}

type systemOutput struct {
	Body System
}

func showSystem(a *API, ctx context.Context, caller auth.Caller, in *keyInput) (*systemOutput, error) {
	y, err := a.config.Systems.Get(ctx, caller.Tenant, in.Key)
	return &systemOutput{shownSystem(y, caller)}, err
}

type editSystemInput struct {
	Key  string `path:"key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
	Body SystemSays
}

func editSystem(a *API, ctx context.Context, caller auth.Caller, in *editSystemInput) (*systemOutput, error) {
	if err := a.config.Systems.Edit(ctx, caller, in.Body.of(in.Key)); err != nil {
		return nil, err
	}
	return showSystem(a, ctx, caller, &keyInput{in.Key})
}

type goneOutput struct{ Status int }

func removeSystem(a *API, ctx context.Context, caller auth.Caller, in *keyInput) (*goneOutput, error) {
	return &goneOutput{http.StatusNoContent}, a.config.Systems.Remove(ctx, caller, in.Key)
}

// ofInventory tells what is wrong with a change of systems, connections or links.
// The three kinds that are not there have a sentence each (C26).
func ofInventory(err error) *Problem {
	var many *inventory.TooMany
	var wrong *inventory.Invalid
	problem := func(status int, detail string) *Problem {
		return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
	}
	switch {
	case errors.Is(err, inventory.ErrNoConnection):
		return problem(http.StatusNotFound, noConnection)
	case errors.Is(err, inventory.ErrNoSystem):
		return problem(http.StatusNotFound, "There is no system with this key.")
	case errors.Is(err, inventory.ErrNoLink):
		return problem(http.StatusNotFound, "The connection does not belong to this system.")
	case errors.As(err, &many):
		return problem(http.StatusBadRequest, "Name one system or none: "+many.Error()+".")
	case errors.Is(err, inventory.ErrManaged):
		return problem(http.StatusConflict, "This is kept in a configuration directory. Change it there and apply it.")
	case errors.Is(err, inventory.ErrTaken):
		return problem(http.StatusConflict, "There is one with this key already. Take another key, or change that one.")
	case errors.Is(err, inventory.ErrChanged):
		return problem(http.StatusConflict, "Systems or connections have changed meanwhile. Send it again, under a new Idempotency-Key.")
	case errors.As(err, &wrong):
		p := problem(http.StatusUnprocessableEntity, notValid)
		for i, text := range wrong.Problems {
			p.Errors = append(p.Errors, Violation{strings.TrimSuffix("body."+wrong.Place(i), "."), text})
		}
		return p
	}
	return nil
}
