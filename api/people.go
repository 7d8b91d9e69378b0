package api

import (
	"context"
	"slices"
	"strings"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// People knows who subjects are.
type People interface {
	// KnownBy opens what a subject is known by; consent.ErrNotFound for who never
	// was, and consent.ErrErased.
	KnownBy(ctx context.Context, tenant string, id consent.SubjectID) ([]subject.Identity, error)
}

type whoOutput struct {
	Body Who
}

// Who is what a subject is known by.
type Who struct {
	Subject    consent.SubjectID `json:"subject" format:"uuid"`
	Identities []Identity        `json:"identities" nullable:"false" doc:"By type, in normal form"`
}

func showSubject(a *API, ctx context.Context, caller auth.Caller, in *subjectInput) (*whoOutput, error) {
	id, known, err := a.knownBy(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	who := Who{Subject: id, Identities: []Identity{}}
	for _, i := range known {
		who.Identities = append(who.Identities, Identity{string(i.Type), i.Value.Reveal()})
	}
	return &whoOutput{who}, nil
}

func (a *API) knownBy(ctx context.Context, caller auth.Caller, text string) (id consent.SubjectID, known []subject.Identity, err error) {
	if id, err = consent.ParseSubjectID(text); err != nil {
		return id, nil, err
	}
	known, err = a.config.People.KnownBy(ctx, caller.Tenant, id)
	return id, known, err
}

// requestsOfSubject bounds how many requests of a subject are shown.
const requestsOfSubject = 100

type requestsOfOutput struct {
	Body RequestsOf
}

// RequestsOf is the requests of a subject.
type RequestsOf struct {
	Items []Request `json:"items" nullable:"false" doc:"Newest first, the last 100 by each identity"`
}

// listRequestsOf looks by each of the subject's identities, whoever has asked.
func listRequestsOf(a *API, ctx context.Context, caller auth.Caller, in *subjectInput) (*requestsOfOutput, error) {
	_, known, err := a.knownBy(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	found := map[string]request.Request{}
	for _, i := range known {
		digest, err := a.config.Requests.Digest(ctx, caller.Tenant, i)
		if err != nil {
			return nil, err
		}
		some, err := a.config.Requests.Search(ctx, caller.Tenant, request.Query{Type: i.Type, Digest: digest}, request.Mark{}, requestsOfSubject)
		if err != nil {
			return nil, err
		}
		for _, r := range some {
			found[r.ID] = r
		}
	}
	out := RequestsOf{Items: []Request{}}
	for _, r := range found {
		out.Items = append(out.Items, a.shown(r))
	}
	slices.SortFunc(out.Items, func(x, y Request) int { return strings.Compare(y.ID, x.ID) })
	return &requestsOfOutput{out}, nil
}
