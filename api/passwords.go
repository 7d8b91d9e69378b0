package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/subject"
)

// Passwords lets operators in again who have forgotten theirs, by a link that is good
// once. Each act is logged in its own commit.
type Passwords interface {
	// LinkPassword makes one, to be handed over, in the place of earlier ones: see
	// auth.ErrNoOperator, ErrOnlyOwners, ErrKeptOut and ErrOneself.
	LinkPassword(ctx context.Context, caller auth.Caller, id string) (token string, expires time.Time, err error)
	// Mail mails one to an address, where somebody operates with it. It does not tell.
	// ErrNoMail where no letters are sent.
	Mail(ctx context.Context, tenant string, to subject.Identity, language string) error
	// Renew sets a new password by the token of a link, and ends all sessions of its
	// operator; auth.ErrRefused when the link is not good.
	Renew(ctx context.Context, token, password string) error
}

// ErrNoMail: this server was not told of a mail server.
var ErrNoMail = errors.New("no letters are sent")

type passwordLinkOutput struct {
	Status int
	Body   PasswordLink
}

// PasswordLink is what an operator sets a new password with.
type PasswordLink struct {
	Token   string    `json:"token" doc:"Hand it to the operator. It is shown only now, and good once"`
	Expires time.Time `json:"expires"`
}

func linkPassword(a *API, ctx context.Context, caller auth.Caller, in *operatorInput) (*passwordLinkOutput, error) {
	token, expires, err := a.config.Passwords.LinkPassword(ctx, caller, in.ID)
	if err != nil {
		return nil, err
	}
	return &passwordLinkOutput{http.StatusCreated, PasswordLink{token, expires}}, nil
}

type mailPasswordInput struct {
	Body struct {
		Tenant   string `json:"tenant,omitempty" default:"default" maxLength:"100"`
		Email    string `json:"email" minLength:"1" maxLength:"320"`
		Language string `json:"language,omitempty" maxLength:"35" doc:"BCP 47 tag of the language to write in"`
	}
}

type mailPasswordOutput struct {
	Status int
	Body   struct {
		Next string `json:"next"`
	}
}

func mailPassword(a *API, ctx context.Context, _ auth.Caller, in *mailPasswordInput) (*mailPasswordOutput, error) {
	to, err := emailOf(in.Body.Email)
	if err != nil {
		return nil, err
	}
	err = a.config.Passwords.Mail(ctx, in.Body.Tenant, to, in.Body.Language)
	if err != nil && !errors.Is(err, ErrNoMail) {
		return nil, err
	}
	out := &mailPasswordOutput{Status: http.StatusAccepted}
	if err != nil {
		out.Status, out.Body.Next = http.StatusOK, "This server sends no mail. Ask an owner or admin for a link to a new password."
		return out, nil
	}
	out.Body.Next = "If somebody signs in with this address, a link is on its way to it. It is good for an hour."
	return out, nil
}

type renewPasswordInput struct {
	Body struct {
		Token    string `json:"token" maxLength:"100"`
		Password string `json:"password" maxLength:"1024" doc:"12 characters at least"`
	}
}

func renewPassword(a *API, ctx context.Context, _ auth.Caller, in *renewPasswordInput) (*struct{}, error) {
	if err := auth.CheckPassword(in.Body.Password); err != nil {
		return nil, invalid("body.password", err.Error())
	}
	err := a.config.Passwords.Renew(ctx, in.Body.Token, in.Body.Password)
	if errors.Is(err, auth.ErrRefused) {
		return nil, &Problem{Status: http.StatusForbidden, Detail: "The link is not valid: it was used, replaced by another one, or has expired. Ask for another one."}
	}
	return nil, err
}
