package request

import "errors"

// Status is the state of a request.
type Status string

// The statuses of a request.
const (
	IdentityUnverified   Status = "identity_unverified"
	AwaitingApproval     Status = "awaiting_approval"
	RequiresInput        Status = "requires_input"
	Approved             Status = "approved"
	Denied               Status = "denied"
	InProcessing         Status = "in_processing"
	Paused               Status = "paused"
	AwaitingEmailSend    Status = "awaiting_email_send"
	RequiresFinalization Status = "requires_finalization"
	Errored              Status = "error"
	Complete             Status = "complete"
	CompleteWithResidue  Status = "complete_with_residue"
	Canceled             Status = "canceled"
	Duplicate            Status = "duplicate"
)

// Event is what happens to a request.
type Event string

// The events that move a request.
const (
	Verify    Event = "verify"    // who asks was proven
	Supersede Event = "supersede" // it is a duplicate of another
	Approve   Event = "approve"
	Deny      Event = "deny"
	Start     Event = "start"
	Ask       Event = "ask"    // colleagues have to answer first
	Pause     Event = "pause"  // a limit, or a webhook that has halted it
	Mail      Event = "mail"   // letters to third parties wait to be sent
	Review    Event = "review" // all is done, and an operator looks at it before the person is told
	Resume    Event = "resume" // what it waited for is there
	Fail      Event = "fail"
	Finish    Event = "finish"         // everything was done and verified
	Leave     Event = "finish_residue" // everything was done, verification found rows
	Cancel    Event = "cancel"
	// What an operator does with a request that has stopped.
	Retry    Event = "retry"    // it goes on where it stopped
	Skip     Event = "skip"     // a collection is taken out of it
	Finalise Event = "finalise" // it ends as it is
)

// transitions is the one table of what may happen when.
var transitions = map[Status]map[Event]Status{
	IdentityUnverified: {Verify: AwaitingApproval, Supersede: Duplicate, Deny: Denied, Cancel: Canceled},
	AwaitingApproval:   {Approve: Approved, Supersede: Duplicate, Deny: Denied, Cancel: Canceled},
	Approved:           {Start: InProcessing, Cancel: Canceled},
	// Start again: another node goes on where the last one stopped.
	InProcessing: {
		Start: InProcessing, Ask: RequiresInput, Pause: Paused, Mail: AwaitingEmailSend, Review: RequiresFinalization,
		Fail: Errored, Finish: Complete, Leave: CompleteWithResidue, Cancel: Canceled,
		Skip: InProcessing, Finalise: CompleteWithResidue, // while it waits for systems
	},
	RequiresInput:        {Resume: Approved, Cancel: Canceled, Finalise: CompleteWithResidue},
	AwaitingEmailSend:    {Resume: Approved, Fail: Errored, Cancel: Canceled, Finalise: CompleteWithResidue},
	RequiresFinalization: {Resume: Approved, Cancel: Canceled},
	Paused:               {Start: InProcessing, Resume: Approved, Cancel: Canceled, Retry: Approved, Skip: Paused, Finalise: CompleteWithResidue},
	Errored:              {Start: InProcessing, Cancel: Canceled, Retry: Approved, Skip: Errored, Finalise: CompleteWithResidue},
}

// Sentinels that callers test for.
var (
	// ErrTransition: the event is not possible in the request's status.
	ErrTransition = errors.New("not possible in this status")
	// ErrFenced: another process has taken the request over.
	ErrFenced = errors.New("another process has taken this request over")
	// ErrUnavailable: the store takes no change now, and nothing was changed.
	ErrUnavailable = errors.New("the database is not available")
	// ErrUnknown: it is not known whether the store has made the change.
	ErrUnknown = errors.New("the outcome of the commit is unknown")
	// ErrLeased: another process is carrying the request out.
	ErrLeased = errors.New("another process is carrying this request out")
	// ErrNotFound: there is no such request in this tenant.
	ErrNotFound = errors.New("no such request")
	// ErrRecipientOnly: a package can be read by its recipient alone.
	ErrRecipientOnly = errors.New("the package is closed for its recipient")
	// ErrDestroyed: the key was destroyed, and what it sealed is gone.
	ErrDestroyed = errors.New("its key was destroyed")
)

// Next gives the status that follows, or ErrTransition.
func (s Status) Next(e Event) (Status, error) {
	if next, ok := transitions[s][e]; ok {
		return next, nil
	}
	return s, ErrTransition
}

// Terminal says whether nothing can happen to the request any more.
func (s Status) Terminal() bool { return len(transitions[s]) == 0 }

// MayWithdraw says whether a person may still give a request up where nothing
// was erased yet: not when others were told to erase, or all is done.
func MayWithdraw(s Status) bool {
	return !s.Terminal() && s != AwaitingEmailSend && s != RequiresFinalization
}

// From lists the statuses in which the event is possible, and what follows.
func (e Event) From() map[Status]Status {
	from := map[Status]Status{}
	for s, events := range transitions {
		if next, ok := events[e]; ok {
			from[s] = next
		}
	}
	return from
}
