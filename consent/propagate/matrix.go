package propagate

import (
	"maps"
	"slices"
	"time"
)

// Matrix says which changes are looked at, and at which connections.
type Matrix struct {
	Connections []string // what became of them elsewhere is left out; nil: at all
	Status      Status   // that one of these connections has; "" for any
	Purpose     string
	// From and Until are when the choice was recorded: not before, and before. Zero
	// for any. Records have the order of their time, unless a clock was set back.
	From, Until time.Time
	Before      int64 // only changes before this sequence; 0 for all
	Limit       int
}

// Row is a change, with what became of it at each connection.
type Row struct {
	Change
	Cells []Cell // by connection
}

// Cell is what became of a change at a connection.
type Cell struct {
	Connection string
	System     string // its key when the delivery was made; "" for none
	Status     Status
	Reason     Reason
	Attempt    int // the last one; 0 when none began
}

// Systems rolls the cells up by the key of the system, for readers who know systems
// only (C13).
func (r Row) Systems() map[string]Status {
	of := map[string][]Status{}
	for _, c := range r.Cells {
		if c.System != "" {
			of[c.System] = append(of[c.System], c.Status)
		}
	}
	all := map[string]Status{}
	for system, statuses := range of {
		all[system] = RollUp(statuses...)
	}
	return all
}

// Column is how a connection stands that takes choices, without counting what it was
// sent: what is known of it stays cheap however much that is.
type Column struct {
	Connection string
	System     string
	Failing    int       // calls in a row that failed
	Quiet      time.Time // nothing is sent until then
	Barred     Reason    // what keeps every choice from it, as it is set up now; the store does not know
	// Newest is the sequence of the newest change in each status that there is.
	Newest map[Status]int64
}

// Fails says whether it fails, as Fails does.
func (c Column) Fails() bool { return Fails(c.Failing, c.Barred) }

// Status is the worst that there is; Skipped where there is nothing.
func (c Column) Status() Status { return RollUp(slices.Collect(maps.Keys(c.Newest))...) }
