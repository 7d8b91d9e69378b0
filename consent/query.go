package consent

import "time"

// Query says which records are looked for, the newest first; what is zero leaves
// nothing out.
type Query struct {
	Subject SubjectID
	Purpose string
	Choice  Choice
	Source  Source
	// Site is the key of a site: records of what its banner was answered.
	Site string
	// From and To bound when records were made: then or later, and before. The
	// ledger is in order of its sequence: where its clock was set back, records of
	// that time may be missed.
	From, To time.Time
	Before   int64 // sequence that all are before; 0 begins with the newest
	Limit    int
}

// Page is records that were looked for, the newest first.
type Page struct {
	Records []Record
	// Next is the Before of the next page, 0 on the last. A page looks at so many
	// records only, and so may be short, or empty, and have a next all the same.
	Next int64
}
