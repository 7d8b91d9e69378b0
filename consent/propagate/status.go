package propagate

import "fmt"

// transitions is the one table of what may follow what, and of the act that it is
// in the audit log. From Pending straight to Complete go those of a permission table,
// for which nobody has to be called, and to Failed those about whom what is kept is damaged.
var transitions = map[Status]map[Status]string{
	Pending: {
		Sending: "delivery.send", Complete: "delivery.complete", Failed: "delivery.error", Skipped: "delivery.skip", Superseded: "delivery.supersede",
	},
	// Sending again: the outcome of the attempt before is not known.
	Sending: {
		Sending: "delivery.send", Complete: "delivery.complete", Partial: "delivery.partial", Failed: "delivery.error",
		Pending: "delivery.wait", Skipped: "delivery.skip", Superseded: "delivery.supersede",
	},
	Partial: {Pending: "delivery.retry"},
	Failed:  {Pending: "delivery.retry"},
	Skipped: {Pending: "delivery.retry"},
}

// To gives the act by which a delivery goes over to another status; ErrStale when
// it cannot.
func (s Status) To(next Status) (act string, err error) {
	if act, ok := transitions[s][next]; ok {
		return act, nil
	}
	return "", fmt.Errorf("%w: %s does not follow %s", ErrStale, next, s)
}

// Open says that the delivery is not over.
func (s Status) Open() bool { return s == Pending || s == Sending }
