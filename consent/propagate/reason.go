package propagate

import (
	"fmt"
	"strings"
)

// meaning is what a reason says to people, and what they can do about it; mend is
// "" where nothing is to be mended.
type meaning struct {
	reason         Reason
	sentence, mend string
}

// meanings are all reasons, in the order in which they are judged.
var meanings = []meaning{
	{Disabled, "The connection is disabled.", "Take `disabled: true` out of the connection."},
	{ActionDisabled, "Choices are not sent to this connection: its settings switch it off, or its kind cannot take them.", "Take `off: true` out of its `consent:`, or use a webhook, a mailbox or a database instead."},
	{NoWriteAccess, "The connection may not be written to.", "Set `access: write`; a webhook needs `receives: identities`."},
	{UseMismatch, "Its data uses and those of the purpose do not go together, or one of the two has none.", "If the system does use data for this purpose, name the use in its `data_uses` and in those of the purpose. A connection without a system and without uses can name the purpose in the `purposes` of its `consent:`."},
	{NothingToSend, "The connection has no words of its own for this purpose.", "Name the purpose in the `purposes` of its `consent:`, with what the system calls it."},
	{OneSided, "The system can be told the opposite only: its description has no request for this.", "Add `opt_in` or `opt_out` to the description, where the vendor has such a request."},
	{Erased, "The person was erased before it was sent. Nothing is sent about them any more.", ""},
	{Newer, "A newer choice of the person took its place before it was sent.", ""},
	{MissingIdentity, "The person has no identity that the system knows people by.", "Record a choice with such an identity, or name another type in the `identities` of the connection's `consent:`. Then retry."},
	{Unreadable, "What the store keeps of the person, their key or an identity that the system knows people by, is damaged and cannot be opened.", "The log of the server names the record. Restore the damaged row from a backup, and retry."},
	{Removed, "The connection is no longer there, or takes no choices any more.", "Give it back its `consent:`, and retry."},
	{Refused, "The system answered no, and trying again does not help.", "Read in the attempts what it answered, mend that there, and retry."},
	{NotAllowed, "The system does not accept our secrets, or its address may not be called.", "Mend the secrets of the connection, or its address, and retry."},
	{Unreachable, "The system did not take it however often it was tried.", "When it answers again, retry."},
	{Legacy, "It is what an imported status map says, of a time before this platform.", ""},
}

// Reasons lists those that there are.
func Reasons() []Reason {
	all := make([]Reason, len(meanings))
	for i, m := range meanings {
		all[i] = m.reason
	}
	return all
}

// Sentence says what a reason means; "" for none.
func (r Reason) Sentence() string { return r.meaning().sentence }

// Mend says what can be done about it; "" where there is nothing.
func (r Reason) Mend() string { return r.meaning().mend }

func (r Reason) meaning() meaning {
	for _, m := range meanings {
		if m.reason == r {
			return m
		}
	}
	return meaning{}
}

// stages are all statuses, in the order in which a delivery goes through them.
var stages = []struct {
	status   Status
	sentence string
}{
	{Pending, "It waits to be sent, for the first time or again."},
	{Sending, "It is being sent, and its outcome is not known yet."},
	{Complete, "The system has taken all of it."},
	{Partial, "The system has taken a part of it; the calls say which."},
	{Failed, "Nothing of it arrived, and it is not tried again by itself."},
	{Skipped, "Nothing was sent, on purpose."},
	{Superseded, "A newer choice took its place before it was sent."},
}

// Statuses lists those that there are.
func Statuses() []Status {
	all := make([]Status, len(stages))
	for i, s := range stages {
		all[i] = s.status
	}
	return all
}

// Sentence says what a status means; "" for one that there is not.
func (s Status) Sentence() string {
	for _, stage := range stages {
		if stage.status == s {
			return stage.sentence
		}
	}
	return ""
}

// ParseStatus gives the status of that name.
func ParseStatus(name string) (Status, error) {
	if s := Status(name); s.Sentence() != "" {
		return s, nil
	}
	var all []string
	for _, s := range Statuses() {
		all = append(all, string(s))
	}
	return "", fmt.Errorf("it is not a status; there are %s", strings.Join(all, ", "))
}
