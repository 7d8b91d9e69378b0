package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/deadline"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// Prove implements api.Front.
func (f *front) Prove(ctx context.Context, tenant, reference string, party request.Party, code string) (api.Standing, string, error) {
	none := api.Standing{}
	challenge, err := f.store().Intake().Judge(ctx, tenant, reference, party)
	if err != nil {
		return none, "", err
	}
	keys, err := f.store().Tenant(ctx, tenant)
	if err != nil {
		return none, "", err
	}
	proof, err := challenge.Answer(code, keys.RecallKey())
	if err != nil {
		return none, "", err
	}
	r, err := f.store().Requests().Get(ctx, tenant, reference)
	if err != nil {
		return none, "", err
	}
	if party == request.Agent {
		return f.proveAgent(ctx, r, proof)
	}
	stands, token, err := f.settle(ctx, r, "request.verify", map[string]any{"by": byPerson}, func(how store.Settling) (request.Request, error) {
		return f.store().Intake().Prove(ctx, proof, how)
	})
	if errors.Is(err, request.ErrTransition) {
		err = request.ErrRefused // another was quicker with the same code
	}
	if err != nil {
		return none, "", err
	}
	s, err := f.standing(ctx, stands)
	return s, token, err
}

const agentWaits = "the agent has answered at their address, the person has not: judge the agent's authority, and vouch for the identities or deny the request"

func (f *front) proveAgent(ctx context.Context, r request.Request, proof request.Proof) (api.Standing, string, error) {
	entry := audit.Entry{Act: "request.agent", Object: "request/" + r.ID, Details: map[string]any{"by": byAgent}}
	if err := f.store().Intake().ProveAgent(ctx, proof, agentWaits, entry); err != nil {
		return api.Standing{}, "", err
	}
	s, err := f.standing(ctx, r)
	return s, "", err
}

// settle lets a request stand, with a receipt and a link to follow it, and
// plans it.
func (f *front) settle(ctx context.Context, r request.Request, act string, details map[string]any, commit func(store.Settling) (request.Request, error)) (stands request.Request, token string, err error) {
	p, err := f.policyOf(ctx, r)
	if err != nil { // it is still proven, and somebody looks at it
		p = policy.Policy{Key: r.Policy}
	}
	how := store.Settling{Window: window(p)}
	due := ""
	rules, err := f.desk.rules(ctx, r.Tenant)
	if err != nil { // the usual calendar, then
		rules = deadline.Rules{}
	}
	asked := r.Law
	if p.Intake != nil {
		asked = cmp.Or(asked, p.Intake.Law)
	}
	if law, known := rules.LawOf(asked, r.Place); known {
		how.Law = law.Key
		clock, runs, err := rules.Clock(law.Key, r.Received, f.desk.now(), true)
		if err != nil {
			return r, "", err
		}
		if runs {
			day, end, err := clock.Due()
			if err != nil {
				return r, "", err
			}
			how.Due, due = end, string(day)
		}
	}
	how.Tell = func(stands request.Request, address subject.Personal[string]) (pass auth.Pass, letters []message.Letter, entry audit.Entry, err error) {
		entry = audit.Entry{Act: act, Object: "request/" + r.ID, Details: details}
		if stands.ID != r.ID {
			entry.Act, entry.Details = "request.duplicate", map[string]any{"of": stands.ID}
			for name, value := range details {
				entry.Details[name] = value
			}
			if due = ""; !stands.Due.IsZero() {
				due = stands.Due.Add(-time.Second).Format(time.DateOnly)
			}
		}
		writing := f.desk.handing.writing
		if pass, token, err = writing.Follow(stands); err != nil {
			return pass, nil, entry, err
		}
		if address.Reveal() == "" {
			return pass, nil, entry, nil
		}
		letter, err := message.New(message.Letter{
			Request: stands.ID, Kind: message.Receipt, Language: r.Language, To: address,
			Values: message.Values{"reference": stands.ID, "policy": named(p), "due": due, "url": writing.FollowURL(token)},
		})
		return pass, []message.Letter{letter}, entry, err
	}
	if stands, err = commit(how); err != nil {
		return r, "", err
	}
	if stands.ID == r.ID {
		f.desk.firstPlans(context.WithoutCancel(ctx), r.Tenant, []request.Request{stands})
	}
	stands, err = f.store().Requests().Get(ctx, r.Tenant, stands.ID)
	return stands, token, err
}

func window(p policy.Policy) time.Duration {
	days := policy.DefaultWindow
	if p.Intake != nil {
		days = p.Intake.Window
	}
	return time.Duration(days) * 24 * time.Hour
}

// Follow implements api.Front.
func (f *front) Follow(ctx context.Context, token string) (api.Standing, error) {
	r, err := f.followed(ctx, token)
	if err != nil {
		return api.Standing{}, err
	}
	return f.standing(ctx, r)
}

func (f *front) followed(ctx context.Context, token string) (request.Request, error) {
	pass, err := f.store().Passes().Find(ctx, auth.FollowRequest, token)
	if err != nil {
		return request.Request{}, err
	}
	id, ok := strings.CutPrefix(pass.Object, "request/")
	if !ok {
		return request.Request{}, auth.ErrRefused
	}
	return f.store().Requests().Get(ctx, pass.Tenant, id)
}

func (f *front) standing(ctx context.Context, r request.Request) (api.Standing, error) {
	s := api.Standing{
		Reference: r.ID, Policy: r.Policy, Status: api.ForPerson(r.Status), Received: r.Received, Verified: r.Verified, Due: r.Due, Extended: r.Extended, Ended: r.Ended,
	}
	if p, err := f.policyOf(ctx, r); err == nil {
		s.Policy = named(p)
	}
	if r.Status == request.Denied {
		s.Reason = r.Message
	}
	if s.Status == api.Finished && len(r.Plan) > 0 {
		var err error
		s.Outcome, err = f.outcome(ctx, r)
		return s, err
	}
	if r.Status == request.IdentityUnverified || !request.MayWithdraw(r.Status) {
		return s, nil
	}
	began, err := f.store().Intake().ErasureBegan(ctx, r.Tenant, r.ID)
	s.Withdraw = !began
	return s, err
}

// outcome tells the person what became of their data, in the language of the request.
func (f *front) outcome(ctx context.Context, r request.Request) (told api.PersonOutcome, err error) {
	plan := &graph.Plan{}
	if err := json.Unmarshal(r.Plan, plan); err != nil {
		return told, fmt.Errorf("read the stored plan: %w", err)
	}
	_, words, err := f.desk.handing.about(ctx, r)
	if err != nil {
		return told, err
	}
	o, err := fulfill.NewOutcome(ctx, r, plan, f.store().Work(), words)
	for _, e := range o.Erased {
		told.Erased = append(told.Erased, api.ErasedKind(e))
	}
	for _, k := range o.Kept {
		told.Kept = append(told.Kept, api.KeptKind{What: k.What, Reason: k.Reason, Ground: k.Ground, Until: string(k.Until)})
	}
	return told, err
}

// Withdraw implements api.Front.
func (f *front) Withdraw(ctx context.Context, token string) (api.Standing, error) {
	r, err := f.followed(ctx, token)
	if err != nil {
		return api.Standing{}, err
	}
	entry := audit.Entry{Act: "request.cancel", Object: "request/" + r.ID, Details: map[string]any{"by": byPerson}}
	failed := f.store().Intake().Withdraw(ctx, r.Tenant, r.ID, entry)
	if failed != nil && !errors.Is(failed, request.ErrTransition) {
		return api.Standing{}, failed
	}
	if r, err = f.store().Requests().Get(ctx, r.Tenant, r.ID); err != nil {
		return api.Standing{}, err
	}
	if failed != nil && r.Status != request.Canceled { // given up already is given up
		return api.Standing{}, failed
	}
	return f.standing(ctx, r)
}
