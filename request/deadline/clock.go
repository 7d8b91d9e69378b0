package deadline

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/datamap/value"
)

// Calendar is by which days somebody works, and where their day begins.
type Calendar struct {
	Zone     *time.Location // of the controller; nil for UTC
	Holidays []value.Date
	Weekend  []time.Weekday // nil for Saturday and Sunday; one of seven days is none
}

// Clock is the time of one request.
type Clock struct {
	Law
	Calendar
	Received time.Time
	Pauses   []Pause // in their order, one after the other
	Extended bool
}

// Pause is a time in which the clock stands still.
type Pause struct {
	Ground   Ground
	From, To time.Time // To is zero while it lasts
}

// ErrPaused: the clock stands still, so that nothing is due.
var ErrPaused = errors.New("the clock stands still")

// Due is the last day for the answer, in the controller's zone, and the
// instant at which that day ends, in UTC. It is ErrPaused while a pause lasts.
func (c Clock) Due() (value.Date, time.Time, error) {
	return c.due(c.Answer, c.Extended)
}

// DueForExtension is the last day on which the answer may still be put off:
// the one on which it is due without.
func (c Clock) DueForExtension() (value.Date, time.Time, error) {
	if c.Extension == (Period{}) {
		return "", time.Time{}, fmt.Errorf("%s gives no extension", c.Name)
	}
	return c.due(c.Answer, false)
}

// AcknowledgeBy is the last day for confirming the receipt, which no pause
// moves; false where the law sets none.
func (c Clock) AcknowledgeBy() (value.Date, time.Time, bool) {
	if c.Acknowledge == (Period{}) {
		return "", time.Time{}, false
	}
	day, end := c.at(c.after(c.day(c.Received), c.Acknowledge))
	return day, end, true
}

// Check says what is wrong with a clock: pauses on grounds that the law does
// not know, or that overlap; an extension that it does not give.
func (c Clock) Check() error {
	var errs []error
	if c.Extended && c.Extension == (Period{}) {
		errs = append(errs, fmt.Errorf("%s gives no extension", c.Name))
	}
	last := c.Received
	for _, p := range c.Pauses {
		switch {
		case !slices.Contains(c.Law.Pauses, p.Ground):
			errs = append(errs, fmt.Errorf("%s does not stop the clock for %s%s", c.Name, p.Ground, c.grounds()))
		case p.From.Before(last) || !p.To.IsZero() && p.To.Before(p.From):
			errs = append(errs, fmt.Errorf("a pause begins on %s, before what came before it had ended", c.day(p.From).Format(time.DateOnly)))
		}
		if last = p.To; last.IsZero() {
			last = time.Unix(1<<40, 0) // nothing comes after a pause that lasts
		}
	}
	return errors.Join(errs...)
}

func (c Clock) grounds() string {
	if len(c.Law.Pauses) == 0 {
		return ", or for anything"
	}
	words := make([]string, len(c.Law.Pauses))
	for i, g := range c.Law.Pauses {
		words[i] = string(g)
	}
	return ": only for " + strings.Join(words, ", ")
}

func (c Clock) due(answer Period, extended bool) (value.Date, time.Time, error) {
	stopped := 0
	for _, p := range c.Pauses {
		if p.To.IsZero() {
			return "", time.Time{}, ErrPaused
		}
		stopped += int(c.day(p.To).Sub(c.day(p.From)) / day)
	}
	last := c.day(c.Received)
	if extended {
		last = c.after(last, sum(answer, c.Extension))
	} else {
		last = c.after(last, answer)
	}
	last = last.AddDate(0, 0, stopped)
	for c.NextWorkingDay && !c.works(last) {
		last = last.AddDate(0, 0, 1)
	}
	due, end := c.at(last)
	return due, end, nil
}

// sum adds an extension to an answer of the same unit, so that one month and
// two more are three months from the receipt, and not from a shorter month's
// last day.
func sum(a, b Period) Period {
	return Period{Months: a.Months + b.Months, Days: a.Days + b.Days, BusinessDays: a.BusinessDays + b.BusinessDays}
}

const day = 24 * time.Hour

// day is the date of an instant in the controller's zone, as midnight in UTC,
// where all days have 24 hours.
func (c Clock) day(t time.Time) time.Time {
	y, m, d := t.In(c.zone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func (c Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// at gives a day and the instant at which it ends where the controller is.
func (c Clock) at(t time.Time) (value.Date, time.Time) {
	end := time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, c.zone())
	return value.Date(t.Format(time.DateOnly)), end.UTC()
}

// after gives the last day of a period that begins after a day. In a month
// without such a day it is the month's last.
func (c Clock) after(from time.Time, p Period) time.Time {
	if p.Months > 0 {
		first := time.Date(from.Year(), from.Month()+time.Month(p.Months), 1, 0, 0, 0, 0, time.UTC)
		length := first.AddDate(0, 1, -1).Day()
		from = first.AddDate(0, 0, min(from.Day(), length)-1)
	}
	from = from.AddDate(0, 0, p.Days)
	for range p.BusinessDays {
		for from = from.AddDate(0, 0, 1); !c.works(from); {
			from = from.AddDate(0, 0, 1)
		}
	}
	return from
}

func (c Clock) works(t time.Time) bool {
	weekend := c.Weekend
	if weekend == nil {
		weekend = []time.Weekday{time.Saturday, time.Sunday}
	}
	if len(weekend) >= 7 {
		weekend = nil
	}
	return !slices.Contains(weekend, t.Weekday()) && !slices.Contains(c.Holidays, value.Date(t.Format(time.DateOnly)))
}
