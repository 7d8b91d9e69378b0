package request

import (
	"errors"
	"strings"
)

// What stands in the way of a request, or of a decision about it.
var (
	// ErrNoConfiguration: nothing says yet what the company holds.
	ErrNoConfiguration = errors.New("no configuration was applied")
	// ErrConfiguration: what was applied cannot be used here.
	ErrConfiguration = errors.New("the configuration that was applied cannot be used")
	// ErrOtherPlan: the request has another plan than the one that was meant.
	ErrOtherPlan = errors.New("the request has another plan")
	// ErrFourEyes: an erasure is to be approved by another person.
	ErrFourEyes = errors.New("an erasure must be approved by an operator who did not submit it")
	// ErrNoAddress: there is none that an answer may be sent to.
	ErrNoAddress = errors.New("there is no address that it may be sent to")
	// ErrNotInPlan: the plan of the request has no such collection.
	ErrNotInPlan = errors.New("the plan of the request has no such collection")
)

// Invalid says what is wrong with what was submitted. It repeats no identity.
type Invalid struct {
	Where string // of the submission: "policy", "identities", ...
	What  string
}

func (i *Invalid) Error() string { return i.Where + ": " + i.What }

// Unknown is an Invalid that tells what there is.
func Unknown(where, what string, known []string) *Invalid {
	return &Invalid{where, what + "; there are: " + strings.Join(known, ", ")}
}
