package connector

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what a failure means for the one who asked.
type Kind string

// The kinds of failure.
const (
	Transient   Kind = "transient"   // may go through when tried again: deadlock, time limit, connection lost
	Unreachable Kind = "unreachable" // nobody answers; also tried again
	Denied      Kind = "denied"      // no permission: wrong secrets, read-only
	Drift       Kind = "drift"       // a table or column is not what the plan was made from
	Constraint  Kind = "constraint"  // the system refused a value
	Permanent   Kind = "permanent"   // anything else; trying again does not help
)

// Kinds lists those that there are.
func Kinds() []Kind {
	return []Kind{Transient, Unreachable, Denied, Drift, Constraint, Permanent}
}

// Error is a failure of a connected system. Its text never holds a value
// that came from or went to the system: connectors build it from codes and
// names, not from the driver's message, which may quote data.
type Error struct {
	Kind       Kind
	Connection string        // the connection's key
	Doing      string        // "read customers"
	Reason     string        // the database's code and what it stands for
	RetryAfter time.Duration // asked for by the system; 0 when it did not say
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Connection, e.Doing, e.Reason)
}

// KindOf gives the kind of a failure, Permanent when err is not an *Error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Permanent
}

// Retryable says whether the same call may go through later.
func Retryable(err error) bool {
	k := KindOf(err)
	return k == Transient || k == Unreachable
}
