package server

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/subject"
)

// Operators lets people in by what the store knows of them.
type Operators struct {
	*store.Operators
	now func() time.Time
}

// Operators gives access to the operators of the house.
func (h *House) Operators(now func() time.Time) Operators {
	return Operators{h.Store.Operators(), now}
}

var _ api.Operators = Operators{}

// SignIn looks at the password also where there is no such operator, so that
// neither the answer nor its time tells.
func (o Operators) SignIn(ctx context.Context, tenant string, email subject.Identity, password string) (auth.Session, string, error) {
	none := auth.Session{}
	if err := o.Try(ctx, tenant, email); errors.Is(err, store.ErrNoTenant) {
		auth.PasswordMatches("", password)
		return none, "", auth.ErrRefused
	} else if err != nil {
		return none, "", err
	}
	id, role, hash, err := o.Password(ctx, tenant, email)
	if err != nil {
		return none, "", err
	}
	if !auth.PasswordMatches(hash, password) {
		return none, "", auth.ErrRefused
	}
	s, token, err := auth.NewSession(auth.Operator{Tenant: tenant, ID: id, Role: role}, o.now(), rand.Reader)
	if err != nil {
		return none, "", err
	}
	return s, token, o.Begin(ctx, s, email, hash, entryOf("session.begin", s.Caller()))
}

// SignOut ends the caller's session.
func (o Operators) SignOut(ctx context.Context, caller auth.Caller) error {
	return o.End(ctx, caller.Tenant, caller.Session, entryOf("session.end", caller))
}

// entryOf is the entry of what an operator does about themselves.
func entryOf(act string, caller auth.Caller) audit.Entry {
	return audit.Entry{Act: act, Object: caller.By(), Details: map[string]any{"by": caller.By(), "session": caller.Session}}
}

// ChangePassword exchanges the caller's password and ends all other sessions;
// auth.ErrRefused when the old one is not right. A guess counts as one at signing
// in does: who has taken a session has not the password.
func (o Operators) ChangePassword(ctx context.Context, caller auth.Caller, old, fresh string) error {
	who, err := o.Get(ctx, caller.Tenant, caller.ID)
	if err != nil {
		return err
	}
	if err := o.Try(ctx, caller.Tenant, who.Email); err != nil {
		return err
	}
	was, err := o.PasswordOf(ctx, caller.Tenant, caller.ID)
	if err != nil {
		return err
	}
	if !auth.PasswordMatches(was, old) {
		return auth.ErrRefused
	}
	hash, err := auth.HashPassword(fresh, rand.Reader)
	if err != nil {
		return err
	}
	return o.SetPassword(ctx, caller.Tenant, caller.ID, was, hash, caller.Session, entryOf("operator.password", caller))
}

// Invite makes an invitation and the token that is given once.
func (o Operators) Invite(ctx context.Context, caller auth.Caller, r auth.Role) (auth.Invitation, string, error) {
	i, token, err := auth.NewInvitation(caller.Tenant, r, o.now(), rand.Reader)
	if err != nil {
		return i, "", err
	}
	i.By = caller.By()
	return i, token, o.Operators.Invite(ctx, i, inviting(i, caller))
}

func inviting(i auth.Invitation, caller auth.Caller) audit.Entry {
	return audit.Entry{Act: "operator.invite", Object: "invitation/" + i.ID, Details: map[string]any{"by": caller.By(), "role": i.Role}}
}

// TakeBack ends an invitation that nobody has accepted.
func (o Operators) TakeBack(ctx context.Context, caller auth.Caller, id string) error {
	return o.Operators.TakeBack(ctx, caller, id, audit.Entry{Act: "operator.uninvite", Object: "invitation/" + id, Details: map[string]any{"by": caller.By()}})
}

// Accept makes an operator of who has an invitation; auth.ErrRefused when it
// is not valid.
func (o Operators) Accept(ctx context.Context, token string, email subject.Identity, name, password string) (auth.Operator, error) {
	id, ok := auth.InvitationOf(token)
	if !ok {
		return auth.Operator{}, auth.ErrRefused
	}
	found, err := o.Invitation(ctx, id)
	if err != nil {
		return auth.Operator{}, err
	}
	for _, i := range found {
		if i.Check(token, o.now()) != nil {
			continue
		}
		who := auth.Operator{Tenant: i.Tenant, ID: uuid.Must(uuid.NewV7()).String(), Email: email, Name: subject.Conceal(name), Role: i.Role}
		hash, err := auth.HashPassword(password, rand.Reader)
		if err != nil {
			return who, err
		}
		entry := audit.Entry{Act: "operator.create", Object: "operator/" + who.ID, Details: map[string]any{"by": "invitation/" + i.ID, "role": who.Role}}
		if err := o.Operators.Accept(ctx, i, who, hash, entry); err != nil {
			return who, err
		}
		return o.Get(ctx, who.Tenant, who.ID)
	}
	return auth.Operator{}, auth.ErrRefused
}

// SetRole gives an operator another role.
func (o Operators) SetRole(ctx context.Context, caller auth.Caller, id string, r auth.Role) error {
	return o.Operators.SetRole(ctx, caller, id, r, changing("operator.role", id, caller, map[string]any{"role": r}))
}

// Disable keeps an operator out.
func (o Operators) Disable(ctx context.Context, caller auth.Caller, id string) error {
	return o.Operators.Disable(ctx, caller, id, changing("operator.disable", id, caller, map[string]any{}))
}

// Enable lets an operator in again.
func (o Operators) Enable(ctx context.Context, caller auth.Caller, id string) error {
	return o.Operators.Enable(ctx, caller, id, changing("operator.enable", id, caller, map[string]any{}))
}

func changing(act, id string, caller auth.Caller, details map[string]any) audit.Entry {
	details["by"] = caller.By()
	return audit.Entry{Act: act, Object: "operator/" + id, Details: details}
}

// InviteFirst makes an invitation for an owner while there is no operator; ""
// where there is one.
func (h *House) InviteFirst(ctx context.Context, tenant, user string, now time.Time) (token string, err error) {
	i, token, err := auth.NewInvitation(tenant, auth.Owner, now, rand.Reader)
	if err != nil {
		return "", err
	}
	by := auth.Console(tenant, user)
	i.By = by.By()
	made, err := h.Store.Operators().InviteFirst(ctx, i, inviting(i, by))
	if !made {
		return "", err
	}
	return token, err
}
