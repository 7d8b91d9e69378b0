// Package propagate carries what people choose to the systems of a company. It
// follows the ledger; nothing is queued with a choice.
//
//	Change    a consent record          -> Route, for each connection that takes choices
//	Delivery  (change, connection)      -> a row of its own, with its own outcome
//	Carriers  one process               -> a lane for each connection, held by a lease
//	  lane    due deliveries            -> Begin -> connector.Preferrer -> Settle
//
// What became of a delivery is kept by the key of the connection, never by that
// of its system. Each change of a status is one guarded statement, with an act in
// the audit log in the same commit; a result that comes too late changes nothing.
//
// A newer choice of the same person about the same purpose supersedes what is not
// under way yet, and what stands is read again before each call: so a grant that is
// being retried never arrives after the withdrawal. Opt-outs go first.
//
// A process can die between a call and the note of its outcome. Then the call is
// repeated, under the same idempotency key, and the attempt says so. After an answer,
// whatever it is, the next attempt has another key.
package propagate

import (
	"errors"
	"fmt"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/subject"
)

// Sentinels that callers test for.
var (
	// ErrNotFound: there is no such delivery, change or connection.
	ErrNotFound = errors.New("no such delivery")
	// ErrFenced: the lease of the lane is over.
	ErrFenced = errors.New("the lease of the lane is over")
	// ErrStale: the delivery stands otherwise than the caller thinks.
	ErrStale = errors.New("the delivery has changed meanwhile")
)

// Status is how far a delivery is.
type Status string

// The statuses. The last four are outcomes; of those a retry leads back to Pending
// from Partial, Failed and Skipped only.
const (
	Pending    Status = "pending"
	Sending    Status = "sending"
	Complete   Status = "complete"
	Partial    Status = "partial" // some calls went out, and some did not
	Failed     Status = "error"
	Skipped    Status = "skipped"    // nothing was sent, on purpose
	Superseded Status = "superseded" // a newer choice took its place before it was sent
)

// Reason says why a delivery was not sent, or failed.
type Reason string

// The reasons.
const (
	NoReason        Reason = ""
	Disabled        Reason = "disabled"           // the connection is
	ActionDisabled  Reason = "action_disabled"    // choices are not sent to this connection
	NoWriteAccess   Reason = "no_write_access"    // the connection may not be written to
	UseMismatch     Reason = "data_use_mismatch"  // the system does not use data for this purpose
	NothingToSend   Reason = "nothing_to_send"    // the connection has no words of its own for this purpose
	OneSided        Reason = "one_sided"          // the system can be told the opposite only
	MissingIdentity Reason = "missing_identity"   // the person has no identity that the system knows
	Newer           Reason = "superseded"         // a newer choice stands
	Erased          Reason = "erased"             // the person was erased
	Unreadable      Reason = "unreadable"         // what is kept of the person is damaged
	Removed         Reason = "connection_removed" // the connection is no longer there
	Refused         Reason = "vendor_refused"     // the system answered no; trying again does not help
	NotAllowed      Reason = "not_allowed"        // the system does not accept our secrets, or may not be called
	Unreachable     Reason = "unreachable"        // tried as often as the schedule says
	Legacy          Reason = "legacy"             // as an imported status map says
)

// Change is a consent record that connections are told of.
type Change struct {
	Tenant   string
	Sequence int64  // of the record
	Record   string // its id
	Subject  consent.SubjectID
	Purpose  string
	Choice   consent.Choice
	At       time.Time // when it was recorded
}

// OptOut says that the change takes something back, or keeps it refused.
func (c Change) OptOut() bool { return c.Choice != consent.Granted }

// Target is a connection as far as it takes choices.
type Target struct {
	Key      string // of the connection: what its deliveries are kept by
	Name     string
	System   string // key; "" when it belongs to none
	Disabled bool
	Off      bool // its consent settings switch it off, or its kind cannot take choices
	Write    bool // it may be written to
	// NoGrants and NoOptOuts: it can be told of the others only.
	NoGrants, NoOptOuts bool
	// Uses are the data uses that its system declares; of a connection without a
	// system, those that itself declares.
	Uses []taxonomy.Use
	// Items are what the system calls our purposes, by purpose. Empty: it uses ours.
	Items map[string][]string
	// Identities are the types that it knows people by, best first.
	Identities []subject.Type
	// Table: it is a permission table, which a follower of its own keeps. No lane
	// carries its deliveries; the follower settles them.
	Table bool
	Limit int // calls at once; 0 for DefaultLimit
	// Schedule is when a batch is sent; zero for each by itself, at once.
	Schedule Schedule
}

// DefaultLimit is how many calls are made at once on a connection.
const DefaultLimit = 4

// Schedule is when what waits is sent together.
type Schedule struct {
	Every time.Duration // an hour or a day; 0: at once
	At    time.Duration // since the beginning of the hour or the day, UTC
}

// Delivery is what became of a change at a connection.
type Delivery struct {
	Change
	Connection string
	System     string // its key when the delivery was made; "" for none
	Status     Status
	Reason     Reason
	Attempt    int       // the last one; 0 when none began
	Keyed      int       // the attempt whose number is in the idempotency key
	Due        time.Time // of a pending one: not before
	Updated    time.Time // when Status was last set
	// Sent are the identities of the last attempt: their types, and since which
	// record the person is known by them (P9).
	Sent  []Sent
	Calls []connector.Call // of the last attempt
}

// Sent is an identity that was sent, without its value.
type Sent struct {
	Type   subject.Type `json:"type"`
	Linked int64        `json:"linked"` // sequence of the record with which it was linked to the person; -1 unknown
}

// Object is the delivery in the audit log.
func (d Delivery) Object() string { return fmt.Sprintf("delivery/%s/%s", d.Record, d.Connection) }

// Attempt is one try, for the log of a delivery.
type Attempt struct {
	Number  int              `json:"attempt"`
	At      time.Time        `json:"at"`
	Took    time.Duration    `json:"-"`
	Status  Status           `json:"status"` // that it led to; sending while its outcome is not known
	Reason  Reason           `json:"reason,omitempty"`
	Message string           `json:"message,omitempty"` // of the failure; no value of a person
	Key     string           `json:"idempotency_key"`
	Repeats bool             `json:"repeats,omitempty"` // the outcome of the one before is not known, and its key was used again
	Sent    []Sent           `json:"sent,omitempty"`
	Calls   []connector.Call `json:"calls,omitempty"`
}
