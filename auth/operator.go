package auth

import (
	"errors"
	"fmt"
	"io"
	"time"

	"volenti.dev/volenti/subject"
)

// Operator is a person who works with Volenti.
type Operator struct {
	Tenant   string
	ID       string
	Email    subject.Identity // what the operator signs in with
	Name     subject.Personal[string]
	Role     Role
	Created  time.Time // by the database's clock
	Disabled time.Time // zero: is not
}

// Session is an operator at work, from signing in until it ends.
type Session struct {
	Tenant   string
	ID       string
	Operator string // the id
	Role     Role   // that the operator has now
	Digest   []byte // SHA-256 of the token
	Expires  time.Time
	Revoked  time.Time // zero: it was not; also when the operator was disabled
}

// Invitation lets one person become an operator, once. The first start makes
// one for an owner.
type Invitation struct {
	Tenant  string
	ID      string
	Role    Role
	Digest  []byte // SHA-256 of the token
	Expires time.Time
	By      string    // who has made it, as Caller.By names them; "" where that was not kept
	Created time.Time // by the database's clock
}

// How long they last.
const (
	SessionTime    = 12 * time.Hour
	InvitationTime = 7 * 24 * time.Hour
	// PasswordTime is for a link to a new password that somebody hands over.
	PasswordTime = 24 * time.Hour
	// PasswordMailTime is for one that was mailed.
	PasswordMailTime = time.Hour
)

// What can be in the way of an operator.
var (
	// ErrNoOperator: the tenant has no such operator.
	ErrNoOperator = errors.New("there is no such operator")
	// ErrEmailTaken: an operator with this address is there already.
	ErrEmailTaken = errors.New("an operator with this address is there already")
	// ErrLastOwner: without an owner nobody could say who is one.
	ErrLastOwner = errors.New("this is the last owner: name another one first")
	// ErrOnlyOwners: it would make or unmake an owner.
	ErrOnlyOwners = errors.New("only an owner says who is an owner")
	// ErrNoInvitation: the tenant has no such invitation that may still be used.
	ErrNoInvitation = errors.New("there is no such open invitation")
	// ErrKeptOut: whoever is kept out needs no password.
	ErrKeptOut = errors.New("this operator is kept out: let them in again first")
	// ErrOneself: whoever is signed in has a password, and proves it.
	ErrOneself = errors.New("you change your own password with the one that you have")
	// ErrTooManyTries: wrong passwords for this address; it has to rest.
	ErrTooManyTries = errors.New("too many wrong passwords")
)

// NewSession makes a session of an operator and the token that is given once.
func NewSession(o Operator, now time.Time, random io.Reader) (s Session, token string, err error) {
	id, token, err := newToken(sessionPrefix, random)
	if err != nil {
		return s, "", fmt.Errorf("make a session: %w", err)
	}
	return Session{Tenant: o.Tenant, ID: id, Operator: o.ID, Role: o.Role, Digest: digest(token), Expires: now.Add(SessionTime)}, token, nil
}

// NewInvitation makes an invitation and the token that is given once.
func NewInvitation(tenant string, r Role, now time.Time, random io.Reader) (i Invitation, token string, err error) {
	id, token, err := newToken(invitationPrefix, random)
	if err != nil {
		return i, "", fmt.Errorf("make an invitation: %w", err)
	}
	return Invitation{Tenant: tenant, ID: id, Role: r, Digest: digest(token), Expires: now.Add(InvitationTime)}, token, nil
}

// Check says whether the token is this session's and it still stands.
func (s Session) Check(token string, now time.Time) error {
	if !matches(s.Digest, token) || !s.Stands(now) {
		return ErrRefused
	}
	return nil
}

// Stands says that the session was not revoked and has not expired.
func (s Session) Stands(now time.Time) bool { return s.Revoked.IsZero() && now.Before(s.Expires) }

// Caller is the operator, at work.
func (s Session) Caller() Caller {
	return Caller{Tenant: s.Tenant, ID: s.Operator, Session: s.ID, Role: s.Role, kind: byOperator, scopes: s.Role.Scopes()}
}

// Check says whether the token is this invitation's and may still be used.
func (i Invitation) Check(token string, now time.Time) error {
	if !matches(i.Digest, token) || !now.Before(i.Expires) {
		return ErrRefused
	}
	return nil
}
