package propagate

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ParseSchedule reads a schedule as a configuration has it: immediate, which is also
// what nothing means, hourly, or daily 06:00, in UTC.
func ParseSchedule(text string) (Schedule, error) {
	switch text {
	case "", "immediate":
		return Schedule{}, nil
	case "hourly":
		return Schedule{Every: time.Hour}, nil
	}
	clock, daily := strings.CutPrefix(text, "daily ")
	at, err := time.Parse("15:04", clock)
	if !daily || err != nil || len(clock) != len("15:04") {
		return Schedule{}, errors.New("a schedule is immediate, hourly, or daily with a time in UTC, such as daily 06:00")
	}
	return Schedule{Every: day, At: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute}, nil
}

const day = 24 * time.Hour

// String is the schedule as ParseSchedule reads it.
func (s Schedule) String() string {
	switch s.Every {
	case 0:
		return "immediate"
	case day:
		return fmt.Sprintf("daily %02d:%02d", int(s.At.Hours()), int(s.At.Minutes())%60)
	}
	return "hourly"
}

// Next is the first time later than after at which what waits is sent; after itself
// where each is sent by itself, at once. Whoever sends at Next(when a change was
// recorded) sends each change once, whichever process is there at the time.
func (s Schedule) Next(after time.Time) time.Time {
	if s.Every == 0 {
		return after
	}
	next := after.UTC().Truncate(s.Every).Add(s.At) // time.Time counts its hours and days from one in UTC
	if !next.After(after) {
		next = next.Add(s.Every)
	}
	return next
}
