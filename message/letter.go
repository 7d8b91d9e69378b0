// Package message is the letters to people: to the person who asks, to
// colleagues who have to answer, to third parties who have to erase or to keep to
// what people want. A letter
// says what it is about; its words come from templates when it is sent.
package message

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/google/uuid"

	"volenti.dev/volenti/subject"
)

// Letter is a message to one address, to be written and sent later. It is
// stored in the commit of what causes it, sealed, and its contents are
// destroyed once it was sent or given up.
type Letter struct {
	ID       string // UUIDv7; the same in every attempt to send it
	Request  string // that it is about; "" for none
	Kind     Kind
	Language string // BCP 47; "" for the default
	To       subject.Personal[string]
	Values   Values
}

// New gives a letter an id of its own.
func New(l Letter) (Letter, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return l, fmt.Errorf("make the id of a letter: %w", err)
	}
	l.ID = id.String()
	return l, nil
}

// Kind is what a letter is for. Each has a template.
type Kind string

// The kinds of letters, and the values that their templates may use. All that
// are named are there, and empty where they do not apply; a date is a day like
// 2026-12-24, or a time in RFC 3339. Render adds organisation to all: the name
// of the controller.
const (
	// To the person. All have reference (the id of the request) and policy (its
	// name).
	Receipt    Kind = "receipt"    // due (date), url (to follow it)
	Code       Kind = "code"       // code, minutes
	Approval   Kind = "approval"   // url
	Denial     Kind = "denial"     // reason, url
	Extension  Kind = "extension"  // due, reason, url
	Answer     Kind = "answer"     // url: there is a message to read
	Completion Kind = "completion" // downloads (url, name), expires (date), erased (what, count), kept (what, reason, ground, until), residue (bool), url

	// To a visitor who wants to link a device: about no request.
	DeviceCode Kind = "device_code" // site (its name), code, minutes

	// To who has chosen something: about no request.
	Preferences Kind = "preferences" // url, minutes

	// To an operator who has forgotten the password: about no request.
	Password Kind = "password" // url, minutes

	// To others.
	Task         Kind = "task"         // connection, due, url: to a colleague
	Instructions Kind = "instructions" // collections (name, locators (field, values; or field, of, their), update (field, action, value)), due, url: to a third party
	Choices      Kind = "choices"      // columns (types of identities), rows (identities (type, value): one for each column; purpose, names, granted (bool), since, key): to a third party
	Reminder     Kind = "reminder"     // of ("task" or "instructions"), due, url
	Trial        Kind = "trial"        // to see that mail arrives
)

// Kinds lists them all.
func Kinds() []Kind {
	return []Kind{Receipt, Code, Approval, Denial, Extension, Answer, Completion, DeviceCode, Preferences, Password, Task, Instructions, Choices, Reminder, Trial}
}

// Values are what a template may use: text, numbers, booleans, lists and maps
// of these, as JSON has them. They show nothing of themselves.
type Values map[string]any

// Format hides the values under every verb and flag.
func (Values) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, subject.Redacted) }

// LogValue hides the values from slog.
func (Values) LogValue() slog.Value { return slog.StringValue(subject.Redacted) }

// MarshalJSON hides the values from JSON; whoever seals or renders them makes
// a plain map of them.
func (Values) MarshalJSON() ([]byte, error) { return []byte(`"` + subject.Redacted + `"`), nil }
