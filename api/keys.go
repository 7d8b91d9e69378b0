package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
)

// KeyRing keeps API keys. Each change is logged in its own commit.
type KeyRing interface {
	Create(ctx context.Context, k auth.Key, entry audit.Entry) error
	// List gives those that are over too, oldest first.
	List(ctx context.Context, tenant string) ([]auth.Key, error)
	// Revoke fails with auth.ErrNoKey.
	Revoke(ctx context.Context, tenant, id string, entry audit.Entry) error
}

// APIKey is a key, without its token.
type APIKey struct {
	ID      string       `json:"id"`
	Name    string       `json:"name,omitempty" doc:"What it is for"`
	Scopes  []auth.Scope `json:"scopes" nullable:"false"`
	State   string       `json:"state" enum:"valid,expired,revoked"`
	Created time.Time    `json:"created"`
	Expires *time.Time   `json:"expires,omitempty" doc:"Absent where it never does"`
	Revoked *time.Time   `json:"revoked,omitempty"`
}

func shownKey(k auth.Key, now time.Time) APIKey {
	s := APIKey{ID: k.ID, Name: k.Name, Scopes: k.Scopes, State: "valid", Created: k.Created}
	if !k.Expires.IsZero() {
		s.Expires = &k.Expires
	}
	switch {
	case !k.Revoked.IsZero():
		s.State, s.Revoked = "revoked", &k.Revoked
	case !k.Stands(now):
		s.State = "expired"
	}
	return s
}

type listKeysOutput struct {
	Body APIKeyList
}

// APIKeyList is all keys, oldest first.
type APIKeyList struct {
	Items []APIKey `json:"items" nullable:"false"`
}

func listKeys(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*listKeysOutput, error) {
	all, err := a.config.KeyRing.List(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	list := APIKeyList{Items: []APIKey{}}
	for _, k := range all {
		list.Items = append(list.Items, shownKey(k, a.config.Now()))
	}
	return &listKeysOutput{list}, nil
}

// usualKeyDays is how long a key lasts unless told.
const usualKeyDays = 90

type createKeyInput struct {
	Body struct {
		Name   string   `json:"name,omitempty" maxLength:"200" doc:"What it is for, to recognise it in the list"`
		Scopes []string `json:"scopes" minItems:"1" maxItems:"100" doc:"Only such as the caller has"`
		Days   int      `json:"days,omitempty" minimum:"1" maximum:"3650" doc:"When it expires; 90 where absent"`
		Never  bool     `json:"never,omitempty" doc:"It does not expire"`
	}
}

type createKeyOutput struct {
	Status int
	Body   APIKeyWithToken
}

// APIKeyWithToken is a key that was just made.
type APIKeyWithToken struct {
	APIKey
	Key string `json:"key" doc:"Send it as Authorization: Bearer. It is shown only now"`
}

// createKey makes a key that can do no more than who makes it.
func createKey(a *API, ctx context.Context, caller auth.Caller, in *createKeyInput) (*createKeyOutput, error) {
	var scopes []auth.Scope
	for i, name := range in.Body.Scopes {
		s, err := auth.ParseScope(name)
		if err != nil {
			return nil, invalid(fmt.Sprintf("body.scopes[%d]", i), err.Error())
		}
		if !caller.May(s) {
			return nil, &Problem{Status: http.StatusForbidden, Detail: fmt.Sprintf("A key can do no more than who makes it: you do not have %s.", s)}
		}
		scopes = append(scopes, s)
	}
	var expires time.Time
	switch {
	case in.Body.Never && in.Body.Days != 0:
		return nil, invalid("body.never", "it expires after days, or never")
	case !in.Body.Never:
		days := in.Body.Days
		if days == 0 {
			days = usualKeyDays
		}
		expires = a.config.Now().Add(time.Duration(days) * 24 * time.Hour).UTC()
	}
	k, token, err := auth.New(caller.Tenant, in.Body.Name, scopes, expires, a.config.Random)
	if err != nil {
		return nil, err
	}
	details := map[string]any{"by": caller.By(), "name": k.Name, "scopes": k.Scopes}
	if !expires.IsZero() {
		details["expires"] = expires
	}
	if err := a.config.KeyRing.Create(ctx, k, audit.Entry{Act: "apikey.create", Object: "apikey/" + k.ID, Details: details}); err != nil {
		return nil, err
	}
	k.Created = a.config.Now()
	return &createKeyOutput{http.StatusCreated, APIKeyWithToken{shownKey(k, a.config.Now()), token}}, nil
}

type apiKeyInput struct {
	ID string `path:"id" maxLength:"100"`
}

func revokeKey(a *API, ctx context.Context, caller auth.Caller, in *apiKeyInput) (*struct{}, error) {
	err := a.config.KeyRing.Revoke(ctx, caller.Tenant, in.ID, audit.Entry{Act: "apikey.revoke", Object: "apikey/" + in.ID, Details: map[string]any{"by": caller.By()}})
	if errors.Is(err, auth.ErrNoKey) {
		return nil, notFound()
	}
	return nil, err
}
