package consent

import "time"

// Decision is the answer of a gate. The zero value is a no.
type Decision struct {
	Allowed bool
	Reason  Reason
}

// Reason is why a gate says what it says.
type Reason string

// The reasons. All but Given are a no.
const (
	Given          Reason = "granted"
	Absent         Reason = "no_record"
	WasRefused     Reason = "refused"
	WasWithdrawn   Reason = "withdrawn"
	HasExpired     Reason = "expired"
	ReconsentDue   Reason = "reconsent_due" // and the purpose does not wait for it
	UnknownPurpose Reason = "unknown_purpose"
	Unavailable    Reason = "unavailable" // the state could not be read
)

// Reasons lists them all.
func Reasons() []Reason {
	return []Reason{Given, Absent, WasRefused, WasWithdrawn, HasExpired, ReconsentDue, UnknownPurpose, Unavailable}
}

// Judgement is what the rules say about one purpose, made ready for checks.
type Judgement struct {
	expires int64 // microseconds; 0 for never
	last    int   // era
	// blocks tells from when on grants of era i do not hold any more,
	// microseconds since 1970; 0 for never.
	blocks []int64
}

// Judgements make the rules ready for checks.
func (r *Rules) Judgements() map[string]*Judgement {
	all := make(map[string]*Judgement, len(r.Purposes))
	for _, p := range r.Purposes {
		eras := r.Eras[p.Key]
		j := &Judgement{expires: p.Expires.Microseconds(), last: len(eras), blocks: make([]int64, len(eras))}
		first := int64(0)
		for i := len(eras) - 1; i >= 0; i-- { // whoever is in era i has missed all from here on
			from := eras[i].BlocksFrom
			switch {
			case eras[i].AtOnce:
				first = 1 // long ago
			case !from.IsZero() && (first == 0 || from.UnixMicro() < first):
				first = from.UnixMicro()
			}
			j.blocks[i] = first
		}
		all[p.Key] = j
	}
	return all
}

// Decide tells what a state allows now; the zero Choice is no record at all.
// A nil Judgement is that of an unknown purpose.
func (j *Judgement) Decide(c Choice, era int, given, now time.Time) Decision {
	if j == nil {
		return Decision{Reason: UnknownPurpose}
	}
	switch c {
	case Granted:
	case Refused:
		return Decision{Reason: WasRefused}
	case Withdrawn:
		return Decision{Reason: WasWithdrawn}
	case Expired:
		return Decision{Reason: HasExpired}
	default:
		return Decision{Reason: Absent}
	}
	at := now.UnixMicro()
	if j.expires > 0 && at >= given.UnixMicro()+j.expires {
		return Decision{Reason: HasExpired}
	}
	if era < j.last && j.blocks[max(era, 0)] != 0 && at >= j.blocks[max(era, 0)] {
		return Decision{Reason: ReconsentDue}
	}
	return Decision{Allowed: true, Reason: Given}
}

// Due says that a grant of this era is to be renewed.
func (j *Judgement) Due(era int) bool { return j != nil && era < j.last }
