package deadline

import (
	"fmt"
	"strings"
	"time"

	"volenti.dev/volenti/datamap/value"
)

// Rules are what a controller has set for all its requests. The zero value
// works: UTC, Saturday and Sunday, no law of its own.
type Rules struct {
	Calendar
	// Law is the key of the one that holds where neither the policy nor the
	// person's place names one; "" for none, and then nothing is due.
	Law   string
	Start Start
}

// Start is from when the time of a request runs.
type Start string

// When the time of a request begins. Laws say receipt; a controller that has
// good reason to count from the proof of who asks says so.
const (
	Receipt      Start = "receipt"
	Verification Start = "verification"
)

// Text writes the rules down, so that equal ones have equal texts; "" for the
// zero value.
func (r Rules) Text() string {
	var parts []string
	add := func(name string, v any, there bool) {
		if there {
			parts = append(parts, fmt.Sprintf("%s %v", name, v))
		}
	}
	add("zone", r.Zone, r.Zone != nil)
	add("holidays", r.Holidays, len(r.Holidays) > 0)
	add("weekend", r.Weekend, r.Weekend != nil)
	add("law", r.Law, r.Law != "")
	add("start", r.Start, r.Start != "")
	return strings.Join(parts, "; ")
}

// LawOf gives the law of a request: the one that its policy names by its key,
// else that of the person's place, else the controller's. It is false where
// there is none.
func (r Rules) LawOf(policy, place string) (Law, bool) {
	if l, err := ByKey(policy); err == nil {
		return l, true
	}
	if l, ok := For(place); ok {
		return l, true
	}
	l, err := ByKey(r.Law)
	return l, err == nil
}

// Clock gives the clock of a request, without pauses and extension. It is false
// where no time runs: there is no law, or time runs from the proof of who asks
// and there is none yet. verified is zero for somebody who was known.
func (r Rules) Clock(law string, received, verified time.Time, known bool) (Clock, bool, error) {
	if law == "" || r.Start == Verification && !known {
		return Clock{}, false, nil
	}
	l, err := ByKey(law)
	if err != nil {
		return Clock{}, false, err
	}
	if r.Start == Verification && !verified.IsZero() {
		received = verified
	}
	return Clock{Law: l, Calendar: r.Calendar, Received: received}, true, nil
}

// Refused says why the clock of a request cannot be changed in some way. It
// names days and the law, and nobody.
type Refused struct{ Why string }

func (r *Refused) Error() string { return r.Why }

// Stop gives the clock as it stands still from an instant on.
func (c Clock) Stop(ground Ground, at time.Time) (Clock, error) {
	last, end, err := c.Due()
	switch {
	case err != nil:
		return c, &Refused{"the clock stands still already"}
	case !at.Before(end):
		return c, &Refused{fmt.Sprintf("the answer was due on %s, and a clock that has run out cannot be stopped", last)}
	}
	c.Pauses = append(c.Pauses[:len(c.Pauses):len(c.Pauses)], Pause{Ground: ground, From: at})
	if err := c.Check(); err != nil {
		return c, &Refused{err.Error()}
	}
	return c, nil
}

// Go gives the clock as it goes on from an instant on.
func (c Clock) Go(at time.Time) (Clock, error) {
	n := len(c.Pauses)
	if n == 0 || !c.Pauses[n-1].To.IsZero() {
		return c, &Refused{"the clock does not stand still"}
	}
	last := c.Pauses[n-1]
	last.To = at
	c.Pauses = append(c.Pauses[:n-1:n-1], last)
	return c, nil
}

// Extend gives the clock as it is put off at an instant, and the new last day.
func (c Clock) Extend(at time.Time) (Clock, value.Date, error) {
	last, end, err := c.DueForExtension()
	switch {
	case c.Extended:
		return c, "", &Refused{"the answer was put off already, and may be once"}
	case err != nil && c.Extension != (Period{}):
		return c, "", &Refused{"the clock stands still: let it go on first"}
	case err != nil:
		return c, "", &Refused{err.Error()}
	case !at.Before(end):
		return c, "", &Refused{fmt.Sprintf("the last day to put the answer off was %s", last)}
	}
	c.Extended = true
	due, _, err := c.Due()
	return c, due, err
}
