package message

import (
	"errors"
	"time"
)

// State is how far a letter has come.
type State string

// The states. A letter that is found in Sending when its attempt must be over
// may have been sent: whoever had it has not come to say so.
const (
	Waiting State = "waiting"
	Sending State = "sending"
	Sent    State = "sent"   // a mail server has accepted it
	Failed  State = "failed" // given up
)

// Posted is what may be known of a letter without opening it. It says neither
// to whom it goes nor what it says.
type Posted struct {
	ID       string
	Request  string // "" for none
	Kind     Kind
	Language string
	State    State
	Attempts int
	Reason   string // why the last attempt failed
	// Doubtful: the outcome of an attempt is not known, and so it was, or is
	// going to be, tried again: the letter may arrive twice, with the same
	// Message-ID.
	Doubtful bool
	Created  time.Time
	Due      time.Time // when it is tried next; zero once it has ended
	Ended    time.Time // when it was sent or given up; zero before
}

// Try is an attempt to send a letter.
type Try struct {
	Letter
	Attempt  int // from 1
	Doubtful bool
	Age      time.Duration // since it was posted
}

// ErrTaken: the letter is not there to be sent, or not in this attempt: it is
// not due, it has ended, or another attempt has begun.
var ErrTaken = errors.New("the letter is not to be sent in this attempt")

// ErrUnreadable: what was sealed cannot be opened, and never will be.
var ErrUnreadable = errors.New("the contents of the letter cannot be read")
