package api

import (
	"context"
	"errors"
	"net/http"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/site"
)

// Erasures says what people can have erased.
type Erasures interface {
	// Erasures lists the policies that erase and that people can ask under by
	// themselves, in a language (BCP 47); none where nothing can be asked.
	Erasures(ctx context.Context, tenant, language string) ([]Erasure, error)
}

// Erasure is what becomes of a person's data under a policy.
type Erasure struct {
	Policy string    `json:"policy"`
	Name   string    `json:"name,omitempty"`
	Erases []string  `json:"erases" nullable:"false" doc:"Kinds of data, in the language that was asked for where they have a name in it"`
	Keeps  []Keeping `json:"keeps" nullable:"false" doc:"What is kept all the same"`
	Answer *Period   `json:"answer,omitempty" doc:"How long an answer may take, from the day after it was asked for; absent where no law is named"`
}

// Period is a length of time in one of its fields.
type Period struct {
	Months       int `json:"months,omitempty"`
	Days         int `json:"days,omitempty"`
	BusinessDays int `json:"business_days,omitempty"`
}

// Keeping is data that is kept although its erasure is asked for.
type Keeping struct {
	What   string `json:"what"`
	Reason string `json:"reason" doc:"As the policy tells it"`
	Ground string `json:"ground,omitempty" doc:"The law that it rests on"`
	Until  string `json:"until,omitempty" doc:"The last day; absent where none is set"`
}

type deletionInput struct {
	Site     string `path:"site" maxLength:"64" doc:"Key of the site"`
	Language string `query:"language" maxLength:"35" doc:"BCP 47 tag"`
}

type deletionOutput struct {
	Body AccountDeletion
}

// AccountDeletion is what somebody is told who wants their account with a site or an app
// deleted, as the stores of apps ask for it.
type AccountDeletion struct {
	Site       string    `json:"site" doc:"Key of the site"`
	Name       string    `json:"name" doc:"Of the site or app"`
	Controller string    `json:"controller,omitempty" doc:"Whose it is"`
	Contact    string    `json:"contact,omitempty" doc:"IRI, like mailto:privacy@example.com"`
	Privacy    string    `json:"privacy,omitempty" doc:"URL of the privacy policy that visitors of the site are shown"`
	Policies   []Erasure `json:"policies" nullable:"false" doc:"Under which it can be asked for"`
}

func tellDeletion(a *API, ctx context.Context, _ auth.Caller, in *deletionInput) (*deletionOutput, error) {
	at, err := a.siteOf(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	shown, _, err := a.config.Sites.Get(ctx, at.Tenant, at.ID)
	if err != nil {
		return nil, err
	}
	rules, err := a.config.Consents.Rules(ctx, at.Tenant)
	if err != nil {
		return nil, err
	}
	all, err := a.config.Erasures.Erasures(ctx, at.Tenant, in.Language)
	if err != nil {
		return nil, err
	}
	told := AccountDeletion{Site: at.Key, Name: shown.Name, Controller: rules.Controller.Name, Contact: rules.Controller.Contact, Policies: append([]Erasure{}, all...)}
	if at.Version > 0 {
		v, err := a.config.Sites.Shown(ctx, at.Tenant, at.ID, at.Version)
		if err != nil {
			return nil, err
		}
		told.Privacy = v.Links[v.Speak(in.Language)]["privacy"]
	}
	return &deletionOutput{told}, nil
}

// siteOf finds a site by its key, whether or not it is published.
func (a *API) siteOf(ctx context.Context, key string) (site.Place, error) {
	at, err := a.config.Sites.Place(ctx, key)
	if errors.Is(err, site.ErrNotFound) {
		return at, &Problem{Status: http.StatusNotFound, Detail: "There is no site with this key."}
	}
	return at, err
}

// fromSite gives whose tenant somebody asks, and the id of the site whose page leads
// here: the tenant of that site, or the one that is named where there is none.
func (a *API) fromSite(ctx context.Context, tenant, key string) (of, id string, err error) {
	if key == "" {
		return tenant, "", nil
	}
	at, err := a.siteOf(ctx, key)
	return at.Tenant, at.ID, err
}
