package shop

import (
	"fmt"
	"time"
)

// helpdesk gives the tables of the help desk, parents before children.
func (w *world) helpdesk() []table {
	return []table{
		{"agents", w.agents},
		{"tickets", w.tickets},
		{"ticket_messages", w.messages},
		{"call_logs", w.calls},
	}
}

// hire takes on the people who answer.
func (w *world) hire() {
	for i, name := range []string{"Marta Silva", "Tom Becker", "Nadia Haddad", "Piet Smit", "Eva Lund", "Rosa Conti"} {
		email := fmt.Sprintf("agent%d@shop.example", i+1)
		w.agents = append(w.agents, []any{i + 1, name, email, []string{"orders", "invoices"}[i%2], day(w.between(opened, closed))})
	}
}

// complaining adds what a customer left at the help desk.
func (w *world) complaining(p *person) {
	switch {
	case p.id == AnnaID:
		w.ticket(p, p.email, p.id)
		w.ticket(p, AnnaSpelled, nil)
		w.call(p, p.id)
		return
	case w.IntN(10) < 6:
		w.ticket(p, p.email, p.id)
	case w.IntN(10) < 2:
		w.ticket(p, p.email, nil)
	}
	if p.phone != nil && w.IntN(2) == 0 {
		w.call(p, p.id)
	}
}

func (w *world) ticket(p *person, email string, customer any) {
	id, at := len(w.tickets)+1, w.between(p.since, closed)
	context := document(map[string]any{
		"browser": pick(w, browsers),
		"device":  map[string]any{"id": w.uuid(), "language": p.place.language},
	})
	w.tickets = append(w.tickets, []any{
		id, email, p.name(), customer, pick(w, w.agents)[0], pick(w, questions),
		pick(w, []string{"open", "waiting", "closed", "closed", "closed"}), context, instant(at),
	})
	for i := range 1 + w.IntN(4) {
		author, body := "customer", pick(w, pleas)+"\n"+p.first
		if i%2 == 1 {
			author, body = "agent", "Dear "+p.first+",\n"+pick(w, replies)
		}
		at = at.Add(time.Duration(1+w.IntN(2000)) * time.Minute)
		w.messages = append(w.messages, []any{w.uuid(), id, author, body, instant(at)})
	}
}

func (w *world) call(p *person, customer any) {
	var note any
	if w.IntN(2) == 0 {
		note = p.name() + " asked: " + pick(w, questions)
	}
	w.calls = append(w.calls, []any{
		len(w.calls) + 1, customer, pick(w, w.agents)[0], p.phone, w.IntN(900), note, instant(w.between(p.since, closed)),
	})
}
