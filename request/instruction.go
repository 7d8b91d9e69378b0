package request

import (
	"errors"
	"time"
	"unicode/utf8"

	"volenti.dev/volenti/subject"
)

// Instruction is what whoever looks after a dataset that cannot be reached was
// told to erase for a request, and what they have answered. There is one for
// each request and dataset. What they were told in detail is in the letter, and
// gone with it.
type Instruction struct {
	Request    string
	Dataset    string
	Connection string // its key
	Letter     string // the id of the letter, of the last attempt
	Attempt    int    // counts the letters; another is written when one was given up
	State      InstructionState
	Due        time.Time // when their time ends
	Sent       time.Time // when a mail server had accepted the letter; zero: it has not
	// Answer is theirs, "" while there is none.
	Answer   Answer
	Question subject.Personal[string] // with Questioned
	Answered time.Time
	Reminded int // letters that have reminded them
}

// InstructionObject is what a pass for answering instructions is for.
func InstructionObject(id, dataset string) string { return "instructions/" + id + "/" + dataset }

// Overdue says whether an answer that should be there by now is not.
func (i Instruction) Overdue(now time.Time) bool {
	return i.State == Mailed && !i.Answer.Final() && !now.Before(i.Due)
}

// InstructionState is how far the letter of an instruction is.
type InstructionState string

// The states of instructions.
const (
	Posted  InstructionState = "posted"   // the letter waits to be sent
	Mailed  InstructionState = "sent"     // a mail server has accepted it
	GivenUp InstructionState = "given_up" // it could not be sent
)

// Answer is what a third party says became of instructions.
type Answer string

// The answers. After a question another one may follow.
const (
	Unanswered Answer = ""
	Carried    Answer = "done"
	Declined   Answer = "refused"
	Questioned Answer = "question"
)

// Final says whether no other answer can follow.
func (a Answer) Final() bool { return a == Carried || a == Declined }

// LongestQuestion is how many characters a question may have.
const LongestQuestion = 2000

// ErrAnswer is an answer that cannot be taken; its text says how it must be.
var ErrAnswer = errors.New("an answer is done, refused, or question with a text of at most 2000 characters")

// CheckAnswer says whether an answer can be taken. Only a question has a text,
// and must have one.
func CheckAnswer(a Answer, question string) error {
	n := utf8.RuneCountInString(question)
	switch {
	case a.Final() && n == 0, a == Questioned && n > 0 && n <= LongestQuestion && utf8.ValidString(question):
		return nil
	}
	return ErrAnswer
}
