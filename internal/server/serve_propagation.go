package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/safehttp"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/webhook"
)

// lanePoll is how often to look for a new configuration where no other process can
// have written anything.
const lanePoll = 3 * time.Second

// propagate sends what people choose to the connections of the configuration, until
// ctx ends.
func (s *Server) propagate(ctx context.Context) {
	c := s.carriers()
	c.Start()
	<-ctx.Done()
	c.Stop()
}

func (s *Server) carriers() *propagate.Carriers {
	db, w := s.House.Store, s.worker()
	c := &propagate.Carriers{
		Store: db.Propagation(), Tenants: db.Tenants, Edition: w.latest.propagation, Changed: db.Events().Changed,
		Owner: cmp.Or(s.House.Owner, uuid.NewString()), TTL: cmp.Or(s.laneTime, courierTime), Poll: pollTime, Pauses: s.deliveryPauses,
		Random: mathrand.Float64, Now: s.Now, Noted: w.meter.delivery, Log: s.Log,
	}
	if db.Exclusive() {
		c.TTL, c.Poll = aloneTime, lanePoll
	}
	return c
}

// propagation is what the configuration says of connections that take choices, as of
// now.
func (l *Latest) propagation(ctx context.Context, tenant string) (*propagate.Edition, func(), error) {
	e, release, err := l.Use(ctx, tenant)
	if errors.Is(err, request.ErrNoConfiguration) {
		return nil, nil, propagate.ErrNoEdition
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration: %w", err)
	}
	e.told.Do(func() { e.tells = e.takers(e.config.Registry) })
	return e.tells, release, nil
}

// takers are the connections that take choices.
func (e *edition) takers(registry connector.Registry) *propagate.Edition {
	p := &propagate.Edition{Connect: func(key string) (connector.Preferrer, int, error) { return e.preferrer(key, registry) }}
	for _, conn := range e.config.Connections {
		if conn.Choices != nil {
			p.Targets = append(p.Targets, target(e.config, conn, registry[conn.Type]))
		}
	}
	return p
}

// target is a connection as far as it takes choices.
func target(c *config.Config, conn config.Connection, spec connector.Spec) propagate.Target {
	ch := conn.Choices
	t := propagate.Target{
		Key: conn.Key, Name: conn.Name, System: conn.System, Disabled: conn.Disabled, Off: ch.Off || spec.Prefers == 0 && ch.Table == "", Write: conn.Write,
		Uses: c.UsesOf(conn), Items: ch.Items, Identities: ch.Identities, Table: ch.Table != "", Limit: ch.Limit, Schedule: ch.Schedule,
		NoGrants: spec.NoGrants, NoOptOuts: spec.NoOptOuts,
	}
	switch {
	case spec.Called:
		t.Write = conn.Receives
	case spec.Instructed: // a mailbox is written to, whatever it may otherwise
		t.Write = true
	}
	return t
}

// preferrer opens a connection that takes choices. One that cannot be opened is not
// tried again: its settings are wrong.
func (e *edition) preferrer(key string, registry connector.Registry) (connector.Preferrer, int, error) {
	denied := &connector.Error{Kind: connector.Denied, Connection: key, Doing: "open it"}
	conn, err := e.config.Connection(key)
	if err != nil {
		denied.Reason = "the configuration has no such connection"
		return nil, 0, denied
	}
	opened, err := e.systems.Connect(key)
	if err != nil {
		denied.Reason = "it cannot be opened with its settings"
		var known *connector.Error
		if errors.As(err, &known) {
			denied.Reason = known.Reason
		}
		return nil, 0, denied
	}
	p, ok := opened.(connector.Preferrer)
	if !ok {
		denied.Reason = "a connection of type " + conn.Type + " takes no choices"
		return nil, 0, denied
	}
	return p, registry[conn.Type].Prefers, nil
}

// judged is a client of connectors.
type judged struct{ client webhook.Client }

// Do implements connector.Client. What the client says of a refusal would quote the
// URL.
func (j judged) Do(r *http.Request) (*http.Response, error) {
	got, err := j.client.Do(r)
	if errors.Is(err, safehttp.ErrRefused) {
		return nil, connector.ErrNotAllowed
	}
	return got, err
}

// Outbound gives the clients for who runs requests without a server: they have
// written the connections themselves, and may reach what those say.
func Outbound() func(private bool) connector.Client {
	return caller(webhook.Poster{Public: safehttp.NewClient(safehttp.Options{}), Private: safehttp.NewClient(safehttp.Options{AllowPrivate: true})})
}

// caller gives the client for connections that may be in a private network, or may
// not; nil where the server does not allow it.
func caller(p webhook.Poster) func(private bool) connector.Client {
	return func(private bool) connector.Client {
		switch {
		case !private:
			return judged{p.Public}
		case p.Private != nil:
			return judged{p.Private}
		}
		return nil
	}
}
