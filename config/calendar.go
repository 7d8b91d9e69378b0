package config

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones are there also where the system has none

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request/deadline"
)

// calendar reads by which days the controller works, and the law that holds
// where nothing nearer names one. A configuration has one calendar.
func (l *loader) calendar(key string, n *source.Node) {
	m := n.Mapping("the calendar", &l.report)
	if m == nil {
		return
	}
	if l.calendarAt != (source.Position{}) {
		l.report.Errorf(n.At, "keep one of them", "the calendar is already given at %s", l.calendarAt)
		return
	}
	l.calendarAt = n.At
	rules := deadline.Rules{Law: m.String("law"), Start: l.start(m)}
	rules.Zone = l.zone(m)
	for _, day := range m.Strings("holidays") {
		if _, err := time.Parse(time.DateOnly, day.Value); err != nil {
			l.report.Errorf(day.At, `write a day as "2026-12-25"`, "%q is no date", day.Value)
			continue
		}
		rules.Holidays = append(rules.Holidays, value.Date(day.Value))
	}
	rules.Weekend = l.weekend(m)
	if _, err := deadline.ByKey(rules.Law); rules.Law != "" && err != nil {
		l.report.Errorf(m.Where("law"), source.DidYouMean(rules.Law, slices.Values(laws()), "use one of "+strings.Join(laws(), ", ")), "there is no law %q", rules.Law)
	}
	m.Done()
	l.config.Deadlines = rules
}

func (l *loader) start(m *source.Mapping) deadline.Start {
	start := deadline.Start(m.String("start"))
	switch start {
	case "", deadline.Receipt, deadline.Verification:
		return start
	}
	l.report.Errorf(m.Where("start"), "use receipt or verification", "time cannot run from %q", start)
	return ""
}

func (l *loader) zone(m *source.Mapping) *time.Location {
	name := m.String("zone")
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		l.report.Errorf(m.Where("zone"), "write a name of the IANA database, like Europe/Berlin", "there is no time zone %q", name)
		return nil
	}
	return zone
}

// weekend reads the days of a week on which nobody works: an empty list says
// that there are none, which a Clock knows by a list of all seven.
func (l *loader) weekend(m *source.Mapping) []time.Weekday {
	if m.Node("weekend") == nil {
		return nil
	}
	var days []time.Weekday
	for _, day := range m.Strings("weekend") {
		at := slices.Index(weekdays, strings.ToLower(day.Value))
		if at < 0 {
			l.report.Errorf(day.At, "use "+strings.Join(weekdays, ", "), "%q is no day of the week", day.Value)
			continue
		}
		days = append(days, time.Weekday(at))
	}
	if len(days) == 0 {
		return []time.Weekday{0, 1, 2, 3, 4, 5, 6}
	}
	return days
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

func laws() []string {
	var keys []string
	for _, l := range deadline.Laws() {
		keys = append(keys, l.Key)
	}
	return keys
}
