package connector

import (
	"context"
	"time"

	"volenti.dev/volenti/datamap/catalogue"
)

// Waiting says that a system has taken what it was asked and answers later. It
// is the error of a Read, a Mask or a Delete whose result is not whole yet: rows
// that were there at once have been given. Nobody has to wait for the rest
// meanwhile: whoever keeps State goes on with it through a Resumer, after a
// restart too.
type Waiting struct {
	// Again is when to ask again. It is zero where the system calls back.
	Again time.Time
	// Until is when it is given up: a Resume from then on fails unless the answer
	// is there.
	Until time.Time
	// State holds values of a person, and is to be kept sealed.
	State []byte
}

func (w *Waiting) Error() string {
	if w.Again.IsZero() {
		return "the system calls back"
	}
	return "the system answers later: ask again at " + w.Again.UTC().Format(time.RFC3339)
}

// Requested is a system that is told which request its calls are made for.
type Requested interface {
	// About gives the same connection for one request.
	About(Facts) Connector
}

// Facts are about the request that calls are made for.
type Facts struct {
	RequestID string
	Custom    map[string]any // what was answered to the questions of the policy, by key
	Request   map[string]any // of the request itself, as RequestFields names it
	// Question names what is asked: the same whenever it is asked again in a step,
	// another in another step. It cannot be guessed, and tells nothing. "": nobody
	// keeps it.
	Question string
	// Log takes each attempt of a call over HTTP, besides Settings.Log; nil takes none.
	Log func(Exchange)
	// Reply gives where a system that answers later posts its answer, and the
	// token that it sends along. Each answer that is awaited has a number, and
	// the same number gives the same again. Nil: nobody can call back.
	Reply func(ctx context.Context, number int) (address, token string, err error)
}

// RequestFields are the names of what is told of a request, where it is known. None
// of it is a value of a person.
var RequestFields = []string{"id", "policy.key", "source", "location", "created_at", "requested_at", "due_date", "identity_verified_at"}

// Resumer is a system that may answer later.
type Resumer interface {
	// Later says whether a Read of a table may be answered later.
	Later(t *catalogue.Table) bool
	// Resume goes on with a Read that ended with a Waiting, and gives what has
	// come since. The error is a Waiting again while something is missing.
	// Answers are the bodies that the system has posted since, by the number of
	// its Facts.Reply; each is handed over until a Waiting is without it.
	Resume(ctx context.Context, r Read, state []byte, answers map[int][]byte, each func(Row) error) (ReadResult, error)
	// ResumeMask does so with a Mask or a Delete. The batch is the same as then;
	// changes that are not known yet have no Status.
	ResumeMask(ctx context.Context, b Batch, state []byte, answers map[int][]byte) ([]Outcome, error)
}
