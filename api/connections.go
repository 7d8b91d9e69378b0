package api

import (
	"context"
	"net/http"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
)

// Connections are the ways to the systems of the company. What the tenant does not
// have is inventory.ErrNoConnection, what comes from a configuration directory
// inventory.ErrManaged, and what is wrong with a connection an *inventory.Invalid.
// Changes commit together with their audit entry.
type Connections interface {
	// Test tries one out, and remembers why it failed, nil when it succeeded. The error,
	// request.ErrNotFound among others, says why it could not be tried.
	Test(ctx context.Context, caller auth.Caller, key string) (failed *connector.Error, err error)
	// Try tries out what a connection would say that Create would take, and keeps
	// nothing of it.
	Try(ctx context.Context, caller auth.Caller, says map[string]any) (failed *connector.Error, err error)
	// Standing gives what was last found out about one that Get gives.
	Standing(ctx context.Context, tenant string, c inventory.Connection) (ConnectionStanding, error)

	List(ctx context.Context, tenant string) ([]inventory.Connection, error)
	// Get gives a connection, and what it says: nothing of one that comes from a
	// directory.
	Get(ctx context.Context, tenant, key string) (inventory.Connection, ConnectionSettings, error)
	// Create takes what a connection says, in the words of a configuration
	// directory, and makes a key of the name where there is none; inventory.ErrTaken
	// when there is a connection with the key.
	Create(ctx context.Context, caller auth.Caller, says map[string]any) (key string, err error)
	// Edit replaces what a connection says. Secrets that are not given stay as they
	// are, unless it becomes another type; null takes one away.
	Edit(ctx context.Context, caller auth.Caller, key string, says map[string]any) error
	Remove(ctx context.Context, caller auth.Caller, key string) error
}

// ConnectionSettings is what a connection says, without its secrets.
type ConnectionSettings struct {
	Says    map[string]any
	Secrets []string // names of those that it has
}

// Connection is a way to a system.
type Connection struct {
	ConnectionSummary
	Links    []SystemLink        `json:"links,omitzero" required:"false" doc:"The systems that it belongs to; for who may read links"`
	Settings map[string]any      `json:"settings,omitempty" doc:"What it says, without its secrets; of one that was made over HTTP, and only where it is shown alone"`
	Secrets  []string            `json:"secrets,omitempty" doc:"Names of the secrets that it has"`
	Standing *ConnectionStanding `json:"standing,omitempty" doc:"What was last found out about it, where it is shown alone"`
}

func shownConnection(c inventory.Connection, caller auth.Caller) Connection {
	shown := Connection{ConnectionSummary: summaryOf(c)}
	if caller.May(auth.ReadLinks) {
		shown.Links = linksOfConnection(c.Links)
	}
	return shown
}

type connectionsOutput struct {
	Body ConnectionList
}

// ConnectionList is all connections of a tenant, oldest first.
type ConnectionList struct {
	Items []Connection `json:"items" nullable:"false"`
}

func listConnections(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*connectionsOutput, error) {
	all, err := a.config.Connections.List(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	shown := []Connection{}
	for _, c := range all {
		shown = append(shown, shownConnection(c, caller))
	}
	return &connectionsOutput{ConnectionList{shown}}, nil
}

type connectionOutput struct {
	Body Connection
}

func showConnection(a *API, ctx context.Context, caller auth.Caller, in *keyInput) (*connectionOutput, error) {
	c, settings, err := a.config.Connections.Get(ctx, caller.Tenant, in.Key)
	if err != nil {
		return nil, err
	}
	shown := shownConnection(c, caller)
	shown.Settings, shown.Secrets = settings.Says, settings.Secrets
	standing, err := a.config.Connections.Standing(ctx, caller.Tenant, c)
	if err != nil {
		return nil, err
	}
	shown.Standing = &standing
	return &connectionOutput{shown}, nil
}

type createConnectionInput struct {
	Body map[string]any `doc:"The keys of a connection in a configuration directory, but for system"`
}

const exampleConnection = `{"key":"newsletter","name":"Newsletter","type":"webhook","receives":"identities","data_uses":["marketing"],"secrets":{"url":"https://news.example/hook","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},"consent":{"identities":["email"]}}`

type createConnectionOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     Connection
}

func createConnection(a *API, ctx context.Context, caller auth.Caller, in *createConnectionInput) (*createConnectionOutput, error) {
	key, err := a.config.Connections.Create(ctx, caller, in.Body)
	if err != nil {
		return nil, err
	}
	made, err := showConnection(a, ctx, caller, &keyInput{key})
	if err != nil {
		return nil, err
	}
	return &createConnectionOutput{http.StatusCreated, "/api/v1/connections/" + key, made.Body}, nil
}

type editConnectionInput struct {
	Key  string         `path:"key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
	Body map[string]any `doc:"The keys of a connection in a configuration directory, but for system. Secrets that are left out stay as they are; null takes one away."`
}

func editConnection(a *API, ctx context.Context, caller auth.Caller, in *editConnectionInput) (*connectionOutput, error) {
	if err := a.config.Connections.Edit(ctx, caller, in.Key, in.Body); err != nil {
		return nil, err
	}
	return showConnection(a, ctx, caller, &keyInput{in.Key})
}

func removeConnection(a *API, ctx context.Context, caller auth.Caller, in *keyInput) (*goneOutput, error) {
	return &goneOutput{http.StatusNoContent}, a.config.Connections.Remove(ctx, caller, in.Key)
}
