package webhook

import (
	"net/http"
	"strconv"
	"time"
)

// Attempt is a line of the delivery log. It holds nothing of the answer but
// its status.
type Attempt struct {
	Number   int64 // of the line, per endpoint
	At       time.Time
	Event    string // id
	Type     Type
	Sequence int64
	Try      int // of this event: 1 is the first
	Status   int // HTTP; 0 when there was no answer
	Outcome  Outcome
	Took     time.Duration
	Next     time.Time // when it is tried again; zero: not
}

// Outcome is what became of an attempt.
type Outcome string

// The outcomes. The last four are failures.
const (
	Delivered   Outcome = "delivered"   // 2xx
	Answered    Outcome = "answered"    // with any other status
	TimedOut    Outcome = "timed_out"   // no answer in time
	Unreachable Outcome = "unreachable" // no connection, or it broke
	NotAllowed  Outcome = "not_allowed" // the address is not one that may be called
)

// Waiting is an event that is to be sent again, or waits behind one.
type Waiting struct {
	Event Event
	Tried int       // attempts so far
	Since time.Time // of the first attempt; zero when there was none
	Due   time.Time
}

// schedule gives the pauses before the second attempt and those after it, as
// the standard recommends: the last comes 75 hours and 35 minutes after the
// first.
func schedule() []time.Duration {
	const minute, hour = time.Minute, time.Hour
	return []time.Duration{5 * time.Second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour}
}

// maxRetryAfter bounds what a receiver can ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the header (RFC 9110 section 10.2.3); 0 without one.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}
