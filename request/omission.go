package request

import "errors"

// Omission is a part of a package that the person does not get: a value, or what is
// wider than one.
type Omission struct {
	Rule    string // the access rule in whose package the row was seen; "" for the only one
	Address string // dataset:collection
	Row     string // of delivery.RowID; "" for every row
	Field   string // a column; "" for every one
	Reason  OmissionReason
}

// OmissionReason is why something is left out. The person is told.
type OmissionReason string

// Why something may be left out.
const (
	OfOthers   OmissionReason = "of_others"  // Art. 15(4) GDPR: the rights and freedoms of others
	Secret     OmissionReason = "secret"     // recital 63 GDPR: trade secrets and intellectual property
	Privileged OmissionReason = "privileged" // what a lawyer has advised, or a claim rests on
	Unsafe     OmissionReason = "unsafe"     // 11 CCR § 7024(d): passwords, numbers of papers and accounts
)

// OmissionReasons are all that there are, in the order in which they are offered.
var OmissionReasons = []OmissionReason{OfOthers, Secret, Privileged, Unsafe}

// MaxOmissions is how much may be left out of the packages of one request.
const MaxOmissions = 1000

// Sentinels about what is left out.
var (
	// ErrTooMuch: as much is left out as may be.
	ErrTooMuch = errors.New("too much is left out")
	// ErrNoSuchValue: the package has no such row or field.
	ErrNoSuchValue = errors.New("the package has no such value")
)
