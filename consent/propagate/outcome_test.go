package propagate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
)

func TestCallsMeanAnOutcome(t *testing.T) { // P5
	const arrived, rejected, lost, busy, notMade, unknown = connector.Arrived, connector.Rejected, connector.Lost, connector.Busy, connector.NotMade, connector.Unknown
	for _, c := range []struct {
		calls          []connector.CallOutcome
		again          bool
		status         Status
		reason         Reason
		answered, lost bool
	}{
		{nil, false, Skipped, NothingToSend, false, false},
		{[]connector.CallOutcome{arrived, arrived}, false, Complete, NoReason, true, false},
		{[]connector.CallOutcome{arrived, rejected}, false, Partial, Refused, true, false},
		{[]connector.CallOutcome{rejected, rejected}, false, Failed, Refused, true, false},
		{[]connector.CallOutcome{arrived, lost}, true, Partial, Unreachable, false, true},
		{[]connector.CallOutcome{arrived, busy}, true, Partial, Unreachable, true, false},
		{[]connector.CallOutcome{busy}, true, Failed, Unreachable, true, false},
		{[]connector.CallOutcome{notMade}, true, Failed, Unreachable, false, false},
		{[]connector.CallOutcome{rejected, notMade}, true, Failed, Unreachable, true, false},
		{[]connector.CallOutcome{lost}, true, Failed, Unreachable, false, true},
		{[]connector.CallOutcome{unknown, unknown}, false, Skipped, MissingIdentity, false, false},
		{[]connector.CallOutcome{arrived, unknown}, false, Partial, Refused, true, false},
		{[]connector.CallOutcome{rejected, unknown}, false, Failed, Refused, true, false},
		{[]connector.CallOutcome{unknown, busy}, true, Failed, Unreachable, true, false},
	} {
		var calls []connector.Call
		for _, o := range c.calls {
			calls = append(calls, connector.Call{Outcome: o})
		}
		o := judge(calls, nil)
		if o.again != c.again || o.status != c.status || o.reason != c.reason || o.answered != c.answered || o.lost != c.lost {
			t.Errorf("%v: %+v", c.calls, o)
		}
	}
}

func TestFailureMeansAnOutcome(t *testing.T) { // P4, R6
	for kind, want := range map[connector.Kind]outcome{
		connector.Denied:      {status: Failed, reason: NotAllowed, answered: true},
		connector.Permanent:   {status: Failed, reason: Refused, answered: true},
		connector.Constraint:  {status: Failed, reason: Refused, answered: true},
		connector.Transient:   {status: Failed, reason: Unreachable, again: true, lost: true},
		connector.Unreachable: {status: Failed, reason: Unreachable, again: true, lost: true},
	} {
		want.message, want.pause = "code 7", longestQuiet
		got := judge(nil, fmt.Errorf("call: %w", &connector.Error{Kind: kind, Connection: "a", Reason: "code 7", RetryAfter: 1000 * time.Hour}))
		if got != want {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
	}
	if o := judge(nil, errors.New("anna@example.com is no address")); o.again || o.reason != Refused || strings.Contains(o.message, "anna") { // SE10
		t.Errorf("%+v", o)
	}
}
