package connector

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Client makes calls over HTTP. It judges the address that is connected to, follows
// no redirects, and bounds the time of a call and the length of an answer. It fails
// with ErrNotAllowed where the address is not one that may be called. Other errors
// of it may quote the URL.
type Client interface {
	Do(*http.Request) (*http.Response, error)
}

// ErrNotAllowed: the address is not one that may be called.
var ErrNotAllowed = errors.New("the address is not one that may be called")

// Limiter has calls wait until there may be one more. That of the store counts across
// nodes.
type Limiter interface {
	// Wait returns when a call may be made of which there may be rate in a
	// period, and counts it. Calls with the same key count together.
	Wait(ctx context.Context, key string, rate int64, period time.Duration) error
}

// Token is what OAuth 2 gives. It shows nothing of itself.
type Token struct {
	Access  string
	Refresh string
	Expires time.Time // zero: nobody said
}

// String hides the token.
func (Token) String() string { return "token" }

// GoString hides the token.
func (Token) GoString() string { return "token" }

// TokenKeeper keeps the token of a connection beyond the life of the process, sealed.
// A refresh token that the vendor replaces is lost with it otherwise.
type TokenKeeper interface {
	// Renew calls renew with the token that is kept, the zero Token when there is
	// none, keeps what it gives, and gives that. Of all who want to renew the token of
	// a connection, in whatever process, it lets one at a time: who has waited sees
	// what was kept meanwhile, and may give it back as it is. renew has as long as its
	// context.
	Renew(ctx context.Context, connection string, renew func(ctx context.Context, kept Token) (Token, error)) (Token, error)
}

// Authorized is a system that a person lets us use, at the pages of its vendor (OAuth
// 2.0, RFC 6749, section 4.1).
type Authorized interface {
	// AuthorizationURL is where the person goes. The vendor sends them back to redirect
	// with a code and the state, which are good for Authorize. verifier is a secret that
	// proves there who has begun (RFC 7636). It fails with ErrNoAuthorization.
	AuthorizationURL(state, redirect, verifier string) (string, error)
	// Authorize exchanges the code for a token, and keeps it.
	Authorize(ctx context.Context, code, redirect, verifier string) error
}

// ErrNoAuthorization: no person has to allow anything.
var ErrNoAuthorization = errors.New("connections of this type are not authorised by a person")

// Exchange is an attempt of a call as the execution log may show it: nothing
// of a person and no secret is in it.
type Exchange struct {
	Connection string
	Collection string // that it is about; "" for none, as where it signs in
	Doing      string // "read customers"
	Call       string // method and path template
	Status     int    // 0: there was no answer
	Attempt    int
	Took       time.Duration
	Note       string // what extract_for_execution_log found, or why there was no answer
}
