package fulfill

import (
	"errors"
	"fmt"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
)

// located is a failure of one collection.
type located struct {
	address string
	err     error
}

func (l located) Error() string { return l.address + ": " + l.err.Error() }
func (l located) Unwrap() error { return l.err }

// parkedBy says where a failure has left the request, and what has to happen
// before it goes on (E10).
func parkedBy(err error) request.Parked {
	var at located
	_ = errors.As(err, &at)
	var p pause
	if errors.As(err, &p) {
		p.parked.Collection = or(p.parked.Collection, at.address)
		if len(p.parked.Needed) == 0 {
			p.parked.Needed = []string{"an operator looks at what the message says, and retries the request"}
		}
		return p.parked
	}
	return request.Parked{Collection: at.address, Needed: needed(err)}
}

// needed is the mend of a failure.
func needed(err error) []string {
	const retry = "an operator retries the request"
	var system *connector.Error
	if !errors.As(err, &system) {
		return []string{"mend what the message says", retry}
	}
	switch system.Kind {
	case connector.Transient, connector.Unreachable:
		return []string{fmt.Sprintf("%s must answer again", system.Connection), retry}
	case connector.Denied:
		return []string{fmt.Sprintf("give %s the permission that it lacks, or the right secrets", system.Connection), retry}
	case connector.Drift:
		return []string{"bring the database back to what the plan was made from, or cancel the request and make a new one", retry}
	}
	return []string{fmt.Sprintf("mend what %s refuses", system.Connection), retry}
}
