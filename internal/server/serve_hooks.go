package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/webhook"
)

// hookCaller calls the webhooks of policies at the connections of a
// configuration.
type hookCaller struct {
	connection func(key string) (config.Connection, error)
	poster     webhook.Poster
	now        func() time.Time
}

var _ fulfill.WebhookCaller = hookCaller{}

// CallWebhook implements fulfill.WebhookCaller. The connection is asked again
// whether it may receive identities: it may have been changed since the plan
// was made.
func (h hookCaller) CallWebhook(ctx context.Context, c fulfill.WebhookCall) (fulfill.WebhookAnswer, error) {
	failed := func(kind connector.Kind, reason string, after time.Duration) (fulfill.WebhookAnswer, error) {
		return fulfill.WebhookAnswer{}, &connector.Error{Kind: kind, Connection: c.Connection, Doing: "call a webhook", Reason: reason, RetryAfter: after}
	}
	to, err := h.connection(c.Connection)
	if err != nil {
		return failed(connector.Permanent, err.Error(), 0)
	}
	if !to.Called || !to.Receives || to.Disabled {
		return failed(connector.Denied, "the connection is not one that may receive identities now", 0)
	}
	secret, err := webhook.ParseSecret(to.Secrets["secret"].Reveal())
	if err != nil {
		return failed(connector.Denied, err.Error(), 0)
	}
	answer, err := h.poster.Call(ctx, webhook.PolicyCall{
		ID: c.ID, URL: to.Secrets["url"].Reveal(), Secret: secret, Private: to.Private,
		Token: c.Token, ReplyTo: api.ResumePath, Answers: c.Direction == policy.TwoWay,
		Body: webhook.PolicyBody{
			Request: c.Request, Status: string(c.Status), Direction: string(c.Direction), Callback: callback(c.Before),
			Identity: webhook.NewIdentityMap(c.Identities), Action: string(c.Action), Timestamp: h.now().UTC().Truncate(time.Second),
		},
	})
	var wrong *webhook.CallError
	if errors.As(err, &wrong) {
		kind := connector.Permanent
		switch {
		case wrong.Refused:
			kind = connector.Denied
		case wrong.Transient:
			kind = connector.Transient
		}
		return failed(kind, wrong.Reason, wrong.RetryAfter)
	}
	derived, err := answer.Derived.Identities()
	if err != nil {
		return failed(connector.Permanent, "what it derives is refused: "+err.Error(), 0)
	}
	return fulfill.WebhookAnswer{Derived: derived, Halt: answer.Halt}, nil
}

func callback(before bool) string {
	if before {
		return "pre"
	}
	return "post"
}

// resumes lets requests go on that webhooks have halted.
type resumes struct {
	db   *store.DB
	wake func()
}

var _ api.Resumes = resumes{}

// Resume implements api.Resumes.
func (r resumes) Resume(ctx context.Context, token, about string, derived webhook.IdentityMap) error {
	pass, err := r.db.Passes().Find(ctx, auth.ResumeRequest, token)
	if err != nil {
		return err
	}
	id, key, ok := request.OfHook(pass.Object)
	if !ok || about != "" && about != id {
		return auth.ErrRefused
	}
	hooked, err := r.hooked(ctx, pass.Tenant, id, key, derived)
	if err != nil {
		return err
	}
	var types []string
	for _, i := range hooked.Identities {
		types = append(types, string(i.Type))
	}
	entry := audit.Entry{Act: "request.resume", Object: "request/" + id, Details: map[string]any{"webhook": key, "derived": types}}
	if err := r.db.Requests().Resume(ctx, pass, id, hooked, entry); err != nil {
		return err
	}
	r.wake()
	return nil
}

// hooked reads what a webhook adds; *request.Invalid where the plan of the
// request does not provide for it.
func (r resumes) hooked(ctx context.Context, tenant, id, key string, derived webhook.IdentityMap) (h request.Hooked, err error) {
	req, err := r.db.Requests().Get(ctx, tenant, id)
	if err != nil {
		return h, err
	}
	if req.Status.Terminal() || len(req.Plan) == 0 {
		return h, auth.ErrRefused
	}
	plan := &graph.Plan{}
	if err := json.Unmarshal(req.Plan, plan); err != nil {
		return h, fmt.Errorf("read the stored plan: %w", err)
	}
	if plan.Webhooks == nil {
		return h, auth.ErrRefused
	}
	before, err := r.db.Work().Hooks(ctx, tenant, id)
	if err != nil {
		return h, err
	}
	h.Hook = before[key]
	h.Key, h.Status, h.Message = key, request.HookAnswered, "it has resumed the request"
	if h.Seal, err = r.db.Keys().RequestKey(ctx, tenant, id); errors.Is(err, request.ErrDestroyed) {
		return h, auth.ErrRefused
	}
	if err != nil {
		return h, err
	}
	if h.Identities, err = derived.Identities(); err != nil {
		return h, &request.Invalid{Where: "derived_identity", What: err.Error()}
	}
	for _, i := range h.Identities {
		if !slices.ContainsFunc(plan.Webhooks.Pre, func(w graph.Webhook) bool { return w.Key == key && slices.Contains(w.Derives, i.Type) }) {
			return h, &request.Invalid{Where: "derived_identity", What: fmt.Sprintf("the webhook %s derives no identity of type %s by the policy", key, i.Type)}
		}
	}
	return h, nil
}
