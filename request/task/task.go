// Package task is what colleagues are asked when no system can answer: the
// questions of a connection, what a plan makes of them, and the answers.
//
//	connection: questions ─┐
//	policy: rules ─────────┴─> Ask, in the plan ─> Task ─> Form ─> Answer ─> the package
//
// What is entered is handed to the person and leads to nothing else: no data is
// located by it.
package task

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/subject"
)

// Question is one thing that colleagues are asked.
type Question struct {
	Key        string              `json:"key"`
	Label      Label               `json:"label"`
	Type       Type                `json:"type"`
	Required   bool                `json:"required,omitempty"`
	Categories []taxonomy.Category `json:"data_categories"`
	// Erasure asks to erase something and to confirm it; else the question asks
	// for what the person gets.
	Erasure bool `json:"erasure,omitempty"`
	// Max bounds the answer: characters of a text, bytes of each file.
	Max int64 `json:"max,omitempty"`
}

// Label is what a question says, by language; "" for any.
type Label map[string]string

// In gives the label in a language, or what comes closest.
func (l Label) In(language string) string {
	base, _, _ := strings.Cut(language, "-")
	for _, key := range []string{language, base, "", "en"} {
		if text, ok := l[key]; ok {
			return text
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l)) {
		return l[key]
	}
	return ""
}

// Type is what can be entered.
type Type string

// The types.
const (
	Text    Type = "text"
	Number  Type = "number"
	Date    Type = "date"    // 2026-12-31
	Boolean Type = "boolean" // yes or no
	Files   Type = "file"
)

// Ask is what a plan asks the colleagues of one connection.
type Ask struct {
	Connection string     `json:"connection"`
	Name       string     `json:"name,omitempty"`
	DueDays    int        `json:"due_days"`
	RemindDays int        `json:"remind_days,omitempty"` // before they are over; 0 for no reminder
	Questions  []Question `json:"questions"`
	// Returned are the keys of the questions whose answers each access rule
	// gives to the person.
	Returned map[string][]string `json:"returned,omitempty"`
}

// Question finds a question by its key, nil when there is none.
func (a *Ask) Question(key string) *Question {
	for i := range a.Questions {
		if a.Questions[i].Key == key {
			return &a.Questions[i]
		}
	}
	return nil
}

// Task is an Ask that a request waits for, or has waited for.
type Task struct {
	Request    string
	Connection string
	Asked      time.Time
	Due        time.Time // links to it end then; an operator may still answer
	Remind     time.Time // when to remind those who were asked; zero: not, or not again
	Answered   time.Time // the last time; zero: not yet
	Closed     time.Time // when the request ended; zero: it has not
}

// Object is what passes and audit entries call a task.
func (t Task) Object() string { return "task/" + t.Request + "/" + t.Connection }

// Parse gives the task that Object stands for.
func Parse(object string) (request, connection string, ok bool) {
	rest, ok := strings.CutPrefix(object, "task/")
	request, connection, cut := strings.Cut(rest, "/")
	return request, connection, ok && cut
}

// What stands in the way of an answer.
var (
	// ErrNotWaiting: the request does not wait for an answer of this connection.
	ErrNotWaiting = errors.New("the request does not wait for an answer of this connection")
	// ErrAnswered: a link is for the first answer.
	ErrAnswered = errors.New("the task was answered already")
	// ErrReplaced: another answer began to arrive while this one did.
	ErrReplaced = errors.New("another answer arrived at the same time")
	// ErrTooMuch: the files of the request are larger than what it may keep.
	ErrTooMuch = errors.New("the files are too large together")
)

// Answer is what was entered. It shows nothing of itself; as JSON it is whole,
// to be sealed.
type Answer struct {
	Nothing bool              `json:"nothing,omitempty"` // there is nothing about the person
	Values  map[string]string `json:"values,omitempty"`  // by question
	Files   map[string][]File `json:"files,omitempty"`   // by question
	// Upload and Pieces find the contents of the files.
	Upload string `json:"upload,omitempty"`
	Pieces int    `json:"pieces,omitempty"`
}

// File is an uploaded file. Its name is what somebody has called it, and never
// a path.
type File struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // the media type that its first bytes speak of
	Size int64  `json:"size"` // in bytes
}

// Format hides the answer under every verb and flag.
func (Answer) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, subject.Redacted) }

// LogValue hides the answer from slog.
func (Answer) LogValue() slog.Value { return slog.StringValue(subject.Redacted) }

// Unconfirmed counts the erasures that were asked for and not confirmed. Where
// there is nothing, there was nothing to erase.
func (a *Ask) Unconfirmed(given Answer) (n int) {
	for _, q := range a.Questions {
		if q.Erasure && !given.Nothing && given.Values[q.Key] != yes {
			n++
		}
	}
	return n
}

// Value gives what was entered as a value of the question's type, nil where
// nothing was.
func (q Question) Value(given Answer) any {
	text, ok := given.Values[q.Key]
	switch {
	case !ok:
		return nil
	case q.Type == Number:
		return value.Decimal(text)
	case q.Type == Date:
		return value.Date(text)
	case q.Type == Boolean:
		return text == yes
	}
	return text
}

// yes and no are how answers keep truth values.
const yes, no = "true", "false"
