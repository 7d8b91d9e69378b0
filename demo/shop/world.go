package shop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
)

// world is everything that happened, table by table. Rows are in the order of
// the columns.
type world struct {
	source *rand.ChaCha8
	*rand.Rand
	phones map[string]int // by country, how many were given out

	customers, addresses, products, orders, items, invoices, payments,
	subscriptions, reviews, sessions [][]any
	agents, tickets, messages, calls [][]any
}

// opened and closed bound the time that the shop has existed in.
var (
	opened = time.Date(2021, 3, 1, 8, 0, 0, 0, time.UTC)
	closed = time.Date(2026, 10, 31, 20, 0, 0, 0, time.UTC)
)

// person is a customer as the rows about them need it.
type person struct {
	id                 int
	place              *place
	first, last, email string
	phone              any // nil where none was left
	since              time.Time
}

func (p *person) name() string { return p.first + " " + p.last }

// invent makes a world out of a seed.
func invent(seed [32]byte) *world {
	source := rand.NewChaCha8(seed)
	w := &world{source: source, Rand: rand.New(source), phones: map[string]int{}}
	w.stockShelves()
	w.hire()
	for id := 1; id <= customers; id++ {
		p := w.person(id)
		w.shopping(p, w.habits(p))
		w.complaining(p)
	}
	w.passersBy()
	return w
}

func (w *world) person(id int) *person {
	p := &person{id: id, place: &places[w.IntN(len(places))], since: w.between(opened, closed)}
	p.first, p.last = pick(w, p.place.first), pick(w, p.place.last)
	p.email = fmt.Sprintf("%s.%s%d@example.%s", plain(p.first), plain(p.last), id, pick(w, []string{"com", "net", "org"}))
	if id == AnnaID {
		p.place, p.first, p.last, p.email = &places[0], "Anna", "Keller", AnnaEmail
		p.since = opened.AddDate(0, 7, 3)
	}
	p.phone = w.phone(p.place)
	return p
}

// phone gives each number of a place once, until there are no more.
func (w *world) phone(p *place) any {
	digits := strings.Count(p.phone, "#")
	n := w.phones[p.country]
	if digits == 0 || len(fmt.Sprint(n)) > digits {
		return nil
	}
	w.phones[p.country]++
	return p.phone[:len(p.phone)-digits] + fmt.Sprintf("%0*d", digits, n)
}

func (w *world) between(from, to time.Time) time.Time {
	return from.Add(time.Duration(w.Int64N(int64(to.Sub(from))))).Truncate(time.Second)
}

func (w *world) uuid() string {
	id, err := uuid.NewRandomFromReader(w.source)
	if err != nil {
		panic(err) // a generator of random numbers does not end
	}
	return id.String()
}

// address gives one of TEST-NET-3, RFC 5737.
func (w *world) address() string { return fmt.Sprintf("203.0.113.%d", 1+w.IntN(254)) }

// digits fills a form such as "###-##".
func (w *world) digits(form string) string {
	return strings.Map(func(r rune) rune {
		if r == '#' {
			return rune('0' + w.IntN(10))
		}
		return r
	}, form)
}

func pick[T any](w *world, from []T) T { return from[w.IntN(len(from))] }

// plain spells a name with the letters that mail addresses have.
func plain(name string) string {
	name = strings.NewReplacer("ł", "l", "ß", "ss", "ø", "o").Replace(strings.ToLower(name))
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) {
			return -1
		}
		return r
	}, norm.NFD.String(name))
}

func instant(t time.Time) string { return t.Format(time.DateTime) }
func day(t time.Time) string     { return t.Format(time.DateOnly) }
func money(cents int) string     { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
