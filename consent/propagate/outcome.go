package propagate

import (
	"errors"
	"time"

	"volenti.dev/volenti/connector"
)

// outcome is what the calls for one preference mean.
type outcome struct {
	again    bool // it may go through when tried again
	status   Status
	reason   Reason // with status, those of a delivery that is not tried again
	message  string
	pause    time.Duration // that the system asks for
	answered bool          // the system said something
	lost     bool          // nobody knows whether something arrived
}

// errUncounted: a connector has broken its contract.
var errUncounted = errors.New("the connector did not say what became of each preference")

// judge says what calls mean, or the failure of all.
func judge(calls []connector.Call, err error) outcome {
	if err != nil {
		return failed(err)
	}
	o := outcome{}
	arrived, rejected, unknown := 0, 0, 0
	for _, c := range calls {
		switch c.Outcome {
		case connector.Arrived:
			arrived++
		case connector.Rejected:
			rejected++
		case connector.Unknown:
			unknown++
		case connector.Lost:
			o.lost = true
		}
		if o.message == "" {
			o.message = c.Reason
		}
		o.answered = o.answered || c.Outcome == connector.Busy
		o.pause = max(o.pause, min(c.RetryAfter, longestQuiet))
	}
	o.again = arrived+rejected+unknown < len(calls)
	o.answered = !o.lost && (o.answered || arrived+rejected > 0)
	switch {
	case len(calls) == 0:
		o.status, o.reason = Skipped, NothingToSend
	case unknown == len(calls):
		o.status, o.reason = Skipped, MissingIdentity
	case arrived == len(calls):
		o.status, o.message = Complete, ""
	case arrived > 0 && !o.again:
		o.status, o.reason = Partial, Refused
	case arrived > 0:
		o.status, o.reason = Partial, Unreachable
	case rejected+unknown == len(calls):
		o.status, o.reason = Failed, Refused
	default:
		o.status, o.reason = Failed, Unreachable
	}
	return o
}

// failed reads a failure. Only the text of a *connector.Error is known to hold no
// value of a person.
func failed(err error) outcome {
	o := outcome{status: Failed, reason: Refused, message: "the connector failed", answered: true}
	var e *connector.Error
	if errors.As(err, &e) {
		o.message = e.Reason
		o.pause = min(e.RetryAfter, longestQuiet)
	}
	switch {
	case connector.Retryable(err):
		o.again, o.answered, o.lost, o.reason = true, false, true, Unreachable
	case connector.KindOf(err) == connector.Denied:
		o.reason = NotAllowed
	}
	return o
}
