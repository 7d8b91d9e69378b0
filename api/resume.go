package api

import (
	"context"
	"errors"
	"net/http"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/webhook"
)

// ResumePath is where a webhook of a policy lets a request go on that it has
// halted: what it is told as reply-to.
const ResumePath = "/api/v1/public/requests/resume"

// Resumes lets requests go on that webhooks have halted.
type Resumes interface {
	// Resume uses a token, once. about is the id of the request that it is said
	// to be for, "" where that is not said. auth.ErrRefused when the token does
	// not stand, or the request does not wait for it; request.ErrTransition while
	// the halt is not recorded yet; *request.Invalid where it adds an identity that
	// it may not.
	Resume(ctx context.Context, token, about string, derived webhook.IdentityMap) error
}

type resumeInput struct {
	Header string `header:"Reply-To-Token" doc:"The token that the webhook was sent, unless it is in the body" maxLength:"200"`
	Body   struct {
		Token   string         `json:"reply_to_token,omitempty" maxLength:"200" doc:"The token that the webhook was sent, unless it is in the header"`
		About   string         `json:"privacy_request_id,omitempty" maxLength:"100" doc:"The request that it is for; refused when the token is for another one"`
		Derived map[string]any `json:"derived_identity,omitempty" doc:"Identities to add, by type: a text, or a list of texts"`
	}
}

type resumeOutput struct {
	Status int
}

func resumeRequest(a *API, ctx context.Context, _ auth.Caller, in *resumeInput) (*resumeOutput, error) {
	token := in.Header
	if token == "" {
		token = in.Body.Token
	}
	derived, err := webhook.ParseIdentityMap(in.Body.Derived)
	if err != nil {
		return nil, invalid("body.derived_identity", err.Error())
	}
	err = a.config.Resumes.Resume(ctx, token, in.Body.About, derived)
	switch {
	case errors.Is(err, auth.ErrRefused):
		return nil, &Problem{Status: http.StatusForbidden, Detail: "This token resumes nothing: it is wrong, was used, or is too late."}
	case errors.Is(err, request.ErrTransition):
		return nil, &Problem{Status: http.StatusConflict, Detail: "The request is not halted yet. Answer the call, and resume then; the token still stands."}
	case err != nil:
		return nil, err
	}
	return &resumeOutput{http.StatusNoContent}, nil
}
