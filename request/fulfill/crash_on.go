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
// "batch.saved" at its first passing, "batch.saved:3" at its third. The file
// VOLENTI_CRASH_TALLY gets a line for each point that is passed. Compiled in for
// tests only.
func crash(point string) {
	if tally := os.Getenv("VOLENTI_CRASH_TALLY"); tally != "" {
		jot(tally, point)
	}
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

func jot(tally, point string) {
	f, err := os.OpenFile(tally, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(point + "\n")
	}
	if err != nil || f.Close() != nil {
		panic("the tally cannot be kept")
	}
}
