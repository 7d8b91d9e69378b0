package deadline_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/deadline"
)

func law(t testing.TB, key string) deadline.Law {
	t.Helper()
	l, err := deadline.ByKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestAnAnswerIsDueWhenItsLawSaysSo(t *testing.T) { // X21
	for _, c := range []struct {
		name, law, zone, received string
		extended                  bool
		want                      value.Date
	}{
		{"a month later", "gdpr", "UTC", "2026-03-04T10:00:00Z", false, "2026-04-06"}, // the 4th is a Saturday
		{"a month that has no such day", "gdpr", "UTC", "2026-01-31T10:00:00Z", false, "2026-03-02"},
		{"the last day of February", "gdpr", "UTC", "2028-01-31T10:00:00Z", false, "2028-02-29"},
		{"from a leap day", "gdpr", "UTC", "2028-02-29T10:00:00Z", false, "2028-03-29"},
		{"over the end of a year", "gdpr", "UTC", "2026-12-15T10:00:00Z", false, "2027-01-15"},
		{"three months from the receipt, not two from a short month", "gdpr", "UTC", "2025-11-30T10:00:00Z", true, "2026-03-02"},
		{"the day is the controller's", "gdpr", "Europe/Berlin", "2026-06-30T22:30:00Z", false, "2026-08-03"},
		{"45 days, whatever day it is", "ccpa", "America/Los_Angeles", "2026-01-01T12:00:00Z", false, "2026-02-15"},
		{"45 more", "ccpa", "America/Los_Angeles", "2026-01-01T12:00:00Z", true, "2026-04-01"},
		{"15 days", "lgpd", "America/Sao_Paulo", "2026-01-01T12:00:00Z", false, "2026-01-16"},
		{"20 working days", "nz", "Pacific/Auckland", "2026-06-01T00:00:00Z", false, "2026-06-29"},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := deadline.Clock{Law: law(t, c.law), Calendar: deadline.Calendar{Zone: zone(t, c.zone)}, Received: instant(t, c.received), Extended: c.extended}
			due, end, err := clock.Due()
			if err != nil || due != c.want {
				t.Fatalf("due on %s (%v), want %s", due, err, c.want)
			}
			next := end.In(clock.Zone)
			if value.Date(next.Add(-time.Nanosecond).Format(time.DateOnly)) != due || next.Hour() != 0 {
				t.Errorf("the day ends at %s", next)
			}
		})
	}
}

func TestADayEndsAtMidnightAlsoWhenClocksAreChanged(t *testing.T) { // X21
	for received, want := range map[string]string{
		"2026-03-14T12:00:00Z": "2026-03-29T22:00:00Z", // a day of 23 hours
		"2026-10-10T12:00:00Z": "2026-10-25T23:00:00Z", // a day of 25
	} {
		clock := deadline.Clock{Law: law(t, "lgpd"), Calendar: deadline.Calendar{Zone: zone(t, "Europe/Berlin")}, Received: instant(t, received)}
		if _, end, err := clock.Due(); err != nil || end.Format(time.RFC3339) != want {
			t.Errorf("received %s: ends %s (%v), want %s", received, end.Format(time.RFC3339), err, want)
		}
	}
}

func TestHolidaysGiveTimeOnlyWhereTheLawDoes(t *testing.T) { // X21
	calendar := deadline.Calendar{Holidays: []value.Date{"2026-04-03", "2026-04-06"}} // Good Friday, Easter Monday
	for key, want := range map[string]value.Date{"gdpr": "2026-04-07", "lgpd": "2026-03-18"} {
		clock := deadline.Clock{Law: law(t, key), Calendar: calendar, Received: instant(t, "2026-03-03T08:00:00Z")}
		if due, _, err := clock.Due(); err != nil || due != want {
			t.Errorf("%s: due on %s (%v), want %s", key, due, err, want)
		}
	}
}

func TestReceiptIsToBeConfirmedWithinBusinessDays(t *testing.T) { // X21
	clock := deadline.Clock{Law: law(t, "ccpa"), Received: instant(t, "2026-07-01T08:00:00Z"), Calendar: deadline.Calendar{Holidays: []value.Date{"2026-07-03"}}}
	if day, _, ok := clock.AcknowledgeBy(); !ok || day != "2026-07-16" {
		t.Errorf("by %s, want the tenth day after the 1st that is neither a weekend nor the 3rd", day)
	}
	clock.Law = law(t, "gdpr")
	if day, _, ok := clock.AcknowledgeBy(); ok {
		t.Errorf("by %s, though this law sets no day", day)
	}
}

func TestAClockStandsStillOnGroundsOfItsLaw(t *testing.T) { // X21
	clock := deadline.Clock{Law: law(t, "gdpr"), Received: instant(t, "2026-06-01T08:00:00Z")}
	clock.Pauses = []deadline.Pause{{Ground: deadline.Identity, From: instant(t, "2026-06-10T08:00:00Z")}}
	if _, _, err := clock.Due(); !errors.Is(err, deadline.ErrPaused) {
		t.Errorf("while it lasts: %v", err)
	}
	clock.Pauses[0].To = instant(t, "2026-06-20T23:00:00Z")
	if due, _, err := clock.Due(); err != nil || due != "2026-07-13" { // ten days after the 1st, and a weekend
		t.Errorf("due on %s (%v)", due, err)
	}
	if err := clock.Check(); err != nil {
		t.Error(err)
	}
	clock.Pauses = append(clock.Pauses, deadline.Pause{Ground: deadline.Clarification, From: instant(t, "2026-06-15T08:00:00Z")})
	err := clock.Check()
	if err == nil || !strings.Contains(err.Error(), "does not stop the clock for clarification: only for identity") {
		t.Errorf("a ground that it does not know: %v", err)
	}
	clock.Law = law(t, "uk-gdpr")
	if err := clock.Check(); err == nil || !strings.Contains(err.Error(), "before what came before it had ended") {
		t.Errorf("pauses that overlap: %v", err)
	}
	clock.Law, clock.Pauses, clock.Extended = law(t, "lgpd"), nil, true
	if err := clock.Check(); err == nil || !strings.Contains(err.Error(), "gives no extension") {
		t.Errorf("an extension that there is not: %v", err)
	}
	if _, _, err := clock.DueForExtension(); err == nil {
		t.Error("a day for an extension that there is not")
	}
}

// TestDaysAreCountedAsOnAWall compares with a count day by day. X21
func TestDaysAreCountedAsOnAWall(t *testing.T) {
	zones := []*time.Location{time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/Sao_Paulo"), zone(t, "Pacific/Apia"), zone(t, "Asia/Kathmandu")}
	rapid.Check(t, func(t *rapid.T) {
		c := deadline.Clock{
			Law: rapid.SampledFrom(deadline.Laws()).Draw(t, "law"),
			Calendar: deadline.Calendar{
				Zone:    rapid.SampledFrom(zones).Draw(t, "zone"),
				Weekend: rapid.SampledFrom([][]time.Weekday{nil, {time.Friday, time.Saturday}, {}, {0, 1, 2, 3, 4, 5, 6}}).Draw(t, "weekend"),
			},
			Received: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "received"), 0),
		}
		c.Extended = c.Extension != (deadline.Period{}) && rapid.Bool().Draw(t, "extended")
		for range rapid.IntRange(0, 40).Draw(t, "holidays") {
			at := c.Received.AddDate(0, 0, rapid.IntRange(0, 140).Draw(t, "holiday"))
			c.Holidays = append(c.Holidays, value.Date(at.Format(time.DateOnly)))
		}
		due, end, err := c.Due()
		if err != nil {
			t.Fatal(err)
		}
		if want := wall(c); due != want {
			t.Fatalf("due on %s, want %s", due, want)
		}
		if !end.After(c.Received) {
			t.Fatalf("ends at %s, before it began", end)
		}
	})
}

// wall counts on a calendar, one day at a time.
func wall(c deadline.Clock) value.Date {
	y, m, d := c.Received.In(c.Zone).Date()
	at := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	next := func() { at = at.Add(24 * time.Hour) }
	off := func() bool {
		if len(c.Weekend) < 7 {
			weekend := c.Weekend
			if weekend == nil {
				weekend = []time.Weekday{time.Saturday, time.Sunday}
			}
			for _, w := range weekend {
				if at.Weekday() == w {
					return true
				}
			}
		}
		for _, h := range c.Holidays {
			if at.Format(time.DateOnly) == string(h) {
				return true
			}
		}
		return false
	}
	months, days, business := c.Answer.Months, c.Answer.Days, c.Answer.BusinessDays
	if c.Extended {
		months, days, business = months+c.Extension.Months, days+c.Extension.Days, business+c.Extension.BusinessDays
	}
	if months > 0 {
		// On to the same day of the month that is so many months later, or to
		// its last day when that comes first.
		for passed := 0; ; {
			tomorrow := at.Add(24 * time.Hour)
			if tomorrow.Day() == 1 {
				if passed == months {
					break
				}
				passed++
			}
			at = tomorrow
			if passed == months && at.Day() == d {
				break
			}
		}
	}
	for range days {
		next()
	}
	for range business {
		next()
		for off() {
			next()
		}
	}
	if c.NextWorkingDay {
		for off() {
			next()
		}
	}
	return value.Date(at.Format(time.DateOnly))
}

func TestLawsAreWhole(t *testing.T) { // X21
	code := regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)
	keys, places := map[string]bool{}, map[string]string{}
	set := func(p deadline.Period) int {
		n := 0
		for _, v := range []int{p.Months, p.Days, p.BusinessDays} {
			if v > 0 {
				n++
			}
		}
		return n
	}
	for _, l := range deadline.Laws() {
		switch {
		case keys[l.Key] || l.Name == "" || l.Source == "":
			t.Errorf("%q is there twice, or without a name or a source", l.Key)
		case set(l.Answer) != 1 || set(l.Acknowledge) > 1 || set(l.Extension) > 1:
			t.Errorf("%s: a period has one unit", l.Key)
		case l.Confidence != deadline.High && l.Confidence != deadline.Medium:
			t.Errorf("%s: confidence %q", l.Key, l.Confidence)
		case l.Extension.Months > 0 && l.Answer.Months == 0 || l.Extension.Days > 0 && l.Answer.Days == 0:
			t.Errorf("%s: the extension has another unit than the answer", l.Key)
		}
		keys[l.Key] = true
		for _, w := range l.Where {
			if !code.MatchString(w) || places[w] != "" {
				t.Errorf("%s: place %q is no code, or belongs to %s", l.Key, w, places[w])
			}
			places[w] = l.Key
		}
	}
}

func TestAStateHasItsOwnLawBeforeThatOfItsCountry(t *testing.T) { // X21
	for place, want := range map[string]string{"DE": "gdpr", "de-by": "gdpr", "NO": "gdpr", "US-CA": "ccpa", "CA": "pipeda", "CA-QC": "quebec", "GB": "uk-gdpr", "US-WY": "", "US": "", "XX": "", "": ""} {
		l, ok := deadline.For(place)
		if l.Key != want || ok != (want != "") {
			t.Errorf("%q: %q, want %q", place, l.Key, want)
		}
	}
	if _, err := deadline.ByKey("gdp"); err == nil || !strings.Contains(err.Error(), "gdpr, uk-gdpr") {
		t.Errorf("%v", err)
	}
}

func TestPeriodsAreSaidInWords(t *testing.T) {
	for p, want := range map[deadline.Period]string{{Months: 1}: "1 month", {Days: 45}: "45 days", {BusinessDays: 10}: "10 business days"} {
		if p.String() != want {
			t.Errorf("%s, want %s", p, want)
		}
	}
}
