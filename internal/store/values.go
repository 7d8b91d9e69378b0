package store

import (
	"strings"
	"time"
)

// micros and instant turn times into what columns hold and back: microseconds
// since 1970 in UTC, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// readable makes a message something that both databases can hold: PostgreSQL
// takes no byte 0 and nothing that is not UTF-8.
func readable(message string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(message, "\ufffd"), "\x00", "\ufffd")
}
