package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/policy"
	"volenti.dev/volenti/subject"
)

var _ api.Intake = (*front)(nil)

// Person implements api.Intake.
func (f *front) Person(ctx context.Context, tenant, id string) (p api.PersonOf, err error) {
	key, err := f.store().Keys().RequestKey(ctx, tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		err = request.ErrNotFound
	}
	if err != nil {
		return p, err
	}
	all, err := f.store().Requests().Identities(ctx, tenant, id)
	if err != nil {
		return p, err
	}
	for _, i := range all {
		known, err := i.Unseal(key, tenant, id)
		if err != nil {
			return p, err
		}
		p.Identities = append(p.Identities, api.KnownIdentity{Identity: known, Origin: i.Origin})
	}
	answers := map[string]any{}
	if _, err := f.paper(ctx, key, tenant, id, request.AnswersPaper, &answers); err != nil {
		return p, err
	}
	p.Answers = subject.Conceal(answers)
	p.Agent, err = f.agentOf(ctx, key, tenant, id)
	return p, err
}

// paper reads a paper that is a form; false where there is none.
func (f *front) paper(ctx context.Context, key request.Key, tenant, id, kind string, into any) (bool, error) {
	papers, err := f.store().Work().Papers(ctx, tenant, id, kind)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(papers, func(p request.Paper) bool { return p.Name == formName })
	if at < 0 {
		return false, nil
	}
	text, err := papers[at].Unseal(key, tenant, id)
	if err != nil {
		return false, err
	}
	if json.Unmarshal(text, into) != nil {
		return false, errors.New("a paper of kind " + kind + " cannot be read") // the error of JSON may repeat it
	}
	return true, nil
}

// agentOf gives who asks for the person; nil where nobody does.
func (f *front) agentOf(ctx context.Context, key request.Key, tenant, id string) (*api.AuthorisedAgent, error) {
	var agent agentOnPaper
	if there, err := f.paper(ctx, key, tenant, id, agentPaper, &agent); err != nil || !there {
		return nil, err
	}
	email, err := subject.New(subject.Email, agent.Email)
	return &api.AuthorisedAgent{Name: subject.Conceal(agent.Name), Email: email, Authority: subject.Conceal(agent.Authority)}, err
}

// Vouch implements api.Intake.
func (f *front) Vouch(ctx context.Context, caller auth.Caller, id, note string) error {
	r, err := f.store().Requests().Get(ctx, caller.Tenant, id)
	if err != nil {
		return err
	}
	_, _, err = f.settle(ctx, r, "request.verify", map[string]any{"by": caller.By(), "note": note}, func(how store.Settling) (request.Request, error) {
		return f.store().Intake().Vouch(ctx, caller.Tenant, id, how)
	})
	return err
}

// circumstances puts into a request how it came in; *request.Refused tells all
// that is wrong. It gives what is kept beside the identities.
func (d *frontDesk) circumstances(r *request.Request, e *edition, s api.Submission) (papers []store.Paper, err error) {
	var wrong []*request.Invalid
	add := func(where, what string) { wrong = append(wrong, &request.Invalid{Where: where, What: what}) }
	r.Source = cmp.Or(s.Source, r.Source, "api")
	if !s.Received.IsZero() {
		r.Received = s.Received
	}
	if r.Place, err = request.ParsePlace(cmp.Or(s.Place, r.Place)); err != nil {
		add("place", err.Error())
	}
	if r.Language, err = request.ParseLanguage(cmp.Or(s.Language, r.Language)); err != nil {
		add("language", err.Error())
	}
	if s.Received.After(d.now()) {
		add("received", "it is in the future")
	}
	form := &policy.Intake{}
	if p, _ := e.config.Policy(s.Policy); p.Intake != nil {
		form = p.Intake
	}
	answers, bad := form.Check(s.Fields)
	for _, w := range bad {
		if w.What != policy.Missing { // who asks by letter was not asked
			add(strings.TrimSuffix("fields."+w.Field, "."), w.What)
		}
	}
	if len(wrong) > 0 {
		return nil, &request.Refused{All: wrong}
	}
	return examined{answers: answers}.papers()
}

// keepUp gives up what nobody has proven in time, and plans what could not be
// planned when it was proven.
func (f *front) keepUp(ctx context.Context) error {
	return everyTenant(ctx, f.store(), func(ctx context.Context, tenant string) error {
		return errors.Join(f.sweep(ctx, tenant), f.desk.planTenant(ctx, tenant), f.store().Passes().Sweep(ctx, tenant))
	})
}

func (f *front) sweep(ctx context.Context, tenant string) error {
	for {
		swept, err := f.store().Intake().Sweep(ctx, tenant, upkeepSlice, func(id string) audit.Entry {
			return audit.Entry{Act: "request.lapse", Object: "request/" + id, Details: map[string]any{}}
		})
		if err != nil || swept < upkeepSlice {
			return err
		}
	}
}
