package api

import (
	"context"
	"errors"
	"net/http"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request/deadline"
)

// Deadlines changes by when requests must be answered. Every change commits
// together with its audit entry and what tells the person of it. It fails with
// *deadline.Refused where the law or the day does not allow it, and with
// request.ErrTransition where the request has ended.
type Deadlines interface {
	// Pause lets the clock stand still, on a ground that the law knows.
	Pause(ctx context.Context, caller auth.Caller, id string, ground deadline.Ground, note string) error
	Continue(ctx context.Context, caller auth.Caller, id string) error
	// Extend puts the answer off, once, and tells the person the reason.
	Extend(ctx context.Context, caller auth.Caller, id, reason string) error
}

type pauseInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Ground string `json:"ground" enum:"identity,clarification" doc:"Who asks was asked for proof, or what it is about"`
		Note   string `json:"note,omitempty" maxLength:"1000" doc:"It is kept in the audit log for good: it must not say who the person is"`
	}
}

func pauseClock(a *API, ctx context.Context, caller auth.Caller, in *pauseInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Deadlines.Pause(ctx, caller, in.ID, deadline.Ground(in.Body.Ground), in.Body.Note))
}

func continueClock(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Deadlines.Continue(ctx, caller, in.ID))
}

type extendInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"The person is told, and it is kept in the audit log: it must not say who that is"`
	}
}

func extendRequest(a *API, ctx context.Context, caller auth.Caller, in *extendInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Deadlines.Extend(ctx, caller, in.ID, in.Body.Reason))
}

// ofDeadline tells why the time of a request stays as it is.
func ofDeadline(err error) *Problem {
	var refused *deadline.Refused
	if !errors.As(err, &refused) {
		return nil
	}
	return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "The time of this request cannot be changed so: " + refused.Why + "."}
}
