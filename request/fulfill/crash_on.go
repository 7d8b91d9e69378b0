//go:build crashpoints

package fulfill

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var passed atomic.Int64

// crash kills this process with SIGKILL when VOLENTI_CRASH names the point:
// "batch.saved" at its first passing, "batch.saved:3" at its third. Compiled
// in for tests only.
func crash(point string) {
	name, nth, _ := strings.Cut(os.Getenv("VOLENTI_CRASH"), ":")
	if name != point {
		return
	}
	n, err := strconv.ParseInt(nth, 10, 64)
	if err != nil {
		n = 1
	}
	if passed.Add(1) == n {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
