package api

import (
	"context"
	"time"

	"volenti.dev/volenti/auth"
)

// Invitation is one that nobody has accepted yet, without its token.
type Invitation struct {
	ID      string     `json:"id"`
	Role    auth.Role  `json:"role"`
	By      string     `json:"by,omitempty" doc:"Who has made it, like operator/<id>; absent where that was not kept"`
	Created *time.Time `json:"created,omitempty"`
	Expires time.Time  `json:"expires"`
}

type listInvitationsOutput struct {
	Body InvitationList
}

// InvitationList is all that are open.
type InvitationList struct {
	Items []Invitation `json:"items" nullable:"false"`
}

func listInvitations(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*listInvitationsOutput, error) {
	open, err := a.config.Operators.Invitations(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	list := InvitationList{Items: []Invitation{}}
	for _, i := range open {
		shown := Invitation{ID: i.ID, Role: i.Role, By: i.By, Expires: i.Expires}
		if i.By != "" {
			shown.Created = &i.Created
		}
		list.Items = append(list.Items, shown)
	}
	return &listInvitationsOutput{list}, nil
}

type invitationInput struct {
	ID string `path:"id" minLength:"1" maxLength:"100"`
}

func revokeInvitation(a *API, ctx context.Context, caller auth.Caller, in *invitationInput) (*struct{}, error) {
	return nil, a.config.Operators.TakeBack(ctx, caller, in.ID)
}
