package store

import "time"

// ToCount is the query for what is to be counted.
const ToCount = toCount

// Days gives, of the days from first to last, in how many of the spans that
// make them up each of all days lies, and how many runs of spans these are.
func Days(first, last int64, all []int64) (times map[int64]int, runs int) {
	times = map[int64]int{}
	covering := cover(first, last)
	for _, day := range all {
		for _, span := range spansOf(time.Unix(day*86400, 0)) {
			for _, r := range covering {
				if span >= r.first && span <= r.last {
					times[day]++
				}
			}
		}
	}
	return times, len(covering)
}
