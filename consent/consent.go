// Package consent is what people agreed to. Every choice is a record in a
// ledger that only grows; a refusal and a withdrawal are records like a grant.
//
//	Entry   what somebody chose      -> Ledger.Append, all or nothing
//	Record  the choice as evidence   -> a leaf of the tenant's audit tree
//	State   the latest record        -> Gate: may this be done to this person?
//
// A record names its subject by a random id. Who that is, and from where they
// came, stands beside the ledger, sealed under a key of the subject: when the
// key is destroyed the records stay, prove what they proved, and lead to
// nobody.
//
// Art. 7(1) GDPR: the controller must be able to show that consent was given.
// Art. 7(3): withdrawing is as easy as giving.
package consent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/subject"
)

// Sentinels that callers test for.
var (
	// ErrConflict: the idempotency key was used for something else.
	ErrConflict = errors.New("the idempotency key was used for another content")
	// ErrNotFound: the tenant has no such subject, record or notice, or the
	// subject was erased.
	ErrNotFound = errors.New("not found")
	// ErrManaged: the purposes come from a configuration directory.
	ErrManaged = errors.New("the purposes are kept in a configuration directory: change them there and apply it, or release them")
	// ErrErased: there was such a subject, and it was erased. It is an
	// ErrNotFound too, for those who need not know the difference.
	ErrErased = fmt.Errorf("%w: the subject was erased", ErrNotFound)
	// ErrPublished: the version was published with another content.
	ErrPublished = errors.New("the version is published already, and cannot be changed: publish another one")
)

// Choice is what a record says.
type Choice string

// The choices. Withdrawn ends a grant; a no without a grant is Refused.
const (
	Granted   Choice = "granted"
	Refused   Choice = "refused"
	Withdrawn Choice = "withdrawn"
	Expired   Choice = "expired" // by the purpose's rule or the end of a banner's answer, not by the person
)

// ParseAnswer reads a yes or a no as people write it; ok is false for what is
// neither.
func ParseAnswer(text string) (yes, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "yes", "true", "1", "granted":
		return true, true
	case "no", "false", "0", "refused", "withdrawn":
		return false, true
	}
	return false, false
}

// SubjectID is the random id of a subject.
type SubjectID uuid.UUID

// ParseSubjectID reads the usual form of a UUID; ErrNotFound for others.
func ParseSubjectID(s string) (SubjectID, error) {
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 || id == uuid.Nil {
		return SubjectID{}, ErrNotFound
	}
	return SubjectID(id), nil
}

func (id SubjectID) String() string { return uuid.UUID(id).String() }

// MarshalText gives the usual form.
func (id SubjectID) MarshalText() ([]byte, error) { return uuid.UUID(id).MarshalText() }

// UnmarshalText reads the usual form.
func (id *SubjectID) UnmarshalText(b []byte) error { return (*uuid.UUID)(id).UnmarshalText(b) }

// Entry is one choice of one person about one purpose.
type Entry struct {
	// Subject, or the Identities that the person is found by; who is not
	// found becomes a new subject. With both, identities are added.
	Subject    SubjectID
	Identities []subject.Identity

	Purpose string
	Granted bool
	// Notice is the version that was shown. "" is the current one, for a no
	// that of the grant it ends, and for an import unknown.
	Notice   string
	Language string // of the text that was shown; "" when the version has one text
	// Shown is what was shown in the place of a notice. Whoever hands the entry in
	// knows that it was published.
	Shown      *Shown `json:",omitempty"`
	LegalBasis string // "consent" when empty
	Source     Source
	// Given is when an imported choice was made; zero means now. It never
	// displaces a choice that was made later.
	Given time.Time
	// Reaffirm makes a record even when nothing changes.
	Reaffirm bool

	// Where it came from. Only a truncated address and the class of the user
	// agent are kept, sealed.
	Address subject.Personal[string]
	Agent   subject.Personal[string]
	// Who records it for the person, as in the audit log, and how the person said so,
	// in their words. Both are kept with where it came from.
	By   string                   `json:"-"`
	Note subject.Personal[string] `json:"-"`
}

// Shown is a text that is published elsewhere than as a notice, like a banner.
type Shown struct {
	Version   string // label, see notice.OfSite
	Digest    string // hex SHA-256
	Language  string
	Published time.Time // its era begins with the last material notice before
}

// Outcome is what became of an entry.
type Outcome struct {
	Subject  SubjectID `json:"subject"`
	Purpose  string    `json:"purpose"`
	Choice   Choice    `json:"choice"`
	Record   string    `json:"record"`   // id; of the standing record when unchanged
	Sequence int64     `json:"sequence"` // index of the record's leaf
	// At is when the record was made, by the ledger's clock; zero when none was.
	At time.Time `json:"recorded_at,omitzero"`
	// Unchanged: the same choice stands already, and no record was made.
	Unchanged bool `json:"unchanged,omitempty"`
	// Older: a choice that was made later stands, and no record was made.
	Older bool `json:"older,omitempty"`
}

// Record is a choice as it stands in the ledger.
type Record struct {
	ID         string    `json:"id"`
	Sequence   int64     `json:"sequence"` // index in the tenant's tree: the order of all records
	Subject    SubjectID `json:"subject"`
	Purpose    string    `json:"purpose"`
	Choice     Choice    `json:"choice"`
	At         time.Time `json:"recorded_at"`     // by the ledger's clock
	Given      time.Time `json:"given_at"`        // when the choice was made: At, or what an import says
	Notice     string    `json:"notice"`          // version; "" unknown
	Digest     string    `json:"notice_digest"`   // hex SHA-256 of the text that was shown
	Language   string    `json:"language"`        // of that text
	LegalBasis string    `json:"legal_basis"`     // "consent" or what the entry said
	Source     Source    `json:"source"`          //
	Supersedes int64     `json:"supersedes"`      // sequence of the record that it follows; -1 for the first
	Trace      string    `json:"trace,omitempty"` // hex SHA-256 of salt and Trace
	Facts      string    `json:"facts,omitempty"` // hex SHA-256 of what receipts say beyond the record; see Rules.Facts
}

// State is the latest record about a purpose, as far as rules ask for it.
type State struct {
	Record   string
	Sequence int64
	Choice   Choice
	Given    time.Time
	Notice   string
	Digest   string
	Language string
	Era      int // see Rules
}

// Ledger keeps records.
type Ledger interface {
	// Append makes records of the entries, all in one commit or none. The
	// outcomes are in the order of the entries and durable. The same key with
	// the same content gives the same answer again and changes nothing; ""
	// is no key. What is wrong with the entries is an *Invalid; ErrErased and
	// ErrNotFound are about the subject of an entry.
	Append(ctx context.Context, tenant, key string, entries []Entry) ([]Outcome, error)
}

// Decide tells which record an entry makes, if any. The version is that of the
// record to be. Prior is nil where there is none.
func Decide(prior *State, e Entry, version string, ended bool) (c Choice, record bool) {
	standing := prior != nil && prior.Choice == Granted
	switch {
	case e.Granted && standing && !ended && !e.Reaffirm && (version == prior.Notice || version == "" && !outlasts(e, prior)):
		return Granted, false
	case e.Granted:
		return Granted, true
	case standing:
		return Withdrawn, true
	case prior != nil && prior.Choice != Expired && !e.Reaffirm:
		return prior.Choice, false
	}
	return Refused, true
}

// outlasts says that a yes which is given now, where there is no notice, is more
// than the grant that stands: that one ends with a banner.
func outlasts(e Entry, prior *State) bool { return e.Given.IsZero() && notice.FromSite(prior.Notice) }
