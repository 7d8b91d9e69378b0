package request

import (
	"time"

	"volenti.dev/volenti/subject"
)

// Query says which requests are looked for. The zero value is all of them.
type Query struct {
	Statuses  []Status // none for all
	Policy    string   // "" for all
	From, To  time.Time
	DueBefore time.Time
	Overdue   bool // only those whose answer is late
	Open      bool // only those that have not ended
	// Type and Digest are those of an identity that they are about; "" for
	// anybody's.
	Type   subject.Type
	Digest string
	// ByDue puts those first that are due first, and last those that nothing is
	// due of; otherwise the newest come first.
	ByDue bool
}

// Mark is the request behind which a page goes on; the zero value begins.
type Mark struct {
	ID  string
	Due time.Time
}

// MarkOf is the mark of the last request of a page.
func MarkOf(r Request) Mark { return Mark{r.ID, r.Due} }
