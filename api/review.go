package api

import (
	"context"
	"net/http"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Reviews is what an operator does when a request is done, or was given up.
// Every change commits together with its audit entry.
type Reviews interface {
	// Finish lets a request that was looked at come to its end;
	// request.ErrTransition where none is waiting for that.
	Finish(ctx context.Context, caller auth.Caller, id string) error
	// Resubmit makes a new request of one that has ended without doing what was
	// asked. s holds the identities, which are destroyed with the end of a
	// request and must be those that it had; its policy is ignored.
	Resubmit(ctx context.Context, caller auth.Caller, id string, s Submission) (request.Request, error)
}

func finishRequest(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Reviews.Finish(ctx, caller, in.ID))
}

type resubmitInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Identities []Identity `json:"identities,omitempty" maxItems:"20" doc:"Those of the request that has ended: its own are destroyed. Whoever sends them vouches for them"`
		Note       string     `json:"note,omitempty" maxLength:"2000" doc:"Why it is submitted again. It is kept in the audit log for good: it must not say who the person is"`
	}
}

func resubmitRequest(a *API, ctx context.Context, caller auth.Caller, in *resubmitInput) (*madeOutput, error) {
	identities, wrong := identitiesOf(in.Body.Identities)
	if len(wrong) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: wrong}
	}
	s := Submission{Idempotency: idempotency(ctx), Identities: subject.Together(identities), Note: in.Body.Note}
	r, err := a.config.Reviews.Resubmit(ctx, caller, in.ID, s)
	if err != nil {
		return nil, err
	}
	return &madeOutput{http.StatusCreated, "/api/v1/requests/" + r.ID, a.shown(r)}, nil
}
