// Package request is what people ask of a company about their data: access,
// erasure and the rest. A request names identities and a policy; package
// graph makes its plan, package fulfill carries it out.
package request

import (
	"encoding/json"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request/task"
	"volenti.dev/volenti/subject"
)

// Request is one request of a data subject.
type Request struct {
	ID     string // UUIDv7
	Tenant string
	Policy string // the policy's key
	Status Status
	// Step is the step that runs next; "" before the first and after the last.
	Step string
	// Round is 1 at first: what is found after erasing is read and erased in
	// another one.
	Round    int
	PlanHash string
	// Plan is the approved plan, as JSON: what the request uses, whatever
	// becomes of the configuration. It holds no values.
	Plan    []byte
	MaxRows int64 // the cap on masked rows per collection that an operator set; 0 for the default
	Message string
	// Author is who submitted it over HTTP, as the audit log names them; "" for
	// the command line, which carries its requests out itself.
	Author string
	// Idempotency is the digest of the key that it was submitted under, if any.
	Idempotency string
	// Only is the one collection that is tried in the step that the request
	// stands at, when an operator has asked for that.
	Only string
	// Source is how it came in: "form", "agent", "email", "phone", ...; "" for
	// the command line.
	Source   string
	Language string // of letters to the person, BCP 47; "" for the default
	Place    string // where the person is: ISO 3166, "DE" or "US-CA"; "" when not known
	// Law is the key of the deadline.Law that its time runs under; "" for none.
	Law      string
	Received time.Time // when the time began to run; Created where nothing else is known
	Due      time.Time // when the last day for the answer ends; zero while nothing is due
	Extended time.Time // when the answer was put off; zero: it was not
	Verified time.Time // when the person proved who asks; zero: they did not, or somebody vouches for them
	Of       string    // the request that this one is a duplicate of, or was submitted again for
	// Parked says where a request has stopped that has not ended.
	Parked  Parked
	Created time.Time
	Ended   time.Time // zero while it is not in a terminal state
}

// Overdue says whether the answer is late. Who asks under a name that is not
// proven is not owed one.
func (r Request) Overdue(now time.Time) bool {
	return !r.Due.IsZero() && !now.Before(r.Due) && r.Ended.IsZero() && r.Status != IdentityUnverified
}

// Parked is the point at which a request has failed or waits (E10). The step
// is the request's own.
type Parked struct {
	// Collection is "" where it was not one of the graph.
	Collection string `json:"collection,omitempty"`
	// Needed tells what has to happen before it goes on, in the order of time.
	Needed []string `json:"action_needed,omitempty"`
}

// Text writes it for the store; "" where there is nothing to say.
func (p Parked) Text() (string, error) {
	if p.Collection == "" && len(p.Needed) == 0 {
		return "", nil
	}
	text, err := json.Marshal(p)
	return string(text), err
}

// Turn is an event that happens to a request that is carried out, and what it
// brings along in the same commit.
type Turn struct {
	Event   Event
	Message string // why
	Parked  Parked
	Tasks   []task.Task // that it waits for from now on
	Letters []message.Letter
	Passes  []auth.Pass // whose tokens the letters hold
	Hooked  *Hooked     // the answer that has halted the request
	// Instructions are told by the letters.
	Instructions []Instruction
}

// Origin is how an identity came into a request, and so what it is good for.
type Origin string

// The origins of identities.
const (
	Vouched Origin = ""        // an operator or a program of the company says that it is the person's
	Claimed Origin = "claimed" // somebody has written it into a form; it leads to nothing
	Proven  Origin = "proven"  // the person has answered at it
	Derived Origin = "derived" // a webhook of the company has added it; it leads to data, and nothing is sent there
)

// Identity is what a request knows of its data subject, as stored: the digest
// to find it by, and the value sealed under the request's key.
type Identity struct {
	Type   subject.Type
	Origin Origin
	Digest string // hex, see subject.Identity.Digest
	Sealed []byte
}

// Lease is the right to carry out a request. Every write of the holder names
// Fence; once another holder has taken over with a higher one, the writes of
// the first are refused with ErrFenced.
type Lease struct {
	Tenant  string
	Request string
	Owner   string
	Fence   int64
}

// Progress is how far one collection of a request has come in one action.
type Progress struct {
	Address  string // "dataset:collection"
	Action   Action
	Round    int // set by the store: the one that the request stands at
	Status   CollectionStatus
	Attempt  int   // within the round
	Position int64 // erasure: changes dealt with so far
	Intent   int64 // erasure: changes up to here may have been sent; >= Position
	// Exact counts of rows.
	RowsRead    int64 // access: rows that belong to the person, and were not known before
	RowsMatched int64 // access: rows that were read anew; erasure, verification: rows that had to change
	RowsMasked  int64 // written by this request
	RowsAlready int64 // held their mask before
	RowsFailed  int64 // refused by the system or changed meanwhile
	RowsResidue int64 // verification: rows that are not as they must be; recheck: those that changed or are new
	Message     string
	Started     time.Time
	Ended       time.Time
	// Took is how long an attempt went on of whose beginning the store was not
	// told: Started is then so long before Ended. It is not kept.
	Took time.Duration
}

// Chunk is a piece of what a collection has given, sealed.
type Chunk struct {
	Address string
	N       int // from 0
	Rows    int
	Sealed  []byte
}

// Action is what is done to a collection.
type Action string

// The actions on a collection.
const (
	Access       Action = "access"
	Recheck      Action = "recheck" // before the first write of an erasure
	Erasure      Action = "erasure"
	Verification Action = "verification"
)

// CollectionStatus is the state of a collection in one action.
type CollectionStatus string

// The states of a collection.
const (
	Pending  CollectionStatus = "pending"
	Running  CollectionStatus = "running"
	Done     CollectionStatus = "complete"
	Skipped  CollectionStatus = "skipped"
	Failed   CollectionStatus = "error"
	Residual CollectionStatus = "residue"
	// Waiting: its system has taken what it was asked, and answers later.
	Waiting CollectionStatus = "waiting"
	// Instructed: nothing was done there, and what others are to do is written
	// down.
	Instructed CollectionStatus = "instructed"
)

// FieldOutcome is what became of one field of a collection in an erasure.
type FieldOutcome struct {
	Address string
	Field   string
	Status  string // "masked", "failed", "kept"
	Rows    int64
	Reason  string
}

// LogLine is a line of the execution log of a request: one event of one
// collection in one attempt. Append only.
type LogLine struct {
	Sequence int64
	At       time.Time
	Started  time.Time // of the attempt; set by the store
	Round    int       // set by the store
	Address  string
	Action   Action
	Status   string
	Attempt  int
	Message  string
	Fields   []string // that were read, or masked
	// What the attempt has come to with this line.
	RowsRead   int64
	RowsMasked int64
	// Calls over HTTP, since the line before about the collection.
	Calls []Call
}
