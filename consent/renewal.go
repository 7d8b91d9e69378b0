package consent

import "time"

// Renewal is a grant that a person is to be asked about again.
type Renewal struct {
	Purpose    string    `json:"purpose"`
	From       string    `json:"from"`                 // version that was agreed to; "" unknown
	To         string    `json:"to"`                   // the last material version
	Summary    string    `json:"summary"`              // of all material changes since, a line each
	BlocksFrom time.Time `json:"blocks_from,omitzero"` // the grant does not hold any more from then on
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
		n := Renewal{Purpose: p.Key, From: s.Notice, To: eras[len(eras)-1].Version}
		for _, e := range eras[max(s.Era, 0):] {
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
