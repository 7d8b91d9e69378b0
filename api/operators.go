package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/subject"
)

// Operators is who may operate. Each change is logged in its own commit, as an
// act of who made it.
type Operators interface {
	// Session finds sessions by id, of whatever tenant.
	Session(ctx context.Context, id string) ([]auth.Session, error)
	// SignIn gives a session for an address and its password: auth.ErrRefused
	// for whatever is wrong, in the same time, and auth.ErrTooManyTries.
	SignIn(ctx context.Context, tenant string, email subject.Identity, password string) (s auth.Session, token string, err error)
	SignOut(ctx context.Context, caller auth.Caller) error
	// ChangePassword ends the caller's other sessions. It fails with
	// auth.ErrRefused when the old one is not right.
	ChangePassword(ctx context.Context, caller auth.Caller, old, fresh string) error
	Invite(ctx context.Context, caller auth.Caller, r auth.Role) (i auth.Invitation, token string, err error)
	// Accept makes an operator of who has an invitation: auth.ErrRefused when it
	// is not valid, auth.ErrEmailTaken.
	Accept(ctx context.Context, token string, email subject.Identity, name, password string) (auth.Operator, error)
	// Invitations gives those that may still be accepted.
	Invitations(ctx context.Context, tenant string) ([]auth.Invitation, error)
	// TakeBack ends one; see auth.ErrNoInvitation and ErrOnlyOwners.
	TakeBack(ctx context.Context, caller auth.Caller, id string) error
	List(ctx context.Context, tenant string) ([]auth.Operator, error)
	// Get fails with auth.ErrNoOperator.
	Get(ctx context.Context, tenant, id string) (auth.Operator, error)
	// SetRole, Disable and Enable fail with auth.ErrNoOperator, ErrOnlyOwners
	// and ErrLastOwner.
	SetRole(ctx context.Context, caller auth.Caller, id string, r auth.Role) error
	Disable(ctx context.Context, caller auth.Caller, id string) error
	Enable(ctx context.Context, caller auth.Caller, id string) error
}

// Operator is a person who works with Volenti.
type Operator struct {
	ID      string    `json:"id" format:"uuid"`
	Email   string    `json:"email"`
	Name    string    `json:"name"`
	Role    auth.Role `json:"role"`
	Created time.Time `json:"created"`
	Enabled bool      `json:"enabled"`
}

func shownOperator(o auth.Operator) Operator {
	return Operator{ID: o.ID, Email: o.Email.Value.Reveal(), Name: o.Name.Reveal(), Role: o.Role, Created: o.Created, Enabled: o.Disabled.IsZero()}
}

type signInInput struct {
	Body struct {
		Tenant   string `json:"tenant,omitempty" default:"default" maxLength:"100"`
		Email    string `json:"email" maxLength:"320"`
		Password string `json:"password" maxLength:"1024"`
	}
}

type signInOutput struct {
	Status int
	Body   SessionWithToken
}

// SessionWithToken is a session that has just begun.
type SessionWithToken struct {
	Token   string    `json:"token" doc:"Send it as Authorization: Bearer. It is shown only now"`
	Role    auth.Role `json:"role"`
	Expires time.Time `json:"expires"`
}

func signIn(a *API, ctx context.Context, _ auth.Caller, in *signInInput) (*signInOutput, error) {
	email, err := emailOf(in.Body.Email)
	if err != nil {
		return nil, err
	}
	s, token, err := a.config.Operators.SignIn(ctx, in.Body.Tenant, email, in.Body.Password)
	if errors.Is(err, auth.ErrRefused) {
		return nil, &Problem{Status: http.StatusForbidden, Detail: "The address or the password is not right."}
	}
	if err != nil {
		return nil, err
	}
	return &signInOutput{http.StatusCreated, SessionWithToken{Token: token, Role: s.Role, Expires: s.Expires}}, nil
}

type sessionOutput struct {
	Body Session
}

// Session is a session as its operator sees it.
type Session struct {
	Operator string       `json:"operator" format:"uuid"`
	Name     string       `json:"name"`
	Role     auth.Role    `json:"role"`
	Scopes   []auth.Scope `json:"scopes" nullable:"false" doc:"What it may do"`
}

func showSession(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*sessionOutput, error) {
	o, err := a.config.Operators.Get(ctx, caller.Tenant, caller.ID)
	if err != nil {
		return nil, err
	}
	return &sessionOutput{Session{Operator: o.ID, Name: o.Name.Reveal(), Role: o.Role, Scopes: o.Role.Scopes()}}, nil
}

func signOut(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*struct{}, error) {
	return nil, a.config.Operators.SignOut(ctx, caller)
}

type changePasswordInput struct {
	Body struct {
		Old string `json:"old" maxLength:"1024"`
		New string `json:"new" maxLength:"1024" doc:"12 characters at least"`
	}
}

func changePassword(a *API, ctx context.Context, caller auth.Caller, in *changePasswordInput) (*struct{}, error) {
	if err := auth.CheckPassword(in.Body.New, in.Body.Old); err != nil {
		return nil, invalid("body.new", err.Error())
	}
	err := a.config.Operators.ChangePassword(ctx, caller, in.Body.Old, in.Body.New)
	if errors.Is(err, auth.ErrRefused) {
		return nil, invalid("body.old", "it is not your password")
	}
	return nil, err
}

type inviteInput struct {
	Body struct {
		Role string `json:"role" doc:"One of owner, admin, privacy_officer, approver, engineer, viewer, auditor"`
	}
}

type inviteOutput struct {
	Status int
	Body   InvitationWithToken
}

// InvitationWithToken is an invitation that has just been made.
type InvitationWithToken struct {
	Invitation string    `json:"invitation" doc:"Hand it to the person. It is shown only now, and good for one"`
	Role       auth.Role `json:"role"`
	Expires    time.Time `json:"expires"`
}

func inviteOperator(a *API, ctx context.Context, caller auth.Caller, in *inviteInput) (*inviteOutput, error) {
	role, err := roleOf(caller, in.Body.Role)
	if err != nil {
		return nil, err
	}
	i, token, err := a.config.Operators.Invite(ctx, caller, role)
	if err != nil {
		return nil, err
	}
	return &inviteOutput{http.StatusCreated, InvitationWithToken{Invitation: token, Role: i.Role, Expires: i.Expires}}, nil
}

// roleOf reads a role that the caller may give.
func roleOf(caller auth.Caller, name string) (auth.Role, error) {
	role, err := auth.ParseRole(name)
	if err != nil {
		return "", invalid("body.role", err.Error())
	}
	if !caller.MayName(role) {
		return "", auth.ErrOnlyOwners
	}
	return role, nil
}

type acceptInput struct {
	Body struct {
		Invitation string `json:"invitation" maxLength:"100"`
		Email      string `json:"email" maxLength:"320"`
		Name       string `json:"name" minLength:"1" maxLength:"100"`
		Password   string `json:"password" maxLength:"1024" doc:"12 characters at least"`
	}
}

type operatorOutput struct {
	Status int
	Body   Operator
}

func acceptInvitation(a *API, ctx context.Context, _ auth.Caller, in *acceptInput) (*operatorOutput, error) {
	email, err := emailOf(in.Body.Email)
	if err != nil {
		return nil, err
	}
	if err := auth.CheckPassword(in.Body.Password, in.Body.Email, in.Body.Name); err != nil {
		return nil, invalid("body.password", err.Error())
	}
	o, err := a.config.Operators.Accept(ctx, in.Body.Invitation, email, in.Body.Name, in.Body.Password)
	if errors.Is(err, auth.ErrRefused) {
		return nil, &Problem{Status: http.StatusForbidden, Detail: "The invitation is not valid: it was used, taken back, or has expired. Ask for another one."}
	}
	if err != nil {
		return nil, err
	}
	return &operatorOutput{http.StatusCreated, shownOperator(o)}, nil
}

func emailOf(text string) (subject.Identity, error) {
	email, err := subject.New(subject.Email, text)
	if err != nil {
		return email, invalid("body.email", "it is not an address of e-mail")
	}
	return email, nil
}

type listOperatorsOutput struct {
	Body OperatorList
}

// OperatorList is all operators.
type OperatorList struct {
	Items []Operator `json:"items" nullable:"false"`
}

func listOperators(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*listOperatorsOutput, error) {
	all, err := a.config.Operators.List(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	list := OperatorList{Items: []Operator{}}
	for _, o := range all {
		list.Items = append(list.Items, shownOperator(o))
	}
	return &listOperatorsOutput{list}, nil
}

type operatorInput struct {
	ID string `path:"id" format:"uuid"`
}

type setRoleInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Role string `json:"role"`
	}
}

func setRole(a *API, ctx context.Context, caller auth.Caller, in *setRoleInput) (*operatorOutput, error) {
	role, err := roleOf(caller, in.Body.Role)
	if err != nil {
		return nil, err
	}
	return a.changeOperator(ctx, caller, in.ID, func() error { return a.config.Operators.SetRole(ctx, caller, in.ID, role) })
}

func disableOperator(a *API, ctx context.Context, caller auth.Caller, in *operatorInput) (*operatorOutput, error) {
	return a.changeOperator(ctx, caller, in.ID, func() error { return a.config.Operators.Disable(ctx, caller, in.ID) })
}

func enableOperator(a *API, ctx context.Context, caller auth.Caller, in *operatorInput) (*operatorOutput, error) {
	return a.changeOperator(ctx, caller, in.ID, func() error { return a.config.Operators.Enable(ctx, caller, in.ID) })
}

// changeOperator changes an operator and shows the outcome.
func (a *API) changeOperator(ctx context.Context, caller auth.Caller, id string, change func() error) (*operatorOutput, error) {
	if err := change(); err != nil {
		return nil, err
	}
	o, err := a.config.Operators.Get(ctx, caller.Tenant, id)
	if err != nil {
		return nil, err
	}
	return &operatorOutput{http.StatusOK, shownOperator(o)}, nil
}

// ofOperator maps what can be in the way of an operator.
func ofOperator(err error) *Problem {
	switch {
	case errors.Is(err, auth.ErrNoOperator), errors.Is(err, auth.ErrNoInvitation):
		return notFound()
	case errors.Is(err, auth.ErrKeptOut):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "This operator is kept out. Let them in again first."}
	case errors.Is(err, auth.ErrOneself):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "Change your own password with the one that you have. If you have forgotten it, ask another owner or admin for a link."}
	case errors.Is(err, auth.ErrOnlyOwners):
		return &Problem{Title: http.StatusText(http.StatusForbidden), Status: http.StatusForbidden, Detail: "Only an owner says who is an owner."}
	case errors.Is(err, auth.ErrLastOwner):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "This is the last owner. Name another one first."}
	case errors.Is(err, auth.ErrEmailTaken):
		return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: "An operator with this address is there already. Sign in, or use another address."}
	case errors.Is(err, auth.ErrTooManyTries):
		return &Problem{Title: http.StatusText(http.StatusTooManyRequests), Status: http.StatusTooManyRequests, Detail: "Too many passwords were tried for this address. Wait a quarter of an hour.", retry: 15 * time.Minute}
	}
	return nil
}
