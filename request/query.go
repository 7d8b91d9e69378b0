package request

import (
	"errors"
	"time"

	"volenti.dev/volenti/subject"
)

// Query says which requests are looked for. The zero value is all of them.
type Query struct {
	Statuses []Status // none for all
	Policy   string   // "" for all
	Law      string   // key of the law that their time runs under; "" for all
	// Place is where the person is, "DE" or "US-CA"; a country is also all that lies
	// in it. "" for all.
	Place string
	// Origins are how one of its identities came in; none for all.
	Origins   []Origin
	From, To  time.Time
	DueBefore time.Time
	Overdue   bool // only those whose answer is late
	Open      bool // only those that have not ended
	// Unanswered: only those about which the person has written something that waits
	// for an answer.
	Unanswered bool
	// Type and Digest are those of an identity that they are about; "" for
	// anybody's.
	Type   subject.Type
	Digest string
	// ByDue puts those first that are due first, and last those that nothing is
	// due of; otherwise the newest come first.
	ByDue bool
}

// View is a query that an operator has kept under a name, for themselves.
type View struct {
	ID     string
	Name   string
	Filter []byte // JSON, as the interface reads it
}

// MaxViews is how many an operator may keep.
const MaxViews = 50

// ErrTooMany: the operator keeps as many views as there may be.
var ErrTooMany = errors.New("there are too many views")

// Mark is the request behind which a page goes on; the zero value begins.
type Mark struct {
	ID  string
	Due time.Time
}

// MarkOf is the mark of the last request of a page.
func MarkOf(r Request) Mark { return Mark{r.ID, r.Due} }
