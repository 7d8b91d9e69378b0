package propagate

import (
	"context"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/subject"
)

// Store keeps deliveries. It is the only writer of their statuses (C4).
type Store interface {
	// Plan makes the deliveries of up to limit changes behind those that are
	// planned: Route says what each begins as, and older ones that are pending are
	// superseded. It moves the cursor of the tenant in the same commit, and says
	// whether there are more. Several processes may call it at once. A connection that
	// it has not seen before gets the changes from now on.
	Plan(ctx context.Context, tenant string, targets []Target, limit int) (more bool, err error)

	// Vacant are the lanes of a tenant that have something to do and that nobody
	// else holds.
	Vacant(ctx context.Context, tenant, owner string) ([]Lane, error)
	// Claim takes a lane for ttl, with a new fence, and gives what is known of its
	// state; ErrFenced when another holds it.
	Claim(ctx context.Context, l Lane, ttl time.Duration) (Lane, Weather, error)
	// Renew prolongs the lease, and keeps the weather.
	Renew(ctx context.Context, l Lane, ttl time.Duration, w Weather) error
	Release(ctx context.Context, l Lane, w Weather) error
	// Next gives up to limit deliveries that are due: first those that were left
	// sending, then opt-outs, then by sequence. Of a person and purpose there is one,
	// and none of those in busy. next is when another becomes due; zero for none.
	Next(ctx context.Context, l Lane, busy []Ref, limit int) (due []Delivery, next time.Time, err error)
	// Begin begins an attempt of each delivery, guarded by the lane's fence, its
	// status and its number of attempts. What stands is read again: those about a
	// person who was erased, without an identity of the target, with a newer choice, or
	// of whom what is kept cannot be opened, get their outcome instead, and are not in
	// what is given.
	Begin(ctx context.Context, l Lane, t Target, refs []Ref) ([]Begun, error)
	// Settle notes outcomes, guarded in the same way; what is stale is dropped.
	Settle(ctx context.Context, l Lane, all []Settlement) error
}

// Ref names a delivery as it was seen.
type Ref struct {
	Sequence int64
	Attempt  int
}

// Lane is the right to carry the deliveries of a connection.
type Lane struct {
	Tenant, Connection, Owner string
	Fence                     int64
}

// Weather is what is known of how a connection answers. It outlives the process.
type Weather struct {
	Failing int       // calls in a row that failed in a way that may pass
	Quiet   time.Time // until then no call is made
}

// Begun is an attempt that may be made now. It shows nothing of the person.
type Begun struct {
	Delivery   // Attempt and Keyed are those of the attempt
	Repeats    bool
	Preference connector.Preference
}

// Settlement is the outcome of an attempt. With Pending it is tried again at Due.
type Settlement struct {
	Ref
	Status  Status
	Reason  Reason
	Message string // no value of a person
	Due     time.Time
	// Known: the system answered, so that another attempt gets another key.
	Known bool
	Calls []connector.Call
	At    time.Time
	Took  time.Duration
}

// View is what became of a change everywhere.
type View struct {
	Change
	Statuses map[string]Status // by the key of the connection, and live legacy keys
	Systems  map[string]Status // the roll-up, by the key of the system
	Rows     []Delivery        // by connection
	Legacy   map[string]Status // live entries under legacy keys: of Statuses
}

// Filter is which deliveries are listed.
type Filter struct {
	Connection, System, Purpose, Record string
	Subject                             string // id
	Statuses                            []Status
	Before                              int64 // sequence; 0 for the newest
	Limit                               int
}

// LaneState is how a connection stands.
type LaneState struct {
	Connection string           `json:"connection"`
	System     string           `json:"system,omitempty"`
	Counts     map[Status]int64 `json:"counts"`
	Oldest     time.Time        `json:"oldest_pending,omitzero"` // when the oldest change was recorded that is pending or being sent
	Failing    int              `json:"failing"`
	Quiet      time.Time        `json:"quiet_until,omitzero"` // nothing is sent until then
	Since      int64            `json:"since"`                // changes from this sequence on are sent to it
	Barred     Reason           `json:"barred,omitempty"`     // what keeps every choice from it, as it is set up now; the store does not know
}

// LegacyMap is the status map of a change as another platform kept it: by the key
// of a system, or the name of a connection that belongs to none.
type LegacyMap struct {
	Record   string            // id of our record
	Identity *subject.Identity // or whose latest record about Purpose it is
	Purpose  string
	Statuses map[string]string
}
