package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// Packages hands packages out to whoever shows the token of a link. Whatever is
// wrong with a token, the error is auth.ErrRefused: it was made up, used up,
// revoked, has expired, or its package is gone.
type Packages interface {
	// Look says what a link is good for, and spends nothing.
	Look(ctx context.Context, token string) (Offer, error)
	// Fetch takes one use of a link. That and its audit entry are committed
	// before it returns; a download that breaks off was one all the same.
	Fetch(ctx context.Context, token string) (Handout, error)
}

// Offer is what a link is good for.
type Offer struct {
	Name    string    `json:"name" doc:"The name of the file"`
	Left    int       `json:"left" doc:"How often it can still be downloaded"`
	Expires time.Time `json:"expires"`
}

// Handout is a package on its way.
type Handout struct {
	Name string // of the file, out of our own ids
	Type string // of its content
	File io.ReadCloser
}

type offerOutput struct {
	Body Offer
}

func lookAtPackage(a *API, ctx context.Context, _ auth.Caller, in *tokenInput) (*offerOutput, error) {
	offer, err := a.config.Packages.Look(ctx, in.Body.Token)
	if err != nil {
		return nil, ofLink(err)
	}
	return &offerOutput{offer}, nil
}

func openPackage(a *API, ctx context.Context, _ auth.Caller, in *tokenInput) (*huma.StreamResponse, error) {
	handout, err := a.config.Packages.Fetch(ctx, in.Body.Token)
	if err != nil {
		return nil, ofLink(err)
	}
	return a.streamed(handout.Type, handout.Give), nil
}

// Give writes the file to an http.ResponseWriter, to be saved and not shown.
func (h Handout) Give(_ context.Context, w io.Writer) error {
	if answer, ok := w.(http.ResponseWriter); ok {
		answer.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": h.Name}))
	}
	_, err := io.Copy(w, h.File)
	return errors.Join(err, h.File.Close())
}

// Links are the ways by which a package reaches the person. Changes commit
// together with their audit entry; request.ErrNotFound where there is no
// package.
type Links interface {
	Links(ctx context.Context, tenant, id string) ([]Link, error)
	// Renew makes new links in the place of those that there are and mails them
	// to where the first ones went: request.ErrNoAddress where that was nowhere.
	Renew(ctx context.Context, caller auth.Caller, id string) ([]Link, error)
	Revoke(ctx context.Context, caller auth.Caller, id string) error
}

// Link is one that stands. Nobody can see its token again.
type Link struct {
	Rule    string    `json:"rule,omitempty" doc:"The access rule, where the policy has several"`
	Left    int       `json:"left" doc:"How often it can still be used"`
	Expires time.Time `json:"expires"`
}

type linksOutput struct {
	Body LinkList
}

// LinkList is all links to a package.
type LinkList struct {
	Items []Link `json:"items" nullable:"false"`
}

func listLinks(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*linksOutput, error) {
	links, err := a.config.Links.Links(ctx, caller.Tenant, in.ID)
	return linksOf(links, err)
}

func renewLinks(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*linksOutput, error) {
	links, err := a.config.Links.Renew(ctx, caller, in.ID)
	if errors.Is(err, request.ErrNoAddress) {
		return nil, &Problem{Status: http.StatusConflict, Detail: "The package went to no address: the person has proven none, and nobody asked for it to be sent. Hand it out yourself."}
	}
	return linksOf(links, err)
}

func revokeLinks(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*linksOutput, error) {
	return linksOf(nil, a.config.Links.Revoke(ctx, caller, in.ID))
}

func linksOf(links []Link, err error) (*linksOutput, error) {
	if err != nil {
		return nil, err
	}
	return &linksOutput{LinkList{append([]Link{}, links...)}}, nil
}
