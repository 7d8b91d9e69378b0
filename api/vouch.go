package api

import (
	"context"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Intake is what operators do with a request until it is known who asks.
type Intake interface {
	// Person opens what a request knows of who it is about, and of who asks:
	// request.ErrNotFound when it has ended.
	Person(ctx context.Context, tenant, id string) (PersonOf, error)
	// Vouch says that the identities that were claimed are the person's. The
	// request stands then as if they had been proven; request.ErrTransition when
	// it does already.
	Vouch(ctx context.Context, caller auth.Caller, id, note string) error
}

// PersonOf is what a request knows of who it is about.
type PersonOf struct {
	Identities []KnownIdentity
	Answers    subject.Personal[map[string]any]
	Agent      *AuthorisedAgent
}

// KnownIdentity is one identity, and what it is good for.
type KnownIdentity struct {
	subject.Identity
	Origin request.Origin
}

// Circumstances are how a request came to somebody who submits it for the
// person.
type Circumstances struct {
	Source   string         `json:"source,omitempty" enum:"letter,email,phone,desk,form,other" doc:"How it came in; api where nothing is said"`
	Place    string         `json:"place,omitempty" maxLength:"6" doc:"Where the person is: ISO 3166, DE or US-CA"`
	Language string         `json:"language,omitempty" maxLength:"35" doc:"BCP 47 tag of the language of letters to the person"`
	Received time.Time      `json:"received,omitzero" doc:"When it came in, where that was earlier"`
	Fields   map[string]any `json:"fields,omitempty" maxProperties:"50" doc:"Answers to the questions of the policy's form"`
}

type personOutput struct {
	Body PersonShown
}

// PersonShown is what a request knows of who it is about.
type PersonShown struct {
	Identities []IdentityShown `json:"identities" nullable:"false"`
	Fields     map[string]any  `json:"fields" nullable:"false" doc:"Answers to the form"`
	Agent      *AskingAgent    `json:"agent,omitempty" doc:"Who asks, where that is not the person"`
}

// IdentityShown is something that the person is known by.
type IdentityShown struct {
	Type   string `json:"type"`
	Value  string `json:"value"`
	Origin string `json:"origin" enum:"vouched,claimed,proven,derived" doc:"What is only claimed leads to nothing"`
}

func showPerson(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*personOutput, error) {
	p, err := a.config.Intake.Person(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	shown := PersonShown{Identities: []IdentityShown{}, Fields: map[string]any{}}
	for _, i := range p.Identities {
		origin := string(i.Origin)
		if i.Origin == request.Vouched {
			origin = "vouched"
		}
		shown.Identities = append(shown.Identities, IdentityShown{string(i.Type), i.Value.Reveal(), origin})
	}
	if answers := p.Answers.Reveal(); answers != nil {
		shown.Fields = answers
	}
	if p.Agent != nil {
		shown.Agent = &AskingAgent{p.Agent.Name.Reveal(), p.Agent.Email.Value.Reveal(), p.Agent.Authority.Reveal()}
	}
	return &personOutput{shown}, nil
}

type vouchInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"2000" doc:"How it is known that the identities are the person's. It is kept in the audit log for good: it must not say who that is"`
	}
}

func vouchRequest(a *API, ctx context.Context, caller auth.Caller, in *vouchInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Intake.Vouch(ctx, caller, in.ID, in.Body.Note))
}
