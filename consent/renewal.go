package consent

import "time"

// Renewal is a grant that a person is to be asked about again.
type Renewal struct {
	Purpose    string    `json:"purpose"`
	From       string    `json:"from"`                 // version that was agreed to; "" unknown
	To         string    `json:"to"`                   // the last material version
	Since      time.Time `json:"since"`                // when the first material change was published that they missed
	Summary    string    `json:"summary"`              // of all material changes since, a line each
	BlocksFrom time.Time `json:"blocks_from,omitzero"` // the grant does not hold any more from then on
}

// Due is a person who is to be asked again, for a campaign.
type Due struct {
	Subject  SubjectID `json:"subject"`
	Renewals []Renewal `json:"renewals"` // in the order of the purposes; at least one
}

// Due gives what a person with these states, by purpose, is to be asked about
// again, in the order of the purposes. It asks rules and states only: a
// material version counts from the moment of its publication, for any number
// of people.
func (r *Rules) Due(states map[string]State, now time.Time) []Renewal {
	var due []Renewal
	for _, p := range r.Purposes {
		s, eras := states[p.Key], r.Eras[p.Key]
		if s.Choice != Granted || s.Era >= len(eras) || r.Ended(p.Key, s.Given, now) {
			continue
		}
		missed := eras[max(s.Era, 0):]
		n := Renewal{Purpose: p.Key, From: s.Notice, To: missed[len(missed)-1].Version, Since: r.Version(missed[0].Version).PublishedAt}
		for _, e := range missed {
			if n.Summary != "" {
				n.Summary += "\n"
			}
			n.Summary += r.Version(e.Version).Summary
			if !e.BlocksFrom.IsZero() && (n.BlocksFrom.IsZero() || e.BlocksFrom.Before(n.BlocksFrom)) {
				n.BlocksFrom = e.BlocksFrom
			}
		}
		due = append(due, n)
	}
	return due
}

// Begins gives the eras that a version begins, by purpose: the version asks
// again about grants of earlier eras. It is empty for one that is not material.
func (r *Rules) Begins(version string) map[string]int {
	begun := map[string]int{}
	for _, p := range r.Purposes {
		for i, e := range r.Eras[p.Key] {
			if e.Version == version {
				begun[p.Key] = i + 1
			}
		}
	}
	return begun
}
