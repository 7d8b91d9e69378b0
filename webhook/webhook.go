// Package webhook tells machines what happened. Events are read from the
// ledger by sequence, so that no write waits for them or queues anything, and
// are sent to endpoints by Standard Webhooks 1.0 (standardwebhooks.com).
//
//	Couriers             one process: finds endpoints that nobody delivers for
//	  -> courier         one endpoint, held by a lease with a fencing number
//	       ledger        -> queue, in the order of the ledger
//	       queue         -> some calls at once, one of a subject at a time
//	       outcome       -> store: attempts, what waits, the cursor; one commit
//
// The cursor is the sequence up to which all is delivered, given up, or
// stored as waiting. What was sent and not yet stored is sent again after a
// crash: at least once, with the same id. Events of one subject are sent in
// order; one that fails holds back those behind it of the same subject and at
// the same endpoint, and nothing else.
package webhook

import (
	"errors"
	"time"
)

// Sentinels that callers test for.
var (
	// ErrNotFound: the tenant has no such endpoint.
	ErrNotFound = errors.New("no such webhook")
	// ErrExists: there is an endpoint with this URL.
	ErrExists = errors.New("there is a webhook with this URL")
	// ErrTooMany: MaxEndpoints are enabled.
	ErrTooMany = errors.New("too many webhooks are enabled")
	// ErrURL: the URL is not one that can be called.
	ErrURL = errors.New("the URL cannot be called")
	// ErrPrivate: the server does not allow endpoints in private networks.
	ErrPrivate = errors.New("the server was not started to allow private networks")
	// ErrPending: the URL is another one, and it was not said what becomes of
	// what the earlier one has not taken.
	ErrPending = errors.New("say what becomes of the events that the earlier URL has not taken: send or skip")
	// ErrAhead: a replay begins behind what has been sent.
	ErrAhead = errors.New("this has not been sent yet")
	// ErrFenced: the lease is over, because another holds the endpoint or its
	// settings were changed.
	ErrFenced = errors.New("the lease of the webhook is over")
)

// MaxEndpoints is how many a tenant can have enabled.
const MaxEndpoints = 50

// Endpoint is where events are sent.
type Endpoint struct {
	Tenant  string
	ID      string
	URL     string
	Types   []Type // none means all
	Private bool   // may be in a private network, and without TLS
	Cloud   bool   // as CloudEvents 1.0, structured
	Enabled bool
	Reason  Reason    // why it is not enabled
	Cursor  int64     // see the package
	Created time.Time // by the database's clock
	// Description is in words of who made it.
	Description string

	// Succeeded is when something was last delivered; zero for never.
	Succeeded time.Time
	// Waiting is how many events wait to be sent again, or behind one of these.
	Waiting int64
	Secrets []Secret // newest first; empty where they are not needed
}

// Reason says why an endpoint is not enabled.
type Reason string

// The reasons.
const (
	Asked   Reason = "asked"   // somebody disabled it
	Gone    Reason = "gone"    // it answered 410
	Failing Reason = "failing" // nothing got through for as long as a message is tried
)

// Pending says what becomes of events that an endpoint has not taken when its URL
// becomes another one. It is asked for, since whoever changes the URL would else be
// sent what was meant for another receiver.
type Pending string

// What becomes of them.
const (
	Send Pending = "send" // to the new URL, at once
	Skip Pending = "skip" // they are not sent, unless they are replayed
)

// Lease is the right to deliver for an endpoint. Writing with one that is over
// fails with ErrFenced.
type Lease struct {
	Tenant, Endpoint, Owner string
	Fence                   int64
}
