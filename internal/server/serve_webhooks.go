package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/url"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/safehttp"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/webhook"
)

// pollTime is how often to ask for what other processes have written.
const pollTime = time.Second

// poll is 0 where there are none.
func (s *Server) poll() time.Duration {
	if s.House.Store.Exclusive() {
		return 0
	}
	return pollTime
}

// Leases on webhooks. Where no other process can have the database open, they
// need not be prolonged often: the next process takes them up at once.
const (
	courierTime = 15 * time.Second
	aloneTime   = time.Hour
)

// deliver sends events to webhooks until ctx ends.
func (s *Server) deliver(ctx context.Context) {
	ttl := courierTime
	if s.House.Store.Exclusive() {
		ttl = aloneTime
	}
	c := &webhook.Couriers{
		Poster: s.poster(),
		Store:  s.House.Store.Webhooks(), Ledger: s.House.Store.Events(),
		Owner: cmp.Or(s.House.Owner, uuid.NewString()), TTL: ttl, Poll: s.poll(), Schedule: s.pauses,
		Random: mathrand.Float64, Log: s.Log,
	}
	c.Start()
	<-ctx.Done()
	c.Stop()
}

func (s *Server) poster() webhook.Poster {
	p := webhook.Poster{
		Public:     safehttp.NewClient(safehttp.Options{}),
		NotAllowed: func(err error) bool { return errors.Is(err, safehttp.ErrRefused) },
		Timeout:    s.hookTime,
		Now:        s.Now,
	}
	if s.AllowPrivateWebhooks {
		p.Private = safehttp.NewClient(safehttp.Options{AllowPrivate: true})
	}
	return p
}

// webhooks makes, for the interface, what the store keeps.
type webhooks struct {
	*store.Webhooks
	audit        *store.Audit
	poster       webhook.Poster
	allowPrivate bool
	now          func() time.Time
}

var _ api.Webhooks = webhooks{}

func (s *Server) webhooks() webhooks {
	return webhooks{s.House.Store.Webhooks(), s.House.Store.Audit(), s.poster(), s.AllowPrivateWebhooks, s.Now}
}

// overlap is how long an earlier secret signs besides a new one.
const overlap = 24 * time.Hour

// entry is an act of somebody on an endpoint.
func (webhooks) entry(act, id, by string, more map[string]any) audit.Entry {
	details := map[string]any{"by": by}
	maps.Copy(details, more)
	return audit.Entry{Act: act, Object: "webhook/" + id, Details: details}
}

// check says whether an endpoint may be called, and gives its host.
func (w webhooks) check(e webhook.Endpoint) (host string, err error) {
	if e.Private && !w.allowPrivate {
		return "", webhook.ErrPrivate
	}
	if err := safehttp.Check(e.URL, e.Private); err != nil {
		return "", fmt.Errorf("%w: %w", webhook.ErrURL, err)
	}
	if u, err := url.Parse(e.URL); err == nil {
		host = u.Host
	}
	return host, nil
}

func (w webhooks) Create(ctx context.Context, e webhook.Endpoint, by string) (webhook.Endpoint, webhook.Secret, error) {
	host, err := w.check(e)
	if err != nil {
		return e, webhook.Secret{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return e, webhook.Secret{}, fmt.Errorf("make an id: %w", err)
	}
	e.ID = id.String()
	secret, err := webhook.NewSecret(rand.Reader)
	if err != nil {
		return e, secret, err
	}
	entry := w.entry("webhook.create", e.ID, by, map[string]any{"host": host, "types": e.Types, "allow_private": e.Private})
	if err := w.Webhooks.Create(ctx, e, secret, entry); err != nil {
		return e, secret, err
	}
	e, err = w.Get(ctx, e.Tenant, e.ID)
	return e, secret, err
}

func (w webhooks) Edit(ctx context.Context, e webhook.Endpoint, p webhook.Pending, by string) error {
	host, err := w.check(e)
	if err != nil {
		return err
	}
	details := map[string]any{"host": host, "types": e.Types, "allow_private": e.Private}
	if p != "" {
		details["pending"] = p
	}
	return w.Webhooks.Edit(ctx, e, p, w.entry("webhook.edit", e.ID, by, details))
}

func (w webhooks) Disable(ctx context.Context, tenant, id, by string) error {
	return w.Webhooks.Disable(ctx, tenant, id, w.entry("webhook.disable", id, by, map[string]any{"reason": webhook.Asked}))
}

func (w webhooks) Enable(ctx context.Context, tenant, id, by string) error {
	return w.Webhooks.Enable(ctx, tenant, id, w.entry("webhook.enable", id, by, nil))
}

func (w webhooks) Rotate(ctx context.Context, tenant, id, by string) (webhook.Secret, time.Time, error) {
	secret, err := webhook.NewSecret(rand.Reader)
	if err == nil {
		err = w.Webhooks.Rotate(ctx, tenant, id, secret, overlap, w.entry("webhook.rotate", id, by, nil))
	}
	return secret, w.now().Add(overlap).UTC().Truncate(time.Second), err
}

func (w webhooks) Replay(ctx context.Context, tenant, id string, from int64, by string) error {
	return w.Webhooks.Replay(ctx, tenant, id, from, w.entry("webhook.replay", id, by, map[string]any{"from": from}))
}

// Test logs that it calls before it does.
func (w webhooks) Test(ctx context.Context, tenant, id, by string) (webhook.Attempt, error) {
	e, err := w.WithSecrets(ctx, tenant, id)
	if err != nil {
		return webhook.Attempt{}, err
	}
	if err := w.audit.Append(ctx, tenant, w.entry("webhook.test", id, by, nil)); err != nil {
		return webhook.Attempt{}, err
	}
	attempt, err := w.poster.Post(ctx, e, webhook.Event{ID: uuid.NewString(), Type: webhook.Test, Timestamp: w.now().UTC()})
	if err != nil {
		return attempt, err
	}
	return attempt, w.Note(ctx, tenant, id, attempt)
}
