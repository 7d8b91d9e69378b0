// Package connector is the contract between Volenti and the systems that a
// company has. A connector is a Spec value, a constructor and as many of the
// small capability interfaces below as the system can do. It knows nothing of
// requests or consent: names and values in, results out.
//
//	Spec.New(settings) -> Connector
//	                        Tester     can it be reached
//	                        Describer  what tables and columns there are
//	                        Sampler    some rows, to see what columns hold
//	                        Reader     rows that match values, streamed
//	                        Masker     write masks over values read before
//	                        Deleter    remove rows read before
//	                        Verifier   ask again whether the masks hold
//	                        Asker      people who answer instead
//	                        Instructed tell people what to erase, where nothing else can be done
//	                        Preferrer  take what people want
//	                        Authorized be used once a person has allowed it
//	                        Permitter  keep a table of who allows what
package connector

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// Spec describes a kind of connector: documentation, validation and forms
// derive from it.
type Spec struct {
	Type    string    // "postgres": the `type` of a connection
	Name    string    // "PostgreSQL": what people call it
	Summary string    // one sentence for people
	Secrets []Setting // what `secrets` may hold
	// Local: its systems are files of the machine that Volenti runs on. No connection of
	// this kind can be made over HTTP.
	Local bool
	// Asks: people answer it. Its connections have questions, and no datasets.
	Asks bool
	// Called: it holds no data, and is called by the webhooks of policies.
	Called bool
	// Instructed: its connectors are Instructed, and can neither be described
	// nor read.
	Instructed bool
	// Prefers is how many preferences its connectors, which are Preferrers, take
	// in one call; 0: it takes none.
	Prefers int
	// PrefersBy are the types of identities that it must be given of a person whose
	// preference it takes, where it says so.
	PrefersBy []string
	// NoGrants and NoOptOuts: of preferences it takes only the others.
	NoGrants, NoOptOuts bool
	// Permits: a permission table can be kept in it, which says who allows what: its
	// connectors are Permitters.
	Permits bool
	// Authorized: its connectors are Authorized, and of no use before a person has
	// allowed it.
	Authorized bool
	// Bounds are those of its calls over HTTP.
	Bounds Bounds
	// Endpoints gives what a connection with these secrets and this dataset is asked
	// for, and by what, where rows cannot be looked up; nil where they can. Such a kind
	// is called over HTTP.
	Endpoints func(secrets map[string]string, dataset string) []Endpoint
	// Dataset is a file of a configuration whose list dataset has one of what each
	// connection holds, with Instance as its key; nil where the kind has none.
	Dataset []byte
	// Digest changes with whatever a connection does differently, where a description
	// says what it does; "" where the program does.
	Digest string
	// New opens a connection lazily: it does no network work, so that a
	// system that is down fails where it is used.
	New func(Settings) (Connector, error)
}

// Setting is one key of a connection's secrets.
type Setting struct {
	Name     string
	Label    string // what people call it, where Help begins with that; "" where Name has to do
	Required bool
	Help     string
	// Plain: it proves nothing to anybody, so that a form shows it while it is entered.
	Plain   bool
	Options []string // all that it may be, where that is a few
	Default string   // what it is where it is left out
	// Check says what is wrong with a value, without quoting it; nil takes any.
	Check func(value string) error
	// Local says what of the machine that Volenti runs on a value would make it use,
	// such as a file or the environment, without quoting it; nil where no value does.
	// A connection that is made over HTTP may use nothing of it.
	Local func(value string) error
	// Leads: it says where calls go, with the other secrets in them.
	Leads bool
}

// Settings is what a connection of the configuration hands to a constructor.
type Settings struct {
	Key      string            // the connection's key, for messages
	Secrets  map[string]string // expanded; never shown
	ReadOnly bool              // the connection grants read access only
	Dataset  string            // key of the dataset that it holds; "" for none, or several
	// MaxConnections bounds what runs on the system at once; 0 means 4.
	MaxConnections int
	// Client makes calls over HTTP, where this connection may call; nil where none
	// may be made.
	Client Client
	// Limiter counts calls, beyond this process where several share the work; nil
	// counts those of one connector.
	Limiter Limiter
	// Tokens keeps what signing in gave; nil forgets it with the process.
	Tokens TokenKeeper
	// Log takes each attempt of a call over HTTP; nil takes none.
	Log func(Exchange)
	// Trial sends a letter that says nothing to an address, at once; nil where
	// no mail can be sent.
	Trial func(ctx context.Context, to subject.Personal[string]) error
	// Letter sends a letter, at once, with a table for spreadsheets where there are
	// rows: the first has the names of the columns. It gives what became of it:
	// NotMade where no mail server could be asked. Nil where no mail can be sent.
	Letter func(ctx context.Context, l message.Letter, table [][]string) Call
}

// Connector is an open way to a system. Close gives back what it holds.
// All methods of all capabilities may be called concurrently.
type Connector interface {
	Close() error
}

// Tester tells whether the system can be reached with these secrets.
type Tester interface {
	Test(ctx context.Context) error
}

// Describer reads the live catalogue.
type Describer interface {
	Describe(ctx context.Context) (catalogue.Catalogue, error)
}

// Sampler reads rows of nobody in particular, so that a description can be
// proposed from what they hold. Values never leave the process.
type Sampler interface {
	// Sample gives at most limit rows of a table, whole.
	Sample(ctx context.Context, t *catalogue.Table, limit int) ([]Row, error)
}

// Reader finds rows. A Read without any non-null match value sends nothing.
type Reader interface {
	// Queries gives the statements that Read would send, with placeholders for
	// values, shown with one value per match. It is pure: no connection is
	// made.
	Queries(Read) ([]string, error)
	// Read streams the matching rows in no particular order, each once, however
	// many of its values match. It stops at the first error of each. It reports values that it could not turn
	// into the column's type in ReadResult, and never sends those.
	Read(ctx context.Context, r Read, each func(Row) error) (ReadResult, error)
	// Count tells how many distinct rows match.
	Count(ctx context.Context, r Read) (int64, error)
	// Size estimates the rows of a whole table (for limits, not for reports).
	Size(ctx context.Context, t catalogue.Name) (int64, error)
}

// Masker writes masks. It may be called more than once with the same Batch:
// a row that holds its mask already is left alone and reported so.
type Masker interface {
	Mask(ctx context.Context, b Batch) ([]Outcome, error)
}

// Deleter removes rows, under the same contract as Masker: a row that is gone
// is AlreadyDone.
type Deleter interface {
	Delete(ctx context.Context, b Batch) ([]Outcome, error)
}

// Verifier asks the system again: an Outcome per change, AlreadyDone where
// the mask stands (or the row is gone), Conflict where something else does.
// It writes nothing.
type Verifier interface {
	Verify(ctx context.Context, b Batch) ([]Outcome, error)
}

// Asker is answered by people.
type Asker interface {
	// Assignees are the mail addresses of those who are asked; there may be none.
	Assignees() []subject.Personal[string]
}

// Instructed is a system that people look after who can be told what to erase,
// and by nothing else.
type Instructed interface {
	// Recipient is who gets the instructions: an email address.
	Recipient() subject.Personal[string]
	// Term is how many days they have.
	Term() int
}

// Preferrer takes what people want: a choice about a purpose.
type Preferrer interface {
	// Prefer tells the system up to Spec.Prefers preferences, and gives the calls
	// that were made or should have been, for each. A preference may be told again
	// under the same Key, which must then change nothing. The error is about all of
	// them, and says that none is known to have arrived.
	Prefer(ctx context.Context, all []Preference) ([][]Call, error)
}

// Preference is what one person wants of one purpose.
type Preference struct {
	Key        string             // of idempotency: 1 to 64 letters, digits, _ and -
	Subject    string             // a random id of the person, always the same
	Identities []subject.Identity // those that the system knows people by; at least one
	Purpose    string             // our key of the purpose
	Items      []string           // what the system calls it; Purpose when it has no words of its own
	Granted    bool               // they agree; otherwise they do not, or no more
	Since      time.Time          // when they chose
}

// Call is one call to a system. Its text never holds a value of a person.
type Call struct {
	Name       string        `json:"name"` // what it does: "list_42", "POST /contacts/{id}"
	Outcome    CallOutcome   `json:"outcome"`
	Reason     string        `json:"reason,omitempty"` // why it did not arrive
	RetryAfter time.Duration `json:"-"`                // asked for by the system; 0 when it did not say
}

// CallOutcome is what became of a call.
type CallOutcome string

// The outcomes.
const (
	Arrived  CallOutcome = "arrived"  // the system has accepted it
	Rejected CallOutcome = "rejected" // it has refused it: trying again does not help
	Lost     CallOutcome = "lost"     // nobody knows whether it arrived
	Busy     CallOutcome = "busy"     // the system answered that it cannot now
	NotMade  CallOutcome = "not_made" // it did not come to it
	// Unknown: the person has no identity that the system takes, so that trying again
	// does not help.
	Unknown CallOutcome = "unknown_person"
)

// Read asks for the rows of a table in which at least one Match holds.
// Table is the live catalogue's own description: statements are built from
// its names and types, never from a configuration's. In a table that is Open
// a match may name a path, "items.customer_id", through objects and arrays;
// Columns are always top-level fields.
type Read struct {
	Table     *catalogue.Table
	Columns   []string
	Where     []Match     // joined by OR
	Partition []Condition // joined by AND with the whole of Where
	// Again: the same was read before, and what it asks about may have been removed
	// since. A system that does not know it any more has no rows of it.
	Again bool
}

// Match holds when the columns together equal one of the tuples.
type Match struct {
	Columns []string
	Tuples  []Tuple // each as long as Columns; a tuple with a null is never sent
}

// Condition compares a column with a constant of the configuration.
type Condition struct {
	Column   string
	Operator string // one of = <> < <= > >=
	Constant any    // a value of package value
}

// ReadResult says what became of the inputs.
type ReadResult struct {
	Rows    int64
	Dropped int // match values that cannot be values of the column
}

// Batch is a bounded set of changes to one table, applied in one transaction.
// Where a system has no transactions each change is applied by itself, whole
// or not at all, with a Guard before each. In a table that is Open only those
// parts of a field are written in which Before and After differ.
type Batch struct {
	Table      *catalogue.Table
	KeyColumns []string // identify a row together
	Columns    []string // those to be written; empty for deletes
	// Omit are paths within Columns that are not sent along by systems which write a
	// row whole.
	Omit    []string
	Changes []Change
	// Guard is called inside the transaction just before it commits; an error
	// from it rolls everything back. Nil means none.
	Guard func(context.Context) error
}

// Compared gives the columns that must hold Before: those to be written, or
// for deletes those that Before knows.
func (b Batch) Compared() []string {
	if len(b.Columns) > 0 {
		return b.Columns
	}
	var out []string
	for _, c := range b.Changes {
		for name := range c.Before {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Change is one row to be written.
type Change struct {
	Key    Tuple // the values of KeyColumns
	Before Row   // the values of Columns when the row was read
	After  Row   // the values to be written
}

// Status is what became of a change.
type Status string

// What became of a change.
const (
	Changed     Status = "changed"      // written by this call
	AlreadyDone Status = "already_done" // the mask stood there, or the row was gone before a delete
	Conflict    Status = "conflict"     // the row holds neither what was read nor its mask: it changed meanwhile
	Missing     Status = "missing"      // no such row any more (masks only)
	Failed      Status = "failed"       // refused by the system; see Fields or Reason
)

// Outcome is what became of one change, in the order of Batch.Changes.
type Outcome struct {
	Status Status
	// Fields names the columns that were refused, each with its reason; the
	// other columns of the row were written.
	Fields map[string]string
	Reason string // for a row that failed as a whole
}

// Row is a record: field name to value. It shows nothing of itself.
type Row map[string]any

// Tuple is a list of values. It shows nothing of itself.
type Tuple []any

// Format hides the values under every verb and flag.
func (Row) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, subject.Redacted) }

// LogValue hides the values from slog.
func (Row) LogValue() slog.Value { return slog.StringValue(subject.Redacted) }

// MarshalJSON hides the values from JSON; package delivery writes rows.
func (Row) MarshalJSON() ([]byte, error) { return []byte(`"` + subject.Redacted + `"`), nil }

// Format hides the values under every verb and flag.
func (Tuple) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, subject.Redacted) }

// LogValue hides the values from slog.
func (Tuple) LogValue() slog.Value { return slog.StringValue(subject.Redacted) }

// MarshalJSON hides the values from JSON.
func (Tuple) MarshalJSON() ([]byte, error) { return []byte(`"` + subject.Redacted + `"`), nil }
