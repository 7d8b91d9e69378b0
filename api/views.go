package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// Views keeps which requests an operator likes to look at. Changes commit
// together with their audit entry.
type Views interface {
	List(ctx context.Context, tenant, operator string) ([]request.View, error)
	// Save keeps a view, in the place of one of that name, and gives its id, or
	// request.ErrTooMany. The entry gets its object.
	Save(ctx context.Context, tenant, operator string, v request.View, entry audit.Entry) (id string, err error)
	// Remove forgets one, if it is there.
	Remove(ctx context.Context, tenant, operator, id string, entry audit.Entry) error
}

// RequestView is a filter under a name.
type RequestView struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name"`
	Looked
}

// Looked is what requests are looked for, and in which order.
type Looked struct {
	Filter Filter `json:"filter" doc:"It may not name an identity"`
	Sort   string `json:"sort,omitempty" enum:"created,due" doc:"created, unless told: newest first; due: what is due first, first"`
}

// ViewList is all views of an operator.
type ViewList struct {
	Items []RequestView `json:"items" nullable:"false"`
}

type viewsOutput struct {
	Body ViewList
}

func listViews(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*viewsOutput, error) {
	all, err := a.config.Views.List(ctx, caller.Tenant, caller.ID)
	if err != nil {
		return nil, err
	}
	list := ViewList{Items: []RequestView{}}
	for _, v := range all {
		shown := RequestView{ID: v.ID, Name: v.Name}
		if err := json.Unmarshal(v.Filter, &shown.Looked); err != nil {
			return nil, fmt.Errorf("read a view: %w", err)
		}
		list.Items = append(list.Items, shown)
	}
	return &viewsOutput{list}, nil
}

type saveViewInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"100" doc:"It must not say who a person is"`
		Looked
	}
}

type savedViewOutput struct {
	Status int
	Body   RequestView
}

func saveView(a *API, ctx context.Context, caller auth.Caller, in *saveViewInput) (*savedViewOutput, error) {
	if in.Body.Filter.Identity != nil {
		return nil, invalid("body.filter.identity", "a view is kept, and so cannot name who somebody is")
	}
	filter, err := json.Marshal(in.Body.Looked)
	if err != nil {
		return nil, fmt.Errorf("write a view: %w", err)
	}
	entry := audit.Entry{Act: "view.save", Details: map[string]any{"by": caller.By()}}
	id, err := a.config.Views.Save(ctx, caller.Tenant, caller.ID, request.View{Name: in.Body.Name, Filter: filter}, entry)
	if errors.Is(err, request.ErrTooMany) {
		return nil, &Problem{Status: http.StatusConflict, Detail: "There are too many views. Remove one first."}
	}
	return &savedViewOutput{http.StatusCreated, RequestView{ID: id, Name: in.Body.Name, Looked: in.Body.Looked}}, err
}

type removeViewInput struct {
	Body struct {
		ID string `json:"id" format:"uuid"`
	}
}

func removeView(a *API, ctx context.Context, caller auth.Caller, in *removeViewInput) (*struct{}, error) {
	entry := audit.Entry{Act: "view.remove", Object: "view/" + in.Body.ID, Details: map[string]any{"by": caller.By()}}
	return nil, a.config.Views.Remove(ctx, caller.Tenant, caller.ID, in.Body.ID, entry)
}
