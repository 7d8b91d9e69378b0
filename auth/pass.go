package auth

import (
	"fmt"
	"io"
	"time"
)

// Pass lets somebody without an account do one thing: it is what stands behind
// the link in a letter. Who shows its token has proven nothing but that they
// got that letter.
type Pass struct {
	Tenant  string
	ID      string
	Kind    PassKind
	Object  string // what it is for: "request/<id>", ...
	Part    string // of the object, where it is for a part only: the access rule of a package
	Digest  []byte // SHA-256 of the token
	Uses    int    // that are left; AnyUses for any number
	Expires time.Time
}

// AnyUses is for a pass that is not used up.
const AnyUses = -1

// PassKind is what a pass is for. Its tokens begin with it.
type PassKind string

// The kinds of passes.
const (
	FollowRequest PassKind = "vr_" // see how far one's request is, and cancel it
	FetchPackage  PassKind = "vd_" // download the package of a request
	AnswerTask    PassKind = "vt_" // enter what a colleague is asked for
	ResumeRequest PassKind = "vw_" // let go on what a webhook has halted
	Acknowledge   PassKind = "va_" // say what became of instructions
	SeeChoices    PassKind = "vp_" // see and change what one chose
	// Authorize is the state that a vendor sends a person back with: take the code for
	// a connection. Its part is who has asked for it.
	Authorize PassKind = "vo_"
	PostReply PassKind = "vb_" // answer as a system that calls back
	// SetPassword lets an operator in again who has forgotten the password.
	SetPassword PassKind = "vn_"
)

// NewPass makes a pass and the token that is given once.
func NewPass(tenant string, kind PassKind, object string, uses int, expires time.Time, random io.Reader) (p Pass, token string, err error) {
	id, token, err := newToken(string(kind), random)
	if err != nil {
		return p, "", fmt.Errorf("make a pass: %w", err)
	}
	return Pass{Tenant: tenant, ID: id, Kind: kind, Object: object, Digest: digest(token), Uses: uses, Expires: expires}, token, nil
}

// PassOf gives the id of the pass that a token belongs to; false when it is no
// token of this kind at all.
func PassOf(kind PassKind, token string) (string, bool) { return idOf(string(kind), token) }

// Check says whether the token is this pass's and it still stands; ErrRefused,
// whatever the reason.
func (p Pass) Check(token string, now time.Time) error {
	if !matches(p.Digest, token) || p.Uses == 0 || !now.Before(p.Expires) {
		return ErrRefused
	}
	return nil
}
