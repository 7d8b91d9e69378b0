package api

import (
	"context"
	"net/http"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/datamap/inventory"
)

// SystemLinks keeps which connection belongs to which system. Changes commit
// together with their audit entry.
type SystemLinks interface {
	// Of gives the links of a connection, or inventory.ErrNoConnection.
	Of(ctx context.Context, tenant, connection string) ([]inventory.Link, error)
	// Put makes systems all that a connection belongs to. Before anything changes it
	// fails with inventory.ErrNoConnection, *inventory.TooMany, inventory.ErrNoSystem
	// or inventory.ErrManaged, in this order.
	Put(ctx context.Context, tenant, connection string, systems []string, entry audit.Entry) ([]inventory.Link, error)
	// Remove fails with inventory.ErrNoConnection, inventory.ErrNoSystem,
	// inventory.ErrNoLink or inventory.ErrManaged, in this order.
	Remove(ctx context.Context, tenant, connection, system string, entry audit.Entry) error
}

// SystemLink is a link as inventory.NewLink makes it.
type SystemLink inventory.Link

type systemLinksOutput struct {
	Body []SystemLink `nullable:"false"`
}

// linksOfConnection is never null.
func linksOfConnection(links []inventory.Link) []SystemLink {
	shown := []SystemLink{}
	for _, l := range links {
		shown = append(shown, SystemLink(l))
	}
	return shown
}

func listSystemLinks(a *API, ctx context.Context, caller auth.Caller, in *keyInput) (*systemLinksOutput, error) {
	links, err := a.config.SystemLinks.Of(ctx, caller.Tenant, in.Key)
	return &systemLinksOutput{linksOfConnection(links)}, err
}

type putLinksInput struct {
	Key  string `path:"key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
	Body []struct {
		System string `json:"system_key" minLength:"1" maxLength:"256"`
	} `nullable:"false" maxItems:"100" doc:"All systems that the connection is to belong to; an empty list for none"`
}

const exampleLinks = `[{"system_key":"crm"}]`

func putLinks(a *API, ctx context.Context, caller auth.Caller, in *putLinksInput) (*systemLinksOutput, error) {
	var systems []string
	for _, l := range in.Body {
		systems = append(systems, l.System)
	}
	links, err := a.config.SystemLinks.Put(ctx, caller.Tenant, in.Key, systems, act("link.set", "connection/"+in.Key, caller, nil))
	return &systemLinksOutput{linksOfConnection(links)}, err
}

type removeLinkInput struct {
	Key    string `path:"key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
	System string `path:"system" maxLength:"256"`
}

func removeLink(a *API, ctx context.Context, caller auth.Caller, in *removeLinkInput) (*goneOutput, error) {
	entry := act("link.remove", "connection/"+in.Key, caller, nil)
	return &goneOutput{http.StatusNoContent}, a.config.SystemLinks.Remove(ctx, caller.Tenant, in.Key, in.System, entry)
}
