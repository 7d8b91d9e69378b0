package server

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// spare is how much the heap may grow between two collections where doubling
// would be less: what a busy server throws away is small beside it, and with a
// heap of a few megabytes it would collect all the time, a fifth of its work.
const spare = 128 << 20

// makeRoom sets how often memory is collected to what the heap is now, unless
// GOGC does.
func makeRoom() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := 400
	if bytes := live[0].Value.Uint64(); bytes > spare/4 {
		percent = max(100, int(100*spare/bytes))
	}
	debug.SetGCPercent(percent)
}
