package propagate

import "slices"

// Case is what is the case between a connection and a choice.
type Case string

// The cases.
const (
	Carried      Case = "delivery"           // there is a delivery; its status and reason say the rest
	TakesNone    Case = "takes_no_choices"   // the connection has no consent settings
	AddedLater   Case = "added_later"        // it takes the choices that were made after it was added
	NotPlanned   Case = "not_planned"        // the choice is recorded, and not planned yet
	NoConnection Case = "no_such_connection" // there is no connection with this key
)

// cases say what each means; that of Carried is said by its reason or status.
var cases = map[Case]struct{ sentence, mend string }{
	TakesNone:    {"The connection has no `consent:`, so that no choice is sent to it.", "Give it `consent:`; it is sent the choices from then on."},
	AddedLater:   {"The connection takes choices since after this one was recorded, and is sent those from then on.", "Record the choice again, so that there is a new record although nothing changes (`reaffirm`)."},
	NotPlanned:   {"The choice is recorded; what is sent where is worked out in a moment.", "If it stays so, the server does not run, or its configuration has errors: its log says which."},
	NoConnection: {"There is no connection with this key.", ""},
}

// Cases lists those of which a sentence is said.
func Cases() []Case { return []Case{TakesNone, AddedLater, NotPlanned, NoConnection} }

// Taker is a connection that there is.
type Taker struct {
	Key, Name, System string
	Takes             bool // it has consent settings
}

// Question is why connections did, or did not, receive what a person chose about
// a purpose.
type Question struct {
	Takers []Taker
	// Since is from which sequence on each connection is sent changes; none for one
	// that no change was planned for yet.
	Since map[string]int64
	// Newest is the sequence of the record that stands; -1 for none.
	Newest int64
	// Deliveries are those about the person and the purpose, the newest first.
	Deliveries []Delivery
	// Connection is the one that is asked about; "" for all.
	Connection string
}

// Answer is what is the case at a connection.
type Answer struct {
	Taker
	Case     Case
	Delivery Delivery   // of Carried
	Earlier  []Delivery // those before, the newest first
}

// Why says what is the case, and what can be done about it.
func (a Answer) Why() (sentence, mend string) {
	if a.Case == Carried {
		return a.Delivery.Why()
	}
	c := cases[a.Case]
	return c.sentence, c.mend
}

// Why says what became of a delivery, and what can be done about it.
func (d Delivery) Why() (sentence, mend string) {
	if d.Reason != NoReason {
		return d.Reason.Sentence(), d.Reason.Mend()
	}
	return d.Status.Sentence(), ""
}

// Answers gives what is the case at each connection that there is, or was when
// something was sent to it, by key.
func (q Question) Answers() []Answer {
	known := map[string]Taker{}
	for _, t := range q.Takers {
		known[t.Key] = t
	}
	earlier := map[string][]Delivery{}
	for _, d := range q.Deliveries {
		earlier[d.Connection] = append(earlier[d.Connection], d)
	}
	var keys []string
	for key := range known {
		keys = append(keys, key)
	}
	for key := range earlier {
		keys = append(keys, key)
	}
	if q.Connection != "" {
		keys = []string{q.Connection}
	}
	slices.Sort(keys)
	var all []Answer
	for _, key := range slices.Compact(keys) {
		t, there := known[key]
		all = append(all, q.answer(key, t, there, earlier[key]))
	}
	return all
}

func (q Question) answer(key string, t Taker, there bool, of []Delivery) Answer {
	a := Answer{Taker: t, Earlier: of}
	a.Key = key
	switch {
	case len(of) > 0 && of[0].Sequence >= q.Newest:
		a.Case, a.Delivery, a.Earlier = Carried, of[0], of[1:]
	case !there:
		a.Case = NoConnection
	case !t.Takes:
		a.Case = TakesNone
	case q.Since[key] > q.Newest:
		a.Case = AddedLater
	default:
		a.Case = NotPlanned
	}
	return a
}
