// Package webhook is the kind of connection that webhooks of policies call. It
// holds no data, so that it has none of the capabilities: who calls it reads
// its settings and makes the call as package volenti.dev/volenti/webhook says.
package webhook

import "volenti.dev/volenti/connector"

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "webhook",
		Summary: "A program of the company that is called while a request is carried out.",
		Secrets: []connector.Setting{
			{Name: "url", Required: true, Help: "https://..., where it is called"},
			{Name: "secret", Required: true, Help: "whsec_ and the base64 of 24 to 64 bytes, which calls are signed with"},
		},
		Called: true,
		New:    func(connector.Settings) (connector.Connector, error) { return none{}, nil },
	}
}

type none struct{}

// Close implements connector.Connector.
func (none) Close() error { return nil }
