package masking

import (
	"regexp"
	"strings"
	"time"

	"volenti.dev/volenti/datamap/value"
)

// What date_generalise keeps of a date.
const (
	toYear   = "year"
	toMonth  = "month"
	toDecade = "decade"
)

// shiftMask is date_shift. The days follow from the secret only, so that what
// lay between two dates of a person still does.
func shiftMask(o options, v any, c Column, d draw) (any, error) {
	random := leading(derive(d.key, "days"))
	days := int(random>>1%uint64(o.days)) + 1
	if random&1 == 1 {
		days = -days
	}
	return redate(v, c, func(t time.Time) time.Time {
		if shifted := t.AddDate(0, 0, days); shifted.Year() >= 1 && shifted.Year() <= 9999 {
			return shifted
		}
		return t.AddDate(0, 0, -days) // such as 9999-12-31, which often means never
	}, false)
}

// generaliseMask is date_generalise: the first instant of the year, the month
// or the decade.
func generaliseMask(o options, v any, c Column, _ draw) (any, error) {
	return redate(v, c, func(t time.Time) time.Time {
		year, month := t.Year(), time.January
		switch o.to {
		case toMonth:
			month = t.Month()
		case toDecade:
			year = max(1, year-year%10)
		}
		return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	}, true)
}

// isoDate is a day, perhaps with a time of day and a zone, in the forms of
// ISO 8601 with separators.
var isoDate = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?( ?(?:Z|[+-]\d\d(?::?\d\d)?))?$`)

// redate changes the day of a value. In text the time of day and the zone
// stay as they are written; midnight sets the time of day to zero. Text in a
// column of dates is something that has no date, such as infinity.
func redate(v any, c Column, change func(time.Time) time.Time, midnight bool) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return change(v.UTC()), nil
	case value.Date:
		day, err := redateText(string(v), change)
		return value.Date(day), err
	case string:
		parts := isoDate.FindStringSubmatch(v)
		if parts == nil || c.Type.Kind == value.Day || c.Type.Kind == value.Timestamp {
			return nil, errOtherForm
		}
		clock := parts[2]
		if midnight {
			clock = zeroed(clock)
		}
		day, err := redateText(parts[1], change)
		return day + clock + parts[3], err
	}
	return nil, errOtherForm
}

// redateText changes a day of the years 1 to 9999.
func redateText(day string, change func(time.Time) time.Time) (string, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil || t.Year() < 1 {
		return "", errOtherForm
	}
	return change(t).Format(time.DateOnly), nil
}

func zeroed(clock string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return r
	}, clock)
}
