package request

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"volenti.dev/volenti/subject"
)

// Thread is what the person and the company write to each other about a request.
// Messages are only ever added. Their texts are sealed under a key of the thread,
// which outlives that of the request: who asks may have something to say about the
// answer. Once that key is destroyed it is still known who wrote when.
type Thread struct {
	Messages []Message // in their order
	// Seen is the last message of the company's that the person says to have read.
	Seen int64
	// Settled is the last of the person's messages that is answered, or needs no
	// answer.
	Settled   int64
	Destroyed time.Time // when the texts were
}

// Message is one of a thread.
type Message struct {
	N    int64 // from 1
	From Side
	At   time.Time
	Text subject.Personal[string] // "" where it was not read, or is destroyed
}

// Side is who writes.
type Side string

// The sides.
const (
	FromPerson  Side = "person" // or whoever they gave their link to
	FromCompany Side = "company"
)

// What keeps a thread, and what operators have to read, within bounds.
const (
	MaxText       = 4000 // characters of a message
	maxMessages   = 500  // of a thread
	maxUnanswered = 10   // of the person
)

var (
	// ErrThreadClosed: nothing can be written about the request, not yet or not any
	// more.
	ErrThreadClosed = errors.New("no messages are taken about this request")
	// ErrThreadFull: there are as many messages as there may be, or as may wait for
	// an answer.
	ErrThreadFull = errors.New("there are too many messages")
)

// Of counts the messages of a side.
func (t Thread) Of(side Side) int { return t.after(side, 0) }

// Unanswered counts the messages of the person that wait for an answer. Nothing
// waits once nobody can read it any more.
func (t Thread) Unanswered() int {
	if !t.Destroyed.IsZero() {
		return 0
	}
	return t.after(FromPerson, t.Settled)
}

// Unread counts the messages of the company that the person does not say to have
// read.
func (t Thread) Unread() int { return t.after(FromCompany, t.Seen) }

func (t Thread) after(side Side, n int64) (count int) {
	for _, m := range t.Messages {
		if m.From == side && m.N > n {
			count++
		}
	}
	return count
}

// Last gives when something was last written; the zero time for never.
func (t Thread) Last() time.Time {
	if len(t.Messages) == 0 {
		return time.Time{}
	}
	return t.Messages[len(t.Messages)-1].At
}

// Takes says why nothing can be written about a request now; nil when something
// can. A thread stays open for keeps after the end of its request.
func (t Thread) Takes(r Request, keeps time.Duration, now time.Time) error {
	switch {
	case r.Status == IdentityUnverified || r.Status == Duplicate, !t.Destroyed.IsZero():
		return ErrThreadClosed
	case !r.Ended.IsZero() && !now.Before(r.Ended.Add(keeps)):
		return ErrThreadClosed
	}
	return nil
}

// TakesFrom is Takes for one side, with the bounds on how much there may be.
func (t Thread) TakesFrom(side Side, r Request, keeps time.Duration, now time.Time) error {
	if err := t.Takes(r, keeps, now); err != nil {
		return err
	}
	if len(t.Messages) >= maxMessages || side == FromPerson && t.Unanswered() >= maxUnanswered {
		return ErrThreadFull
	}
	return nil
}

// ParseText reads a message as it was typed: plain text, with line breaks as \n.
func ParseText(text string) (subject.Personal[string], error) {
	none := subject.Personal[string]{}
	text = strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text))
	switch {
	case text == "":
		return none, errors.New("nothing is written")
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }):
		return none, errors.New("it is not plain text")
	case utf8.RuneCountInString(text) > MaxText:
		return none, fmt.Errorf("it is longer than %d characters", MaxText)
	}
	return subject.Conceal(text), nil
}
