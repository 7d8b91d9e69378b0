package fulfill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// WebhookCaller calls the webhooks of a policy.
type WebhookCaller interface {
	// CallWebhook makes one call. Whatever goes wrong is a *connector.Error of the
	// connection, of a kind that says whether to call again.
	CallWebhook(ctx context.Context, c WebhookCall) (WebhookAnswer, error)
}

// WebhookCall is what a webhook is called with.
type WebhookCall struct {
	ID         string // the same for all calls of this webhook for this request
	Connection string
	Request    string
	Status     request.Status
	Direction  policy.Direction
	Before     bool // before anything is read, or after all is done
	Action     policy.Action
	Identities []subject.Identity
	Token      string // that resumes the request; "" where it cannot be halted
}

// WebhookAnswer is what a webhook that is two_way has said.
type WebhookAnswer struct {
	Derived []subject.Identity
	Halt    bool
}

// HookLog keeps what became of the webhooks of running requests.
type HookLog interface {
	// Hooks gives the webhooks of a request that were called, by key.
	Hooks(ctx context.Context, tenant, id string) (map[string]request.Hook, error)
	// Calling records that a webhook may be called from now on, h.Calls times in
	// all, with its audit entry, and issues the pass when there is one that was
	// not issued yet.
	Calling(ctx context.Context, l request.Lease, h request.Hook, pass *auth.Pass, entry audit.Entry) error
	// Answered records what a webhook has answered, with its audit entry. Where
	// it is request.HookAnswered, its pass is good for nothing any more.
	Answered(ctx context.Context, l request.Lease, h request.Hooked, entry audit.Entry) error
}

// passTime is how long a webhook can wait to let a request go on that it has
// halted. After that an operator can.
const passTime = 90 * 24 * time.Hour

func (r *run) callsBefore() bool { return r.plan.Webhooks != nil && len(r.plan.Webhooks.Pre) > 0 }
func (r *run) callsAfter() bool  { return r.plan.Webhooks != nil && len(r.plan.Webhooks.Post) > 0 }

// equipped refuses a plan that this process cannot carry out.
func (r *run) equipped() error {
	const mend = "submit it to a server (volenti serve), or take it out of the policy"
	switch {
	case r.Webhooks == nil && (r.callsBefore() || r.callsAfter()):
		return errors.New("the policy has webhooks, and this command calls none; nothing was read: " + mend)
	case r.Consents == nil && r.withdraws():
		return errors.New("the policy withdraws consents, and this command has no ledger of them; nothing was read: " + mend)
	}
	return nil
}

// webhooksBefore calls the webhooks that may add identities and halt the
// request (X5).
func (r *run) webhooksBefore(ctx context.Context) error {
	return r.callAll(ctx, r.plan.Webhooks.Pre, true)
}

// webhooksAfter calls those that are to know when all is done (X14).
func (r *run) webhooksAfter(ctx context.Context) error {
	return r.callAll(ctx, r.plan.Webhooks.Post, false)
}

// callAll calls webhooks one after the other. One whose answer is recorded is
// not called again, whatever happens to the request afterwards.
func (r *run) callAll(ctx context.Context, hooks []graph.Webhook, before bool) error {
	done, err := r.work.Hooks(ctx, r.lease.Tenant, r.lease.Request)
	if err != nil {
		return err
	}
	for _, w := range hooks {
		h := done[w.Key]
		h.Key = w.Key
		switch h.Status {
		case request.HookAnswered, request.HookGivenUp:
			continue
		case request.HookHalted: // an operator has let the request go on
			h.Status, h.Message = request.HookAnswered, "it had halted the request, and an operator let it go on"
			err = r.answered(ctx, request.Hooked{Hook: h})
		default:
			err = r.call(ctx, w, h, before)
			if err == nil {
				err = r.openIdentities(ctx) // there may be more of them
			}
		}
		if err != nil {
			return err
		}
		crash("webhook.recorded")
	}
	return nil
}

// call calls one webhook until it answers, and records what it said.
func (r *run) call(ctx context.Context, w graph.Webhook, h request.Hook, before bool) error {
	call := WebhookCall{
		ID: r.hookID(w.Key), Connection: w.Connection, Request: r.lease.Request, Status: request.InProcessing,
		Direction: w.Direction, Before: before, Action: r.action(), Identities: r.identities,
	}
	var pass *auth.Pass
	if before && w.Direction == policy.TwoWay {
		p, token, err := r.pass(w.Key)
		if err != nil {
			return err
		}
		pass, call.Token = &p, token
	}
	var answer WebhookAnswer
	err := r.patiently(ctx, func() (err error) {
		h.Calls++
		if err := r.work.Calling(ctx, r.lease, h, pass, r.entry("request.webhook", map[string]any{"webhook": w.Key, "connection": w.Connection, "call": h.Calls})); err != nil {
			return fmt.Errorf("call the webhook %s: %w", w.Key, err)
		}
		crash("webhook.calling")
		answer, err = r.Webhooks.CallWebhook(ctx, call)
		crash("webhook.called")
		if err == nil {
			err = permitted(answer, w, before)
		}
		return err
	})
	if ctx.Err() != nil || lost(err) || errors.Is(err, request.ErrFenced) {
		return err
	}
	h.Derived = nil
	hooked := request.Hooked{Hook: h, Identities: answer.Derived, Seal: r.key}
	switch {
	case err != nil && w.Direction == policy.OneWay:
		hooked.Status, hooked.Message, hooked.Identities = request.HookGivenUp, err.Error(), nil
		return r.answered(ctx, hooked)
	case err != nil:
		hooked.Status, hooked.Message, hooked.Identities = request.HookErrored, err.Error(), nil
		return errors.Join(fmt.Errorf("the webhook %s: %w", w.Key, err), r.answered(ctx, hooked))
	case answer.Halt:
		hooked.Status = request.HookHalted
		return pause{
			reason: fmt.Sprintf("the webhook %s has halted the request", w.Key),
			parked: request.Parked{Needed: []string{fmt.Sprintf("the program behind the webhook %s resumes the request with the token that it was sent, or an operator retries it", w.Key)}},
			hooked: &hooked,
		}
	}
	hooked.Status = request.HookAnswered
	return r.answered(ctx, hooked)
}

func (r *run) answered(ctx context.Context, h request.Hooked) error {
	entry := r.entry("request.webhook_answer", map[string]any{"webhook": h.Key, "status": string(h.Status), "derived": typesOf(h.Identities), "reason": h.Message})
	if err := r.work.Answered(ctx, r.lease, h, entry); err != nil {
		return fmt.Errorf("record what the webhook %s answered: %w", h.Key, err)
	}
	return nil
}

func typesOf(identities []subject.Identity) []string {
	types := []string{}
	for _, i := range identities {
		types = append(types, string(i.Type))
	}
	return types
}

// permitted refuses an answer that the plan does not provide for.
func permitted(a WebhookAnswer, w graph.Webhook, before bool) error {
	refused := func(reason string) error {
		return &connector.Error{Kind: connector.Permanent, Connection: w.Connection, Doing: "call the webhook " + w.Key, Reason: reason}
	}
	if a.Halt && !before {
		return refused("it would halt a request of which all is done")
	}
	for _, i := range a.Derived {
		if !slices.Contains(w.Derives, i.Type) {
			return refused(fmt.Sprintf("it derives an identity of type %s, and its entry in the policy does not say so (derives)", i.Type))
		}
	}
	return nil
}

// action is what the policy is mostly about.
func (r *run) action() policy.Action {
	switch {
	case r.erases():
		return policy.Erasure
	case r.returns() || !r.withdraws():
		return policy.Access
	}
	return policy.Consent
}

// hookID is the idempotency key of a webhook in a request (E18). It has no full
// stop, which signatures use between their parts.
func (r *run) hookID(key string) string {
	sum := sha256.Sum256([]byte("webhook/" + r.lease.Request + "/" + key))
	return hex.EncodeToString(sum[:16])
}

// pass makes the token by which a webhook can resume the request. It comes from
// the request's key, so that a call that is made again has the same one.
func (r *run) pass(key string) (auth.Pass, string, error) {
	secret := append(r.key.Derive("webhook-pass-id/"+key), r.key.Derive("webhook-pass/"+key)...)
	return auth.NewPass(r.lease.Tenant, auth.ResumeRequest, request.HookObject(r.lease.Request, key), 1, r.Now().Add(passTime), bytes.NewReader(secret))
}

// WebhookReport is one webhook of the plan.
type WebhookReport struct {
	Webhook    string             `json:"webhook"`
	Connection string             `json:"connection"`
	Status     request.HookStatus `json:"status"` // "" while it was not called
	// Calls is more than 1 where an answer did not come, or was lost: the program
	// behind it may have acted on each, and could tell them to be the same.
	Calls   int            `json:"calls"`
	Message string         `json:"message,omitempty"`
	Derived []subject.Type `json:"derived,omitempty"` // of the identities that it added
}

func webhookReports(ctx context.Context, req request.Request, plan *graph.Plan, work HookLog) (all []WebhookReport, err error) {
	if plan.Webhooks == nil {
		return nil, nil
	}
	hooks, err := work.Hooks(ctx, req.Tenant, req.ID)
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	for _, w := range slices.Concat(plan.Webhooks.Pre, plan.Webhooks.Post) {
		h := hooks[w.Key]
		all = append(all, WebhookReport{Webhook: w.Key, Connection: w.Connection, Status: h.Status, Calls: h.Calls, Message: h.Message, Derived: h.Derived})
	}
	return all, nil
}

func (p patient) Hooks(ctx context.Context, tenant, id string) (map[string]request.Hook, error) {
	return ask(ctx, p, func() (map[string]request.Hook, error) { return p.Work.Hooks(ctx, tenant, id) })
}

// Calling may be made twice: how often was counted before.
func (p patient) Calling(ctx context.Context, l request.Lease, h request.Hook, pass *auth.Pass, entry audit.Entry) error {
	return p.try(ctx, func() error { return p.Work.Calling(ctx, l, h, pass, entry) })
}

// Answered may be made twice: it sets what it sets.
func (p patient) Answered(ctx context.Context, l request.Lease, h request.Hooked, entry audit.Entry) error {
	return p.try(ctx, func() error { return p.Work.Answered(ctx, l, h, entry) })
}
