package propagate_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"volenti.dev/volenti/consent/propagate"
)

func TestSchedulesAreReadAsTheyAreWritten(t *testing.T) { // P7
	for text, want := range map[string]propagate.Schedule{
		"immediate":   {},
		"hourly":      {Every: time.Hour},
		"daily 00:00": {Every: 24 * time.Hour},
		"daily 06:05": {Every: 24 * time.Hour, At: 6*time.Hour + 5*time.Minute},
		"daily 23:59": {Every: 24 * time.Hour, At: 24*time.Hour - time.Minute},
	} {
		if s, err := propagate.ParseSchedule(text); err != nil || s != want || s.String() != text {
			t.Errorf("%q is %+v, which is written %q: %v", text, s, s, err)
		}
	}
	if s, err := propagate.ParseSchedule(""); err != nil || s != (propagate.Schedule{}) {
		t.Errorf("nothing is %v: %v", s, err)
	}
	for _, text := range []string{"daily", "daily 6:00", "daily 24:00", "daily 06:60", "daily 06:00:00", "06:00", "weekly", "hourly 15", " hourly", "Hourly"} {
		if s, err := propagate.ParseSchedule(text); err == nil {
			t.Errorf("%q is %v", text, s)
		}
	}
}

func TestTheNextTimeOfAScheduleIsInUTC(t *testing.T) { // P7
	tokyo := time.FixedZone("", 9*60*60)
	for name, test := range map[string]struct{ schedule, after, want string }{
		"at once":                        {"immediate", "2026-11-26T12:34:56Z", "2026-11-26T12:34:56Z"},
		"within the hour":                {"hourly", "2026-11-26T12:34:56Z", "2026-11-26T13:00:00Z"},
		"on the hour":                    {"hourly", "2026-11-26T13:00:00Z", "2026-11-26T14:00:00Z"},
		"before the time of the day":     {"daily 06:00", "2026-11-26T05:59:59.999Z", "2026-11-26T06:00:00Z"},
		"at the time of the day":         {"daily 06:00", "2026-11-26T06:00:00Z", "2026-11-27T06:00:00Z"},
		"after the time of the last day": {"daily 06:00", "2026-12-31T06:00:01Z", "2027-01-01T06:00:00Z"},
		"where it is tomorrow already":   {"daily 06:00", "2026-11-26T23:30:00Z", "2026-11-27T06:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := propagate.ParseSchedule(test.schedule)
			if err != nil {
				t.Fatal(err)
			}
			after, err := time.Parse(time.RFC3339, test.after)
			if err != nil {
				t.Fatal(err)
			}
			for _, after := range []time.Time{after, after.In(tokyo)} {
				if got := s.Next(after).UTC().Format(time.RFC3339); got != test.want {
					t.Errorf("after %s it is %s, want %s", after, got, test.want)
				}
			}
		})
	}
}

// Whatever the time: the next one is later, at the minute of the schedule, not
// further away than its length, and the same until it has come.
func TestBetweenTwoTimesOfAScheduleThereIsNone(t *testing.T) { // P7
	rapid.Check(t, func(t *rapid.T) {
		s := propagate.Schedule{Every: time.Hour}
		if rapid.Bool().Draw(t, "daily") {
			s.Every, s.At = 24*time.Hour, time.Duration(rapid.IntRange(0, 24*60-1).Draw(t, "minute"))*time.Minute
		}
		after := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds"))
		next := s.Next(after)
		if !next.After(after) || next.Sub(after) > s.Every {
			t.Fatalf("%v after %v", next, after)
		}
		since := time.Duration(next.UTC().Hour())*time.Hour + time.Duration(next.Minute())*time.Minute
		if since%s.Every != s.At || next.Second() != 0 || next.Nanosecond() != 0 {
			t.Fatalf("%s comes at %v", s, next)
		}
		within := after.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(after))-1).Draw(t, "within")))
		if again := s.Next(within); !again.Equal(next) {
			t.Fatalf("after %v it is %v, after %v it is %v", after, next, within, again)
		}
		if then := s.Next(next); then.Sub(next) != s.Every {
			t.Fatalf("%v follows %v", then, next)
		}
	})
}
