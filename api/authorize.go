package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
)

// Authorizations let people allow, at the pages of a vendor, that a connection is used.
type Authorizations interface {
	// Begin gives the address where a person does so, and until when: request.ErrNotFound
	// and the like where there is no such connection, *inventory.Invalid where nobody has
	// to allow anything, or nobody could be sent back.
	Begin(ctx context.Context, caller auth.Caller, key string) (address string, until time.Time, err error)
	// Take uses a state, once: auth.ErrRefused where it does not stand. code is "" where
	// the person has not allowed it. The reason says why the connection cannot be used
	// now, "" when it can.
	Take(ctx context.Context, state, code string) (key, reason string, err error)
}

type authorizeOutput struct {
	Body Authorization
}

// Authorization is where somebody allows that a connection is used.
type Authorization struct {
	URL   string    `json:"url" doc:"To be opened in the browser of who has an account at the vendor"`
	Until time.Time `json:"until" doc:"They must be back by then"`
}

func authorizeConnection(a *API, ctx context.Context, caller auth.Caller, in *keyInput) (*authorizeOutput, error) {
	address, until, err := a.config.Authorizations.Begin(ctx, caller, in.Key)
	if err != nil {
		return nil, err
	}
	return &authorizeOutput{Authorization{address, until}}, nil
}

const exampleAuthorized = `{"state":"vo_...","code":"4711"}`

type authorizedInput struct {
	Body struct {
		State string `json:"state" maxLength:"200" doc:"That the person was sent back with"`
		Code  string `json:"code,omitempty" maxLength:"4096" doc:"Likewise; absent where they have not allowed it"`
	}
}

type authorizedOutput struct {
	Body Authorized
}

// Authorized is what came of it.
type Authorized struct {
	Connection string `json:"connection"`
	Succeeded  bool   `json:"succeeded"`
	Reason     string `json:"reason,omitempty" doc:"Why the connection cannot be used"`
}

func takeAuthorization(a *API, ctx context.Context, _ auth.Caller, in *authorizedInput) (*authorizedOutput, error) {
	key, reason, err := a.config.Authorizations.Take(ctx, in.Body.State, in.Body.Code)
	if errors.Is(err, auth.ErrRefused) {
		return nil, &Problem{Status: http.StatusForbidden, Detail: "This state authorises nothing: it is wrong, was used, or is too late."}
	}
	if err != nil {
		return nil, err
	}
	return &authorizedOutput{Authorized{key, reason == "", reason}}, nil
}
