package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

// front takes in what people ask for themselves. Nothing of it asks a database
// of the company before a code was answered.
type front struct {
	desk   *frontDesk
	random io.Reader
}

var _ api.Front = (*front)(nil)

// By whom these acts are, in the audit log and as the author of requests.
const (
	byPerson = "person"
	byAgent  = "agent"
)

// Papers of a request.
const (
	agentPaper = "agent" // who asks for the person, as a JSON object
	formName   = "form"
)

func (s *Server) front() *front { return &front{s.desk(), rand.Reader} }

func (f *front) store() *store.DB { return f.desk.house.Store }

// Forms implements api.Front.
func (f *front) Forms(ctx context.Context, tenant string) ([]api.Form, error) {
	e, release, err := f.use(ctx, tenant)
	if errors.Is(err, request.ErrNoConfiguration) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	var forms []api.Form
	for _, p := range e.config.Policies {
		if p.Intake == nil || !p.Intake.Public {
			continue
		}
		form := api.Form{Policy: p.Key, Name: p.Name, Identities: e.config.Datasets.IdentityTypes(), Fields: p.Intake.Fields}
		for _, rule := range p.Rules {
			if !slices.Contains(form.Actions, rule.Action) {
				form.Actions = append(form.Actions, rule.Action)
			}
		}
		forms = append(forms, form)
	}
	return forms, nil
}

// use gives the tenant's configuration: request.ErrNotFound where there is no
// such tenant, request.ErrClosed where nothing can be asked. What is wrong with
// the configuration is nobody's business but the company's.
func (f *front) use(ctx context.Context, tenant string) (*edition, func(), error) {
	if _, err := f.store().Tenant(ctx, tenant); errors.Is(err, store.ErrNoTenant) {
		return nil, nil, request.ErrNotFound
	}
	e, release, err := f.desk.latest.Use(ctx, tenant)
	if errors.Is(err, request.ErrConfiguration) || errors.Is(err, request.ErrNoConfiguration) {
		f.desk.log.WarnContext(ctx, "people cannot ask for anything", "tenant", tenant, "error", err)
		err = fmt.Errorf("%w: %w", request.ErrClosed, err)
	}
	return e, release, err
}

// Ask implements api.Front.
func (f *front) Ask(ctx context.Context, tenant string, asked api.Asked) (string, error) {
	e, release, err := f.use(ctx, tenant)
	if err != nil {
		return "", err
	}
	defer release()
	a, err := examine(e.config, asked)
	if err != nil {
		return "", err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	r := request.Request{
		ID: id.String(), Tenant: tenant, Policy: a.policy.Key, Status: request.IdentityUnverified,
		Author: byPerson, Source: "form", Language: a.language, Place: a.place,
	}
	codes := []store.Code{}
	add := func(party request.Party, to subject.Identity) error {
		c, err := f.code(ctx, r, a.policy, party, to)
		codes = append(codes, c)
		return err
	}
	if err := add(request.Person, a.email); err != nil {
		return "", err
	}
	papers, err := a.papers()
	if err != nil {
		return "", err
	}
	if asked.Agent != nil {
		r.Author, r.Source = byAgent, "agent"
		if err := add(request.Agent, asked.Agent.Email); err != nil {
			return "", err
		}
	}
	digests, err := f.digests(ctx, tenant, asked.Identities)
	if err != nil {
		return "", err
	}
	entry := audit.Entry{Act: "request.submit", Object: "request/" + r.ID, Details: map[string]any{"by": r.Author, "policy": r.Policy, "identities": digests}}
	if asked.Site != "" {
		entry.Details["site"] = asked.Site
	}
	return r.ID, f.store().Intake().Submit(ctx, r, asked.Identities, papers, codes, entry)
}

func (f *front) digests(ctx context.Context, tenant string, identities []subject.Identity) (digests []string, err error) {
	keys, err := f.store().Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, i := range identities {
		digests = append(digests, request.HeldIdentity(i, keys.RecallKey()))
	}
	return digests, nil
}

// code draws a code for an address, and writes the letter that has it.
func (f *front) code(ctx context.Context, r request.Request, p policy.Policy, party request.Party, to subject.Identity) (c store.Code, err error) {
	keys, err := f.store().Tenant(ctx, r.Tenant)
	if err != nil {
		return c, err
	}
	challenge, code, err := request.NewChallenge(r.Tenant, r.ID, party, to, keys.RecallKey(), f.random)
	if err != nil {
		return c, err
	}
	values := message.Values{"reference": r.ID, "policy": named(p), "code": code, "minutes": int(request.CodeLasts.Minutes())}
	letter, err := message.New(message.Letter{Request: r.ID, Kind: message.Code, Language: r.Language, To: to.Value, Values: values})
	return store.Code{Challenge: challenge, Letter: letter}, err
}

func named(p policy.Policy) string { return cmp.Or(p.Name, p.Key) }

// SendCode implements api.Front.
func (f *front) SendCode(ctx context.Context, tenant, reference string, party request.Party) error {
	err := f.sendCode(ctx, tenant, reference, party)
	if errors.Is(err, request.ErrNotFound) || errors.Is(err, request.ErrTransition) || errors.Is(err, request.ErrRefused) || errors.Is(err, request.ErrDestroyed) || errors.Is(err, store.ErrNoTenant) {
		return nil // that is nobody's business
	}
	return err
}

func (f *front) sendCode(ctx context.Context, tenant, reference string, party request.Party) error {
	r, err := f.store().Requests().Get(ctx, tenant, reference)
	if err != nil {
		return err
	}
	to, err := f.addressOf(ctx, r, party)
	if err != nil {
		return err
	}
	p := policy.Policy{Key: r.Policy}
	if found, err := f.policyOf(ctx, r); err == nil {
		p = found
	}
	c, err := f.code(ctx, r, p, party, to)
	if err != nil {
		return err
	}
	entry := audit.Entry{Act: "request.code", Object: "request/" + r.ID, Details: map[string]any{"to": party}}
	return f.store().Intake().Send(ctx, c, entry)
}

// addressOf gives the address that a party has claimed; request.ErrNotFound
// where there is none.
func (f *front) addressOf(ctx context.Context, r request.Request, party request.Party) (subject.Identity, error) {
	none := subject.Identity{}
	key, err := f.store().Keys().RequestKey(ctx, r.Tenant, r.ID)
	if err != nil {
		return none, err
	}
	if party == request.Agent {
		agent, err := f.agentOf(ctx, key, r.Tenant, r.ID)
		if err != nil || agent == nil {
			return none, errors.Join(err, request.ErrNotFound)
		}
		return agent.Email, nil
	}
	all, err := f.store().Requests().Identities(ctx, r.Tenant, r.ID)
	if err != nil {
		return none, err
	}
	for _, i := range all {
		if i.Type == subject.Email && i.Origin == request.Claimed {
			return i.Unseal(key, r.Tenant, r.ID)
		}
	}
	return none, request.ErrNotFound
}

// policyOf gives the policy of a request as it is configured now.
func (f *front) policyOf(ctx context.Context, r request.Request) (policy.Policy, error) {
	e, release, err := f.desk.latest.Use(ctx, r.Tenant)
	if err != nil {
		return policy.Policy{}, err
	}
	defer release()
	p, ok := e.config.Policy(r.Policy)
	if !ok {
		return p, fmt.Errorf("%w: the policy of the request is gone", request.ErrConfiguration)
	}
	return p, nil
}
