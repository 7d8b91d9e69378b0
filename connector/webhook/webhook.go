// Package webhook is the kind of connection that is called by HTTP: by webhooks of
// policies, as package volenti.dev/volenti/webhook says, and with what people want,
// signed in the same way. It holds no data.
package webhook

import (
	"volenti.dev/volenti/connector"
	hook "volenti.dev/volenti/webhook"
)

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "webhook",
		Name:    "Webhook",
		Summary: "A program of the company that is called while a request is carried out, or told what people want.",
		Secrets: []connector.Setting{
			{Name: "url", Required: true, Help: "https://..., where it is called", Plain: true},
			{Name: "secret", Required: true, Help: "whsec_ and the base64 of 24 to 64 bytes, which calls are signed with"},
		},
		Called:  true,
		Prefers: 1,
		New:     open,
	}
}

// endpoint is where calls go. What is wrong with its settings is said when it is
// called.
type endpoint struct {
	key, url string
	secret   hook.Secret
	wrong    string // with the secret
	client   connector.Client
}

var _ connector.Preferrer = (*endpoint)(nil)

func open(s connector.Settings) (connector.Connector, error) {
	e := &endpoint{key: s.Key, url: s.Secrets["url"], client: s.Client}
	secret, err := hook.ParseSecret(s.Secrets["secret"])
	if err != nil {
		e.wrong = err.Error()
	}
	e.secret = secret
	return e, nil
}

// Close has nothing to give back.
func (*endpoint) Close() error { return nil }
