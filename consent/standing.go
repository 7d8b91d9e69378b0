package consent

import (
	"fmt"
	"time"
)

// Standing is what stands about one purpose of a subject.
type Standing struct {
	Purpose       string     `json:"purpose"`
	Group         string     `json:"group,omitempty"`
	Title         string     `json:"title,omitempty"`
	Granted       bool       `json:"granted"`        // the gate says yes
	Reason        Reason     `json:"reason"`         // why it says what it says
	Choice        *Choice    `json:"choice"`         // of the latest record; null without one
	GrantedAt     *time.Time `json:"granted_at"`     // null unless granted
	PolicyVersion *string    `json:"policy_version"` // of the notice that was shown; null without a record, "" unknown
	Reconsent     bool       `json:"reconsent_due"`
}

// Standings gives every purpose in its order, also those without a record.
func (r *Rules) Standings(states map[string]State, now time.Time) []Standing {
	judgements := r.Judgements()
	all := make([]Standing, 0, len(r.Purposes))
	for _, p := range r.Purposes {
		s, known := states[p.Key]
		j := judgements[p.Key]
		d := j.Decide(s.Choice, s.Era, s.Given, now)
		g := Standing{Purpose: p.Key, Group: p.Group, Title: p.Title, Granted: d.Allowed, Reason: d.Reason}
		if known {
			g.Choice, g.PolicyVersion = &s.Choice, &s.Notice
			g.Reconsent = s.Choice == Granted && j.Due(s.Era)
		}
		if d.Allowed {
			g.GrantedAt = &s.Given
		}
		all = append(all, g)
	}
	return all
}

// Explanation says why a gate says what it says about one purpose.
type Explanation struct {
	Allowed bool   `json:"allowed"`
	Reason  Reason `json:"reason"`
	Text    string `json:"text"` // a sentence for the operator

	Record        string     `json:"record,omitempty"` // id of the record that decides
	Sequence      *int64     `json:"sequence,omitempty"`
	Choice        Choice     `json:"choice,omitempty"`
	ChosenAt      *time.Time `json:"chosen_at,omitempty"`
	PolicyVersion string     `json:"policy_version,omitempty"` // that was shown; "" unknown
	Current       string     `json:"current_version,omitempty"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"` // of a grant
	Reconsent     *Renewal   `json:"reconsent,omitempty"`  // what the person is to be asked again
}

// Explain says why about a purpose of a subject with these states.
func (r *Rules) Explain(purpose string, states map[string]State, now time.Time) Explanation {
	s, known := states[purpose]
	d := r.Judgements()[purpose].Decide(s.Choice, s.Era, s.Given, now)
	e := Explanation{Allowed: d.Allowed, Reason: d.Reason, Current: r.Current()}
	if known {
		e.Record, e.Sequence, e.Choice, e.ChosenAt, e.PolicyVersion = s.Record, &s.Sequence, s.Choice, &s.Given, s.Notice
	}
	if p := r.Purpose(purpose); p != nil && p.Expires > 0 && s.Choice == Granted {
		at := s.Given.Add(p.Expires)
		e.ExpiresAt = &at
	}
	for _, due := range r.Due(states, now) {
		if due.Purpose == purpose {
			e.Reconsent = &due
		}
	}
	e.Text = e.sentence()
	return e
}

func (e Explanation) sentence() string {
	on := func() string { return e.ChosenAt.UTC().Format(time.DateOnly) }
	switch e.Reason {
	case Given:
		text := "Granted on " + on()
		if e.PolicyVersion != "" {
			text += " under version " + e.PolicyVersion
		}
		if e.Reconsent != nil {
			text += fmt.Sprintf("; version %s is to be agreed to, and until then the grant holds", e.Reconsent.To)
			if !e.Reconsent.BlocksFrom.IsZero() {
				text += ", until " + e.Reconsent.BlocksFrom.UTC().Format(time.DateOnly) + " at the latest"
			}
		}
		return text + "."
	case Absent:
		return "There is no record: the person was never asked, or was erased."
	case WasRefused:
		return "Refused on " + on() + "."
	case WasWithdrawn:
		return "Withdrawn on " + on() + "."
	case HasExpired:
		if e.ExpiresAt == nil {
			return "The grant expired, and a record says so since " + on() + "."
		}
		return "Granted on " + on() + ", and expired on " + e.ExpiresAt.UTC().Format(time.DateOnly) + "."
	case ReconsentDue:
		return "Granted on " + on() + " under an earlier version. Version " + e.Reconsent.To + " changed it in substance, and the purpose does not wait for the answer."
	case UnknownPurpose:
		return "There is no such purpose: look at its spelling, or at what was configured."
	}
	return "The state could not be read."
}
